// SPDX-License-Identifier: MIT
// Rules of earlier builds against sizes that people's own llama.cpp printed, on their Macs and
// elsewhere. logs_test.cpp compares the same logs through `verify`, which plans by the oldest
// measured rules and names what was different before.
//
// data/build_logs.jsonl has 41 lines from 40 of the 171 logs that were collected: 28 of 152 of
// Macs, 12 of 19 of other machines, whose caches, states and host inputs follow the same rules.
// Their sizes agree to the last printed digit by the rules of the build that printed them; those
// older than any build we know once a counted reason is added, whose bytes follow from the log's
// own settings; a few belong to graphs or files we do not have and carry the reason. Where a
// build's graph is only bounded (delta nets before they were one operation), the bound must not be
// below what was printed.
//
// Left out: 108 logs of MLX and other engines or without the size of any buffer; 8 that do not name
// their model; caches of unnamed or fork-only types (4) and weights of an unnamed mix (1); contexts
// that were not printed (2); a model shared with another machine (1). Elsewhere: other engines and
// Ollama's own estimates (6), layers left on the CPU (1).
//
// Settings that a log does not print are the engine's defaults, but for two: llama-server of 2024
// kept one more sequence for its system prompt, and Ollama's runner asks for embeddings as well;
// the size of the output shows which, so there it is no evidence of its own.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "membudget/footprint.hpp"
#include "membudget/profiles.hpp"
#include "test_paths.hpp"

namespace membudget::test::builds_test {
namespace {

// One log. `printed` holds the numbers as they were printed, a part in several buffers as a list;
// `differs` the reasons why a part is not what the oldest rules we know (b6975) give.
struct Log {
  std::string name;  // For messages.
  std::string build;
  std::string date;   // "2026-03-04", "2026-03", or nothing.
  std::string rules;  // The build of llama.cpp in another program, where that is known.
  std::string model;
  std::string quantization;
  Workload workload;
  std::vector<std::int64_t> cells;  // Of each cache and slot, where the log says so.
  bool truncated = false;           // Cut to whole MiB: the engine's memory breakdown.
  std::map<std::string, std::vector<std::string>> printed;
  std::map<std::string, std::vector<std::string>> differs;
};

constexpr double mebibyte = 1024.0 * 1024.0;

FlashAttention flash_attention_of(const std::string& name) {
  if (name == "auto") {
    return FlashAttention::automatic;
  }
  return name == "on" ? FlashAttention::on : FlashAttention::off;
}

Workload workload_of(const nlohmann::json& settings) {
  Workload result;
  result.context = settings.at("context").get<std::int64_t>();
  result.parallel = settings.at("parallel").get<std::int64_t>();
  result.batch = settings.value("batch", std::int64_t{2048});
  result.ubatch = settings.value("ubatch", std::int64_t{512});
  result.cache_type_k = element_type_of_name(settings.value("cache_type_k", "f16"));
  result.cache_type_v = element_type_of_name(settings.value("cache_type_v", "f16"));
  result.flash_attention = flash_attention_of(settings.value("flash_attention", "auto"));
  result.kv_unified = settings.value("kv_unified", false);
  result.embeddings = settings.value("embeddings", false);
  result.backend = settings.value("backend", "metal") == "cpu" ? Backend::cpu : Backend::metal;
  return result;
}

Log log_of(const std::string& line) {
  const auto json = nlohmann::json::parse(line);
  Log result;
  const auto text = [&](const char* key) {
    return json.at(key).is_null() ? std::string() : json.at(key).get<std::string>();
  };
  result.build = text("build");
  result.date = text("date");
  result.rules = json.value("rules", "");
  result.model = text("model");
  result.quantization = text("quantization");
  result.name = fmt::format("{} {} ({} {}, {})", result.model, result.quantization, text("source"),
                            result.build.empty() ? "unknown build" : result.build, text("date"));
  result.workload = workload_of(json.at("settings"));
  result.cells = json.value("cells", result.cells);
  result.workload.rollback = json.value("rollback", std::int64_t{0});
  result.truncated = json.value("truncated", false);
  json.at("printed").get_to(result.printed);
  result.differs = json.value("differs", result.differs);
  return result;
}

std::vector<Log> all_logs() {
  std::ifstream in(std::string(TEST_DATA_DIR) + "/measured/data/build_logs.jsonl");
  if (!in) {
    throw std::runtime_error("cannot read build_logs.jsonl");
  }
  std::vector<Log> result;
  for (std::string line; std::getline(in, line);) {
    result.push_back(log_of(line));
  }
  return result;
}

// The newest build of a day, as far as its rules differ (facts of the version history). Forks and
// programs that name no build are taken to be as old as their log.
std::string build_of_day(const std::string& date) {
  struct Step {
    std::string_view from;
    std::string_view build;
  };
  static constexpr std::array<Step, 8> steps{{{"2026-08-20", "b10532"},
                                              {"2026-06-01", "b9460"},
                                              {"2026-05-29", "b9410"},
                                              {"2026-05-16", "b9222"},
                                              {"2026-04-01", "b8619"},
                                              {"2026-01-23", "b7819"},
                                              {"2025-11-07", "b6975"},
                                              {"20", "b6975"}}};
  // Without a day or a date nothing says so; the sizes of such logs are the same in all builds.
  const std::string day = date.size() < std::string_view("2026-01").size() ? "2026-08-19" : date;
  return std::string(std::find_if(steps.begin(), steps.end(), [&](const Step& step) {
                       return day.compare(0, day.size(), step.from.substr(0, day.size())) >= 0;
                     })->build);
}

// Programs that only plan, and those that link the library, let every token of a batch ask for
// logits; llama-server did so too before b9460. So all logs are predicted as llama-cli runs.
std::string rules_of(const Log& log) {
  if (!log.rules.empty()) {
    return "llama-cli@" + log.rules;
  }
  constexpr std::string_view oldest = "b6975";
  const bool numbered = log.build.size() == oldest.size() && log.build[0] == 'b';
  const bool newest = log.build.size() > oldest.size() && log.build[0] == 'b';
  return "llama-cli@" +
         (newest || (numbered && log.build >= oldest) ? log.build : build_of_day(log.date));
}

struct Predicted {
  Model model;
  Runtime runtime;
  Footprint footprint;
};

Predicted predict(const Profiles& profiles, const Log& log) {
  Predicted result{.model = profiles.model(log.model, log.quantization),
                   .runtime = profiles.runtime(rules_of(log)),
                   .footprint = {}};
  result.footprint = estimate(result.model, result.runtime, log.workload);
  return result;
}

std::int64_t size_of_part(const Footprint& footprint, const std::string& part) {
  const std::map<std::string, Bytes> sizes{
      {"weights gpu", footprint.gpu.model},
      {"weights host", footprint.host.model},
      {"kv cache", footprint.total(PartName::kv_cache)},
      {"recurrent state", footprint.total(PartName::recurrent_state)},
      {"context", footprint.total(PartName::kv_cache) + footprint.total(PartName::recurrent_state)},
      {"compute gpu", footprint.gpu.compute},
      {"compute host", footprint.host.compute},
      {"output", footprint.total(PartName::output)},
  };
  return sizes.at(part).count();
}

std::int64_t tokens_of(const Log& log) {
  return std::min({*log.workload.context, *log.workload.batch, *log.workload.ubatch});
}

// Before ggml_set_rows wrote the cache (mid-2025) no list said where a token goes: neither one for
// keys nor, without flash attention, one of every element of the values.
std::int64_t no_cache_rows(const Log& log, const Predicted& predicted) {
  constexpr std::int64_t index_bytes = 8;
  const auto& attention = std::get<Attention>(predicted.model.layers.front().mixer);
  const bool transposed = log.workload.flash_attention == FlashAttention::off;
  const std::int64_t values = transposed ? attention.kv_heads * attention.value_dim : 1;
  return -index_bytes * tokens_of(log) * (1 + values);
}

// Before b6975 the context was not rounded up to 256 cells.
std::int64_t no_padding(const Log& log, const Predicted& predicted) {
  constexpr std::int64_t multiple = 256;
  const std::int64_t padded = (*log.workload.context + multiple - 1) / multiple * multiple;
  const std::int64_t cache = predicted.footprint.total(PartName::kv_cache).count();
  return cache / padded * *log.workload.context - cache;
}

// The same of the mask, which is F32 without flash attention.
std::int64_t no_mask_padding(const Log& log, const Predicted& /*predicted*/) {
  constexpr std::int64_t multiple = 256;
  const std::int64_t padded = (*log.workload.context + multiple - 1) / multiple * multiple;
  return 4 * (*log.workload.context - padded) * tokens_of(log);
}

// Files of earlier converters begin with the token embedding, so that what Metal maps, from the
// first of its tensors to the last, is without it.
std::int64_t embedding_first(const Log& /*log*/, const Predicted& predicted) {
  return -predicted.footprint.host.model.count();
}

using Correction = std::int64_t (*)(const Log&, const Predicted&);

// Reasons whose bytes follow from the log's own settings: with them the sizes must agree.
const std::map<std::string, Correction> counted_reasons{
    {"no cache rows before mid-2025", no_cache_rows},
    {"no padding before b6975", no_padding},
    {"no mask padding before b6975", no_mask_padding},
    {"token embedding first in the file", embedding_first},
};

// Before Metal's rewrite of September 2025 the size of a mapped buffer counted from the start of
// the page that its first tensor lies in (size += offs), and the file's header is not in the log.
const std::string page_start = "from the start of its page before September 2025";
constexpr double page = 16384.0 / mebibyte;

// Reasons that change a graph or a file we do not have; all that can be checked is that it is
// another one.
const std::set<std::string> others{
    // No ggml_set_rows, and Metal computed in the order of the graph (before b6460).
    "graph before September 2025",
    // DeepSeek's keys and values were kept per head: n_embd_k_gqa is 24576 in the log.
    "latent attention since April 2025",
    // Its author calls it a regression of that fork: 16 times what upstream needs.
    "fork",
    // Made without the padding of the vocabulary: 1.34 MiB less of token embedding at Q5_K are
    // the 399 tokens between 151665 and 152064.
    "uploader's own file",
};

struct Comparison {
  double printed = 0;
  double predicted = 0;
  double below = 0;  // The prediction may be lower by this.
  double above = 0;  // Or higher by this.

  [[nodiscard]] bool agrees() const {
    return predicted >= printed - below && predicted <= printed + above;
  }
};

Comparison compare(const Log& log, const Predicted& predicted, const std::string& part) {
  Comparison result;
  for (const std::string& number : log.printed.at(part)) {
    const auto point = number.find('.');
    const std::size_t decimals = point == std::string::npos ? 0 : number.size() - point - 1;
    const double unit = std::pow(10.0, -static_cast<double>(decimals));
    // The last digit is rounded, a breakdown's cut off; the rest is for binary fractions.
    constexpr double representation = 1e-6;
    result.printed += std::stod(number);
    result.below += (log.truncated ? 0 : unit / 2) + representation;
    result.above += (log.truncated ? unit : unit / 2) + representation;
  }
  std::int64_t bytes = size_of_part(predicted.footprint, part);
  if (const auto differs = log.differs.find(part); differs != log.differs.end()) {
    for (const std::string& reason : differs->second) {
      if (const auto counted = counted_reasons.find(reason); counted != counted_reasons.end()) {
        bytes += counted->second(log, predicted);
      } else if (reason == page_start) {
        result.below += page;
      } else if (!others.contains(reason)) {
        throw std::runtime_error("nobody knows the reason '" + reason + "'");
      }
    }
  }
  // What a build's graph is bounded by is never less than it takes.
  if (predicted.footprint.assumed() && part.starts_with("compute")) {
    result.above = std::numeric_limits<double>::infinity();
  }
  result.predicted = static_cast<double>(bytes) / mebibyte;
  return result;
}

bool of_another(const Log& log, const std::string& part) {
  const auto differs = log.differs.find(part);
  return differs != log.differs.end() &&
         std::any_of(differs->second.begin(), differs->second.end(),
                     [](const std::string& reason) { return others.contains(reason); });
}

void for_each_part(bool of_others,
                   const std::function<void(const std::string&, const Comparison&)>& use) {
  const Profiles profiles = Profiles::embedded();
  for (const Log& log : all_logs()) {
    const Predicted predicted = predict(profiles, log);
    for (const auto& [part, numbers] : log.printed) {
      if (of_another(log, part) == of_others) {
        use(log.name + ": " + part, compare(log, predicted, part));
      }
    }
  }
}

TEST(BuildLogs, PrintTheSizesThatWePredict) {
  int parts = 0;
  for_each_part(false, [&](const std::string& name, const Comparison& sizes) {
    ++parts;
    EXPECT_TRUE(sizes.agrees()) << name << ": " << fmt::format("{:.4f} MiB", sizes.printed)
                                << " printed, " << fmt::format("{:.4f}", sizes.predicted)
                                << " predicted";
  });
  EXPECT_GT(parts, 100);
}

// Else the reason is none, and the size belongs to the exact ones.
TEST(BuildLogs, OfOtherGraphsAndFilesPrintOtherSizes) {
  int parts = 0;
  for_each_part(true, [&](const std::string& name, const Comparison& sizes) {
    ++parts;
    EXPECT_FALSE(sizes.agrees()) << name << ": " << fmt::format("{:.4f} MiB", sizes.printed)
                                 << " printed and predicted";
  });
  EXPECT_GT(parts, 10);
}

}  // namespace
}  // namespace membudget::test::builds_test
