// SPDX-License-Identifier: MIT
// The C interface beside the program: the same options, the same bytes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "golden/program.hpp"
#include "membudget/membudget.h"
#include "support/scratch_folder.hpp"
#include "support/small_llama.hpp"

namespace membudget::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

struct FreeText {
  void operator()(char* text) const { membudget_string_free(text); }
};
struct DestroyPlanner {
  void operator()(membudget_planner* planner) const { membudget_planner_destroy(planner); }
};
struct DestroyModel {
  void operator()(membudget_model* model) const { membudget_model_destroy(model); }
};
using PlannerHandle = std::unique_ptr<membudget_planner, DestroyPlanner>;
using ModelHandle = std::unique_ptr<membudget_model, DestroyModel>;

/// `membudget plan` with the options that a request's keys name.
Printed program_plan(const ScratchFolder& folder, const json& request) {
  std::string arguments = fmt::format("plan {}", in_shell(request.value("model", "")));
  for (const auto& [key, value] : request.items()) {
    if (key == "model" || value == false) continue;
    arguments += " --" + key;
    if (value.is_string()) arguments += fmt::format(" {}", in_shell(value.get<std::string>()));
    if (value.is_number()) arguments += fmt::format(" {}", value.get<std::int64_t>());
  }
  return run_program(folder.path(), arguments + " --json");
}

PlannerHandle new_planner() {
  membudget_planner* out = nullptr;
  EXPECT_EQ(membudget_planner_create(&out), MEMBUDGET_OK);
  return PlannerHandle(out);
}

std::pair<membudget_status, std::string> plan_by_c(const membudget_planner* planner,
                                                   const membudget_model* model,
                                                   const json& request) {
  char* out = nullptr;
  const auto status = membudget_plan_json(planner, model, request.dump().c_str(), &out);
  const std::unique_ptr<char, FreeText> owned(out);
  return {status, out == nullptr ? "" : out};
}

std::vector<json> requests() {
  const auto coder = [](json more) {
    more["model"] = "qwen2.5-coder:32b";
    more["chip"] = more.value("chip", "m1-max-32gb");
    return more;
  };
  const auto small = [](json more) {
    more["model"] = "llama3.1:8b";
    more["chip"] = "m1-16gb";
    return more;
  };
  return {
      coder(json::object()),
      coder({{"ctx-size", "8k"}}),
      coder({{"ctx-size", 8192}, {"chip", "m4-max-128gb"}}),
      coder({{"ctx-size", "max"}, {"parallel", 1}}),
      coder({{"ctx-size", "32k"}, {"cache-type", "q8_0"}}),
      coder({{"ctx-size", "32k"}, {"cache-type-k", "q8_0"}, {"cache-type-v", "q4_0"}}),
      coder({{"macos", "15"}, {"wired-limit-mb", 28000}}),
      coder({{"reserve", "4GiB"}, {"explain", true}}),
      coder({{"reserve", "docker-postgres-qdrant"}}),
      coder({{"quant", "Q3_K_M"}, {"flash-attn", "off"}}),
      coder({{"gpu-layers", 40}, {"no-mmap", true}, {"batch-size", 512}, {"ubatch-size", 256}}),
      coder({{"runtime", "ollama"}}),
      coder({{"runtime", "ollama"}, {"ctx-size", "4k"}, {"parallel", 4}}),
      coder({{"runtime", "lmstudio"}, {"chip", "m4-max-36gb"}}),
      coder({{"runtime", "llama.cpp@b10488"}, {"kv-unified", true}}),
      coder({{"draft", "qwen2.5-coder:0.5b"}, {"chip", "m4-max-128gb"}}),
      coder({{"cache-ram", 1024}, {"ctx-checkpoints", 4}, {"swa-full", false}}),
      coder({{"runtime", "mlx"}, {"chip", "m4-max-36gb"}}),
      coder({{"runtime", "mlx"}, {"chip", "m4-max-36gb"}, {"kv-bits", 8}, {"ctx-size", "16k"}}),
      coder({{"depth", "4k"}, {"prompt-tokens", 1024}, {"generate-tokens", 64}}),
      small({{"runtime", "candle"}}),
      small({{"runtime", "mlc"}}),
      small({{"runtime", "coreml"}}),
      small({{"runtime", "llama-cli"}, {"load-mode", "none"}, {"no-repack", true}}),
      small({{"override-tensor", "ffn_.*=CPU"}, {"no-op-offload", true}, {"no-kv-offload", true}}),
      {{"model", "mlx-community/gemma-4-26b-a4b-it-4bit"},
       {"chip", "m4-16gb"},
       {"runtime", "mlx"},
       {"prompt-tokens", "8k"}},
      {{"model", "qwen3-4b"}, {"chip", "m5-max-128gb"}, {"quant", "4bit"}, {"runtime", "mlx"}},
      {{"model", "mlx-community/Qwen3.6-27B-4bit"}, {"chip", "m4-max-36gb"}, {"runtime", "ollama"}},
      {{"model", "qwen3-30b-a3b"}, {"chip", "m1-16gb"}, {"cpu-moe", true}},
      {{"model", "qwen3-30b-a3b"}, {"chip", "m1-max-32gb"}, {"n-cpu-moe", 12}},
      {{"model", "gemma3:12b"}, {"chip", "m1-max-24c-32gb"}, {"swa-full", true}},
      {{"model", "nomic-embed-text"}, {"chip", "m1-16gb"}, {"embeddings", true}},
  };
}

TEST(MembudgetCProgram, PlansAreTheBytesThatTheProgramPrints) {
  const ScratchFolder folder;
  const auto planner = new_planner();
  int plans = 0;
  for (const auto& request : requests()) {
    const auto printed = program_plan(folder, request);
    const auto [status, answer] = plan_by_c(planner.get(), nullptr, request);
    // An error differs by its place alone, which is a key there and an option here.
    if (status != MEMBUDGET_OK) {
      ADD_FAILURE() << request << answer;
      continue;
    }
    EXPECT_EQ(answer, printed.output) << request;
    EXPECT_LE(printed.exit, 1) << request;
    ++plans;
  }
  EXPECT_GE(plans, 30);
}

TEST(MembudgetCProgram, ErrorsAreTheProgramsWithKeysForOptions) {
  const ScratchFolder folder;
  const auto planner = new_planner();
  const std::vector<std::pair<json, std::string>> cases{
      {{{"chip", "m9-ultra"}}, "chip"},
      {{{"ctx-size", "8x"}}, "ctx-size"},
      {{{"runtime", "vllm"}}, "runtime"},
      {{{"quant", "Q9"}}, "quant"},
      {{{"cache-type-k", "q3_0"}}, "cache-type-k"},
      {{{"macos", "9"}}, "macos"},
      {{{"reserve", "nothing-known"}}, "reserve"},
      {{{"parallel", 0}}, "parallel"},
      {{{"depth", "9k"}, {"ctx-size", "8k"}}, "depth"},
      {{{"runtime", "ollama"}, {"cache-type-k", "q8_0"}, {"cache-type-v", "f16"}}, "cache-type-k"},
  };
  for (const auto& [changes, key] : cases) {
    json request{{"model", "qwen2.5-coder:32b"}, {"chip", "m1-max-32gb"}};
    request.update(changes);
    const auto printed = program_plan(folder, request);
    ASSERT_EQ(printed.exit, 2) << request;
    auto expected = json::parse(printed.output);
    const std::string option = expected["error"]["where"];
    ASSERT_TRUE(option.starts_with("--")) << option;
    expected["error"]["where"] = "/" + option.substr(2);
    const auto [status, answer] = plan_by_c(planner.get(), nullptr, request);
    EXPECT_EQ(status, MEMBUDGET_BAD_REQUEST) << request;
    EXPECT_EQ(json::parse(answer), expected) << request;
    EXPECT_TRUE(option.substr(2).starts_with(key.substr(0, 10))) << option << " for " << key;
  }
}

TEST(MembudgetCProgram, ListsAreTheBytesThatTheProgramPrints) {
  const ScratchFolder folder;
  const auto planner = new_planner();
  for (const std::string kind : {"chips", "models", "quants", "runtimes", "stacks"}) {
    char* out = nullptr;
    ASSERT_EQ(membudget_list_json(planner.get(), kind.c_str(), &out), MEMBUDGET_OK);
    const std::unique_ptr<char, FreeText> owned(out);
    EXPECT_EQ(run_program(folder.path(), "list " + kind + " --json").output, out) << kind;
  }
}

/// The long names in the first column of `plan --help`.
std::vector<std::string> options_of_plan(const ScratchFolder& folder) {
  std::vector<std::string> out;
  std::istringstream help(run_program(folder.path(), "plan --help").output);
  for (std::string line; std::getline(help, line);) {
    const auto start = line.find_first_not_of(' ');
    if (start == 0 || start == std::string::npos || line[start] != '-') continue;
    std::istringstream names(line.substr(start, line.find(' ', start) - start));
    for (std::string name; std::getline(names, name, ',');) {
      if (name.starts_with("--") && name != "--help") out.push_back(name.substr(2));
    }
  }
  return out;
}

TEST(MembudgetCProgram, EveryOptionOfPlanIsAKeyOrRefusedWithItsReason) {
  const ScratchFolder folder;
  const auto planner = new_planner();
  const auto options = options_of_plan(folder);
  EXPECT_GT(options.size(), 40U);
  for (const auto& name : options) {
    char* out = nullptr;
    // No value that any of them takes.
    EXPECT_NE(membudget_plan_json(planner.get(), nullptr,
                                  json{{name, json::object()}}.dump().c_str(), &out),
              MEMBUDGET_OK);
    const std::unique_ptr<char, FreeText> owned(out);
    EXPECT_THAT(out, Not(HasSubstr("is no option of plan"))) << name;
  }
}

TEST(MembudgetCProgram, AModelFromBytesIsThatOfItsFile) {
  const ScratchFolder folder;
  const GgufWriter gguf = small_llama();
  const auto planner = new_planner();
  // Whole, and as a download that was cut: both sides say so.
  for (const std::int64_t cut : {0, 100'000}) {
    gguf.write(folder / "small.gguf", cut);
    const std::string head = gguf.padded_header();
    membudget_model* model = nullptr;
    ASSERT_EQ(membudget_model_from_gguf(head.data(), head.size(),
                                        std::filesystem::file_size(folder / "small.gguf"), &model,
                                        nullptr),
              MEMBUDGET_OK);
    const ModelHandle owned(model);
    for (const char* runtime : {"llama.cpp", "ollama", "lmstudio"}) {
      const json request{{"model", "./small.gguf"}, {"chip", "m1-16gb"}, {"runtime", runtime}};
      const auto [status, answer] = plan_by_c(planner.get(), model, request);
      EXPECT_EQ(status, MEMBUDGET_OK) << answer;
      EXPECT_EQ(answer, program_plan(folder, request).output);
    }
    EXPECT_EQ(plan_by_c(planner.get(), model, {{"chip", "m1-16gb"}, {"quant", "Q4_K_M"}}).first,
              MEMBUDGET_BAD_REQUEST);
  }
}

}  // namespace
}  // namespace membudget::test
