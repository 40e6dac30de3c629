// SPDX-License-Identifier: MIT
#include "model/arch/arch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"
#include "model/arch/transformer.hpp"

namespace membudget {

std::span<const Architecture> architectures() {
  // clang-format off
  static const std::array all{
      arch::afmoe,
      arch::apertus,
      arch::arcee,
      arch::arctic,
      arch::arwkv7,
      arch::baichuan,
      arch::bailingmoe,
      arch::bailingmoe2,
      arch::bert,
      arch::bloom,
      arch::chatglm,
      arch::codeshell,
      arch::cohere2,
      arch::command_r,
      arch::dbrx,
      arch::deci,
      arch::deepseek,
      arch::deepseek2,
      arch::deepseek32,
      arch::deepseek4,
      arch::dots1,
      arch::dream,
      arch::ernie4_5,
      arch::ernie4_5_moe,
      arch::eurobert,
      arch::exaone,
      arch::exaone4,
      arch::exaone_moe,
      arch::falcon,
      arch::falcon_h1,
      arch::gemma,
      arch::gemma2,
      arch::gemma3,
      arch::gemma3n,
      arch::gemma4,
      arch::gemma_embedding,
      arch::glm4,
      arch::glm4moe,
      arch::glm_dsa,
      arch::gpt2,
      arch::gpt_oss,
      arch::gptneox,
      arch::granite,
      arch::granitehybrid,
      arch::granitemoe,
      arch::grok,
      arch::hunyuan_dense,
      arch::hunyuan_moe,
      arch::hy_v3,
      arch::internlm2,
      arch::jamba,
      arch::jina_bert_v2,
      arch::jina_bert_v3,
      arch::kimi_k3,
      arch::kimi_linear,
      arch::lfm2,
      arch::lfm2moe,
      arch::llada,
      arch::llada_moe,
      arch::llama,
      arch::llama4,
      arch::mamba,
      arch::mamba2,
      arch::mimo2,
      arch::minicpm,
      arch::minicpm3,
      arch::minimax_m2,
      arch::minimax_m3,
      arch::mistral3,
      arch::mistral4,
      arch::modern_bert,
      arch::mpt,
      arch::nemotron,
      arch::nemotron_h,
      arch::nemotron_h_moe,
      arch::nomic_bert,
      arch::nomic_bert_moe,
      arch::olmo,
      arch::olmo2,
      arch::olmoe,
      arch::orion,
      arch::paddleocr,
      arch::phi2,
      arch::phi3,
      arch::phimoe,
      arch::plamo,
      arch::qwen,
      arch::qwen2,
      arch::qwen2moe,
      arch::qwen2vl,
      arch::qwen3,
      arch::qwen35,
      arch::qwen35moe,
      arch::qwen3moe,
      arch::qwen3next,
      arch::qwen3vl,
      arch::qwen3vlmoe,
      arch::refact,
      arch::rwkv6,
      arch::rwkv6qwen2,
      arch::rwkv7,
      arch::seed_oss,
      arch::smallthinker,
      arch::smollm3,
      arch::stablelm,
      arch::starcoder,
      arch::starcoder2,
      arch::step35,
      arch::xverse,
  };
  // clang-format on
  return all;
}

const Architecture* find_architecture(std::string_view name) {
  const std::span<const Architecture> all = architectures();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Architecture& architecture) {
    return architecture.name == name;
  });
  return found == all.end() ? nullptr : &*found;
}

namespace {

// A layer keeps at least what its own projections give, whatever the metadata says of heads.
void widen_caches(Model& model) {
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    auto& attention = std::get<Attention>(model.layers[i].mixer);
    const auto rows = [&](std::string_view name) {
      const Tensor* tensor = model.tensors.find(static_cast<std::int64_t>(i), name);
      return tensor == nullptr ? std::int64_t{0} : tensor->shape[1];
    };
    const std::int64_t keys = rows("attn_k.weight");
    const std::int64_t values = rows("attn_v.weight");
    if (keys > attention.kv_heads * attention.key_dim ||
        values > attention.kv_heads * attention.value_dim) {
      attention.heads = std::max<std::int64_t>(attention.heads, 1);
      attention.kv_heads = 1;
      attention.key_dim = std::max(keys, attention.key_dim);
      attention.value_dim = std::max(values, attention.value_dim);
    }
  }
}

// States that do not grow with the context, as large as the usual keys make them in a layer that
// has tensors of a state-space model.
void add_states(const Metadata& metadata, Model& model) {
  const auto extent = [&](const char* key) {
    return metadata.has(fmt::format("{}.{}", metadata.architecture(), key))
               ? read_extent(metadata, key)
               : std::int64_t{0};
  };
  const Mamba states{.version = 2,
                     .conv_width = extent("ssm.conv_kernel"),
                     .inner_dim = extent("ssm.inner_size"),
                     .state_dim = extent("ssm.state_size"),
                     .groups = extent("ssm.group_count"),
                     .time_rank = extent("ssm.time_step_rank")};
  if (states.inner_dim == 0) {
    return;
  }
  for (const Tensor& tensor : model.tensors.all()) {
    const std::int64_t layer = TensorTable::layer_of(tensor.name);
    if (layer >= 0 && layer < static_cast<std::int64_t>(model.layers.size()) &&
        TensorTable::suffix_of(tensor.name).starts_with("ssm_")) {
      model.layers[static_cast<std::size_t>(layer)].beside = states;
    }
  }
}

// The weights are what the tensor table says; the rest is taken for a transformer that keeps keys
// and values of every head in every layer, which no known architecture exceeds.
void describe_unknown(const Metadata& metadata, Model& model) {
  try {
    describe_transformer(metadata, model);
    widen_caches(model);
    add_states(metadata, model);
  } catch (const Error& error) {
    throw Error(Errc::unsupported, metadata.where(),
                fmt::format("architecture '{}' is not known to this version of membudget, and the "
                            "file says too little for a bound ({})",
                            metadata.architecture(), error.what()));
  }
  model.not_understood = fmt::format("general.architecture '{}' is not known to this version",
                                     metadata.architecture());
}

// The engine divides by them. A layer may go without keys, or without heads at all (deci), but then
// it has no weights for them either.
void check_attention(const Metadata& metadata, const Model& model) {
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto holds = [&](std::string_view tensor) {
      return model.tensors.find(static_cast<std::int64_t>(i), tensor) != nullptr;
    };
    for (const Mixer* mixer : {&model.layers[i].mixer, &model.layers[i].beside}) {
      const auto* attention = std::get_if<Attention>(mixer);
      if (attention == nullptr) {
        continue;
      }
      const bool queries =
          attention->heads > 0 || holds("attn_q.weight") || holds("attn_qkv.weight");
      const bool keys =
          attention->kv_heads > 0 || holds("attn_k.weight") || holds("attn_qkv.weight");
      if ((queries && attention->heads < 1) || (keys && attention->kv_heads < 1) ||
          (keys && (attention->key_dim < 1 || attention->value_dim < 1))) {
        throw Error(Errc::invalid_model, metadata.place_of("attention.head_count"),
                    fmt::format("a layer has attention with {} heads, {} for keys and values, of "
                                "{} and {} elements, which no model has",
                                attention->heads, attention->kv_heads, attention->key_dim,
                                attention->value_dim));
      }
    }
  }
}

void take_stated_heads(const Metadata& metadata, Model& model) {
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  if (layers == 0) {
    return;
  }
  model.stated_layers = layers + model.draft_layers;
  const auto heads = metadata.per_layer("attention.head_count", layers, 1);
  const auto kv_heads = metadata.per_layer("attention.head_count_kv", layers, 1);
  model.stated_heads = *std::max_element(heads.begin(), heads.end());
  model.stated_kv_heads = *std::min_element(kv_heads.begin(), kv_heads.end());
}

}  // namespace

Model describe_model(const Metadata& metadata, TensorTable tensors) {
  const Architecture* architecture = find_architecture(metadata.architecture());
  Model model;
  model.tensors = std::move(tensors);
  if (architecture != nullptr) {
    architecture->describe(metadata, model);
  } else {
    describe_unknown(metadata, model);
  }
  // Not every architecture reads them by read_experts().
  for (const Layer& layer : model.layers) {
    if (const auto* experts = std::get_if<Experts>(&layer.feed_forward)) {
      check_experts(metadata, *experts);
    }
  }
  check_attention(metadata, model);
  take_stated_heads(metadata, model);
  return model;
}

}  // namespace membudget
