// SPDX-License-Identifier: MIT
#include "engine/mlc/estimate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/attention_layers.hpp"
#include "membudget/error.hpp"

namespace membudget::mlc {
namespace {

const MlcRules::Architecture& definition(const Model& model, const Runtime& runtime) {
  const auto& known = runtime.mlc.architectures;
  const auto found = std::find_if(
      known.begin(), known.end(),
      [&](const MlcRules::Architecture& each) { return each.name == model.architecture; });
  if (found == known.end()) {
    throw Error(Errc::unsupported, "--runtime",
                fmt::format("{} does not run {}: no definition of architecture {} is known to ship "
                            "with MLC-LLM, or its memory is not",
                            runtime.id, model.id, model.architecture));
  }
  return *found;
}

bool is_float(ElementType type) {
  return type == ElementType::f32 || type == ElementType::f16 || type == ElementType::bf16;
}

bool is_readable(ElementType type) {
  return type == ElementType::int4_g32 || type == ElementType::int4_g32_f32 ||
         type == ElementType::int3_g40 || type == ElementType::i32 || is_float(type);
}

void refuse_other_weights(const Model& model) {
  for (const Tensor& tensor : model.tensors.all()) {
    if (!is_readable(tensor.type)) {
      throw Error(Errc::bad_request, "--quant",
                  fmt::format("MLC-LLM does not read '{}'; it converts the published weights "
                              "itself, use e.g. q4f16_1",
                              model.quantization));
    }
  }
}

/// Bytes of an activation: the floats of the model, which its norms are stored in.
std::int64_t float_bytes(const Model& model) {
  const Tensor* norm = model.tensors.find("output_norm.weight");
  return norm != nullptr && norm->type == ElementType::f32 ? 4 : 2;
}

/// What memory planning leaves in the largest function (metadata.memory_usage) stands in the
/// compiled library. Compile logs of three models show what it is made of, per token of a chunk:
/// gate and up twice, their product and the hidden state, in the model's floats, and with a
/// vocabulary that is compiled in (estimate_memory_usage.py:71-80 skips shapes that are not) logits
/// of 32 bits. Published, at chunks of 8192, 8192 and 2048: Llama-3-8B 1184.62 MiB (this: 1184.00),
/// Phi-3.5 688.75 (688.00, https://github.com/mlc-ai/mlc-llm/issues/3394), Qwen3-1.7B 1331.00
/// (1315.00, https://github.com/mlc-ai/mlc-llm/pull/3221).
Bytes largest_function(const Model& model, const MlcRules::Architecture& own, std::int64_t chunk) {
  const std::int64_t activations =
      checked_add(checked_multiply(feed_forward_width(model), 5), model.embedding);
  const std::int64_t logits = own.logits ? checked_multiply(model.vocabulary, 4) : 0;
  return Bytes(checked_multiply(
      chunk, checked_add(logits, checked_multiply(activations, float_bytes(model)))));
}

}  // namespace

Bytes Terms::fixed() const {
  return parameters + temporary + cache_workspace + model_workspace + logits_workspace;
}

Bytes Terms::cache(std::int64_t tokens) const {
  return Bytes((checked_multiply(token_quarters, tokens) + 3) / 4);
}

std::int64_t sequence_tokens(const Model& model, const Runtime& runtime) {
  const std::int64_t compiled = definition(model, runtime).context;
  return compiled > 0 && model.trained_context > 0 ? std::min(compiled, model.trained_context)
                                                   : std::max(compiled, model.trained_context);
}

Terms terms(const Model& model, const Runtime& runtime, const Settings& settings) {
  const MlcRules::Architecture& own = definition(model, runtime);
  const AttentionShape shape = attention_shape(model, runtime, {.experts = true});
  refuse_other_weights(model);
  const std::int64_t sequences = settings.parallel;
  const std::int64_t chunk = settings.prefill_step > 0
                                 ? settings.prefill_step
                                 : std::min(own.prefill_chunk, sequence_tokens(model, runtime));
  const std::int64_t hidden = checked_multiply(shape.head_dim, shape.heads);
  const auto times = [](std::int64_t a, std::int64_t b) { return checked_multiply(a, b); };

  Terms out;
  out.parameters = model.tensors.total();
  out.temporary = largest_function(model, own, chunk) * 2;
  // :708-710, in quarters of a byte; keys and values of 16 bits, and 1.25 bytes of page tables.
  out.token_quarters = times(times(times(shape.head_dim, shape.kv_heads), shape.layers), 16) + 5;
  // :711-713
  out.cache_workspace =
      Bytes((sequences + 1) * 88 + times(chunk, (shape.heads + 1) * 8) +
            times(chunk, times(shape.head_dim, (shape.heads + shape.kv_heads) * 4))) +
      runtime.mlc.cache_workspace;
  // :714-715
  out.model_workspace = Bytes(chunk * 4 + sequences * 4 + times(chunk * 2 + sequences, hidden * 2));
  // :716-717; 16.125 bytes for each logit.
  out.logits_workspace =
      Bytes(sequences * 20 + (times(times(sequences, model.vocabulary), 129) + 7) / 8);
  return out;
}

Bytes granted(const Runtime& runtime, Bytes working_set) {
  return Bytes(working_set.count() / 100 * runtime.mlc.utilization_percent);
}

std::int64_t inferred_tokens(const Terms& terms, const Model& model, const Runtime& runtime,
                             std::int64_t sequences, Bytes working_set) {
  const Bytes room = granted(runtime, working_set) - terms.fixed();
  if (room <= Bytes{}) {
    return 0;
  }
  const MlcRules& rules = runtime.mlc;
  // :721-757
  const std::int64_t most =
      std::min(checked_multiply(room.count(), 4) / terms.token_quarters, rules.metal_tokens);
  const std::int64_t sequence = sequence_tokens(model, runtime);
  // :763-783
  switch (rules.mode) {
    case MlcRules::Mode::local:
      return std::min({most, sequence, rules.local_tokens});
    case MlcRules::Mode::interactive:
      return std::min(most, sequence);
    case MlcRules::Mode::server:
      return std::min(most, checked_multiply(sequences, sequence));
  }
  return most;
}

}  // namespace membudget::mlc
