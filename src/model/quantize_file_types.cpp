// SPDX-License-Identifier: MIT
#include "model/quantize_file_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "membudget/error.hpp"

namespace membudget {
namespace {

using enum ElementType;
using enum When;

constexpr Rule rule(Step first, Step second = {}) {
  return {first, second, {}};
}
constexpr Rule all(ElementType type) {
  return rule({always, type});
}

// What replaces the base type, per file type: llama.cpp b10587, src/llama-quant.cpp,
// llama_tensor_get_type_impl and llama_ftype_get_default_type.
constexpr FileType types[] = {
    {.name = "F32", .base = f32},
    {.name = "BF16", .base = bf16},
    {.name = "F16", .base = f16},
    {.name = "Q8_0", .base = q8_0, .output = q8_0, .eight_experts_raise_output = false},
    {.name = "Q6_K", .base = q6_k, .eight_experts_raise_output = false},
    {.name = "Q5_K_M",
     .base = q5_k,
     .mix = {.attn_v = rule({more_bits, q6_k}), .ffn_down = rule({more_bits, q6_k})},
     .eight_experts_raise_output = false},
    {.name = "Q5_K_S", .base = q5_k, .eight_experts_raise_output = false},
    {.name = "Q5_1", .base = q5_1, .eight_experts_raise_output = false},
    {.name = "Q5_0",
     .base = q5_0,
     .ffn_down_with_matrix = rule({first_eighth, q5_1}),
     .eight_experts_raise_output = false},
    {.name = "Q4_K_M",
     .base = q4_k,
     .mix = {.attn_v = rule({more_bits, q6_k}), .ffn_down = rule({more_bits, q6_k})},
     .falcon_ffn_down = rule({first_sixteenth, q6_k}, {more_bits, q5_k})},
    {.name = "Q4_K_S",
     .base = q4_k,
     .mix = {.attn_v = rule({first_4, q5_k}), .ffn_down = rule({first_eighth, q5_k})},
     .falcon_ffn_down = Rule{}},
    {.name = "Q4_1", .base = q4_1, .eight_experts_raise_output = false},
    {.name = "IQ4_NL",
     .base = iq4_nl,
     .mix = {.attn_v = rule({grouped_heads, q5_k}), .ffn_down = rule({first_eighth, q5_k})},
     .ffn_down_with_matrix = Rule{}},
    {.name = "Q4_0",
     .base = q4_0,
     .ffn_down_with_matrix = rule({first_eighth, q4_1}),
     .eight_experts_raise_output = false},
    {.name = "IQ4_XS",
     .base = iq4_xs,
     .mix = {.attn_v = rule({grouped_heads, q5_k}), .ffn_down = rule({first_eighth, q5_k})},
     .ffn_down_with_matrix = Rule{}},
    {.name = "MXFP4_MOE",
     .base = mxfp4,
     .output = q8_0,
     .eight_experts_raise_output = false,
     .experts_only = true},
    {.name = "Q3_K_L",
     .base = q3_k,
     .mix = {.attn_v = all(q5_k), .attn_output = all(q5_k), .ffn_down = all(q5_k)},
     .falcon_attn_output = all(q4_k),
     .falcon_ffn_down = all(q4_k),
     .eight_experts_raise_output = false},
    {.name = "Q3_K_M",
     .base = q3_k,
     .mix = {.attn_v = rule({first_2, q5_k}, {always, q4_k}),
             .attn_output = all(q4_k),
             .ffn_down = rule({first_sixteenth, q5_k}, {always, q4_k})},
     .falcon_ffn_down = rule({first_sixteenth, q5_k}, {more_bits, q4_k})},
    {.name = "IQ3_M",
     .base = iq3_s,
     .mix = {.attn_v = all(q4_k), .attn_output = all(q4_k), .ffn_down = rule({first_eighth, q4_k})},
     .eight_experts_ffn_down = rule({more_bits, q4_k})},
    {.name = "IQ3_S", .base = iq3_s, .mix = {.attn_v = rule({grouped_heads, q4_k})}},
    {.name = "Q3_K_S", .base = q3_k},
    {.name = "IQ3_XS",
     .base = iq3_s,
     .mix = {.attn_q = all(iq3_xxs),
             .attn_k = all(iq3_xxs),
             .attn_v = rule({grouped_heads, q4_k}),
             .ffn_gate_up = rule({middle, iq3_xxs})},
     .needs_matrix = true},
    {.name = "IQ3_XXS",
     .base = iq3_xxs,
     .output = q5_k,
     .token_embd = iq3_s,
     .mix = {.attn_q = all(iq2_s),
             .attn_k = all(iq2_s),
             .attn_v = rule({grouped_heads, q4_k}, {always, iq3_s}),
             .attn_output = all(iq3_s),
             .ffn_down = rule({first_eighth, q4_k}, {always, q3_k})},
     .attn_v_with_matrix = rule({grouped_heads, q4_k}),
     .ffn_down_with_matrix = Rule{},
     .needs_matrix = true},
    {.name = "Q2_K",
     .base = q2_k,
     .mix = {.attn_v = rule({grouped_heads, q4_k}, {always, q3_k}),
             .attn_output = all(q3_k),
             .ffn_down = all(q3_k)}},
    {.name = "IQ2_M",
     .base = iq2_s,
     .output = q5_k,
     .token_embd = iq3_s,
     .mix = {.attn_v = rule({grouped_heads_or_experts, q4_k}, {always, iq3_s}),
             .attn_output = all(iq3_s),
             .ffn_down = rule({first_eighth, iq3_s})},
     .needs_matrix = true,
     .lowest_bits = true},
    {.name = "Q2_K_S",
     .base = q2_k,
     .mix = {.attn_v = rule({grouped_heads, q4_k}), .ffn_down = rule({first_eighth, q4_k})},
     .eight_experts_raise_output = false,
     .needs_matrix = true},
    {.name = "IQ2_S",
     .base = iq2_xs,
     .output = q5_k,
     .token_embd = iq3_s,
     .mix = {.attn_v = rule({grouped_heads_or_experts, q4_k}, {always, iq3_s}),
             .attn_output = all(iq3_s),
             .ffn_down = rule({first_eighth, iq3_s})},
     .needs_matrix = true,
     .lowest_bits = true},
    {.name = "IQ2_XS",
     .base = iq2_xs,
     .output = q5_k,
     .token_embd = q2_k,
     .mix = {.attn_v = rule({grouped_heads_or_experts, q4_k}, {always, q2_k}),
             .ffn_down = rule({first_eighth, q2_k})},
     .needs_matrix = true,
     .lowest_bits = true},
    {.name = "Q2_0", .base = q2_0, .token_embd = q4_k, .eight_experts_raise_output = false},
    {.name = "IQ2_XXS",
     .base = iq2_xxs,
     .output = q5_k,
     .token_embd = q2_k,
     .mix = {.attn_v = rule({grouped_heads_or_experts, q4_k}, {always, q2_k}),
             .ffn_down = rule({first_eighth, q2_k})},
     .needs_matrix = true,
     .lowest_bits = true},
    {.name = "TQ2_0", .base = tq2_0, .token_embd = q4_k, .eight_experts_raise_output = false},
    {.name = "IQ1_M",
     .base = iq1_m,
     .output = q5_k,
     .token_embd = q2_k,
     .mix = {.attn_v = rule({grouped_heads_or_experts, q4_k}, {always, q2_k}),
             .attn_output = all(iq2_xxs),
             .ffn_down = rule({first_eighth, q2_k})},
     .needs_matrix = true,
     .lowest_bits = true},
    {.name = "TQ1_0", .base = tq1_0, .token_embd = q4_k, .eight_experts_raise_output = false},
    {.name = "IQ1_S",
     .base = iq1_s,
     .output = q5_k,
     .token_embd = q2_k,
     .mix = {.attn_v = rule({grouped_heads_or_experts, q4_k}, {always, q2_k}),
             .attn_output = all(iq2_xxs),
             .ffn_down = rule({first_eighth, q2_k})},
     .needs_matrix = true,
     .lowest_bits = true},
    {.name = "Q1_0", .base = q1_0, .eight_experts_raise_output = false},
};

// tools/quantize/quantize.cpp, QUANT_OPTIONS.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> aliases{
    {{"Q3_K", "Q3_K_M"}, {"Q4_K", "Q4_K_M"}, {"Q5_K", "Q5_K_M"}}};

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

// Letters to insert, delete or replace to turn one into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
    }
  }
  return row.back();
}

[[noreturn]] void fail_unknown(std::string_view name, std::string_view upper) {
  constexpr std::size_t similar = 2;  // Edits that a slip of the fingers explains.
  std::size_t least = similar;
  for (const FileType& type : types) {
    least = std::min(least, edit_distance(upper, type.name));
  }
  std::vector<std::string_view> near;
  std::vector<std::string_view> known;
  for (const FileType& type : types) {
    known.push_back(type.name);
    if (edit_distance(upper, type.name) == least) {
      near.push_back(type.name);
    }
  }
  const std::string remedy = near.empty() ? fmt::format("use one of {}", fmt::join(known, ", "))
                                          : fmt::format("did you mean {}?", fmt::join(near, ", "));
  throw Error(Errc::unknown_name, "", fmt::format("unknown quantization '{}'; {}", name, remedy));
}

// use_more_bits in llama_tensor_get_type_impl, integer divisions included.
bool gets_more_bits(Place place) {
  const std::int64_t eighth = place.count / 8;
  return place.index < eighth || place.index >= 7 * place.count / 8 ||
         (place.index - eighth) % 3 == 2;
}

bool applies(When when, Place place, const QuantizedModel& model) {
  switch (when) {
    case never:
      return false;
    case always:
      return true;
    case grouped_heads:
      return model.heads_per_kv >= 4;
    case grouped_heads_or_experts:
      return model.heads_per_kv >= 4 || model.experts >= 4;
    case first_2:
      return place.index < 2;
    case first_4:
      return place.index < 4;
    case first_eighth:
      return place.index < place.count / 8;
    case first_sixteenth:
      return place.index < place.count / 16;
    case middle:
      return place.index >= place.count / 8 && place.index < 7 * place.count / 8;
    case more_bits:
      return gets_more_bits(place);
  }
  return false;
}

// Eight heads of a 70B model share attn_v, so its bits are cheap: nothing below Q5_K.
Rule raised_to_q5_k(Rule rule, ElementType base) {
  rule.back() = {always, base};
  for (Step& step : rule) {
    if (step.type == q3_k || step.type == q4_k) {
      step.type = q5_k;
    }
  }
  return rule;
}

}  // namespace

std::span<const FileType> file_types() {
  return types;
}

const FileType& file_type_named(std::string_view name) {
  std::string wanted = upper_case(name);
  for (const auto& [alias, full_name] : aliases) {
    if (wanted == alias) {
      wanted = full_name;
    }
  }
  const auto* found = std::find_if(std::begin(types), std::end(types),
                                   [&](const FileType& type) { return type.name == wanted; });
  if (found == std::end(types)) {
    fail_unknown(name, wanted);
  }
  return *found;
}

Mix mix_of(const FileType& file_type, const QuantizedModel& model, bool matrix) {
  Mix mix = file_type.mix;
  const bool eight_experts = model.experts == 8;
  if (file_type.lowest_bits) {
    if (eight_experts) {
      mix.attn_k = all(q4_k);
      mix.attn_output = all(q5_k);
    }
    return mix;
  }
  if (matrix) {
    mix.attn_v = file_type.attn_v_with_matrix.value_or(mix.attn_v);
    mix.ffn_down = file_type.ffn_down_with_matrix.value_or(mix.ffn_down);
  }
  if (model.seventy_billion) {
    mix.attn_v = raised_to_q5_k(mix.attn_v, file_type.base);
  }
  if (eight_experts) {
    mix.attn_k = all(q8_0);
    mix.attn_v = all(q8_0);
    mix.attn_output = file_type.eight_experts_raise_output ? all(q5_k) : Rule{};
    mix.ffn_down = file_type.eight_experts_ffn_down.value_or(mix.ffn_down);
  }
  if (model.falcon) {
    mix.attn_output = file_type.falcon_attn_output;
    mix.ffn_down = file_type.falcon_ffn_down.value_or(mix.ffn_down);
  }
  return mix;
}

ElementType type_by(const Rule& rule, Place place, const QuantizedModel& model, ElementType base) {
  for (const Step& step : rule) {
    if (applies(step.when, place, model)) {
      return step.type;
    }
  }
  return base;
}

}  // namespace membudget
