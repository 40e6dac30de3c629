// SPDX-License-Identifier: MIT
#include "model/quantize_names.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace membudget {
namespace {

bool contains(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

bool contains_any(std::string_view name, std::span<const std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return contains(name, part); });
}

// tensor_get_category and category_is_attn_v in src/llama-quant.cpp, in the engine's order:
// the first match decides.
TensorRole role_of(std::string_view name) {
  if (name == "output.weight") {
    return TensorRole::output;
  }
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") {
    return TensorRole::token_embd;
  }
  struct Pattern {
    std::string_view part;
    TensorRole role;
  };
  static constexpr auto patterns = std::to_array<Pattern>({
      {"attn_qkv.weight", TensorRole::attn_v},
      {"attn_kv_b.weight", TensorRole::attn_v},
      {"attn_v.weight", TensorRole::attn_v},
      {"attn_k.weight", TensorRole::attn_k},
      {"attn_q.weight", TensorRole::attn_q},
      {"attn_output.weight", TensorRole::attn_output},
      {"ffn_up", TensorRole::ffn_up},
      {"ffn_gate", TensorRole::ffn_gate},
      {"ffn_down", TensorRole::ffn_down},
  });
  for (const Pattern& pattern : patterns) {
    if (contains(name, pattern.part)) {
      return pattern.role;
    }
  }
  return TensorRole::other;
}

// tensor_allows_quantization in src/llama-quant.cpp, the part that looks at names.
bool may_be_quantized(std::string_view name) {
  static constexpr auto excluded = std::to_array<std::string_view>({
      "_norm.weight",
      "ffn_gate_inp.weight",
      "ffn_gate_tid2eid.weight",
      "altup",
      "laurel",
      "per_layer_model_proj",
      "ssm_conv1d",
      "shortconv.conv.weight",
      "indexer.k_proj.weight",
      "indexer.q_proj.weight",
      "time_mix_first.weight",
      "time_mix_w0.weight",
      "time_mix_w1.weight",
      "time_mix_w2.weight",
      "time_mix_v0.weight",
      "time_mix_v1.weight",
      "time_mix_v2.weight",
      "time_mix_a0.weight",
      "time_mix_a1.weight",
      "time_mix_a2.weight",
      "time_mix_g1.weight",
      "time_mix_g2.weight",
      "time_mix_decay_w1.weight",
      "time_mix_decay_w2.weight",
      "time_mix_lerp_fused.weight",
      "attn_rel_b.weight",
      ".position_embd",
      "sam.pos_embd",
      "sam.neck.",
      "sam.net_",
      ".rel_pos",
      ".patch_embd",
      ".patch_merger",
      "a.rvq.codebook",
      "mm.a.code_embd",
  });
  return name.ends_with("weight") && name != "position_embd.weight" &&
         name != "token_types.weight" && !contains_any(name, excluded);
}

// convert_hf_to_gguf.py decides this; the list is read off the types in converted files.
bool stays_f32(std::string_view name) {
  static constexpr auto parts = std::to_array<std::string_view>({
      "ffn_gate_inp.weight",        "position_embd.weight",
      "token_types.weight",         "ssm_conv1d",
      "shortconv.conv.weight",      "time_mix_first.weight",
      "time_mix_w1.weight",         "time_mix_w2.weight",
      "time_mix_decay_w1.weight",   "time_mix_decay_w2.weight",
      "time_mix_lerp_fused.weight", "altup_correct_coef.weight",
      "altup_predict_coef.weight",  "indexer.k_proj.weight",
      "indexer.q_proj.weight",      "indexer.proj.weight",
      "compressor_ape.weight",      "hc_attn_fn.weight",
      "hc_ffn_fn.weight",           "output_hc_fn.weight",
  });
  return !name.ends_with(".weight") || name.ends_with("_norm.weight") || contains_any(name, parts);
}

ConvertedAs converted_as(std::string_view name, std::string_view architecture) {
  if (stays_f32(name)) {
    return ConvertedAs::f32;
  }
  if (contains(name, "ffn_gate_tid2eid.weight")) {
    return ConvertedAs::i32;  // A table of expert numbers, not a weight.
  }
  // Published in MXFP4, and repacked without a detour over floats.
  const bool published_in_mxfp4 = architecture == "gpt-oss" || architecture == "deepseek4";
  if (published_in_mxfp4 && contains(name, "_exps.weight")) {
    return ConvertedAs::mxfp4;
  }
  if (architecture == "gemma4" && name == "per_layer_model_proj.weight") {
    return ConvertedAs::bf16;
  }
  return ConvertedAs::asked;
}

// From the dot after the layer's number, which patterns such as ".rel_pos" include.
std::string_view suffix_of(std::string_view name, std::int64_t layer) {
  constexpr std::size_t layer_prefix = 4;  // "blk."
  return layer < 0 ? name : name.substr(name.find('.', layer_prefix));
}

}  // namespace

NamedTraits NameReader::read(std::string_view name, std::int64_t layer) {
  const std::string_view suffix = suffix_of(name, layer);
  if (next_ >= known_.size() || known_[next_].suffix != suffix) {
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const Known& known) { return known.suffix == suffix; });
    next_ = static_cast<std::size_t>(found - known_.begin());
    if (found == known_.end()) {
      known_.push_back({.suffix = suffix,
                        .traits = {.role = role_of(suffix),
                                   .quantizable = may_be_quantized(suffix),
                                   .converted_as = converted_as(suffix, architecture_)}});
    }
  }
  return known_[next_++].traits;
}

}  // namespace membudget
