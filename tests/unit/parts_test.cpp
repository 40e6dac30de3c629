// SPDX-License-Identifier: MIT
// What is said about a part is read back: its numbers must give the part.
#include "engine/llamacpp/parts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <regex>
#include <string>

#include "membudget/footprint.hpp"
#include "support/embedded.hpp"

namespace membudget::parts_test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// `name` with 4096 tokens and so many layers on the GPU, the output counted as one.
Footprint with_layers(const std::string& name, std::int64_t gpu_layers, Workload workload = {}) {
  workload.context = 4096;
  workload.gpu_layers = gpu_layers;
  return estimate(profiles().model(name), profiles().runtime("llama.cpp"), workload);
}

const Part* part_of(const Footprint& footprint, PartName name, Place where) {
  for (const Part& each : footprint.parts) {
    if (each.name == name && each.where == where) {
      return &each;
    }
  }
  return nullptr;
}

/// Calls `use` with every match of `pattern` in `text`.
template <class Use>
void each_match(const std::string& text, const std::string& pattern, Use use) {
  const std::regex regex(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    use(*at);
  }
}

/// What a formula of a cache or of states comes to.
double result_of(const std::string& formula) {
  double out = 0;
  each_match(formula,
             R"((\d+) cells x (\d+) streams? x \((\d+) K elements x ([\d.]+) B \+ (\d+) V elements)"
             R"( x ([\d.]+) B\))",
             [&](const std::smatch& m) {
               out += std::stod(m[1]) * std::stod(m[2]) *
                      (std::stod(m[3]) * std::stod(m[4]) + std::stod(m[5]) * std::stod(m[6]));
             });
  each_match(formula, R"((\d+) slots? x \((\d+) R elements \+ (\d+) S elements\) x 4 B)",
             [&](const std::smatch& m) {
               out += std::stod(m[1]) * (std::stod(m[2]) + std::stod(m[3])) * 4;
             });
  each_match(formula, R"((\d+) slots? x (\d+) elements of tokens not yet summarised x 4 B)",
             [&](const std::smatch& m) { out += std::stod(m[1]) * std::stod(m[2]) * 4; });
  return out;
}

/// The layers that a note counts.
std::int64_t layers_in(const std::string& note) {
  std::int64_t out = 0;
  each_match(note, R"((\d+) (?:full |sliding |summary |indexer )?layers?\b)",
             [&](const std::smatch& m) { out += std::stoll(m[1]); });
  return out;
}

void expect_formulas_give_bytes(const Footprint& footprint, const std::string& name) {
  for (const Part& each : footprint.parts) {
    if (each.name == PartName::kv_cache || each.name == PartName::recurrent_state) {
      EXPECT_EQ(result_of(each.formula), static_cast<double>(each.bytes.count()))
          << name << ": " << each.formula;
    }
  }
}

TEST(CacheParts, SayWhichLayersLieWhere) {
  const Footprint footprint = with_layers("llama-3.1-8b", 20);
  const Part* gpu = part_of(footprint, PartName::kv_cache, Place::gpu);
  const Part* host = part_of(footprint, PartName::kv_cache, Place::host);
  ASSERT_TRUE(gpu != nullptr && host != nullptr);
  EXPECT_EQ(gpu->note, "19 full layers x 4096 cells");
  EXPECT_EQ(host->note, "13 full layers x 4096 cells");
  EXPECT_EQ(gpu->formula,
            "4096 cells x 1 stream x (19456 K elements x 2 B + 19456 V elements x 2 B)");
  EXPECT_EQ(host->formula,
            "4096 cells x 1 stream x (13312 K elements x 2 B + 13312 V elements x 2 B)");
}

TEST(CacheParts, FormulasGiveTheBytesOfTheirPlace) {
  // Full, sliding, latent, compressed, and beside states.
  for (const char* name : {"llama-3.1-8b", "gemma-3-12b", "gpt-oss-20b", "deepseek-v2-lite",
                           "deepseek-v4-flash", "granite-4.0-h-350m", "lfm2-1.2b", "qwen3.5-9b"}) {
    for (const std::int64_t layers : {-1, 0, 12}) {
      expect_formulas_give_bytes(with_layers(name, layers), name);
    }
  }
}

TEST(CacheParts, FormulasGiveTheBytesOfQuantizedCachesOfSeveralSlots) {
  Workload workload;
  workload.parallel = 2;
  for (const ElementType type : {ElementType::q8_0, ElementType::q4_0, ElementType::q5_1}) {
    workload.cache_type_k = workload.cache_type_v = type;
    expect_formulas_give_bytes(with_layers("gemma-3-12b", 20, workload), "gemma-3-12b");
  }
}

TEST(CacheParts, NotesOfBothPlacesNameEveryLayerOnce) {
  for (const char* name : {"llama-3.1-8b", "gemma-3-12b", "gpt-oss-20b", "granite-4.0-h-350m"}) {
    const auto named = [&](std::int64_t layers, PartName part) {
      const Footprint footprint = with_layers(name, layers);
      std::int64_t out = 0;
      for (const Place where : {Place::gpu, Place::host}) {
        const Part* found = part_of(footprint, part, where);
        out += found == nullptr ? 0 : layers_in(found->note);
      }
      return out;
    };
    for (const PartName part : {PartName::kv_cache, PartName::recurrent_state}) {
      EXPECT_EQ(named(12, part), named(-1, part)) << name;
      EXPECT_EQ(named(0, part), named(-1, part)) << name;
    }
    EXPECT_GT(named(12, PartName::kv_cache), 0) << name;
  }
}

TEST(Parts, OfOneAreSingular) {
  Workload workload;
  workload.parallel = 1;
  const Footprint footprint = with_layers("granite-4.0-h-350m", -1, workload);
  for (const Part& each : footprint.parts) {
    for (const char* plural : {" 1 slots", " 1 streams", " 1 rows"}) {
      EXPECT_THAT(" " + each.note + " " + each.formula, Not(HasSubstr(plural)));
    }
  }
}

}  // namespace
}  // namespace membudget::parts_test
