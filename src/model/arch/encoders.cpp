// SPDX-License-Identifier: MIT
// Encoders with a norm before each branch: ModernBERT, EuroBERT and EmbeddingGemma
// (llama.cpp b10587, src/models/modern-bert.cpp, eurobert.cpp and gemma-embedding.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {
namespace {

void describe_encoder(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.cached = false;
  model.logits = false;
}

// Layer 0 looks at everything, then every `period`th does; its input is normed already.
void describe_modern(const Metadata& metadata, Model& model) {
  describe_encoder(metadata, model);
  model.output_layer = false;
  model.norm = NormKind::layer;
  model.embedding_norm = true;
  model.ranks_by_mean = true;
  for (Layer& layer : model.layers) {
    layer.norm = NormKind::layer;
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::fused;
  }
  slide(model, metadata.integer("attention.sliding_window", 0), sliding_period(metadata, 3), true);
}

std::vector<TensorShape> modern_tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  list.add("token_embd.weight", {d.embedding, d.vocabulary});
  list.norm(-1, "token_embd_norm", d.embedding);
  list.norm(-1, "output_norm", d.embedding);
  const Layout layout{.fused_qkv = true, .gating = Gating::fused};
  for (std::int64_t i = 0; i < d.layers; ++i) {
    if (i > 0) {
      list.norm(i, "attn_norm", d.embedding);
    }
    list.norm(i, "ffn_norm", d.embedding);
    list.attention(i, layout);
    list.feed_forward(i, layout);
  }
  return list.take();
}

void describe_euro(const Metadata& metadata, Model& model) {
  describe_encoder(metadata, model);
  model.output_layer = false;
}

// Gemma 3 with attention both ways. The output matrix is loaded, though nothing uses it.
void describe_gemma(const Metadata& metadata, Model& model) {
  describe_encoder(metadata, model);
  model.causal = false;
  model.embedding_scaled = true;
  for (Layer& layer : model.layers) {
    layer.branch_norms = true;
    std::get<Attention>(layer.mixer).scaled_query = true;
  }
  slide(model, metadata.integer("attention.sliding_window"), sliding_period(metadata, 6));
}

std::vector<TensorShape> euro_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

std::vector<TensorShape> gemma_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(
      metadata, optional,
      {.norms = {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"},
       .query_key_norm = QueryKeyNorm::per_head});
}

}  // namespace

const Architecture modern_bert{"modern-bert", describe_modern, modern_tensors};
const Architecture eurobert{"eurobert", describe_euro, euro_tensors};
const Architecture gemma_embedding{"gemma-embedding", describe_gemma, gemma_tensors};

}  // namespace membudget::arch
