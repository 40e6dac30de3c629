// SPDX-License-Identifier: MIT
#include "engine/coreml/coreml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/attention_layers.hpp"
#include "engine/gpu_part.hpp"
#include "membudget/error.hpp"

// How Apple converts a language model with states:
// https://machinelearning.apple.com/research/core-ml-on-device-llama.
namespace membudget::coreml {
namespace {

constexpr std::int64_t f16 = 2;

void refuse_other_weights(const Model& model) {
  for (const Tensor& tensor : model.tensors.all()) {
    if (tensor.type != ElementType::int4_g32 && tensor.type != ElementType::f16 &&
        tensor.type != ElementType::i32) {
      throw Error(Errc::bad_request, "--quant",
                  fmt::format("Core ML does not read '{}'; coremltools converts the published "
                              "weights, use coreml-int4 or coreml-f16",
                              model.quantization));
    }
  }
}

/// A prompt of the whole context passes at once: the logits of every token, the mask, and a layer's
/// widest moment. Attention is one operation, which keeps no scores.
Bytes activations(const Model& model, const AttentionShape& shape, std::int64_t context) {
  const std::int64_t attention =
      checked_multiply(shape.head_dim, 2 * shape.heads + 2 * shape.kv_heads);
  const std::int64_t row = checked_add(
      checked_add(model.vocabulary, context),
      checked_add(attention, checked_add(3 * feed_forward_width(model), 3 * model.embedding)));
  return Bytes(checked_multiply(checked_multiply(row, context), f16));
}

std::vector<std::string> remarks(const Model& model, const CoreMlRules& rules,
                                 const Settings& settings, Bytes weights) {
  std::vector<std::string> out;
  out.push_back(
      fmt::format("The context of {} tokens is fixed when the model is converted, and its "
                  "cache is reserved in full.",
                  settings.context));
  if (weights > rules.program) {
    const std::int64_t pieces =
        (weights.count() + rules.program.count() - 1) / rules.program.count();
    out.push_back(
        fmt::format("The Neural Engine takes about {} of weights in one program; this "
                    "model would have to be cut into {}, so Core ML runs it on the GPU.",
                    to_text(rules.program), pieces));
  }
  if (model.vocabulary > rules.dimension) {
    out.push_back(
        fmt::format("Its vocabulary of {} is more than the {} rows the Neural Engine takes; "
                    "the output would have to be split.",
                    model.vocabulary, rules.dimension));
  }
  out.emplace_back(
      "low confidence: nobody has published what Core ML allocates for such models; "
      "on the Neural Engine 4-bit weights become 16-bit.");
  return out;
}

}  // namespace

Footprint footprint(const Model& model, const Runtime& runtime, const Settings& settings) {
  const AttentionShape shape = attention_shape(model, runtime, {});
  refuse_other_weights(model);
  const Bytes weights = model.tensors.total();
  // MLState: keys and values of all layers, F16, for every token of the context.
  const std::int64_t per_token =
      checked_multiply(checked_multiply(2 * shape.layers, shape.kv_heads), shape.head_dim * f16);

  Footprint out;
  out.settings = settings;
  out.partial_offload = false;
  out.parts.push_back(gpu_part(PartName::weights, weights, Basis::assumed, "compiled for the GPU",
                               "shapes x the type's bits, 4 + 16/32 in blocks of 32"));
  out.parts.push_back(
      gpu_part(PartName::kv_cache, Bytes(checked_multiply(per_token, settings.context)),
               Basis::formula, fmt::format("state of {} tokens", settings.context),
               fmt::format("2 x {} layers x {} kv heads x {} x {} tokens x 2 bytes", shape.layers,
                           shape.kv_heads, shape.head_dim, settings.context)));
  out.parts.push_back(
      gpu_part(PartName::compute, activations(model, shape, settings.context), Basis::assumed,
               "a prompt of the whole context",
               fmt::format("{} tokens x (logits, mask and a layer's activations) x 2 "
                           "bytes",
                           settings.context)));
  out.parts.push_back(gpu_part(PartName::runtime, runtime.core_ml.process, Basis::assumed,
                               "the program and Metal's own", "assumed"));
  out.remarks = remarks(model, runtime.core_ml, settings, weights);
  return out;
}

}  // namespace membudget::coreml
