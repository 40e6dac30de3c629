// SPDX-License-Identifier: MIT
// mlx-lm 0.32.0 (d78bf58e): models/cache.py, each model's make_cache(), models/base.py.
#include "engine/mlx/caches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>
#include <variant>

#include "membudget/error.hpp"

namespace membudget::mlx {
namespace {

constexpr std::int64_t half = 2;    // Activations and caches are of 16 bits.
constexpr std::int64_t single = 4;  // States of recurrences are of 32 (gated_delta.py:276, ssm.py).

bool routed(const Model& model, Routing routing) {
  return std::any_of(model.layers.begin(), model.layers.end(), [&](const Layer& layer) {
    const auto* experts = std::get_if<Experts>(&layer.feed_forward);
    return experts != nullptr && experts->routing == routing;
  });
}

const MlxArchitecture& file_of(const Model& model, const MlxRules& rules) {
  const auto found = std::find_if(rules.architectures.begin(), rules.architectures.end(),
                                  [&](const MlxArchitecture& each) {
                                    return each.architecture == model.architecture &&
                                           (!each.routing || routed(model, *each.routing));
                                  });
  if (found == rules.architectures.end()) {
    throw Error(Errc::bad_request, "--runtime",
                fmt::format("mlx-lm has no model file for architecture '{}'; use --runtime "
                            "llama.cpp",
                            model.architecture));
  }
  return *found;
}

class Reader {
 public:
  Reader(const MlxArchitecture& file, const MlxRules& rules, std::int64_t bits)
      : file_(file), rules_(rules), bits_(bits) {}

  void take(const Model& model) {
    for (const Layer& layer : model.layers) {
      take(layer.mixer, model);
      take(layer.beside, model);
    }
  }

  Caches out;

 private:
  void take(const Mixer& mixer, const Model& model) {
    std::visit(
        [&](const auto& each) {
          using Kind = std::decay_t<decltype(each)>;
          if constexpr (std::is_same_v<Kind, Attention>) {
            attention(each);
          } else if constexpr (std::is_same_v<Kind, LatentAttention>) {
            latent(each);
          } else if constexpr (std::is_same_v<Kind, Mamba>) {
            const std::int64_t mixed = each.version == 1
                                           ? each.inner_dim
                                           : each.inner_dim + 2 * each.groups * each.state_dim;
            recurrent(checked_multiply(each.inner_dim, each.state_dim) * single, mixed,
                      each.conv_width);
            if (each.version == 2) {
              out.scan_heads = std::max(out.scan_heads, each.time_rank);
            }
          } else if constexpr (std::is_same_v<Kind, DeltaNet>) {
            const std::int64_t mixed =
                2 * each.key_heads * each.key_dim + each.value_heads * each.value_dim;
            recurrent(checked_multiply(each.value_heads * each.key_dim, each.value_dim) * single,
                      mixed, each.conv_width);
          } else if constexpr (std::is_same_v<Kind, ShortConvolution>) {
            recurrent(0, model.embedding, each.width);
          } else if constexpr (std::is_same_v<Kind, Rwkv>) {
            // Two shifted inputs, and a state in the activations' type (rwkv7.py:298).
            recurrent(checked_multiply(model.embedding, each.head_dim) * half, 0, 1);
            out.state += Bytes(each.shifts * model.embedding * half);
          }
        },
        mixer);
  }

  void attention(const Attention& each) {
    if (each.heads == 0 || each.kv_heads == 0) {
      return;
    }
    const bool fused = bits_ == 0 && each.key_dim == each.value_dim && is_fused(each.key_dim);
    const std::int64_t window = file_.windows ? each.window : 0;
    if (!fused) {
      score({.heads = each.heads, .window = window, .copies = 1, .expanded = {}});
    }
    if (each.cache_layer < 0) {
      cache({each.kv_heads * each.key_dim, each.kv_heads * each.value_dim},
            {each.key_dim, each.value_dim}, window);
    }
  }

  void latent(const LatentAttention& each) {
    if (!file_.latents) {
      const std::int64_t key_dim = each.nope_dim + each.rope_dim;
      const bool fused = bits_ == 0 && key_dim == each.value_dim && is_fused(key_dim);
      if (!fused) {
        score({.heads = each.heads, .window = 0, .copies = 1, .expanded = {}});
      }
      cache({each.heads * key_dim, each.heads * each.value_dim}, {key_dim, each.value_dim}, 0);
      return;
    }
    if (bits_ > 0) {
      throw Error(Errc::bad_request, "--kv-bits",
                  "mlx-lm's latent attention does not read a quantized cache; leave it out");
    }
    // The rotary half of the scores is an array of its own, and keys and values of every head are
    // decompressed for a prompt (deepseek_v3.py).
    const bool fused = each.nope_dim == each.value_dim && is_fused(each.nope_dim);
    const std::int64_t layers = rules_.layers_at_once;
    score({.heads = each.heads,
           .window = 0,
           .copies = layers * (fused ? 1 : 2),
           .expanded = Bytes(layers * each.heads * (each.nope_dim + each.value_dim) * half)});
    cache({each.latent_dim, each.rope_dim}, {each.latent_dim, each.rope_dim}, 0);
    if (each.indexer && each.indexer->own) {
      out.per_token += Bytes(each.indexer->key_dim * half);
    }
  }

  /// `elements` of keys and values per token; `rows` are what one head has of them.
  void cache(std::array<std::int64_t, 2> elements, std::array<std::int64_t, 2> rows,
             std::int64_t window) {
    Bytes per_token;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      per_token += bits_ == 0 ? Bytes(elements[i] * half) : quantized(elements[i], rows[i]);
    }
    if (window == 0) {
      out.per_token += per_token;
      ++out.whole_layers;
      return;
    }
    if (bits_ > 0) {
      // RotatingKVCache.to_quantized raises NotImplementedError (cache.py:551).
      throw Error(Errc::bad_request, "--kv-bits",
                  "mlx-lm cannot quantize the caches of this model's sliding windows; leave it "
                  "out, or lower --prefill-step-size instead");
    }
    const auto same =
        std::find_if(out.windowed.begin(), out.windowed.end(),
                     [&](const WindowedCaches& each) { return each.window == window; });
    WindowedCaches& caches = same == out.windowed.end() ? out.windowed.emplace_back() : *same;
    caches.window = window;
    ++caches.layers;
    caches.per_token += per_token;
  }

  [[nodiscard]] Bytes quantized(std::int64_t elements, std::int64_t row) const {
    constexpr std::int64_t word = 32;
    // QuantizedKVCache lays out row / (32 / bits) words (cache.py:248), mx.quantize packs tightly.
    const bool laid_out = row / (word / bits_) == row * bits_ / word;
    if (row % rules_.cache_group != 0 || !laid_out) {
      throw Error(Errc::bad_request, "--kv-bits",
                  fmt::format("mlx-lm cannot keep heads of {} elements in {} bits; use 8 or 4, or "
                              "leave it out",
                              row, bits_));
    }
    constexpr std::int64_t scale_and_bias = 4;
    return Bytes(elements * bits_ / 8 + elements / rules_.cache_group * scale_and_bias);
  }

  void recurrent(std::int64_t state, std::int64_t mixed, std::int64_t width) {
    ++out.recurrent_layers;
    out.state += Bytes(checked_add(state, (width - 1) * mixed * half));
    out.inputs_per_token += Bytes(mixed * half);
  }

  void score(const ScoredAttention& next) {
    for (ScoredAttention& known : out.scored) {
      if (known.window == next.window && known.copies == next.copies) {
        known.heads = std::max(known.heads, next.heads);
        known.expanded = std::max(known.expanded, next.expanded);
        return;
      }
    }
    out.scored.push_back(next);
  }

  [[nodiscard]] bool is_fused(std::int64_t dim) const {
    return std::find(rules_.fused_head_dims.begin(), rules_.fused_head_dims.end(), dim) !=
           rules_.fused_head_dims.end();
  }

  const MlxArchitecture& file_;
  const MlxRules& rules_;
  std::int64_t bits_;
};

}  // namespace

Caches caches(const Model& model, const MlxRules& rules, std::int64_t bits) {
  Reader reader(file_of(model, rules), rules, bits);
  reader.take(model);
  return std::move(reader.out);
}

}  // namespace membudget::mlx
