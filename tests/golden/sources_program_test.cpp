// SPDX-License-Identifier: MIT
// The program with models that lie in a store or on a server: what a shell sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "golden/program.hpp"
#include "membudget/load_model.hpp"
#include "support/http_server.hpp"
#include "support/scratch_folder.hpp"
#include "support/small_llama.hpp"
#include "test_paths.hpp"

namespace membudget::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class ProgramSources : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!reads_over_network()) {
      GTEST_SKIP() << "built without libcurl";
    }
  }
  Printed run(const std::string& arguments, const std::string& environment = "") {
    return run_program(folder.path(), arguments,
                       "HF_ENDPOINT=" + in_shell(server.url()) + " " + environment);
  }
  Printed plan(const std::string& model, const std::string& environment = "") {
    return run("plan " + model + " --chip m1-16gb --json", environment);
  }
  void serve_model(const std::string& path) {
    const GgufWriter gguf = small_llama();
    const std::string head = gguf.padded_header();
    server.serve_file(
        path, {.head = head, .size = static_cast<std::int64_t>(head.size()) + gguf.data_size()});
  }

  ScratchFolder folder;
  HttpServer server;
};

TEST_F(ProgramSources, AHubsModelIsPlannedAndItsTokenIsKept) {
  server.serve_text("/api/models/org/repo", R"({"siblings":[{"rfilename":"m-Q8_0.gguf"}]})");
  serve_model("/org/repo/resolve/main/m-Q8_0.gguf");
  const Printed first = plan("hf:org/repo:Q8_0", "HF_TOKEN=hf_secret");
  EXPECT_EQ(first.exit, 0) << first.errors;
  EXPECT_EQ(first.errors, "");
  const auto json = nlohmann::json::parse(first.output);
  EXPECT_EQ(json["model"]["source"], "hf");
  EXPECT_EQ(json["model"]["id"], "m-Q8_0.gguf");
  for (const ServerRequest& request : server.requests()) {
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret");
  }
  EXPECT_THAT(first.output, Not(HasSubstr("hf_secret")));
#ifndef __APPLE__
  EXPECT_TRUE(std::filesystem::is_directory(folder / "xdg" / "membudget"));
#endif
  server.forget();
  EXPECT_EQ(plan("hf:org/repo:Q8_0 --no-cache").output, first.output);
  EXPECT_GT(server.body_bytes_sent(), 1000);
}

TEST_F(ProgramSources, ExitCodesTellTheNetworkFromTheModel) {
  const Printed missing = plan(server.url("/none.gguf"));
  EXPECT_EQ(missing.exit, 4);
  EXPECT_THAT(missing.errors, AllOf(HasSubstr("membudget: "), HasSubstr("/none.gguf")));
  EXPECT_EQ(nlohmann::json::parse(missing.output)["error"]["code"], "network");
  server.serve("/page.gguf", [](const ServerRequest&) {
    return ServerResponse{
        .status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<!DOCTYPE html>"};
  });
  EXPECT_EQ(plan(server.url("/page.gguf")).exit, 3);
  server.serve("/whole.gguf", [](const ServerRequest&) {
    return ServerResponse{.status = 200, .headers = {}, .body = std::string(2'000'000, 'x')};
  });
  EXPECT_EQ(plan(server.url("/whole.gguf")).exit, 4);
  EXPECT_EQ(plan("hf:org/none").exit, 3);
  EXPECT_EQ(plan("http://example.org/x.gguf").exit, 4);
  EXPECT_EQ(plan("ftp://example.org/x.gguf").exit, 2);
}

TEST_F(ProgramSources, OllamasStoreIsReadWithoutTheNetwork) {
  const auto write = [&](const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  };
  const std::string blob(64, 'a');
  const std::string parameters(64, 'b');
  const auto layer = [](const std::string& kind, const std::string& digest) {
    return R"({"mediaType":"application/vnd.ollama.image.)" + kind + R"(","digest":"sha256:)" +
           digest + R"(","size":1})";
  };
  const auto store = folder / "models";
  write(store / "manifests/registry.ollama.ai/library/mine/latest",
        R"({"layers":[)" + layer("model", blob) + "," + layer("params", parameters) + "]}");
  std::filesystem::create_directories(store / "blobs");
  // A pull that is not done: the header is there, most of the data is not.
  small_llama().write(store / "blobs" / ("sha256-" + blob), 500'000);
  write(store / "blobs" / ("sha256-" + parameters), R"({"num_ctx":2048})");
  const Printed stored = plan("ollama:mine", "OLLAMA_MODELS=" + store.string());
  EXPECT_EQ(stored.exit, 0) << stored.errors;
  const auto json = nlohmann::json::parse(stored.output);
  EXPECT_EQ(json["settings"]["context"], 2048);
  EXPECT_EQ(json["model"]["source"], "ollama");
  ASSERT_THAT(json["model"]["notes"], SizeIs(1));
  EXPECT_THAT(json["model"]["notes"][0].get<std::string>(), HasSubstr("not whole"));
  const Printed text = run("plan ollama:mine --chip m1-16gb", "OLLAMA_MODELS=" + store.string());
  EXPECT_THAT(text.output, HasSubstr("not whole"));
  const Printed markdown =
      run("plan ollama:mine --chip m1-16gb --format markdown", "OLLAMA_MODELS=" + store.string());
  EXPECT_THAT(markdown.output, HasSubstr("not whole"));
  const Printed other = plan("ollama:other", "OLLAMA_MODELS=" + store.string());
  EXPECT_EQ(other.exit, 3);
  EXPECT_THAT(other.errors, HasSubstr("--remote"));
  EXPECT_THAT(server.requests(), SizeIs(0));
}

}  // namespace
}  // namespace membudget::test
