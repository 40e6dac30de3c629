// SPDX-License-Identifier: MIT
// What convert_hf_to_gguf.py makes of a config.json (llama.cpp of 2026-08-22, conversion/*.py).
// A family is a row of the table below: the classes' names, the architecture, the keys that are
// copied, and a function for what must be computed. A new family is a row.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "source/hf_conversion.hpp"

namespace membudget {
namespace {

using hf::Conversion;

struct Family {
  std::string_view classes;  ///< "A|B"
  std::string_view architecture;
  /// "gguf key = config keys; ..." beyond common_keys.
  std::string_view copies{};
  void (*compute)(Conversion&) = nullptr;
};

constexpr std::string_view experts = "expert_feed_forward_length = moe_intermediate_size;";
constexpr std::string_view qwen_experts =
    "expert_feed_forward_length = moe_intermediate_size;"
    "expert_shared_feed_forward_length = shared_expert_intermediate_size;";
constexpr std::string_view delta_net =
    "expert_feed_forward_length = moe_intermediate_size;"
    "expert_shared_feed_forward_length = shared_expert_intermediate_size;"
    "ssm.conv_kernel = linear_conv_kernel_dim; ssm.state_size = linear_key_head_dim;"
    "ssm.group_count = linear_num_key_heads; ssm.time_step_rank = linear_num_value_heads;";
constexpr std::string_view scales =
    "attention.scale = attention_multiplier; embedding_scale = embedding_multiplier;"
    "residual_scale = residual_multiplier; logit_scale = logits_scaling;"
    "expert_shared_feed_forward_length = shared_intermediate_size;";
constexpr std::string_view shared_experts =
    "expert_feed_forward_length = moe_intermediate_size; expert_shared_count = n_shared_experts;"
    "leading_dense_block_count = first_k_dense_replace;"
    "expert_weights_scale = routed_scaling_factor; expert_weights_norm = norm_topk_prob;";
constexpr std::string_view latent =
    "attention.q_lora_rank = q_lora_rank; expert_shared_count = n_shared_experts;"
    "expert_weights_scale = routed_scaling_factor; expert_weights_norm = norm_topk_prob;"
    "attention.indexer.head_count = index_n_heads; attention.indexer.key_length = index_head_dim;"
    "attention.indexer.top_k = index_topk;";

constexpr std::array families{
    Family{"LlamaForCausalLM|LLaMAForCausalLM|MistralForCausalLM|MixtralForCausalLM|"
           "InternLM3ForCausalLM|LlavaForConditionalGeneration|VoxtralForConditionalGeneration|"
           "IQuestCoderForCausalLM",
           "llama", "", hf::whole_head_rotary},
    Family{"ArceeForCausalLM", "arcee", "", hf::whole_head_rotary},
    Family{"SmolLM3ForCausalLM", "smollm3", "", hf::whole_head_rotary},
    Family{"Mistral3ForConditionalGeneration|Ministral3ForCausalLM", "mistral3", "", hf::mistral3},
    Family{"Llama4ForConditionalGeneration|Llama4ForCausalLM", "llama4",
           "interleave_moe_layer_step = interleave_moe_layer_step;", hf::llama4},
    Family{"Qwen2ForCausalLM|Qwen2Model|KORMoForCausalLM", "qwen2"},
    Family{"Qwen2MoeForCausalLM", "qwen2moe", qwen_experts},
    Family{"Qwen2VLForConditionalGeneration|Qwen2_5_VLForConditionalGeneration", "qwen2vl"},
    Family{"Qwen3ForCausalLM|Qwen3Model", "qwen3"},
    Family{"Qwen3MoeForCausalLM", "qwen3moe", qwen_experts},
    Family{"Qwen3VLForConditionalGeneration", "qwen3vl", "", hf::qwen3_vl},
    Family{"Qwen3VLMoeForConditionalGeneration", "qwen3vlmoe", qwen_experts, hf::qwen3_vl},
    Family{"Qwen3NextForCausalLM", "qwen3next", delta_net, hf::gated_delta_net},
    Family{"Qwen3_5ForConditionalGeneration|Qwen3_5ForCausalLM", "qwen35", delta_net, hf::qwen35},
    Family{"Qwen3_5MoeForConditionalGeneration|Qwen3_5MoeForCausalLM", "qwen35moe", delta_net,
           hf::qwen35},
    Family{"GemmaForCausalLM", "gemma"},
    Family{"Gemma2ForCausalLM", "gemma2",
           "attention.sliding_window = sliding_window;"
           "attn_logit_softcapping = attn_logit_softcapping;"
           "final_logit_softcapping = final_logit_softcapping;"},
    Family{"Gemma3ForCausalLM|Gemma3ForConditionalGeneration", "gemma3",
           "final_logit_softcapping = final_logit_softcapping;", hf::gemma3},
    Family{"Gemma3TextModel", "gemma-embedding", "", hf::embedding_gemma},
    Family{"Gemma3nForCausalLM|Gemma3nForConditionalGeneration", "gemma3n",
           "embedding_length_per_layer_input = hidden_size_per_layer_input;"
           "attention.shared_kv_layers = num_kv_shared_layers;"
           "final_logit_softcapping = final_logit_softcapping;",
           hf::gemma3n},
    Family{"Gemma4ForConditionalGeneration|Gemma4ForCausalLM|Gemma4UnifiedForConditionalGeneration",
           "gemma4",
           "embedding_length_per_layer_input = hidden_size_per_layer_input;"
           "attention.shared_kv_layers = num_kv_shared_layers;"
           "final_logit_softcapping = final_logit_softcapping;"
           "expert_feed_forward_length = expert_intermediate_size|moe_intermediate_size;",
           hf::gemma4},
    Family{"PhiForCausalLM", "phi2", "", hf::phi2},
    Family{"Phi3ForCausalLM", "phi3", "", hf::phi3},
    Family{"PhiMoEForCausalLM", "phimoe", "", hf::phi3},
    Family{"GptOssForCausalLM", "gpt-oss",
           "attention.sliding_window = sliding_window;"
           "expert_feed_forward_length = intermediate_size;"},
    Family{"Glm4ForCausalLM|Glm4vForConditionalGeneration", "glm4", "", hf::half_head_rotary},
    Family{"Glm4MoeForCausalLM|Glm4vMoeForConditionalGeneration", "glm4moe", shared_experts,
           hf::glm4_moe},
    Family{"GlmMoeDsaForCausalLM", "glm-dsa", latent, hf::deepseek32},
    Family{"GraniteForCausalLM", "granite", scales, hf::granite},
    Family{"GraniteMoeForCausalLM|GraniteMoeSharedForCausalLM", "granitemoe", scales, hf::granite},
    Family{"GraniteMoeHybridForCausalLM|BambaForCausalLM", "granitehybrid", scales,
           hf::granite_hybrid},
    Family{"Olmo2ForCausalLM|Olmo3ForCausalLM", "olmo2", "", hf::olmo},
    Family{"OlmoeForCausalLM", "olmoe"},
    Family{"SeedOssForCausalLM", "seed_oss"},
    Family{"CohereForCausalLM", "command-r", "logit_scale = logit_scale;", hf::command_r},
    Family{"Cohere2ForCausalLM", "cohere2",
           "logit_scale = logit_scale; attention.sliding_window = sliding_window;", hf::cohere2},
    Family{"DeepseekForCausalLM", "deepseek", shared_experts, hf::deepseek},
    Family{"DeepseekV2ForCausalLM|DeepseekV3ForCausalLM|KimiVLForConditionalGeneration|"
           "KimiK25ForConditionalGeneration|Glm4MoeLiteForCausalLM|YoutuForCausalLM",
           "deepseek2", latent, hf::deepseek2},
    Family{"DeepseekV32ForCausalLM", "deepseek32", latent, hf::deepseek32},
    Family{"MiniCPM3ForCausalLM", "minicpm3", "", hf::minicpm3},
    Family{"Lfm2ForCausalLM|LFM2ForCausalLM", "lfm2", "shortconv.l_cache = conv_L_cache;",
           hf::lfm2},
    Family{"Lfm2MoeForCausalLM", "lfm2moe",
           "shortconv.l_cache = conv_L_cache; expert_feed_forward_length = moe_intermediate_size;"
           "leading_dense_block_count = num_dense_layers;",
           hf::lfm2_moe},
    Family{"FalconForCausalLM|RWForCausalLM", "falcon", "", hf::falcon},
    Family{"FalconH1ForCausalLM", "falcon-h1", "", hf::falcon_h1},
    Family{"MambaForCausalLM|MambaLMHeadModel|FalconMambaForCausalLM", "mamba", "", hf::mamba},
    Family{"Mamba2ForCausalLM", "mamba2", "", hf::mamba2},
    Family{"JambaForCausalLM", "jamba", "", hf::jamba},
    Family{"NemotronForCausalLM", "nemotron", "", hf::partly_rotary},
    Family{"NemotronHForCausalLM", "nemotron_h",
           "expert_feed_forward_length = moe_intermediate_size;"
           "expert_shared_feed_forward_length = moe_shared_expert_intermediate_size;"
           "expert_shared_count = n_shared_experts; expert_weights_norm = norm_topk_prob;"
           "expert_weights_scale = routed_scaling_factor; moe_latent_size = moe_latent_size;",
           hf::nemotron_h},
    Family{"StableLmForCausalLM|StableLMEpochForCausalLM", "stablelm", "", hf::partly_rotary},
    Family{"GPTBigCodeForCausalLM", "starcoder", "", hf::starcoder},
    Family{"Starcoder2ForCausalLM", "starcoder2"},
    Family{"InternLM2ForCausalLM", "internlm2"},
    Family{"ExaoneForCausalLM", "exaone", "", hf::partly_rotary},
    Family{"Exaone4ForCausalLM", "exaone4", "", hf::exaone4},
    Family{"DbrxForCausalLM", "dbrx", "", hf::dbrx},
    Family{"MiniMaxM2ForCausalLM", "minimax-m2", "expert_feed_forward_length = intermediate_size;",
           [](Conversion& to) { to.copy("rope.dimension_count", "rotary_dim"); }},
    Family{"Ernie4_5_MoeForCausalLM", "ernie4_5-moe", experts, hf::ernie_moe},
    Family{"Dots1ForCausalLM", "dots1", shared_experts},
};

bool lists(std::string_view classes, std::string_view name) {
  while (!classes.empty()) {
    const auto bar = classes.find('|');
    if (classes.substr(0, bar) == name) {
      return true;
    }
    classes.remove_prefix(bar == std::string_view::npos ? classes.size() : bar + 1);
  }
  return false;
}

void copy_all(Conversion& to, std::string_view copies) {
  while (!copies.empty()) {
    const auto end = copies.find(';');
    const std::string_view each = copies.substr(0, end);
    if (const auto equals = each.find('='); equals != std::string_view::npos) {
      to.copy(trimmed(each.substr(0, equals)), trimmed(each.substr(equals + 1)));
    }
    copies.remove_prefix(end == std::string_view::npos ? copies.size() : end + 1);
  }
}

std::int64_t layers_of(const HfConfig& config) {
  const std::vector<std::string> types = config.texts("layers_block_type");
  const std::int64_t count = types.empty()
                                 ? config.need("num_hidden_layers|n_layers|n_layer|num_layers")
                                 : static_cast<std::int64_t>(types.size());
  // As the architectures themselves limit it; the lists made here are that long.
  constexpr std::int64_t most = 4096;
  if (count < 1 || count > most) {
    config.fail("num_hidden_layers", fmt::format("is {}, which no model has", count));
  }
  return count;
}

}  // namespace

HfModel gguf_metadata_of(const HfConfig& config, const CheckpointFacts& facts) {
  const std::string name = config.class_name();
  const auto* family = std::find_if(families.begin(), families.end(),
                                    [&](const Family& each) { return lists(each.classes, name); });
  if (family == families.end()) {
    throw Error(Errc::unsupported, config.where() + "#/architectures/0",
                fmt::format("the model class '{}' is not known to this version of membudget; "
                            "plan a GGUF of the model instead",
                            name));
  }
  const bool experts_in_nemotron =
      family->architecture == "nemotron_h" && config.whole("num_experts_per_tok").has_value();
  Conversion to{
      .config = config,
      .facts = facts,
      .architecture = experts_in_nemotron ? "nemotron_h_moe" : std::string(family->architecture),
      .layers = layers_of(config),
      .out = {.metadata = Metadata(config.where()), .optional_tensors = {}}};
  to.out.metadata.set("general.architecture", to.architecture);
  hf::convert_common(to);
  copy_all(to, family->copies);
  if (family->compute != nullptr) {
    family->compute(to);
  }
  hf::find_optional(to);
  return std::move(to.out);
}

std::vector<std::string_view> known_hf_classes() {
  std::vector<std::string_view> out;
  for (const Family& family : families) {
    std::string_view classes = family.classes;
    while (!classes.empty()) {
      const auto bar = classes.find('|');
      out.push_back(classes.substr(0, bar));
      classes.remove_prefix(bar == std::string_view::npos ? classes.size() : bar + 1);
    }
  }
  return out;
}

}  // namespace membudget
