// SPDX-License-Identifier: MIT
// One model, seven places: the catalog, a GGUF, a split GGUF, Ollama's store, a registry and a hub
// on the loopback interface, and a safetensors folder must all give the same plan.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/load_model.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/http_server.hpp"
#include "support/model_headers.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"
#include "test_paths.hpp"

namespace membudget::test::all_sources_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string config_of(std::string_view id) {
  std::ifstream file(std::string(TEST_DATA_DIR) + "/measured/data/hf_configs.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json["id"] == id) {
      return json["config"].dump();
    }
  }
  throw std::runtime_error("no config of " + std::string(id));
}

/// A digest as registries write it; blobs are not checked against it.
std::string digest(char c) {
  return "sha256:" + std::string(64, c);
}

std::string layer(std::string_view kind, char c, std::int64_t size) {
  return fmt::format(R"({{"mediaType":"application/vnd.ollama.image.{}","digest":"{}","size":{}}})",
                     kind, digest(c), size);
}

std::string manifest(const std::vector<std::string>& layers) {
  return fmt::format(
      R"({{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
      R"("config":{{"digest":"{}","size":485}},"layers":[{}]}})",
      digest('0'), fmt::join(layers, ","));
}

/// Everything of a plan that a user sees, but for where the model came from.
std::string plan_of(const Model& model) {
  const Profiles profiles = Profiles::embedded();
  std::string out = fmt::format("{} {} {} layers, trained for {}, vocabulary {}, {} experts\n",
                                model.architecture, model.quantization, model.layers.size(),
                                model.trained_context, model.vocabulary, model.experts);
  for (const std::int64_t context : {8192, 32768}) {
    Workload workload;
    workload.context = context;
    const Plan made = plan(model, machine(profiles.chip("m4-max-128gb")),
                           profiles.runtime("llama.cpp"), workload);
    for (const Part& part : made.footprint.parts) {
      out += fmt::format("{} {} {}\n", to_string(part.name), to_string(part.where),
                         part.bytes.count());
    }
    out += fmt::format("{} {}\n", to_string(made.verdict), made.headroom.count());
  }
  return out;
}

class AllSources : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!reads_over_network()) {
      GTEST_SKIP() << "built without libcurl";
    }
  }
  AllSources() {
    options.places.ollama = folder / "ollama";
    options.places.lm_studio = folder / "lmstudio";
    options.places.hugging_face = folder / "hub";
    options.places.headers = folder / "cache";
    options.places.hugging_face_endpoint = server.url();
    options.places.ollama_registry = server.url();
    options.network.first_pause = std::chrono::milliseconds(1);
  }
  Model load(const std::string& name, const std::string& quantization = "") {
    return load_model(name, quantization, profiles, options);
  }
  void store_blob(char c, const std::string& bytes, std::int64_t size = -1) {
    const auto file = folder / "ollama" / "blobs" / ("sha256-" + std::string(64, c));
    write_text(file, bytes);
    if (size >= 0) {
      std::filesystem::resize_file(file, static_cast<std::uintmax_t>(size));
    }
  }
  void store_manifest(const std::string& name, const std::string& text) {
    write_text(folder / "ollama" / "manifests" / name, text);
  }

  Profiles profiles = Profiles::embedded();
  ScratchFolder folder;
  HttpServer server;
  ReadOptions options;
};

TEST_F(AllSources, GiveTheSamePlan) {
  for (const char* id : {"llama-3.1-8b", "qwen2.5-7b", "gemma-2-9b", "falcon-h1-7b", "lfm2-1.2b"}) {
    const Model listed = load(id, "Q4_K_M");
    const std::string expected = plan_of(listed);
    GgufWriter gguf = gguf_of(id, listed);
    gguf.add_tensors(listed.tensors.all());
    const std::string head = gguf.padded_header();
    const auto size = static_cast<std::int64_t>(head.size()) + gguf.data_size();

    const auto file = folder / "m-Q4_K_M.gguf";
    gguf.write(file);
    EXPECT_EQ(plan_of(load(file.string())), expected) << id << " GGUF";

    const auto tensors = listed.tensors.all();
    const std::size_t third = tensors.size() / 3;
    std::filesystem::path last;
    for (std::uint16_t i = 0; i < 3; ++i) {
      GgufWriter part;
      if (i == 0) {
        part = gguf_of(id, listed);
      }
      part.set("split.no", i)
          .set("split.count", std::uint16_t{3})
          .set("split.tensors.count", static_cast<std::int32_t>(tensors.size()));
      part.add_tensors(tensors.subspan(i * third, i == 2 ? tensors.size() - 2 * third : third));
      last = folder / fmt::format("s-{:05}-of-00003.gguf", i + 1);
      part.write(last);
    }
    EXPECT_EQ(plan_of(load(last.string())), expected) << id << " split";

    const std::string tag = manifest({layer("model", 'a', size), layer("params", 'b', 17)});
    store_manifest("registry.ollama.ai/library/stored/latest", tag);
    store_blob('a', head, size);
    store_blob('b', R"({"temperature":1})");
    EXPECT_EQ(plan_of(load("ollama:stored")), expected) << id << " store";

    server.serve_text("/v2/library/served/manifests/7b", tag);
    const std::int64_t served = std::min<std::int64_t>(size, 4 << 20);
    server.serve("/v2/library/served/blobs/" + digest('a'), [&](const ServerRequest& request) {
      ServerResponse response =
          HttpServer::file_response(request, {.head = head, .size = served, .etag = id});
      // No more than the beginning is ever made, but the whole is promised.
      const auto range = request.range();
      response.headers.front().second =
          fmt::format("bytes {}-{}/{}", range->first, range->second, size);
      return response;
    });
    server.serve_text("/v2/library/served/blobs/" + digest('b'), R"({"temperature":1})");
    options.remote = true;
    EXPECT_EQ(plan_of(load("ollama:served:7b")), expected) << id << " registry";

    server.serve_text("/api/models/org/repo",
                      R"({"siblings":[{"rfilename":"m-Q8_0.gguf"},{"rfilename":"m-Q4_K_M.gguf"},
                                      {"rfilename":"mmproj-m-f16.gguf"}]})");
    server.serve("/org/repo/resolve/main/m-Q4_K_M.gguf", [&](const ServerRequest& request) {
      ServerResponse response =
          HttpServer::file_response(request, {.head = head, .size = served, .etag = id});
      const auto range = request.range();
      response.headers.front().second =
          fmt::format("bytes {}-{}/{}", range->first, range->second, size);
      return response;
    });
    EXPECT_EQ(plan_of(load("hf:org/repo:q4_k_m")), expected) << id << " hub";
    EXPECT_EQ(plan_of(load("hf:org/repo")), expected) << id << " hub";

    const auto checkpoint = folder / "checkpoint";
    write_text(checkpoint / "config.json", config_of(id));
    write_safetensors(checkpoint / "model.safetensors",
                      checkpoint_tensors(load(id, "BF16"), "BF16"));
    EXPECT_EQ(plan_of(load(checkpoint.string(), "Q4_K_M")), expected) << id << " safetensors";
  }
}

TEST_F(AllSources, AModelfilesContextCounts) {
  const Model listed = load("qwen2.5-7b", "Q4_K_M");
  GgufWriter gguf = gguf_of("qwen2.5-7b", listed);
  gguf.add_tensors(listed.tensors.all());
  const std::string head = gguf.padded_header();
  const auto size = static_cast<std::int64_t>(head.size()) + gguf.data_size();
  GgufWriter projector;
  projector.set("general.architecture", "clip")
      .add_tensor("v.patch_embd.weight", {1024, 1024}, ElementType::f16);
  store_blob('a', head, size);
  store_blob('b', R"({"num_ctx": 12288, "stop": ["<|im_end|>"]})");
  store_blob('c', projector.padded_header(),
             static_cast<std::int64_t>(projector.padded_header().size()) + projector.data_size());
  store_manifest(
      "registry.ollama.ai/me/mine/v1",
      manifest({layer("model", 'a', size), layer("params", 'b', 40), layer("projector", 'c', 1)}));
  const Model model = load("ollama:me/mine:v1");
  EXPECT_EQ(model.id, "me/mine:v1");
  EXPECT_EQ(model.source, ModelSource::ollama);
  EXPECT_EQ(model.default_context, 12288);
  ASSERT_EQ(model.companions.size(), 1U);
  EXPECT_EQ(model.companions.front().kind, Companion::Kind::projector);
  EXPECT_EQ(model.companions.front().weights, mib(2));
  const auto context = [&](const Workload& workload) {
    return plan(model, machine(profiles.chip("m4-max-128gb")), profiles.runtime("llama.cpp"),
                workload)
        .footprint.settings.context;
  };
  EXPECT_EQ(context({}), 12288);
  Workload asked;
  asked.context = 4096;
  EXPECT_EQ(context(asked), 4096);
}

TEST_F(AllSources, TheStoreSaysWhatItHasInstead) {
  store_manifest("registry.ollama.ai/library/here/7b", manifest({}));
  const Error error = error_of([&] { return load("ollama:here:70b"); });
  EXPECT_EQ(error.code(), Errc::unknown_name);
  EXPECT_THAT(error.what(), HasSubstr("which has here:7b; pull it, or add --remote"));
  EXPECT_EQ(error_of([&] { return load("ollama:here:7b"); }).code(), Errc::unsupported);
  for (const char* name : {"", "..", "../x", "a/b/c/d", "x:", "x:..", "/x", "x y", "-x"}) {
    EXPECT_EQ(error_of([&] { return load(std::string("ollama:") + name); }).code(),
              Errc::unknown_name)
        << name;
  }
}

TEST_F(AllSources, AManifestThatIsNoneIsRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"layers": 1})", R"({"layers": [1]})",
        R"({"layers": [{"mediaType": "x", "digest": "sha256:../../etc/passwd"}]})",
        R"({"layers": [{"mediaType": 1, "digest": "x"}]})", "[[[[[[[[[[[[[[[[[[[["}) {
    store_manifest("registry.ollama.ai/library/bad/latest", text);
    const Error error = error_of([&] { return load("ollama:bad"); });
    EXPECT_EQ(error.code(), Errc::invalid_model) << text;
    EXPECT_THAT(error.where(), HasSubstr("latest#/layers")) << text;
  }
}

TEST_F(AllSources, CachesAreSearchedBeforeTheHub) {
  const Model listed = load("qwen2.5-7b", "Q4_K_M");
  GgufWriter gguf = gguf_of("qwen2.5-7b", listed);
  gguf.add_tensors(listed.tensors.all());
  // As huggingface_hub lays them out: snapshots are links into blobs.
  const auto hub = folder / "hub" / "models--Org--Repo-GGUF";
  write_text(hub / "refs" / "main", "abc123");
  std::filesystem::create_directories(hub / "snapshots" / "abc123");
  std::filesystem::create_directories(hub / "blobs");
  gguf.write(hub / "blobs" / "feed");
  std::filesystem::create_symlink("../../blobs/feed",
                                  hub / "snapshots" / "abc123" / "repo-q4_k_m.gguf");
  const Model cached = load("hf:org/repo-gguf:Q4_K_M");
  EXPECT_EQ(cached.id, "repo-q4_k_m.gguf");
  EXPECT_EQ(cached.source, ModelSource::hf);
  EXPECT_THAT(server.requests(), IsEmpty());
  // What the cache lacks is asked of the hub.
  EXPECT_EQ(error_of([&] { return load("hf:Org/Repo-GGUF:Q8_0"); }).code(), Errc::unknown_name);
  EXPECT_THAT(server.requests(), Not(IsEmpty()));

  // As LM Studio lays them out.
  const auto studio = folder / "lmstudio" / "publisher" / "Other-GGUF";
  std::filesystem::create_directories(studio);
  gguf.write(studio / "Other-7B-Q4_K_M.gguf");
  EXPECT_EQ(load("hf:publisher/other-gguf").id, "Other-7B-Q4_K_M.gguf");
  EXPECT_EQ(load("publisher/Other-GGUF").id, "Other-7B-Q4_K_M.gguf");
  EXPECT_EQ(load("other-gguf").id, "Other-7B-Q4_K_M.gguf");
  EXPECT_EQ(load("other-7b-q4_k_m").id, "Other-7B-Q4_K_M.gguf");
  EXPECT_EQ(error_of([&] { return load("other-7b-q9"); }).code(), Errc::unknown_name);
}

TEST_F(AllSources, ARepositoryOfSafetensorsIsReadByItsHeaders) {
  const Model listed = load("qwen3-8b", "Q4_K_M");
  const auto tensors = checkpoint_tensors(load("qwen3-8b", "BF16"), "BF16");
  const std::vector<HeaderTensor> first(tensors.begin(), tensors.begin() + 100);
  const std::vector<HeaderTensor> second(tensors.begin() + 100, tensors.end());
  const auto serve_part = [&](const std::string& name, const std::vector<HeaderTensor>& part) {
    const std::string head = safetensors_header(part);
    const auto size = static_cast<std::int64_t>(head.size()) + safetensors_data(part);
    server.serve("/org/repo/resolve/main/" + name, [head, size](const ServerRequest& request) {
      ServerResponse response = HttpServer::file_response(
          request, {.head = head, .size = std::min<std::int64_t>(size, 4 << 20)});
      const auto range = request.range();
      response.headers.front().second =
          fmt::format("bytes {}-{}/{}", range->first, range->second, size);
      return response;
    });
  };
  serve_part("model-00001-of-00002.safetensors", first);
  serve_part("model-00002-of-00002.safetensors", second);
  server.serve_text("/org/repo/resolve/main/config.json", config_of("qwen3-8b"));
  server.serve_text("/org/repo/resolve/main/model.safetensors.index.json",
                    R"({"weight_map": {"a": "model-00001-of-00002.safetensors",
                                       "b": "model-00002-of-00002.safetensors"}})");
  server.serve_text("/api/models/org/repo",
                    R"({"siblings":[{"rfilename":"config.json"},
                                    {"rfilename":"model-00001-of-00002.safetensors"},
                                    {"rfilename":"model-00002-of-00002.safetensors"},
                                    {"rfilename":"model.safetensors.index.json"}]})");
  const Model model = load("hf:org/repo", "Q4_K_M");
  EXPECT_EQ(plan_of(model), plan_of(listed));
  EXPECT_EQ(model.checkpoint->total().count(), safetensors_data(tensors));
  EXPECT_LE(server.body_bytes_sent(), 400'000);
}

TEST_F(AllSources, ASplitModelIsReadFromAServer) {
  const Model listed = load("qwen2.5-7b", "Q4_K_M");
  const auto tensors = listed.tensors.all();
  for (std::uint16_t i = 0; i < 2; ++i) {
    GgufWriter part;
    if (i == 0) {
      part = gguf_of("qwen2.5-7b", listed);
    }
    part.set("split.no", i)
        .set("split.count", std::uint16_t{2})
        .set("split.tensors.count", static_cast<std::int32_t>(tensors.size()))
        .add_tensors(i == 0 ? tensors.first(50) : tensors.subspan(50));
    const std::string head = part.padded_header();
    const auto size = static_cast<std::int64_t>(head.size()) + part.data_size();
    server.serve(fmt::format("/m-{:05}-of-00002.gguf", i + 1),
                 [head, size](const ServerRequest& request) {
                   ServerResponse response = HttpServer::file_response(
                       request, {.head = head, .size = std::min<std::int64_t>(size, 4 << 20)});
                   const auto range = request.range();
                   response.headers.front().second =
                       fmt::format("bytes {}-{}/{}", range->first, range->second, size);
                   return response;
                 });
  }
  EXPECT_EQ(plan_of(load(server.url("/m-00002-of-00002.gguf"))), plan_of(listed));
}

}  // namespace
}  // namespace membudget::test::all_sources_test
