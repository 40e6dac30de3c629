// SPDX-License-Identifier: MIT
#include "engine/attention_layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <variant>

#include "membudget/error.hpp"

namespace membudget {
namespace {

[[noreturn]] void refuse(const Model& model, const Runtime& runtime, std::string_view why) {
  throw Error(
      Errc::unsupported, "--runtime",
      fmt::format("{} does not run {} ({}): {}", runtime.id, model.id, model.architecture, why));
}

std::string_view kind_of(const Mixer& mixer) {
  struct Kind {
    std::string_view operator()(std::monostate) const { return ""; }
    std::string_view operator()(const Attention&) const { return ""; }
    std::string_view operator()(const LatentAttention&) const { return "latent attention"; }
    std::string_view operator()(const CompressedAttention&) const { return "compressed attention"; }
    std::string_view operator()(const Mamba&) const { return "state-space layers"; }
    std::string_view operator()(const DeltaNet&) const { return "gated delta layers"; }
    std::string_view operator()(const ShortConvolution&) const { return "short convolutions"; }
    std::string_view operator()(const Rwkv&) const { return "RWKV layers"; }
  };
  return std::visit(Kind{}, mixer);
}

}  // namespace

AttentionShape attention_shape(const Model& model, const Runtime& runtime, const Allowed& allowed) {
  if (!model.not_understood.empty()) {
    refuse(model, runtime, "the architecture is not understood");
  }
  if (!model.causal || !model.cached || !model.logits) {
    refuse(model, runtime, "only models that generate text are planned for it");
  }
  AttentionShape out;
  for (const Layer& layer : model.layers) {
    if (!allowed.experts && std::holds_alternative<Experts>(layer.feed_forward)) {
      refuse(model, runtime, "it has no experts there");
    }
    for (const Mixer* mixer : {&layer.mixer, &layer.beside}) {
      const bool convolution = std::holds_alternative<ShortConvolution>(*mixer);
      if (const auto kind = kind_of(*mixer);
          !kind.empty() && !(convolution && allowed.short_convolutions)) {
        refuse(model, runtime, fmt::format("its {} cannot be planned there", kind));
      }
    }
    const auto* attention = std::get_if<Attention>(&layer.mixer);
    if (attention == nullptr) {
      continue;
    }
    const AttentionShape own{out.layers, attention->heads, attention->kv_heads, attention->key_dim};
    const bool same = out.layers == 0 || (own.heads == out.heads && own.kv_heads == out.kv_heads &&
                                          own.head_dim == out.head_dim);
    if (!same || attention->key_dim != attention->value_dim || attention->cache_layer >= 0 ||
        attention->heads == 0 || attention->kv_heads == 0) {
      refuse(model, runtime, "its heads differ from layer to layer, which is not planned there");
    }
    out = own;
    ++out.layers;
  }
  if (out.layers == 0) {
    refuse(model, runtime, "it has no attention");
  }
  return out;
}

std::int64_t feed_forward_width(const Model& model) {
  std::int64_t out = 0;
  for (const Layer& layer : model.layers) {
    if (const auto* dense = std::get_if<DenseFeedForward>(&layer.feed_forward)) {
      out = std::max(out, dense->width);
    } else if (const auto* experts = std::get_if<Experts>(&layer.feed_forward)) {
      out = std::max(
          out, checked_add(checked_multiply(experts->used, experts->width), experts->shared_width));
    }
  }
  return out;
}

}  // namespace membudget
