// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "membudget/tensor.hpp"

namespace membudget {

/// What a condition looks at: the n-th tensor of its kind among how many.
struct Ordinal {
  std::int64_t index = 0;
  std::int64_t count = 0;
};

/// The facts about a model that llama-quantize's choices depend on.
struct QuantizedModel {
  std::int64_t layers = 0;  ///< All blocks, those for token prediction included.
  std::int64_t experts = 0;
  std::int64_t heads_per_kv = 0;  ///< Of the first layer; 0 when it has no KV heads.
  bool seventy_billion = false;   ///< The engine's model type is "70B".
  bool falcon = false;
  bool bailingmoe3 = false;
};

/// When a tensor is given the type of a step.
enum class When : std::uint8_t {
  never,
  always,
  grouped_heads,             ///< Four or more query heads share a KV head.
  grouped_heads_or_experts,  ///< The same, or four or more experts.
  first_2,
  first_4,
  first_eighth,
  first_sixteenth,
  middle,     ///< Neither the first nor the last eighth.
  more_bits,  ///< First and last eighth, and every third between.
};

struct TypeStep {
  When when = When::never;
  ElementType type = ElementType::f32;
};

/// Steps that a rule can be written with.
inline constexpr std::size_t most_steps = 2;

/// The first step that applies decides; the file type's base type when none does. The step behind
/// the written ones is there for exceptions.
using Rule = std::array<TypeStep, most_steps + 1>;

/// The rules by what a tensor is for.
struct Mix {
  Rule attn_q = {};
  Rule attn_k = {};
  Rule attn_v = {};  ///< Also the fused attn_qkv and attn_kv_b.
  Rule attn_output = {};
  Rule ffn_down = {};
  Rule ffn_gate_up = {};
};

/// The type of every tensor whose name outside the layers, or after the layer's number, is `name`
/// ("attn_v.weight"), whatever the mix says: how uploads differ that somebody made by hand.
struct NamedType {
  std::string name;
  ElementType type = ElementType::f32;
};

/// A file type of llama-quantize. Optional rules replace those of `mix` for some models.
struct FileType {
  std::string name;
  ElementType base = ElementType::f32;
  /// Of output.weight, and of token_embd.weight when it doubles as the output.
  ElementType output = ElementType::q6_k;
  /// Of token_embd.weight beside an output.weight; empty: the base type.
  std::optional<ElementType> token_embd = {};
  Mix mix = {};
  std::optional<Rule> attn_v_with_matrix = {};
  std::optional<Rule> ffn_down_with_matrix = {};
  Rule falcon_attn_output = {};
  std::optional<Rule> falcon_ffn_down = {};
  Rule eight_experts_attn_output = {};
  std::optional<Rule> eight_experts_ffn_down = {};
  bool needs_matrix = false;  ///< llama-quantize refuses to write it without one.
  /// IQ1 and IQ2: their own branch in the engine, with fewer exceptions by model, and
  /// ffn_down counted tensor by tensor even in models with experts.
  bool lowest_bits = false;
  /// The same for any type, as the quantizer did that Ollama had of its own
  /// before 0.20 (getTensorNewType in server/quantization.go).
  bool counts_each_ffn_down = false;
  bool experts_only = false;  ///< MXFP4_MOE: the base type for experts, Q8_0 for the rest.
  std::vector<NamedType> named = {};
};

/// A way in which mlx-lm stores a model (mlx-lm 0.32.0, mlx_lm/utils.py quantize_model).
struct MlxFormat {
  std::string name;
  ElementType type = ElementType::bf16;  ///< Of matrices; bf16 = not quantized.
  /// Of the output, and of V and down projections where bits matter most (mlx_lm/convert.py,
  /// mixed_quant_predicate_builder); empty: one type for all.
  std::optional<ElementType> high = {};
  std::vector<NamedType> named = {};
};

/// A way in which MLC-LLM or coremltools stores a model: matrices as whole numbers with a scale for
/// each group of a row, everything else as floats.
struct GroupedFormat {
  /// Who writes it.
  enum class Writer : std::uint8_t { mlc, core_ml };
  std::string name;
  Writer writer = Writer::mlc;
  ElementType type = ElementType::f16;    ///< Of matrices, embeddings and the output included.
  ElementType floats = ElementType::f16;  ///< Of what is not quantized.
};

using Quantization = std::variant<FileType, MlxFormat, GroupedFormat>;

/// The rules of a file type for one model, its special cases resolved.
[[nodiscard]] Mix mix_of(const FileType& file_type, const QuantizedModel& model, bool matrix);
/// Whether the bits of a place matter most: the first and the last eighth, and every third between.
[[nodiscard]] bool gets_more_bits(Ordinal place);
/// The type a rule gives at a place, before row sizes are considered.
[[nodiscard]] ElementType type_by(const Rule& rule, Ordinal place, const QuantizedModel& model,
                                  ElementType base);

}  // namespace membudget
