// SPDX-License-Identifier: MIT
#include "model/quantization.hpp"

namespace membudget {
namespace {

using enum ElementType;
using enum When;

constexpr Rule all(ElementType type) {
  return {{{always, type}}};
}

bool applies(When when, Ordinal place, const QuantizedModel& model) {
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
  for (TypeStep& step : rule) {
    if (step.type == q3_k || step.type == q4_k) {
      step.type = q5_k;
    }
  }
  return rule;
}

}  // namespace

// use_more_bits in llama_tensor_get_type_impl, integer divisions included.
bool gets_more_bits(Ordinal place) {
  const std::int64_t eighth = place.count / 8;
  return place.index < eighth || place.index >= 7 * place.count / 8 ||
         (place.index - eighth) % 3 == 2;
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
    mix.attn_output = file_type.eight_experts_attn_output;
    mix.ffn_down = file_type.eight_experts_ffn_down.value_or(mix.ffn_down);
  }
  if (model.falcon) {
    mix.attn_output = file_type.falcon_attn_output;
    mix.ffn_down = file_type.falcon_ffn_down.value_or(mix.ffn_down);
  }
  return mix;
}

ElementType type_by(const Rule& rule, Ordinal place, const QuantizedModel& model,
                    ElementType base) {
  for (const TypeStep& step : rule) {
    if (applies(step.when, place, model)) {
      return step.type;
    }
  }
  return base;
}

}  // namespace membudget
