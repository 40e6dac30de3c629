// SPDX-License-Identifier: MIT
#include "membudget/server_monitor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "health/host_counters.hpp"
#include "membudget/error.hpp"
#include "support/http_server.hpp"
#include "support/machines.hpp"
#include "support/refusal.hpp"

namespace membudget::server_monitor_test {
namespace {

using test::error_of;
using test::expect_refusal;
using test::HttpServer;
using test::ServerRequest;
using test::ServerResponse;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

NetworkLimits limits() {
  NetworkLimits out;
  out.connect = out.stall = std::chrono::milliseconds(2000);
  return out;
}

// api/types.go, ProcessModelResponse, Ollama 0.33.
constexpr const char* ollama_models =
    R"({"models":[{"name":"qwen2.5-coder:32b","model":"qwen2.5-coder:32b",
"size":22100000000,"digest":"ab","details":{"format":"gguf","family":"qwen2","parameter_size":"32.8B","quantization_level":"Q4_K_M"},
"expires_at":"2026-01-31T12:00:00Z","size_vram":22000000000,"context_length":8192}]})";

std::string metrics(double tokens, double seconds) {
  return "# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed\n"
         "# TYPE llamacpp:prompt_tokens_total counter\n"
         "llamacpp:prompt_tokens_total 1000\nllamacpp:prompt_seconds_total 2\n"
         "llamacpp:tokens_predicted_total " +
         std::to_string(tokens) + "\nllamacpp:tokens_predicted_seconds_total " +
         std::to_string(seconds) +
         "\nllamacpp:predicted_tokens_seconds 99\nllamacpp:requests_processing 1\n";
}

// tools/server/server-context.cpp at b10587, server_slot::to_json().
constexpr const char* slots = R"([{"id":0,"n_ctx":4096,"is_processing":true,"n_prompt_tokens":3000,
"next_token":[{"n_decoded":120}]},{"id":1,"n_ctx":4096,"is_processing":false}])";

TEST(ServerMonitor, AsksOllamaWhatItHolds) {
  HttpServer server;
  server.serve_text("/api/ps", ollama_models);
  ServerMonitor monitor(server.url("/"), limits());
  const ServerSample sample = monitor.sample();
  EXPECT_EQ(sample.server, "Ollama");
  ASSERT_THAT(sample.models, SizeIs(1));
  EXPECT_EQ(sample.models[0].name, "qwen2.5-coder:32b");
  EXPECT_EQ(sample.models[0].quantization, "Q4_K_M");
  EXPECT_EQ(sample.models[0].size, Bytes(22'100'000'000));
  EXPECT_EQ(sample.models[0].gpu, Bytes(22'000'000'000));
  EXPECT_EQ(sample.models[0].context, 8192);
  EXPECT_FALSE(sample.generation_tps.has_value());
  EXPECT_THAT(sample.notes, SizeIs(1));
  EXPECT_TRUE(monitor.on_this_machine());
}

TEST(ServerMonitor, OllamaMayHoldNothing) {
  HttpServer server;
  server.serve_text("/api/ps", R"({"models":null})");
  ServerMonitor monitor(server.url(), limits());
  EXPECT_THAT(monitor.sample().models, IsEmpty());
}

TEST(ServerMonitor, RatesOfLlamaServerAreThoseSinceTheSampleBefore) {
  HttpServer server;
  std::atomic<int> asked = 0;
  server.serve("/metrics", [&](const ServerRequest&) {
    ServerResponse out;
    // 50 tokens/s since the start, then idle, then 10 tokens/s, then started anew at 20.
    const int turn = asked++;
    out.body = turn == 0   ? metrics(1000, 20)
               : turn == 1 ? metrics(1000, 20)
               : turn == 2 ? metrics(1100, 30)
                           : metrics(40, 2);
    return out;
  });
  server.serve_text("/slots", slots);
  ServerMonitor monitor(server.url(), limits());
  ServerSample sample = monitor.sample();
  EXPECT_EQ(sample.server, "llama-server");
  EXPECT_EQ(sample.generation_tps, 50);
  EXPECT_EQ(sample.prompt_tps, 500);
  EXPECT_EQ(sample.slots, 2);
  EXPECT_EQ(sample.busy_slots, 1);
  EXPECT_EQ(sample.slot_context, 4096);
  EXPECT_EQ(sample.context_used, 3000);
  EXPECT_THAT(sample.notes, IsEmpty());
  EXPECT_FALSE(monitor.sample().generation_tps.has_value());
  EXPECT_EQ(monitor.sample().generation_tps, 10);
  EXPECT_EQ(monitor.sample().generation_tps, 20);
}

TEST(ServerMonitor, SaysHowLlamaServerWouldTellMore) {
  HttpServer server;
  const auto disabled = [](const ServerRequest&) {
    ServerResponse out;
    out.status = 501;
    out.body =
        R"({"error":{"code":501,"message":"This server does not support metrics endpoint."}})";
    return out;
  };
  server.serve("/metrics", disabled);
  server.serve_text("/slots", slots);
  ServerMonitor monitor(server.url(), limits());
  const ServerSample sample = monitor.sample();
  EXPECT_FALSE(sample.generation_tps.has_value());
  ASSERT_THAT(sample.notes, SizeIs(1));
  EXPECT_THAT(sample.notes[0], HasSubstr("--metrics"));
}

TEST(ServerMonitor, RefusesWhatIsNeither) {
  HttpServer server;
  server.serve_text("/", "<html>");
  ServerMonitor monitor(server.url(), limits());
  expect_refusal(error_of([&] { return monitor.sample(); }), Errc::network, server.url(),
                 "neither Ollama");
}

TEST(ServerMonitor, IsNotMovedByDamagedAnswers) {
  HttpServer server;
  server.serve_text("/api/ps", R"({"models":[3,{"name":7,"size":"big","size_vram":-5}]})");
  ServerMonitor monitor(server.url(), limits());
  const ServerSample sample = monitor.sample();
  ASSERT_THAT(sample.models, SizeIs(1));
  EXPECT_EQ(sample.models[0].gpu, Bytes(0));
  server.serve_text("/api/ps", "{");
  EXPECT_EQ(error_of([&] { return monitor.sample(); }).code(), Errc::network);
  server.serve_text("/api/ps", std::string(std::size_t{9} << 20, ' '));
  EXPECT_THAT(error_of([&] { return monitor.sample(); }).what(), HasSubstr("larger than any"));
}

TEST(ServerMonitor, TellsWhenNobodyAnswers) {
  int port = 0;
  {
    const HttpServer server;
    port = server.port();
  }
  ServerMonitor monitor("127.0.0.1:" + std::to_string(port), limits());
  const Error error = error_of([&] { return monitor.sample(); });
  EXPECT_EQ(error.code(), Errc::network);
  EXPECT_THAT(error.what(), HasSubstr("is the server running?"));
}

TEST(ServerMonitor, TakesOnlyAddressesOfServers) {
  for (const char* url : {"", "ftp://host", "http://", "http://a b", "http://host/?key=1"}) {
    const Error error = error_of([&] { return std::make_unique<ServerMonitor>(url, limits()); });
    EXPECT_EQ(error.code(), Errc::bad_request) << url;
    EXPECT_EQ(error.where(), "--url");
  }
  EXPECT_FALSE(ServerMonitor("http://studio.local:11434", limits()).on_this_machine());
}

// ---- measurements that are given

TEST(Measurements, AreReadByName) {
  const auto all = read_measurements(
      R"({"memory": 0.5, "swap": 3, "temperature": 61.5, "thermal_state": "fair", "generation_tps": 9})",
      "stdin:1");
  EXPECT_EQ(all.memory, 0.5);
  EXPECT_EQ(all.swap, 3);
  EXPECT_EQ(all.temperature, 61.5);
  EXPECT_EQ(all.thermal_state, ThermalState::fair);
  EXPECT_EQ(all.generation_tps, 9);
  EXPECT_EQ(read_measurements(R"({"memory": "91%"})", "x").memory, 0.91);
  EXPECT_EQ(read_measurements(R"({"memory_percent": 91})", "x").memory, 0.91);
  EXPECT_EQ(read_measurements(R"({"tps": 3, "memory": null})", "x").generation_tps, 3);
}

TEST(Measurements, SayWhatIsWrong) {
  const auto refused = [](const char* text) {
    return error_of([&] { return read_measurements(text, "stdin:3"); });
  };
  constexpr auto code = Errc::bad_request;
  expect_refusal(refused("{"), code, "stdin:3", "one JSON object");
  expect_refusal(refused("[]"), code, "stdin:3", "one JSON object");
  expect_refusal(refused(R"({"memory": 91})"), code, "stdin:3#/memory", "memory_percent");
  expect_refusal(refused(R"({"memory": -0.1})"), code, "stdin:3#/memory", "from 0 to 1");
  expect_refusal(refused(R"({"memory": "lots"})"), code, "stdin:3#/memory", "percent such as");
  expect_refusal(refused(R"({"temprature": 60})"), code, "stdin:3#/temprature",
                 "did you mean 'temperature'?");
  expect_refusal(refused(R"({"temperature": 358})"), code, "stdin:3#/temperature", "150");
  expect_refusal(refused(R"({"thermal_state": "warm"})"), code, "stdin:3#/thermal_state",
                 "nominal");
}

TEST(HostCounters, AreReadFromLinux) {
  const HostCounters counters = read_host_counters(
      "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    4000000 kB\n",
      "pswpin_other 7\npswpin 100\npswpout 250\n");
  EXPECT_EQ(counters.memory, 0.75);
  EXPECT_EQ(counters.swapped_pages, 350);
  EXPECT_FALSE(read_host_counters("", "").memory.has_value());
  EXPECT_FALSE(read_host_counters("MemTotal: x\nMemAvailable: 1 kB\n", "pswpin\n").memory);
}

// Of 32 GiB 622592 - 6553 + 222822 + 275251 pages of 16 KiB are in use.
TEST(HostCounters, AreReadFromMacOS) {
  const HostCounters counters = read_host_counters(test::machine_readings("m1-max-32gb-busy"));
  EXPECT_EQ(counters.memory, 0.53125);
  EXPECT_EQ(counters.thermal_state, ThermalState::nominal);
  EXPECT_FALSE(counters.swapped_pages);
  EXPECT_FALSE(read_host_counters(HostReadings{}).memory);
}

}  // namespace
}  // namespace membudget::server_monitor_test
