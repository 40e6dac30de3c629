// SPDX-License-Identifier: MIT
// Models with layers that remember a state: Mamba and its hybrids, short convolutions, gated delta
// nets.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "source/hf_conversion.hpp"

namespace membudget::hf {

using nlohmann::json;

namespace {

std::vector<std::int64_t> granite_attention_layers(Conversion& to) {
  if (to.config.find("layer_types") != nullptr) {
    return to.layers_of_type("attention");
  }
  std::vector<std::int64_t> flags(static_cast<std::size_t>(to.layers), 0);
  if (const json* list = to.config.find("attn_layer_indices");
      list != nullptr && list->is_array()) {
    for (const json& each : *list) {
      if (each.is_number_unsigned() && each.get<std::size_t>() < flags.size()) {
        flags[each.get<std::size_t>()] = 1;
      }
    }
    return flags;
  }
  const std::int64_t period = std::max<std::int64_t>(1, to.config.need("attn_layer_period"));
  const std::int64_t offset = to.config.need("attn_layer_offset");
  for (std::int64_t i = 0; i < to.layers; ++i) {
    flags[static_cast<std::size_t>(i)] = i % period == offset ? 1 : 0;
  }
  return flags;
}

void mamba2_sizes(Conversion& to, std::int64_t inner) {
  to.copy("ssm.conv_kernel", "mamba_d_conv|conv_kernel|d_conv");
  to.copy("ssm.state_size", "mamba_d_state|ssm_state_size|state_size|d_state|state_dim");
  to.copy("ssm.group_count", "mamba_n_groups|n_groups|num_groups");
  to.set("ssm.inner_size", inner);
}

}  // namespace

void granite_hybrid(Conversion& to) {
  granite(to);
  const std::vector<std::int64_t> attention = granite_attention_layers(to);
  if (std::find(attention.begin(), attention.end(), 0) == attention.end()) {
    // All layers attend: a plain Granite under the hybrid's class.
    const std::string arch =
        to.config.whole("num_experts_per_tok").value_or(0) > 0 ? "granitemoe" : "granite";
    HfModel plain{.metadata = Metadata(to.config.where()),
                  .optional_tensors = to.out.optional_tensors};
    for (const auto& [key, value] : to.out.metadata.values()) {
      plain.metadata.set(
          key.starts_with("general.") ? key : arch + key.substr(to.architecture.size()), value);
    }
    to.out = std::move(plain);
    to.architecture = arch;
    if (arch == "granite") {
      to.set("feed_forward_length", to.config.need("shared_intermediate_size|intermediate_size"));
    }
    to.out.metadata.set("general.architecture", arch);
    return;
  }
  const std::int64_t heads = to.config.need("mamba_n_heads|n_heads|num_heads");
  const std::int64_t head = to.config.whole("mamba_d_head|mamba_head_dim").value_or(64);
  mamba2_sizes(to, heads * head);
  to.set("ssm.time_step_rank", heads);
  to.set("attention.head_count_kv",
         Conversion::where(attention, to.config.need("num_key_value_heads")));
  if (to.config.class_name() != "BambaForCausalLM") {
    to.set("rope.scaling.finetuned", false);
    to.set("context_length", std::int64_t{1} << 20);
  }
  if (to.config.whole("num_local_experts").value_or(0) == 0) {
    to.set("feed_forward_length", to.config.need("shared_intermediate_size|intermediate_size"));
    to.set("expert_shared_feed_forward_length", std::int64_t{0});
    to.set("expert_count", std::int64_t{0});
    to.set("expert_used_count", std::int64_t{0});
  }
}

namespace {

/// One flag per letter of a pattern such as "M-M*-", or per word of its list.
std::vector<std::int64_t> nemotron_layers(Conversion& to, char letter, std::string_view word) {
  std::vector<std::int64_t> flags;
  if (const auto pattern = to.config.text("hybrid_override_pattern")) {
    std::transform(pattern->begin(), pattern->end(), std::back_inserter(flags),
                   [&](char c) { return c == letter ? 1 : 0; });
  } else {
    for (const std::string& type : to.config.texts("layers_block_type")) {
      flags.push_back(type == word ? 1 : 0);
    }
  }
  if (static_cast<std::int64_t>(flags.size()) != to.layers) {
    to.config.fail("hybrid_override_pattern",
                   fmt::format("must name the type of each of the {} layers", to.layers));
  }
  return flags;
}

}  // namespace

void nemotron_h(Conversion& to) {
  const std::int64_t heads = to.config.need("mamba_num_heads");
  mamba2_sizes(to, heads * to.config.need("mamba_head_dim"));
  to.set("ssm.time_step_rank", heads);
  to.copy("attention.key_length", "head_dim|attention_head_dim");
  to.copy("attention.value_length", "head_dim|attention_head_dim");
  to.set("attention.head_count_kv", Conversion::where(nemotron_layers(to, '*', "attention"),
                                                      to.config.need("num_key_value_heads")));
  const bool experts = to.architecture == "nemotron_h_moe";
  const std::int64_t width =
      to.config.need(experts ? "moe_intermediate_size" : "intermediate_size");
  to.set("feed_forward_length",
         Conversion::where(
             experts ? nemotron_layers(to, 'E', "moe") : nemotron_layers(to, '-', "mlp"), width));
  to.set("rope.scaling.finetuned", false);
}

void falcon_h1(Conversion& to) {
  const std::int64_t inner = to.config.need("mamba_d_ssm");
  mamba2_sizes(to, inner);
  to.set("ssm.time_step_rank", inner / std::max<std::int64_t>(1, to.config.need("mamba_d_head")));
}

void mamba(Conversion& to) {
  const std::int64_t width = to.config.need("hidden_size|d_model");
  to.set("embedding_length", width);
  to.set("context_length", std::int64_t{1} << 20);
  to.set("feed_forward_length", std::int64_t{0});
  to.set("attention.head_count", std::int64_t{0});
  to.set("ssm.conv_kernel", to.config.whole("conv_kernel|d_conv").value_or(4));
  to.set("ssm.inner_size", to.config.whole("intermediate_size|d_inner").value_or(2 * width));
  to.set("ssm.state_size", to.config.whole("state_size|d_state").value_or(16));
  to.set("ssm.time_step_rank",
         to.config.whole("time_step_rank|dt_rank").value_or((width + 15) / 16));
  if (to.config.text("model_type") == "falcon_mamba") {
    to.set("ssm.dt_b_c_rms", true);
  }
}

void mamba2(Conversion& to) {
  const std::int64_t width = to.config.need("hidden_size|d_model|dim");
  const std::int64_t inner = to.config.whole("intermediate_size|d_inner")
                                 .value_or(to.config.whole("expand").value_or(2) * width);
  const std::int64_t head = std::max<std::int64_t>(1, to.config.whole("head_dim").value_or(64));
  to.set("embedding_length", width);
  to.set("context_length", std::int64_t{1} << 20);
  to.set("feed_forward_length", std::int64_t{0});
  to.set("attention.head_count", std::int64_t{0});
  to.set("ssm.conv_kernel", to.config.whole("conv_kernel|d_conv").value_or(4));
  to.set("ssm.state_size", to.config.whole("state_size|d_state").value_or(128));
  to.set("ssm.group_count", to.config.whole("n_groups").value_or(1));
  to.set("ssm.inner_size", inner);
  to.set("ssm.time_step_rank", inner / head);
  to.optional("ssm_norm.weight");
}

void jamba(Conversion& to) {
  const std::int64_t width = to.config.need("hidden_size|mamba_d_model");
  const std::int64_t period = std::max<std::int64_t>(1, to.config.need("attn_layer_period"));
  const std::int64_t offset = to.config.need("attn_layer_offset");
  std::vector<std::int64_t> heads;
  for (std::int64_t i = 0; i < to.layers; ++i) {
    heads.push_back(
        i >= offset && (i - offset) % period == 0 ? to.config.need("num_key_value_heads") : 0);
  }
  to.set("attention.head_count_kv", std::move(heads));
  to.set("ssm.inner_size", to.config.need("mamba_expand") * width);
  to.set("ssm.conv_kernel", to.config.whole("mamba_d_conv").value_or(4));
  to.set("ssm.state_size", to.config.whole("mamba_d_state").value_or(16));
  to.set("ssm.time_step_rank", to.config.whole("mamba_dt_rank").value_or((width + 15) / 16));
}

void lfm2(Conversion& to) {
  to.set("attention.head_count_kv",
         Conversion::where(to.layers_of_type("full_attention|sliding_attention"),
                           to.config.need("num_key_value_heads")));
  std::int64_t width = to.config.need("block_ff_dim|intermediate_size");
  if (to.config.truth("block_auto_adjust_ff_dim")) {
    width = 2 * width / 3;
    if (const auto factor = to.config.number("block_ffn_dim_multiplier")) {
      width = static_cast<std::int64_t>(*factor * static_cast<double>(width));
    }
    const std::int64_t multiple = std::max<std::int64_t>(1, to.config.need("block_multiple_of"));
    width = multiple * ((width + multiple - 1) / multiple);
  }
  to.set("feed_forward_length", width);
}

void lfm2_moe(Conversion& to) {
  to.set("attention.head_count_kv", Conversion::where(to.layers_of_type("full_attention"),
                                                      to.config.need("num_key_value_heads")));
  to.set("expert_gating_func", std::int64_t{2});
}

void gated_delta_net(Conversion& to) {
  to.set("ssm.inner_size",
         to.config.need("linear_value_head_dim") * to.config.need("linear_num_value_heads"));
  to.set("full_attention_interval", to.config.whole("full_attention_interval").value_or(4));
  to.rotary(to.partial_rotary(0.25));
}

void qwen35(Conversion& to) {
  gated_delta_net(to);
  if (to.config.find("rope_parameters.mrope_section|rope_scaling.mrope_section") == nullptr) {
    to.set("rope.dimension_sections", std::vector<std::int64_t>{11, 11, 10, 0});
  }
}

}  // namespace membudget::hf
