// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/hf_config.hpp"

namespace membudget::hf {

/// One conversion under way.
struct Conversion {
  const HfConfig& config;
  const CheckpointFacts& facts;
  std::string architecture;
  std::int64_t layers = 0;  ///< Without those that only drafting uses.
  HfModel out;

  void set(std::string_view key, Metadata::Value value) {
    out.metadata.set(fmt::format("{}.{}", architecture, key), std::move(value));
  }
  /// Copies what the config says; nothing when it says nothing.
  void copy(std::string_view key, std::string_view from);
  void optional(std::string name) { out.optional_tensors.push_back(std::move(name)); }
  /// 1 where `types[i]` is one of `wanted`, "a|b".
  [[nodiscard]] std::vector<std::int64_t> layers_of_type(std::string_view wanted) const;
  /// `value` for the layers that `flags` marks, 0 for the others.
  [[nodiscard]] static std::vector<std::int64_t> where(const std::vector<std::int64_t>& flags,
                                                       std::int64_t value);
  /// A member of rope_parameters or rope_scaling, where the full layers' may be apart.
  [[nodiscard]] std::string rope(std::string_view key) const {
    return fmt::format(
        "rope_parameters.full_attention.{0}|rope_parameters.{0}|rope_scaling.{0}|{0}", key);
  }
  [[nodiscard]] std::int64_t head_dim() const {
    return config.whole("head_dim")
        .value_or(config.need("hidden_size|n_embd") / std::max<std::int64_t>(1, heads()));
  }
  [[nodiscard]] std::int64_t heads() const {
    return config.need("num_attention_heads|n_head|n_heads");
  }
  void rotary(double share) {
    set("rope.dimension_count", static_cast<std::int64_t>(static_cast<double>(head_dim()) * share));
  }
  [[nodiscard]] double partial_rotary(double fallback) const {
    return config.number(rope("partial_rotary_factor") + "|rope_pct|rope_percent")
        .value_or(fallback);
  }
};

/// What every class has (TextModel.set_gguf_parameters in conversion/base.py).
void convert_common(Conversion& to);
/// Which of the tensors that only some files have this checkpoint brings.
void find_optional(Conversion& to);

// What some classes compute beyond that; which, says the table of families.
void whole_head_rotary(Conversion& to);
void half_head_rotary(Conversion& to);
void partly_rotary(Conversion& to);
void olmo(Conversion& to);
void exaone4(Conversion& to);
void gemma3(Conversion& to);
void embedding_gemma(Conversion& to);
void gemma3n(Conversion& to);
void gemma4(Conversion& to);
void phi2(Conversion& to);
void phi3(Conversion& to);
void minicpm3(Conversion& to);
void falcon(Conversion& to);
void starcoder(Conversion& to);
void granite(Conversion& to);
void granite_hybrid(Conversion& to);
void nemotron_h(Conversion& to);
void falcon_h1(Conversion& to);
void mamba(Conversion& to);
void mamba2(Conversion& to);
void jamba(Conversion& to);
void lfm2(Conversion& to);
void lfm2_moe(Conversion& to);
void gated_delta_net(Conversion& to);
void qwen35(Conversion& to);
void qwen3_vl(Conversion& to);
void glm4_moe(Conversion& to);
void deepseek(Conversion& to);
void deepseek2(Conversion& to);
void deepseek32(Conversion& to);
void mistral3(Conversion& to);
void llama4(Conversion& to);
void command_r(Conversion& to);
void cohere2(Conversion& to);
void dbrx(Conversion& to);
void ernie_moe(Conversion& to);

}  // namespace membudget::hf
