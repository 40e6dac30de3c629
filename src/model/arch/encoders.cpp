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

// The engine wants a number here and passes over the array that newer files hold.
std::int64_t window_period(const Metadata& metadata, std::int64_t fallback) {
  const auto* value =
      metadata.find(metadata.architecture() + ".attention.sliding_window_pattern");
  return value != nullptr && std::holds_alternative<std::int64_t>(*value)
             ? std::get<std::int64_t>(*value)
             : fallback;
}

// Layer 0 looks at everything, then every `period`th does; its input is normed already.
void describe_modern(const Metadata& metadata, Model& model) {
  describe_encoder(metadata, model);
  model.output_layer = false;
  model.norm = NormKind::layer;
  model.embedding_norm = true;
  model.ranks_by_mean = true;
  const std::int64_t window = metadata.integer("attention.sliding_window", 0);
  const std::int64_t period = window_period(metadata, 3);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    layer.norm = NormKind::layer;
    std::get<DenseFeedForward>(layer.feed_forward).gating = Gating::fused;
    if (period == 0 || static_cast<std::int64_t>(i) % period != 0) {
      std::get<Attention>(layer.mixer).window = window;
    }
  }
}

std::vector<TensorShape> modern_tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  list.add("token_embd.weight", {d.embedding, d.vocabulary});
  list.norm(-1, "token_embd_norm", d.embedding);
  list.norm(-1, "output_norm", d.embedding);
  for (std::int64_t i = 0; i < d.layers; ++i) {
    const std::int64_t width = d.width[static_cast<std::size_t>(i)];
    if (i > 0) {
      list.norm(i, "attn_norm", d.embedding);
    }
    list.fused_attention(i);
    list.norm(i, "ffn_norm", d.embedding);
    list.linear(i, "ffn_up", d.embedding, 2 * width);
    list.linear(i, "ffn_down", width, d.embedding);
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
  const std::int64_t window = metadata.integer("attention.sliding_window");
  const std::int64_t period = window_period(metadata, 6);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    Layer& layer = model.layers[i];
    layer.branch_norms = true;
    auto& attention = std::get<Attention>(layer.mixer);
    attention.scaled_query = true;
    if (period == 0 || static_cast<std::int64_t>(i) % period < period - 1) {
      attention.window = window;
    }
  }
}

std::vector<TensorShape> gemma_tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Dimensions& d = list.dimensions();
  list.embedding_and_head();
  for (std::int64_t i = 0; i < d.layers; ++i) {
    list.norm(i, "attn_norm", d.embedding);
    list.attention(i);
    list.norm(i, "attn_q_norm", d.key_dim);
    list.norm(i, "attn_k_norm", d.key_dim);
    list.norm(i, "post_attention_norm", d.embedding);
    list.norm(i, "ffn_norm", d.embedding);
    list.gated_feed_forward(i);
    list.norm(i, "post_ffw_norm", d.embedding);
  }
  return list.take();
}

}  // namespace

const Architecture modern_bert{"modern-bert", describe_modern, modern_tensors};
const Architecture eurobert{"eurobert", describe_euro, transformer_tensors};
const Architecture gemma_embedding{"gemma-embedding", describe_gemma, gemma_tensors};

}  // namespace membudget::arch
