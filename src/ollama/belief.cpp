// SPDX-License-Identifier: MIT
#include <algorithm>

#include "membudget/ollama.hpp"

namespace membudget {
namespace {

bool one_of(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

OllamaBelief ollama_belief(const Model& model, const OllamaRules& rules, std::int64_t context,
                           std::int64_t batch) {
  constexpr std::int64_t key_and_value = 2;
  constexpr std::int64_t f16_bytes = 2;
  OllamaBelief out{.file = file_bytes(model), .cache = {}, .surcharge = {}};
  const std::int64_t layers = model.stated_layers;
  const std::int64_t kv_heads = std::max<std::int64_t>(model.stated_kv_heads, 1);
  // Integer division, as there.
  const std::int64_t width = model.stated_heads > 0 ? model.embedding / model.stated_heads : 0;
  std::int64_t elements = checked_multiply(checked_multiply(key_and_value, layers), kv_heads);
  elements = checked_multiply(checked_multiply(elements, width), context);
  out.cache = Bytes(elements) * f16_bytes;
  if (!ollama_embeds(model)) {
    for (const OllamaRules::BatchTier& tier : rules.batches) {
      if (batch >= tier.batch) {
        out.surcharge = tier.surcharge;
        break;
      }
    }
  }
  return out;
}

Bytes ollama_evicts_below(const OllamaBelief& belief, const OllamaRules& rules) {
  // The smallest F with belief <= F * percent / 100, in whole bytes.
  constexpr std::int64_t hundred = 100;
  const Bytes scaled = belief.total() * hundred;
  return Bytes((scaled.count() + rules.fit_percent - 1) / rules.fit_percent);
}

bool ollama_embeds(const Model& model) {
  return !model.logits || model.pooling != Pooling::none;
}

bool ollama_single_slot(const Model& model, const OllamaRules& rules) {
  return ollama_embeds(model) || one_of(rules.single_slot, file_architecture(model));
}

Bytes ollama_projector(const Model& model, const OllamaRules& rules) {
  Bytes own;
  for (const Companion& companion : model.companions) {
    if (companion.kind == Companion::Kind::projector) {
      own += companion.weights;
    }
  }
  if (own > Bytes{}) {
    return own;
  }
  return one_of(rules.inline_projectors, file_architecture(model)) ? model.beside : Bytes{};
}

}  // namespace membudget
