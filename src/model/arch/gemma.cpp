// SPDX-License-Identifier: MIT
// Gemma 1 to 3 (llama.cpp b10587, src/models/gemma.cpp, gemma2.cpp, gemma3.cpp): scaled token
// embeddings and queries, from Gemma 2 on norms after each branch and sliding windows.
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe_gemma(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.embedding_scaled = true;
  for (Layer& layer : model.layers) {
    std::get<Attention>(layer.mixer).scaled_query = true;
  }
}

void describe_gemma2(const Metadata& metadata, Model& model) {
  describe_gemma(metadata, model);
  model.logits_capped = true;
  for (Layer& layer : model.layers) {
    layer.branch_norms = true;
    std::get<Attention>(layer.mixer).soft_capped = true;
  }
  constexpr std::int64_t default_window = 4096;
  slide(model, metadata.integer("attention.sliding_window", default_window),
        sliding_period(metadata, 2));
}

void describe_gemma3(const Metadata& metadata, Model& model) {
  describe_gemma(metadata, model);
  model.logits_capped = metadata.real("final_logit_softcapping", 0) != 0;
  for (Layer& layer : model.layers) {
    layer.branch_norms = true;
  }
  slide(model, metadata.integer("attention.sliding_window", 0), sliding_period(metadata, 6));
}

std::vector<TensorShape> gemma_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

const std::vector<std::string_view>& branch_norms() {
  static const std::vector<std::string_view> names{"attn_norm", "post_attention_norm", "ffn_norm",
                                                   "post_ffw_norm"};
  return names;
}

std::vector<TensorShape> gemma2_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {.norms = branch_norms()});
}

std::vector<TensorShape> gemma3_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional,
                             {.norms = branch_norms(), .query_key_norm = QueryKeyNorm::per_head});
}

}  // namespace

const Architecture gemma{"gemma", describe_gemma, gemma_tensors};
const Architecture gemma2{"gemma2", describe_gemma2, gemma2_tensors};
const Architecture gemma3{"gemma3", describe_gemma3, gemma3_tensors};

}  // namespace membudget::arch
