// SPDX-License-Identifier: MIT
#include "membudget/inspect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <variant>

#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/recurrent_state.hpp"

namespace membudget {
namespace {

std::string describe(const Mixer& mixer) {
  return std::visit(
      [](const auto& kind) -> std::string {
        using Kind = std::decay_t<decltype(kind)>;
        if constexpr (std::is_same_v<Kind, std::monostate>) {
          return "no mixer";
        } else if constexpr (std::is_same_v<Kind, Attention>) {
          const std::string span =
              kind.window > 0 ? fmt::format("sliding attention over {} tokens", kind.window)
                              : std::string("full attention");
          return fmt::format("{}, {} heads, {} KV heads x {}{}", span, kind.heads, kind.kv_heads,
                             kind.key_dim,
                             kind.cache_layer >= 0 ? ", reads an earlier layer's cache" : "");
        } else if constexpr (std::is_same_v<Kind, LatentAttention>) {
          return fmt::format("latent attention, {} heads, {} + {} per token{}", kind.heads,
                             kind.latent_dim, kind.rope_dim,
                             kind.indexer ? ", sparse by an indexer" : "");
        } else if constexpr (std::is_same_v<Kind, Mamba>) {
          return fmt::format("Mamba-{}, {} x {} state", kind.version, kind.inner_dim,
                             kind.state_dim);
        } else if constexpr (std::is_same_v<Kind, DeltaNet>) {
          return fmt::format("gated delta net, {} heads of {} x {}", kind.value_heads, kind.key_dim,
                             kind.value_dim);
        } else if constexpr (std::is_same_v<Kind, ShortConvolution>) {
          return fmt::format("short convolution over {} tokens", kind.width);
        } else if constexpr (std::is_same_v<Kind, Rwkv>) {
          return fmt::format("RWKV-{} time mix, heads of {} x {}", kind.version, kind.head_dim,
                             kind.head_dim);
        } else {
          static_assert(std::is_same_v<Kind, CompressedAttention>);
          return fmt::format("compressed attention, {} heads x {}, window {}", kind.heads,
                             kind.head_dim, kind.window);
        }
      },
      mixer);
}

std::string describe(const FeedForward& feed_forward) {
  if (const auto* dense = std::get_if<DenseFeedForward>(&feed_forward)) {
    return fmt::format("dense {}", dense->width);
  }
  if (const auto* experts = std::get_if<Experts>(&feed_forward)) {
    const std::string shared =
        experts->shared_width > 0 ? fmt::format(" + shared {}", experts->shared_width) : "";
    return fmt::format("{} of {} experts x {}{}", experts->used, experts->count, experts->width,
                       shared);
  }
  if (const auto* channel = std::get_if<ChannelMix>(&feed_forward)) {
    return fmt::format("channel mix {}", channel->width);
  }
  return "no feed-forward";
}

std::string describe(const Layer& layer) {
  std::string out = describe(layer.mixer);
  if (!std::holds_alternative<std::monostate>(layer.beside)) {
    out += " beside " + describe(layer.beside);
  }
  out += "; " + describe(layer.feed_forward);
  if (!std::holds_alternative<std::monostate>(layer.feed_forward_beside)) {
    out += " beside " + describe(layer.feed_forward_beside);
  }
  return out;
}

std::vector<Inspection::Layers> layers_of(const Model& model) {
  std::vector<Inspection::Layers> out;
  for (const Layer& layer : model.layers) {
    std::string kind = describe(layer);
    const auto same =
        std::find_if(out.begin(), out.end(), [&](const auto& known) { return known.kind == kind; });
    if (same != out.end()) {
      ++same->count;
    } else {
      out.push_back({std::move(kind), 1});
    }
  }
  return out;
}

std::vector<Inspection::Tensors> tensors_of(const Model& model) {
  std::vector<Inspection::Tensors> out;
  for (const Tensor& tensor : model.tensors.all()) {
    auto same = std::find_if(out.begin(), out.end(),
                             [&](const auto& known) { return known.type == tensor.type; });
    if (same == out.end()) {
      same = out.insert(out.end(), {tensor.type, 0, 0, {}});
    }
    ++same->count;
    same->elements += tensor.elements();
    same->bytes += tensor.size();
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return out;
}

/// One sequence with all layers on the GPU and llama.cpp's own batch.
Settings one_sequence(std::int64_t context) {
  Settings out;
  out.context = context;
  return out;
}

Bytes cache_at(const Model& model, std::int64_t context) {
  const Settings settings = one_sequence(context);
  Bytes out;
  for (const llamacpp::KvCache& cache :
       llamacpp::kv_caches(model, settings, llamacpp::geometry(settings, model),
                           llamacpp::place_weights(model, settings), {}, true)) {
    out += cache.gpu + cache.host;
  }
  return out;
}

}  // namespace

Inspection inspect(const Model& model) {
  // Longer than any window, so that only what grows differs between the two.
  constexpr std::int64_t longer_than_windows = std::int64_t{1} << 20;
  Inspection out;
  out.parameters = parameters_of(model);
  out.layers = layers_of(model);
  out.tensors = tensors_of(model);
  out.weights = model.tensors.total();
  if (const std::int64_t elements = model.tensors.parameters(); elements > 0) {
    out.bits_per_weight =
        8.0 * static_cast<double>(out.weights.count()) / static_cast<double>(elements);
  }
  if (model.header > Bytes{}) {
    out.file_size = file_bytes(model);
  }
  if (model.cached) {
    const Bytes once = cache_at(model, longer_than_windows);
    const Bytes grown = cache_at(model, 2 * longer_than_windows) - once;
    out.cache_per_token = Bytes(grown.count() / longer_than_windows);
    out.cache_of_windows = once - grown;
  }
  const Settings settings = one_sequence(longer_than_windows);
  const llamacpp::RecurrentState state =
      llamacpp::recurrent_state(model, llamacpp::geometry(settings, model),
                                llamacpp::place_weights(model, settings), settings);
  out.recurrent_state = state.gpu + state.host;
  return out;
}

}  // namespace membudget
