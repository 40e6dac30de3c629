// SPDX-License-Identifier: MIT
// Reading over HTTP, against a real server on the loopback interface.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/load_model.hpp"
#include "source/http.hpp"
#include "support/http_server.hpp"
#include "support/model_headers.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::test::remote_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* path = "/org/repo/model.gguf";

/// A small model's file as a server holds it.
ServedFile small_model(const std::string& etag = "\"one\"") {
  GgufWriter gguf;
  gguf.set("general.architecture", "llama")
      .set("general.file_type", std::uint32_t{7})
      .set("llama.block_count", std::uint32_t{1})
      .set("llama.context_length", std::uint32_t{2048})
      .set("llama.embedding_length", std::uint32_t{256})
      .set("llama.feed_forward_length", std::uint32_t{512})
      .set("llama.attention.head_count", std::uint32_t{4})
      .set("llama.vocab_size", std::uint32_t{20000})
      .add_tensor("token_embd.weight", {256, 20000}, ElementType::q8_0)
      .add_tensor("output_norm.weight", {256}, ElementType::f32)
      .add_tensor("blk.0.attn_norm.weight", {256}, ElementType::f32);
  const std::string head = gguf.padded_header();
  return {.head = head,
          .size = static_cast<std::int64_t>(head.size()) + gguf.data_size(),
          .etag = etag};
}

class RemoteModels : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!reads_over_network()) {
      GTEST_SKIP() << "built without libcurl";
    }
  }
  RemoteModels() {
    options.places.ollama = folder / "ollama";
    options.places.lm_studio = folder / "lmstudio";
    options.places.hugging_face = folder / "hub";
    options.places.headers = folder / "cache";
    options.places.hugging_face_endpoint = server.url();
    options.places.ollama_registry = server.url();
    options.places.hugging_face_token = "";
    options.network.first_pause = std::chrono::milliseconds(1);
    options.network.stall = std::chrono::milliseconds(300);
  }

  Model load(const std::string& model, const std::string& quantization = "") {
    return load_model(model, quantization, Profiles::embedded(), options);
  }
  Error refusal(const std::string& model) {
    return error_of([&] { return load(model); });
  }

  ScratchFolder folder;
  HttpServer server;
  ReadOptions options;
};

TEST_F(RemoteModels, AnAddressIsReadByItsHeader) {
  server.serve_file(path, small_model());
  const Model model = load(server.url(path));
  EXPECT_EQ(model.id, "model.gguf");
  EXPECT_EQ(model.quantization, "Q8_0");
  EXPECT_EQ(model.embedding, 256);
  EXPECT_THAT(model.notes, IsEmpty());
  ASSERT_THAT(server.requests(), SizeIs(1));
  EXPECT_EQ(server.requests().front().header("range"), "bytes=0-524287");
}

TEST_F(RemoteModels, ASecondRunAsksForOneByte) {
  server.serve_file(path, small_model());
  static_cast<void>(load(server.url(path)));
  server.forget();
  EXPECT_EQ(load(server.url(path)).embedding, 256);
  EXPECT_EQ(server.body_bytes_sent(), 1);
  // The file changes: what was kept is forgotten.
  server.serve_file(path, small_model("\"two\""));
  server.forget();
  EXPECT_EQ(load(server.url(path)).embedding, 256);
  EXPECT_GT(server.body_bytes_sent(), 1000);
  server.forget();
  options.cache = false;
  static_cast<void>(load(server.url(path)));
  EXPECT_GT(server.body_bytes_sent(), 1000);
}

TEST_F(RemoteModels, RunsSideBySideShareTheCache) {
  server.serve_file(path, small_model());
  std::vector<std::thread> runs;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    runs.emplace_back([&] {
      for (int k = 0; k < 5; ++k) {
        good += load_model(server.url(path), "", Profiles::embedded(), options).embedding == 256;
      }
    });
  }
  for (std::thread& run : runs) {
    run.join();
  }
  EXPECT_EQ(good, 40);
  int kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "cache")) {
    EXPECT_EQ(entry.path().extension(), ".header") << entry.path();
    ++kept;
  }
  EXPECT_EQ(kept, 1);
}

TEST_F(RemoteModels, ACacheThatCannotBeWrittenIsLetBe) {
  server.serve_file(path, small_model());
  write_text(folder / "cache", "a file where the folder should be");
  EXPECT_EQ(load(server.url(path)).embedding, 256);
}

TEST_F(RemoteModels, ADamagedCacheIsReadAnew) {
  server.serve_file(path, small_model());
  static_cast<void>(load(server.url(path)));
  for (const auto& entry : std::filesystem::directory_iterator(folder / "cache")) {
    write_text(entry.path(), std::string(6000, 'x'));
  }
  EXPECT_EQ(load(server.url(path)).embedding, 256);
}

// The header of an 8B model with a vocabulary of 128k: within a tenth of its size, in four
// requests, whatever the order of the keys.
TEST_F(RemoteModels, AHeaderCostsLittleMoreThanItsBytes) {
  const Profiles profiles = Profiles::embedded();
  struct Case {
    const char* id;
    std::size_t tokens;
    std::size_t merges;
  };
  for (const auto& [id, tokens, merges] :
       {Case{"llama-3.1-8b", 128256, 280147}, Case{"qwen3-8b", 151936, 151387},
        Case{"gpt-oss-20b", 201088, 446189}, Case{"llama-3.1-8b", 262144, 514906}}) {
    const Model model = profiles.model(id, "Q4_K_M");
    GgufWriter gguf = gguf_of(id, model);
    add_vocabulary(gguf, tokens, merges);
    gguf.add_tensors(model.tensors.all());
    const std::string head = gguf.padded_header();
    const auto size = static_cast<std::int64_t>(head.size()) + gguf.data_size();
    server.serve(path, [&](const ServerRequest& request) {
      const auto range = request.range();
      EXPECT_TRUE(range) << "the whole file was asked for";
      ServerResponse response =
          HttpServer::file_response({.method = "GET", .path = path, .headers = request.headers},
                                    {.head = head, .size = std::min<std::int64_t>(size, 40 << 20)});
      const auto last = std::min(range->second, size - 1);
      response.headers.front().second = "bytes " + std::to_string(range->first) + "-" +
                                        std::to_string(last) + "/" + std::to_string(size);
      return response;
    });
    options.cache = false;
    server.forget();
    const Model read = load(server.url(path));
    EXPECT_EQ(read.tensors.data_size(), model.tensors.data_size());
    const auto bytes = static_cast<double>(server.body_bytes_sent());
    const auto header = static_cast<double>(head.size());
    EXPECT_LE(bytes, 1.1 * header) << id << " " << tokens;
    EXPECT_LE(server.requests().size(), 4U) << id << " " << tokens;
    RecordProperty(std::string(id) + "_" + std::to_string(tokens),
                   std::to_string(bytes / header) + " of " + std::to_string(header) + " bytes in " +
                       std::to_string(server.requests().size()) + " requests");
    std::printf("%s, %zu tokens: header %.0f bytes, transferred %.0f (%+.1f %%) in %zu requests\n",
                id, tokens, header, bytes, 100 * (bytes / header - 1), server.requests().size());
  }
}

TEST_F(RemoteModels, RedirectsAreFollowedAndTheCredentialStaysBehind) {
  HttpServer store;  // Another origin: another port.
  options.places.hugging_face_token = "hf_secret";
  server.serve("/org/repo/resolve/main/model.gguf", [&](const ServerRequest&) {
    return ServerResponse{.status = 302,
                          .headers = {{"Location", store.url("/blob?signature=abc")}},
                          .body = "moved"};
  });
  server.serve_text("/api/models/org/repo",
                    R"({"siblings": [{"rfilename": "README.md"}, {"rfilename": "model.gguf"}]})");
  store.serve_file("/blob", small_model());
  const Model model = load("hf:org/repo");
  EXPECT_EQ(model.source, ModelSource::hf);
  EXPECT_EQ(model.id, "model.gguf");
  for (const ServerRequest& request : server.requests()) {
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret") << request.path;
  }
  ASSERT_THAT(store.requests(), Not(IsEmpty()));
  for (const ServerRequest& request : store.requests()) {
    EXPECT_EQ(request.header("authorization"), "");
  }
}

TEST_F(RemoteModels, RedirectsInACircleEnd) {
  server.serve(path, [&](const ServerRequest&) {
    return ServerResponse{.status = 302, .headers = {{"Location", path}}, .body = ""};
  });
  expect_refusal(refusal(server.url(path)), Errc::network, server.url(path), "redirects more than");
}

TEST_F(RemoteModels, AnUnencryptedAddressIsRefused) {
  EXPECT_EQ(refusal("http://example.org/x.gguf").code(), Errc::network);
  server.serve(path, [&](const ServerRequest&) {
    return ServerResponse{
        .status = 302, .headers = {{"Location", "http://example.org/x.gguf"}}, .body = ""};
  });
  EXPECT_THAT(refusal(server.url(path)).what(), HasSubstr("unencrypted"));
}

TEST_F(RemoteModels, AGatedModelAsksForAToken) {
  server.serve("/api/models/org/repo", [](const ServerRequest& request) {
    return request.header("authorization") == "Bearer hf_good"
               ? HttpServer::file_response(
                     request, {.head = R"({"siblings": [{"rfilename": "m.gguf"}]})", .size = 44})
               : ServerResponse{.status = 401, .headers = {}, .body = "no"};
  });
  EXPECT_THAT(refusal("hf:org/repo").what(), HasSubstr("set HF_TOKEN"));
  options.places.hugging_face_token = "hf_bad";
  const Error error = refusal("hf:org/repo");
  EXPECT_EQ(error.code(), Errc::network);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("HF_TOKEN"), Not(HasSubstr("hf_bad"))));
}

TEST_F(RemoteModels, ABusyServerIsAskedAgain) {
  int asked = 0;
  server.serve(path, [&](const ServerRequest& request) {
    ++asked;
    return asked < 3 ? ServerResponse{.status = asked == 1 ? 429 : 503, .headers = {}, .body = ""}
                     : HttpServer::file_response(request, small_model());
  });
  EXPECT_EQ(load(server.url(path)).embedding, 256);
  EXPECT_EQ(asked, 3);
  asked = -1000;
  options.cache = false;
  expect_refusal(refusal(server.url(path)), Errc::network, server.url(path), "status 503");
  EXPECT_EQ(asked, -1000 + options.network.attempts);
}

TEST_F(RemoteModels, AServerThatStallsIsGivenUp) {
  server.serve(path, [&](const ServerRequest& request) {
    ServerResponse response = HttpServer::file_response(request, small_model());
    response.stall_after = 100;
    return response;
  });
  options.network.attempts = 1;
  const auto start = std::chrono::steady_clock::now();
  expect_refusal(refusal(server.url(path)), Errc::network, server.url(path), "sent nothing for");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST_F(RemoteModels, ABrokenConnectionIsTriedAgain) {
  int asked = 0;
  server.serve(path, [&](const ServerRequest& request) {
    ServerResponse response = HttpServer::file_response(request, small_model());
    response.cut_after = ++asked < 3 ? 100 : -1;
    return response;
  });
  EXPECT_EQ(load(server.url(path)).embedding, 256);
  EXPECT_EQ(asked, 3);
  asked = -1000;
  options.cache = false;
  EXPECT_EQ(refusal(server.url(path)).code(), Errc::network);
}

TEST_F(RemoteModels, AServerThatIgnoresRangesIsNamedSo) {
  server.serve(path, [&](const ServerRequest&) {
    return HttpServer::file_response({.method = "GET", .path = path, .headers = {}}, small_model());
  });
  const Error error = refusal(server.url(path));
  expect_refusal(error, Errc::network, server.url(path), "ignores range requests");
  // It was cut off, not downloaded.
  EXPECT_LT(server.body_bytes_sent(), 5'000'000);
}

TEST_F(RemoteModels, AServerThatContradictsItselfIsNotBelieved) {
  struct Lie {
    const char* range;
    const char* words;
  };
  for (const auto& [range, words] :
       {Lie{"bytes 100-524387/5000000", "with the range"}, Lie{"bytes 0-99/5000000", "100 bytes"},
        Lie{"bytes 0-524287/100", "with the range"}, Lie{"nonsense", "with the range"},
        Lie{"bytes 0-524287/*", "with the range"},
        Lie{"bytes 0-524287/99999999999999999999999", "with the range"}}) {
    server.serve(path, [&, text = range](const ServerRequest& request) {
      ServerResponse response = HttpServer::file_response(request, small_model());
      response.headers.front().second = text;
      return response;
    });
    expect_refusal(refusal(server.url(path)), Errc::network, server.url(path), words);
  }
  // A length that the connection does not keep.
  options.network.attempts = 1;
  server.serve(path, [&](const ServerRequest& request) {
    ServerResponse response = HttpServer::file_response(request, small_model());
    response.claimed_length = static_cast<std::int64_t>(response.body.size()) + 1000;
    return response;
  });
  EXPECT_EQ(refusal(server.url(path)).code(), Errc::network);
  // Another size than the header needs.
  server.serve(path, [&](const ServerRequest& request) {
    ServedFile file = small_model();
    file.size = 300;
    return HttpServer::file_response(request, file);
  });
  EXPECT_EQ(refusal(server.url(path)).code(), Errc::truncated);
}

TEST_F(RemoteModels, AFileThatChangesMeanwhileIsNotMixed) {
  GgufWriter gguf;
  gguf.set("general.architecture", "llama");
  add_vocabulary(gguf, 100'000, 100'000);
  const std::string head = gguf.padded_header();
  int asked = 0;
  server.serve(path, [&](const ServerRequest& request) {
    return HttpServer::file_response(request, {.head = head,
                                               .size = static_cast<std::int64_t>(head.size()),
                                               .etag = std::to_string(++asked)});
  });
  expect_refusal(refusal(server.url(path)), Errc::network, server.url(path), "changed while");
}

TEST_F(RemoteModels, AWebPageIsNoModel) {
  server.serve(path, [](const ServerRequest&) {
    return ServerResponse{.status = 200,
                          .headers = {{"Content-Type", "text/html; charset=utf-8"}},
                          .body = "<!DOCTYPE html><title>Log in</title>"};
  });
  expect_refusal(refusal(server.url(path)), Errc::unsupported, server.url(path), "web page");
  server.serve(path, [](const ServerRequest&) {
    return ServerResponse{.status = 200, .headers = {}, .body = "<html>no type</html>"};
  });
  EXPECT_EQ(refusal(server.url(path)).code(), Errc::unsupported);
}

TEST_F(RemoteModels, AFilesPageOnTheHubLeadsToTheFile) {
  server.serve_file("/org/repo/resolve/main/model.gguf", small_model());
  EXPECT_EQ(load(server.url("/org/repo/blob/main/model.gguf")).embedding, 256);
}

TEST_F(RemoteModels, WhatIsNotThereIsSaid) {
  expect_refusal(refusal(server.url("/none.gguf")), Errc::network, server.url("/none.gguf"),
                 "(404)");
  EXPECT_EQ(refusal("hf:org/none").code(), Errc::unknown_name);
  options.remote = true;
  EXPECT_EQ(refusal("ollama:none").code(), Errc::unknown_name);
}

TEST_F(RemoteModels, NothingListens) {
  std::string url;
  {
    const HttpServer gone;
    url = gone.url(path);
  }
  EXPECT_EQ(refusal(url).code(), Errc::network);
}

TEST_F(RemoteModels, AHeaderWithoutEndIsCapped) {
  options.network.most_bytes = 2'000'000;
  GgufWriter gguf;
  gguf.set("general.architecture", "llama");
  add_vocabulary(gguf, 300'000, 300'000);
  const std::string head = gguf.padded_header();
  server.serve_file(path, {.head = head, .size = static_cast<std::int64_t>(head.size())});
  expect_refusal(refusal(server.url(path)), Errc::network, server.url(path), "longer than");
  EXPECT_LE(server.body_bytes_sent(), 2'000'000);
}

TEST_F(RemoteModels, QueriesDoNotShowInMessages) {
  const Error error = refusal(server.url("/x.gguf?token=secret"));
  EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
}

TEST_F(RemoteModels, AMistypedAddressIsNoPath) {
  for (const auto* wrong : {"https:/user:secret@host/x.gguf", "HTTPS:user:secret@host/x.gguf"}) {
    const Error error = refusal(wrong);
    EXPECT_EQ(error.code(), Errc::bad_request);
    EXPECT_THAT(error.what(), HasSubstr("https://HOST/PATH.gguf"));
    EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
  }
}

TEST(Addresses, AreShownWithoutSecretsEvenWhenTheyAreNone) {
  EXPECT_EQ(shown_url("https://user:secret@host/a?token=secret"), "https://host/a");
  EXPECT_EQ(shown_url("htps://user:secret@host/a?token=secret"), "htps://host/a");
  EXPECT_EQ(shown_url("https://user:secret@https://user:secret@host/a"), "https://https://host/a");
  EXPECT_EQ(shown_url("https:/user:secret@host/a"), "https:/host/a");
  EXPECT_EQ(shown_url("https:///user:secret@host/a"), "https:///host/a");
  EXPECT_EQ(shown_url("https://host/a@b//c"), "https://host/a@b//c");
  EXPECT_EQ(shown_url("user:secret@host"), "host");
  EXPECT_EQ(shown_url("htps:///a@b"), "htps:///a@b");
  EXPECT_EQ(shown_url("plain"), "plain");
}

TEST_F(RemoteModels, ProgressIsToldWhileBytesArrive) {
  server.serve_file(path, small_model());
  std::int64_t last = 0;
  options.progress = [&](const FetchProgress& progress) {
    EXPECT_GE(progress.fetched.count(), last);
    last = progress.fetched.count();
  };
  static_cast<void>(load(server.url(path)));
  EXPECT_EQ(last, 512 * 1024);
}

}  // namespace
}  // namespace membudget::test::remote_test
