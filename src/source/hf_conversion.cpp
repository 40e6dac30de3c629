// SPDX-License-Identifier: MIT
#include "source/hf_conversion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace membudget::hf {

using nlohmann::json;

void Conversion::copy(std::string_view key, std::string_view from) {
  const json* value = config.find(from);
  if (value == nullptr) {
    return;
  }
  if (value->is_boolean()) {
    set(key, value->get<bool>());
  } else if (value->is_number_float()) {
    set(key, value->get<double>());
  } else if (value->is_number()) {
    set(key, *config.whole(from));
  } else if (value->is_array() && !value->empty() &&
             std::all_of(value->begin(), value->end(),
                         [](const json& each) { return each.is_number_integer(); })) {
    set(key, value->get<std::vector<std::int64_t>>());
  } else if (value->is_array() && !value->empty()) {
    config.fail(from.substr(0, from.find('|')), "must be an array of whole numbers");
  } else if (value->is_string()) {
    set(key, value->get<std::string>());
  }
}

std::vector<std::int64_t> Conversion::layers_of_type(std::string_view wanted) const {
  const std::vector<std::string> types = config.texts("layer_types|layers_block_type");
  if (static_cast<std::int64_t>(types.size()) < layers) {
    config.fail("layer_types", fmt::format("must name the type of each of the {} layers", layers));
  }
  std::vector<std::int64_t> flags;
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::string& type = types[static_cast<std::size_t>(i)];
    std::string_view rest = wanted;
    bool any = false;
    while (!rest.empty()) {
      const auto bar = rest.find('|');
      any = any || rest.substr(0, bar) == type;
      rest.remove_prefix(bar == std::string_view::npos ? rest.size() : bar + 1);
    }
    flags.push_back(any ? 1 : 0);
  }
  return flags;
}

std::vector<std::int64_t> Conversion::where(const std::vector<std::int64_t>& flags,
                                            std::int64_t value) {
  std::vector<std::int64_t> out;
  std::transform(flags.begin(), flags.end(), std::back_inserter(out),
                 [&](std::int64_t flag) { return flag != 0 ? value : 0; });
  return out;
}

// ---- What every class has: TextModel.set_gguf_parameters in conversion/base.py.

namespace {

struct Copied {
  std::string_view key;
  std::string_view from;
};

constexpr std::array common_keys{
    Copied{"context_length",
           "max_position_embeddings|n_ctx|n_positions|max_length|max_sequence_length|"
           "model_max_length"},
    Copied{"embedding_length", "hidden_size|n_embd|dim|d_model"},
    Copied{"feed_forward_length",
           "prefix_dense_intermediate_size|dense_intermediate_size|intermediate_size|n_inner|"
           "hidden_dim"},
    Copied{"attention.head_count", "num_attention_heads|n_head|n_heads"},
    Copied{"attention.head_count_kv", "num_key_value_heads|n_kv_heads"},
    Copied{"expert_count", "num_local_experts|num_experts|n_routed_experts"},
    Copied{"expert_used_count", "num_experts_per_tok|num_experts_per_token|top_k_experts"},
    Copied{"expert_group_count", "n_group"},
    Copied{"expert_group_used_count", "topk_group"},
    Copied{"attention.key_length", "head_dim"},
    Copied{"attention.value_length", "head_dim"},
    Copied{"rope.dimension_sections", "rope_parameters.mrope_section|rope_scaling.mrope_section"},
};

void convert_gating(Conversion& to) {
  const auto function = to.config.text(
      "score_function|scoring_func|score_func|moe_router_activation|moe_router_activation_func|"
      "expert_selection_fn");
  // gguf.ExpertGatingFuncType
  if (function == "softmax") {
    to.set("expert_gating_func", std::int64_t{1});
  } else if (function == "sigmoid") {
    to.set("expert_gating_func", std::int64_t{2});
  }
}

void convert_rope(Conversion& to) {
  const std::string type =
      to.config.text(fmt::format("{}|rope_scaling.type", to.rope("rope_type"))).value_or("");
  if (type == "yarn" && to.config.find(to.rope("factor")) != nullptr) {
    to.set("rope.scaling.type", std::string("yarn"));
    to.copy("rope.scaling.original_context_length", to.rope("original_max_position_embeddings"));
  } else if (type == "llama3") {
    to.optional("rope_freqs.weight");
  }
}

}  // namespace

void convert_common(Conversion& to) {
  for (const auto& [key, from] : common_keys) {
    to.copy(key, from);
  }
  // Pads [time, height, width] with a fourth section.
  if (const json* sections = to.config.find(common_keys.back().from);
      sections != nullptr && sections->is_array() && sections->size() < 4) {
    std::vector<std::int64_t> four;
    for (const json& each : *sections) {
      four.push_back(each.is_number_integer() ? each.get<std::int64_t>() : 0);
    }
    four.resize(4, 0);
    to.set("rope.dimension_sections", std::move(four));
  }
  to.set("block_count", to.layers);
  if (to.facts.vocabulary > 0) {
    to.set("vocab_size", to.facts.vocabulary);
  } else {
    to.copy("vocab_size", "vocab_size");
  }
  if (to.config.find("is_causal") != nullptr && !to.config.truth("is_causal")) {
    to.set("attention.causal", false);
  }
  convert_gating(to);
  convert_rope(to);
}

namespace {

/// Optional tensors by the end of the name that a checkpoint gives them.
constexpr std::array tensors_outside{
    Copied{"output.weight", "lm_head.weight"},
    Copied{"output.weight", "output_layer.weight"},
    Copied{"output.weight", "embed_out.weight"},
    Copied{"output.bias", "lm_head.bias"},
};
constexpr std::array tensors_of_layers{
    Copied{"attn_q.bias", "self_attn.q_proj.bias"},
    Copied{"attn_k.bias", "self_attn.k_proj.bias"},
    Copied{"attn_v.bias", "self_attn.v_proj.bias"},
    Copied{"attn_output.bias", "self_attn.o_proj.bias"},
    Copied{"attn_q_norm.weight", "self_attn.q_norm.weight"},
    Copied{"attn_k_norm.weight", "self_attn.k_norm.weight"},
    Copied{"ffn_gate.bias", "mlp.gate_proj.bias"},
    Copied{"ffn_up.bias", "mlp.up_proj.bias"},
    Copied{"ffn_down.bias", "mlp.down_proj.bias"},
    Copied{"ffn_norm.weight", "post_attention_layernorm.weight"},
    Copied{"ffn_norm.bias", "post_attention_layernorm.bias"},
    Copied{"attn_norm_2.weight", "ln_attn.weight"},
    Copied{"attn_norm_2.bias", "ln_attn.bias"},
    Copied{"exp_probs_b.bias", "e_score_correction_bias"},
    Copied{"ssm_norm.weight", "mamba.norm.weight"},
    Copied{"nextn.embed_tokens.weight", "embed_tokens.weight"},
    Copied{"nextn.shared_head_head.weight", "shared_head.head.weight"},
    Copied{"nextn.shared_head_norm.weight", "shared_head.norm.weight"},
};

}  // namespace

void find_optional(Conversion& to) {
  const auto add = [&](std::string_view name, bool there) {
    const auto& listed = to.out.optional_tensors;
    if (there && std::find(listed.begin(), listed.end(), name) == listed.end()) {
      to.optional(std::string(name));
    }
  };
  for (const auto& [name, ending] : tensors_outside) {
    add(name, to.facts.has_outside(ending));
  }
  for (const auto& [name, ending] : tensors_of_layers) {
    add(name, to.facts.has_in_layer(ending));
  }
}

// ---- What some classes compute.

void whole_head_rotary(Conversion& to) {
  to.rotary(1.0);
}

void half_head_rotary(Conversion& to) {
  to.rotary(to.partial_rotary(0.5));
}

void partly_rotary(Conversion& to) {
  to.rotary(to.partial_rotary(1.0));
}

namespace {

/// The default of the classes that only write a pattern where layers differ.
void sliding_pattern(Conversion& to) {
  if (to.config.find("layer_types") != nullptr) {
    to.set("attention.sliding_window_pattern", to.layers_of_type("sliding_attention"));
  }
}

}  // namespace

void olmo(Conversion& to) {
  to.copy("attention.sliding_window", "sliding_window");
  if (to.config.find("sliding_window") != nullptr) {
    sliding_pattern(to);
  }
}

void exaone4(Conversion& to) {
  whole_head_rotary(to);
  olmo(to);
}

void gemma3(Conversion& to) {
  to.set("attention.head_count", to.config.whole("num_attention_heads").value_or(8));
  to.set("attention.head_count_kv", to.config.whole("num_key_value_heads").value_or(4));
  to.set("attention.key_length", to.config.whole("head_dim").value_or(256));
  to.set("attention.value_length", to.config.whole("head_dim").value_or(256));
  to.set("context_length", to.config.whole("max_position_embeddings").value_or(131072));
  if (to.config.whole("sliding_window_pattern").value_or(0) != 1) {
    to.copy("attention.sliding_window", "sliding_window");
  }
}

void embedding_gemma(Conversion& to) {
  gemma3(to);
  to.set("attention.causal", false);
  to.set("pooling_type", std::int64_t{1});
  // The checkpoint states half of the window, rounded up.
  if (to.config.truth("use_bidirectional_attention")) {
    to.set("attention.sliding_window", to.config.need("sliding_window"));
  }
}

void gemma3n(Conversion& to) {
  gemma3(to);
  sliding_pattern(to);
}

void gemma4(Conversion& to) {
  gemma3(to);
  const std::vector<std::int64_t> slides = to.layers_of_type("sliding_attention");
  const std::int64_t full = to.config.need("global_head_dim|head_dim");
  const std::int64_t sliding = to.config.need("head_dim");
  to.set("attention.sliding_window_pattern", slides);
  to.set("attention.key_length", full);
  to.set("attention.value_length", full);
  to.set("attention.key_length_swa", sliding);
  to.set("attention.value_length_swa", sliding);
  to.set("rope.dimension_count", full);
  const std::int64_t shared = to.config.whole("num_kv_shared_layers").value_or(0);
  if (to.config.truth("use_double_wide_mlp")) {
    const std::int64_t width = to.config.need("intermediate_size");
    std::vector<std::int64_t> widths;
    for (std::int64_t i = 0; i < to.layers; ++i) {
      widths.push_back(i < to.layers - shared ? width : 2 * width);
    }
    to.set("feed_forward_length", std::move(widths));
  }
  if (const auto full_heads = to.config.whole("num_global_key_value_heads")) {
    std::vector<std::int64_t> heads;
    heads.reserve(slides.size());
    for (const std::int64_t slide : slides) {
      heads.push_back(slide != 0 ? to.config.need("num_key_value_heads") : *full_heads);
    }
    to.set("attention.head_count_kv", std::move(heads));
  }
  to.optional("rope_freqs.weight");
  // Keys serve as values on full layers, unless the config says otherwise.
  if (!to.config.truth("attention_k_eq_v")) {
    to.optional("attn_v.weight");
  }
}

void phi2(Conversion& to) {
  to.set("feed_forward_length", 4 * to.config.need("hidden_size|n_embd"));
  to.set("attention.head_count_kv", to.heads());
  to.rotary(to.partial_rotary(1.0));
}

void phi3(Conversion& to) {
  // 0 tells Phi-4 from its predecessors.
  to.set("attention.sliding_window", to.config.whole("sliding_window").value_or(0));
  to.copy("rope.scaling.original_context_length",
          "original_max_position_embeddings|" + to.rope("original_max_position_embeddings"));
  to.rotary(to.partial_rotary(1.0));
  if (to.config.find(to.rope("long_factor")) != nullptr) {
    to.optional("rope_factors_long.weight");
    to.optional("rope_factors_short.weight");
  }
}

void minicpm3(Conversion& to) {
  to.copy("attention.q_lora_rank", "q_lora_rank");
  to.copy("attention.kv_lora_rank", "kv_lora_rank");
  const std::int64_t rope = to.config.need("qk_rope_head_dim");
  to.set("attention.key_length", to.config.need("qk_nope_head_dim") + rope);
  to.set("rope.dimension_count", rope);
  if (to.config.find(to.rope("long_factor")) != nullptr) {
    to.optional("rope_factors_long.weight");
    to.optional("rope_factors_short.weight");
  }
}

void falcon(Conversion& to) {
  to.set("context_length", std::int64_t{2048});
  to.set("feed_forward_length", 4 * to.config.need("hidden_size"));
  to.set("attention.head_count_kv", to.config.whole("num_kv_heads|n_head_kv").value_or(1));
}

void starcoder(Conversion& to) {
  to.set("feed_forward_length", 4 * to.config.need("n_embd"));
  to.set("attention.head_count_kv", std::int64_t{1});
}

void granite(Conversion& to) {
  // The class has no head_dim, even where the config names one.
  const std::int64_t head = to.config.need("hidden_size") / std::max<std::int64_t>(1, to.heads());
  to.set("attention.key_length", head);
  to.set("attention.value_length", head);
  to.set("rope.dimension_count", head);
}

void qwen3_vl(Conversion& to) {
  const json* layers = to.config.find("vision_config.deepstack_visual_indexes");
  to.set("n_deepstack_layers",
         static_cast<std::int64_t>(layers != nullptr && layers->is_array() ? layers->size() : 0));
}

namespace {

/// Blocks at the end that only drafting uses are written as further layers.
void with_predictor(Conversion& to) {
  const std::int64_t more = to.config.whole("num_nextn_predict_layers").value_or(0);
  to.set("block_count", to.layers + more);
  if (more > 0) {
    to.set("nextn_predict_layers", more);
  }
}

}  // namespace

void glm4_moe(Conversion& to) {
  half_head_rotary(to);
  to.set("expert_gating_func", std::int64_t{2});
  with_predictor(to);
}

void deepseek(Conversion& to) {
  to.set("expert_weights_scale", 1.0);
  whole_head_rotary(to);
}

void deepseek2(Conversion& to) {
  const std::int64_t latent = to.config.whole("kv_lora_rank").value_or(512);
  const std::int64_t rope = to.config.need("qk_rope_head_dim");
  const bool experts = to.config.whole("n_routed_experts").has_value();
  to.set("leading_dense_block_count",
         to.config.whole("first_k_dense_replace").value_or(experts ? 0 : to.layers));
  to.set("attention.head_count_kv", std::int64_t{1});
  to.set("attention.kv_lora_rank", latent);
  to.set("attention.key_length", latent + rope);
  to.set("attention.value_length", latent);
  to.set("attention.key_length_mla", to.config.need("qk_nope_head_dim") + rope);
  to.set("attention.value_length_mla", to.config.need("v_head_dim"));
  to.set("rope.dimension_count", rope);
  to.copy("expert_feed_forward_length", "moe_intermediate_size|intermediate_size");
}

void deepseek32(Conversion& to) {
  deepseek2(to);
  with_predictor(to);
}

void mistral3(Conversion& to) {
  whole_head_rotary(to);
  to.copy("attention.temperature_scale",
          "rope_parameters.llama_4_scaling_beta|rope_scaling.llama_4_scaling_beta");
}

void llama4(Conversion& to) {
  whole_head_rotary(to);
  to.set("feed_forward_length", to.config.need("intermediate_size_mlp"));
  to.set("expert_feed_forward_length", to.config.need("intermediate_size"));
}

void command_r(Conversion& to) {
  to.copy("context_length", "model_max_length|max_position_embeddings");
  whole_head_rotary(to);
}

void cohere2(Conversion& to) {
  to.rotary(to.config.number("rotary_pct").value_or(1.0));
}

void dbrx(Conversion& to) {
  to.copy("context_length", "max_seq_len");
  to.copy("attention.head_count_kv", "attn_config.kv_n_heads");
  to.copy("attention.clamp_kqv", "attn_config.clip_qkv");
  to.copy("feed_forward_length", "ffn_config.ffn_hidden_size");
  to.copy("expert_count", "ffn_config.moe_num_experts");
  to.copy("expert_used_count", "ffn_config.moe_top_k");
}

void ernie_moe(Conversion& to) {
  to.copy("expert_count", "moe_num_experts");
  to.copy("expert_used_count", "moe_k");
  to.copy("leading_dense_block_count", "moe_layer_start_index");
  to.copy("interleave_moe_layer_step", "moe_layer_interval");
  const std::int64_t width = to.config.need("moe_intermediate_size");
  const std::int64_t shared = to.config.whole("moe_num_shared_experts").value_or(0);
  to.set("expert_shared_count", shared);
  to.set("expert_shared_feed_forward_length", shared * width);
}

}  // namespace membudget::hf
