// SPDX-License-Identifier: MIT
// Multi-head latent attention with experts: DeepSeek-V2, V3 and R1, Kimi-K2, Moonlight,
// GLM-4.7-Flash, Mistral Large 3 (deepseek2), Mistral Small 4 (mistral4), and with sparse
// attention DeepSeek-V3.2 (deepseek32) and GLM-5 (glm-dsa)
// (llama.cpp b10587, src/models/deepseek2.cpp, mistral4.cpp, deepseek32.cpp, glm-dsa.cpp).
#include <algorithm>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

// Without the blocks for drafting.
std::int64_t trunk_layers(const Metadata& metadata, const Dimensions& dimensions) {
  return dimensions.layers - metadata.integer("nextn_predict_layers", 0);
}

// The lite models are told apart by their number of layers, and for them the rank is not read
// (llama_model_deepseek2::load_arch_hparams).
std::int64_t query_rank(const Metadata& metadata, const Dimensions& dimensions) {
  if (metadata.architecture() == "deepseek2" || metadata.architecture() == "mistral4") {
    const std::int64_t layers = trunk_layers(metadata, dimensions);
    constexpr std::int64_t lite_vocabulary = 128256;
    if (layers == 26 || layers == 27 ||
        (layers == 48 && dimensions.vocabulary == lite_vocabulary)) {
      return 0;
    }
  }
  return metadata.integer("attention.q_lora_rank");
}

// Head sizes once decompressed; files without these keys hold kv_b whole and are no MLA to the
// engine (llama_hparams::is_mla).
struct Heads {
  bool latent = false;
  std::int64_t key_dim = 0;
  std::int64_t value_dim = 0;
};

Heads heads_of(const Metadata& metadata, const Dimensions& dimensions) {
  const std::int64_t key_dim = metadata.integer("attention.key_length_mla", 0);
  const std::int64_t value_dim = metadata.integer("attention.value_length_mla", 0);
  if (key_dim == 0 || value_dim == 0) {
    return {.latent = false, .key_dim = dimensions.key_dim, .value_dim = dimensions.value_dim};
  }
  return {.latent = true, .key_dim = key_dim, .value_dim = value_dim};
}

LatentAttention latent_attention(const Metadata& metadata, const Dimensions& dimensions,
                                 std::size_t layer) {
  const Heads heads = heads_of(metadata, dimensions);
  return {.heads = dimensions.heads[layer],
          .latent_dim = metadata.integer("attention.kv_lora_rank"),
          .rope_dim = dimensions.rotary_dim,
          .nope_dim = heads.key_dim - dimensions.rotary_dim,
          .value_dim = heads.value_dim,
          .query_rank = query_rank(metadata, dimensions),
          .temperature = metadata.real("attention.temperature_scale", 0) != 0};
}

// Early files of GLM-4.7-Flash do not say how it routes.
Routing usual_routing(const Metadata& metadata, const Dimensions& dimensions) {
  constexpr std::int64_t glm_vocabulary = 154880;
  const std::int64_t layers = trunk_layers(metadata, dimensions);
  return (layers == 47 || layers == 48) && dimensions.vocabulary == glm_vocabulary
             ? Routing::sigmoid
             : Routing::soft_max;
}

Experts experts(const Metadata& metadata, Routing usual) {
  Experts result = read_experts(metadata);
  result.shared_width = result.width * metadata.integer("expert_shared_count", 0);
  route_as_stated(metadata, result, usual);
  return result;
}

void describe_with(const Metadata& metadata, Model& model, Routing usual, bool draft_cached) {
  describe_transformer(metadata, model);
  drop_draft_layers(metadata, model, draft_cached);
  model.drafts = true;
  const Dimensions dimensions = read_dimensions(metadata);
  const Heads heads = heads_of(metadata, dimensions);
  if (heads.latent) {
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      model.layers[i].mixer = latent_attention(metadata, dimensions, i);
    }
  }
  put_experts(metadata, model, experts(metadata, usual));
}

void describe(const Metadata& metadata, Model& model) {
  describe_with(metadata, model, usual_routing(metadata, read_dimensions(metadata)), true);
}

Indexer indexer(const Metadata& metadata) {
  return {.heads = metadata.integer("attention.indexer.head_count"),
          .key_dim = metadata.integer("attention.indexer.key_length"),
          .top_k = metadata.integer("attention.indexer.top_k")};
}

// Whether each layer has an indexer of its own. GLM-5.2 shares one among four layers, which its
// first files do not say (GLM_5_2_DEFAULT_INDEXER_TYPES in glm-dsa.cpp).
std::vector<std::int64_t> own_indexers(const Metadata& metadata, std::int64_t layers) {
  std::vector<std::int64_t> own(static_cast<std::size_t>(layers), 1);
  if (metadata.architecture() != "glm-dsa") {
    return own;
  }
  constexpr std::int64_t context_of_5_2 = 1048576;
  if (metadata.integer("context_length", 0) >= context_of_5_2) {
    for (std::size_t i = 2; i < own.size(); ++i) {
      own[i] = i % 4 == 2 ? 1 : 0;
    }
  }
  if (metadata.has("glm-dsa.attention.indexer.types")) {
    own = metadata.per_layer("attention.indexer.types", layers);
  }
  return own;
}

void describe_sparse(const Metadata& metadata, Model& model) {
  describe_with(metadata, model, Routing::sigmoid, false);
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  const std::vector<std::int64_t> own = own_indexers(metadata, layers);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (auto* attention = std::get_if<LatentAttention>(&model.layers[i].mixer)) {
      attention->indexer = indexer(metadata);
      attention->indexer->own = own[i] != 0;
    }
  }
}

void list_attention(TensorList& list, const LatentAttention& attention, std::int64_t i) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t queries = attention.heads * (attention.nope_dim + attention.rope_dim);
  if (attention.query_rank > 0) {
    list.linear(i, "attn_q_a", embedding, attention.query_rank);
    list.norm(i, "attn_q_a_norm", attention.query_rank);
    list.linear(i, "attn_q_b", attention.query_rank, queries);
  } else {
    list.linear(i, "attn_q", embedding, queries);
  }
  list.linear(i, "attn_kv_a_mqa", embedding, attention.key_width());
  list.norm(i, "attn_kv_a_norm", attention.latent_dim);
  list.add(i, "attn_k_b.weight", {attention.nope_dim, attention.latent_dim, attention.heads});
  list.add(i, "attn_v_b.weight", {attention.latent_dim, attention.value_dim, attention.heads});
  list.linear(i, "attn_output", attention.heads * attention.value_dim, embedding);
  if (const auto& indexer = attention.indexer; indexer && indexer->own) {
    list.norm(i, "indexer.k_norm", indexer->key_dim, true);
    list.linear(i, "indexer.proj", embedding, indexer->heads);
    list.linear(i, "indexer.attn_k", embedding, indexer->key_dim);
    list.linear(i, "indexer.attn_q_b", attention.query_rank, indexer->heads * indexer->key_dim);
  }
}

// `describe` must have made latent attention of every layer, as for all files that anyone
// writes nowadays.
std::vector<TensorShape> tensors_of(const Metadata& metadata, OptionalTensors optional,
                                    void (*describe)(const Metadata&, Model&)) {
  TensorList list(metadata, optional);
  Model model;
  describe(metadata, model);
  list.embedding_and_head();
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  for (std::int64_t i = 0; i < layers + model.draft_layers; ++i) {
    const Layer& layer = model.layers[static_cast<std::size_t>(std::min(i, layers - 1))];
    const auto* attention = std::get_if<LatentAttention>(&layer.mixer);
    if (attention == nullptr) {
      throw Error(Errc::invalid_model, metadata.where(), "'attention.key_length_mla' is missing");
    }
    list.norms(i);
    list_attention(list, *attention, i);
    if (const auto* experts = std::get_if<Experts>(&layer.feed_forward)) {
      list_experts(list, *experts, i);
    } else {
      list.feed_forward(i);
    }
    if (i >= layers) {
      list_predictor(list, i);
    }
  }
  return list.take();
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return tensors_of(metadata, optional, describe);
}

std::vector<TensorShape> sparse_tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.emplace_back("exp_probs_b.bias");
  return tensors_of(metadata, present, describe_sparse);
}

}  // namespace

const Architecture deepseek2{"deepseek2", describe, tensors};
const Architecture deepseek32{"deepseek32", describe_sparse, sparse_tensors};
const Architecture glm_dsa{"glm-dsa", describe_sparse, sparse_tensors};
const Architecture mistral4{"mistral4", describe, tensors};

}  // namespace membudget::arch
