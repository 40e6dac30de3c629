// SPDX-License-Identifier: MIT
#include "engine/candle/candle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "engine/attention_layers.hpp"
#include "engine/gpu_part.hpp"
#include "membudget/error.hpp"

// candle 0.11.0, commit 2a13b0f3. Activations and caches are F32: that is what embeddings
// (Embedding over a dequantized tensor) and quantized multiplications give.
namespace membudget::candle {
namespace {

constexpr std::int64_t f32 = 4;

const CandleRules::Architecture& definition(const Model& model, const Runtime& runtime) {
  const auto& known = runtime.candle.architectures;
  const auto found = std::find_if(
      known.begin(), known.end(),
      [&](const CandleRules::Architecture& each) { return each.name == model.architecture; });
  if (found == known.end()) {
    throw Error(Errc::unsupported, "--runtime",
                fmt::format("{} does not run {}: candle-transformers has no quantized model of "
                            "architecture {} that runs on Metal",
                            runtime.id, model.id, model.architecture));
  }
  return *found;
}

/// Tokens that the rotary tables have; 0 = nobody knows.
std::int64_t positions(const CandleRules::Architecture& own, const Model& model) {
  return own.longest > 0 ? own.longest : model.trained_context;
}

bool reads(const CandleRules& rules, ElementType type) {
  return std::find(rules.types.begin(), rules.types.end(), type) != rules.types.end();
}

void refuse_other_types(const Model& model, const CandleRules& rules) {
  for (const Tensor& tensor : model.tensors.all()) {
    if (!reads(rules, tensor.type)) {
      throw Error(
          Errc::bad_request, "--quant",
          fmt::format("Candle does not read {}, which {} holds; use Q4_K_M, Q8_0 or another "
                      "of its types",
                      format_of(tensor.type).name, model.quantization));
    }
  }
}

/// Weights as they end up on the GPU.
struct Weights {
  Bytes quantized;  ///< As in the file.
  Bytes floats;     ///< Norms, biases and matrices that are floats in the file.
  Bytes embedding;  ///< The token embedding, dequantized.

  [[nodiscard]] Bytes total() const { return quantized + floats + embedding; }
};

// Data is uploaded at its own size (quantized/metal.rs, load_quantized and dequantize; with_data
// does not use the pool). F32, F16 and BF16 matrices are dequantized (quantized/mod.rs:836-852,
// QMatMul::from_arc). The quantized embedding is dropped, unless it doubles as the output.
Weights weights_of(const Model& model) {
  const bool tied = model.tensors.find("output.weight") == nullptr;
  Weights out;
  for (const Tensor& tensor : model.tensors.all()) {
    if (tensor.name.starts_with("rope_")) {
      continue;  // Tables are computed.
    }
    const Bytes as_f32(checked_multiply(tensor.elements(), f32));
    const bool embedding = tensor.name == "token_embd.weight";
    if (embedding) {
      out.embedding = as_f32;
    }
    if (embedding && !tied) {
      continue;
    }
    if (format_of(tensor.type).quantized) {
      out.quantized += tensor.size();
    } else {
      out.floats += as_f32;
    }
  }
  return out;
}

/// Keys and values of all layers with `tokens` in them.
struct Cache {
  Bytes bytes;
  std::int64_t tokens = 0;  ///< Of one buffer, before it is rounded.
  std::int64_t buffers = 0;
};

// Concatenation writes a new K and V of one layer while the old ones still live; those of the
// layer before are free by then and are used again.
Cache cache_of(const Model& model, const AttentionShape& shape,
               const CandleRules::Architecture& own, std::int64_t tokens) {
  Cache out{.bytes = {}, .tokens = tokens, .buffers = 2 * shape.layers};
  switch (own.cache) {
    case CandleRules::Cache::concatenated:
      out.buffers += 2;
      break;
    case CandleRules::Cache::stepwise:
      out.tokens = round_up(tokens, own.step);
      out.buffers += tokens > own.step ? 2 : 0;
      break;
    case CandleRules::Cache::whole:
      out.tokens = std::max(tokens, model.trained_context);
      break;
  }
  const Bytes row(checked_multiply(checked_multiply(shape.kv_heads, shape.head_dim), f32));
  out.bytes = buffer_size(row * out.tokens) * out.buffers;
  return out;
}

/// What lives beside the cache while `tokens` are computed after `depth` others.
struct Compute {
  Bytes scores;     ///< One score matrix, as a buffer.
  Bytes attention;  ///< The matrices, and keys and values repeated for all heads.
  Bytes feed_forward;

  /// Both use the same buffers one after the other.
  [[nodiscard]] Bytes total() const { return std::max(attention, feed_forward); }
};

Compute compute_of(const Model& model, const AttentionShape& shape,
                   const CandleRules::Architecture& own, std::int64_t depth, std::int64_t tokens) {
  const auto buffer = [](std::int64_t rows, std::int64_t columns) {
    return buffer_size(Bytes(checked_multiply(checked_multiply(rows, columns), f32)));
  };
  const std::int64_t seen = depth + tokens;
  const std::int64_t width = checked_multiply(shape.heads, shape.head_dim);
  // The layer's input, its sum and the normed value.
  const Bytes hidden = buffer(tokens, model.embedding) * 3;
  const Bytes repeated = shape.heads == shape.kv_heads ? Bytes() : buffer(seen, width) * 2;
  Compute out;
  out.scores = buffer(checked_multiply(shape.heads, tokens), seen);
  // Queries before and after the rotation, beside the mask of one byte a pair.
  out.attention = hidden + buffer(tokens, width) * 2 + repeated + out.scores * own.scores +
                  buffer_size(Bytes(checked_multiply(tokens, seen)));
  // Gate, activated gate, up and their product.
  out.feed_forward = hidden + buffer(tokens, feed_forward_width(model)) * 4;
  return out;
}

void check_heads(const Model& model, const Runtime& runtime, const AttentionShape& shape,
                 const CandleRules::Architecture& own) {
  if (own.plain_heads && checked_multiply(shape.heads, shape.head_dim) != model.embedding) {
    throw Error(Errc::unsupported, "--runtime",
                fmt::format("{} does not run {}: its definition of {} takes heads of {} / {} "
                            "elements, and these have {}",
                            runtime.id, model.id, model.architecture, model.embedding, shape.heads,
                            shape.head_dim));
  }
}

std::vector<std::string> remarks(const Model& model, const Settings& settings,
                                 const CandleRules::Architecture& own, const Weights& weights,
                                 const Compute& compute) {
  std::vector<std::string> out;
  if (own.cache == CandleRules::Cache::whole) {
    out.push_back(
        fmt::format("Candle allocates the whole trained context of {} tokens with the "
                    "first one.",
                    model.trained_context));
  }
  if (const Bytes scores = compute.scores * own.scores; scores > gib(1)) {
    out.push_back(
        fmt::format("Candle computes a prompt at once: the scores of {} tokens take {} "
                    "while it lasts.",
                    settings.prompt_tokens, to_text(scores)));
  }
  out.push_back(
      fmt::format("The token embedding becomes F32 and takes {}.", to_text(weights.embedding)));
  if (const auto longest = positions(own, model); longest < model.trained_context) {
    out.push_back(fmt::format("Candle has positions for {} tokens, not the {} it was trained for.",
                              longest, model.trained_context));
  }
  out.emplace_back(
      "low confidence: the rules are read from Candle's source, and nobody has "
      "published peaks to compare them with.");
  return out;
}

}  // namespace

Bytes buffer_size(Bytes size) {
  constexpr std::int64_t largest = std::int64_t{1} << 62;
  if (size.count() > largest) {
    throw Error(Errc::overflow, "", "a buffer of more than 2^62 bytes");
  }
  return Bytes(static_cast<std::int64_t>(
      std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(size.count(), 1)))));
}

Footprint footprint(const Model& model, const Runtime& runtime, const Settings& settings) {
  const CandleRules::Architecture& own = definition(model, runtime);
  const AttentionShape shape = attention_shape(model, runtime, {.short_convolutions = true});
  check_heads(model, runtime, shape, own);
  refuse_other_types(model, runtime.candle);
  if (const auto longest = positions(own, model); longest > 0 && settings.context > longest) {
    throw Error(
        Errc::bad_request, "--ctx-size",
        fmt::format("{} tokens are more than the {} that Candle computes positions for; use "
                    "at most {}",
                    settings.context, longest, longest));
  }
  const Weights weights = weights_of(model);
  const std::int64_t prompted = settings.depth + settings.prompt_tokens;
  const Cache at_prompt = cache_of(model, shape, own, prompted);
  const Compute prompt = compute_of(model, shape, own, settings.depth, settings.prompt_tokens);
  const Cache at_end = cache_of(model, shape, own, settings.context);
  const Compute end = compute_of(model, shape, own, settings.context - 1, 1);
  const bool prompting = at_prompt.bytes + prompt.total() >= at_end.bytes + end.total();
  const Cache& cache = prompting ? at_prompt : at_end;
  const Compute& compute = prompting ? prompt : end;

  Footprint out;
  out.settings = settings;
  out.flash_attention = false;
  out.partial_offload = false;
  out.parts.push_back(gpu_part(
      PartName::weights, weights.total(), model.types_assumed ? Basis::assumed : Basis::formula,
      fmt::format("{} of it the embedding in F32", to_text(weights.embedding)),
      fmt::format("{} as in the file + {} of floats as F32 + {} x {} x 4 for the embedding",
                  to_text(weights.quantized), to_text(weights.floats), model.vocabulary,
                  model.embedding)));
  out.parts.push_back(gpu_part(
      PartName::kv_cache, cache.bytes, Basis::assumed,
      fmt::format("F32, {} tokens, {} buffers", cache.tokens, cache.buffers),
      fmt::format("{} buffers x the power of two above {} tokens x {} kv heads x {} x 4 bytes",
                  cache.buffers, cache.tokens, shape.kv_heads, shape.head_dim)));
  out.parts.push_back(gpu_part(
      PartName::compute, compute.total(), Basis::assumed,
      prompting ? fmt::format("a prompt of {} tokens at once", settings.prompt_tokens)
                : std::string("the last token"),
      fmt::format("{} score matrices of {}, keys and values repeated for {} heads, hidden states; "
                  "each buffer a power of two",
                  own.scores, to_text(compute.scores), shape.heads)));
  out.parts.push_back(gpu_part(PartName::runtime, runtime.candle.process, Basis::assumed,
                               "the program and Metal's own", "assumed"));
  out.peak = out.total(Place::gpu) - runtime.candle.process;
  const Bytes largest =
      std::max({compute.scores, weights.embedding, Bytes(cache.bytes.count() / cache.buffers)});
  out.largest_buffer = largest;
  out.largest_buffer_name = largest == compute.scores      ? "attention scores"
                            : largest == weights.embedding ? "the token embedding in F32"
                                                           : "keys of one layer";
  out.remarks = remarks(model, settings, own, weights, prompt);
  return out;
}

}  // namespace membudget::candle
