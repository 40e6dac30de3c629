// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

constexpr std::int64_t all_percent = 100;

std::int64_t take_percent(Fields& fields, std::string_view key) {
  const std::int64_t percent = fields.whole(key, 1);
  if (fields.sound({key}) && percent > all_percent) {
    fields.fail(key, "is more than there is; give 1 to 100");
  }
  return percent;
}

std::vector<OllamaRules::ContextTier> take_contexts(Fields& fields) {
  std::vector<OllamaRules::ContextTier> out;
  for (Fields& each : fields.objects("contexts")) {
    OllamaRules::ContextTier tier;
    tier.from = gib(each.whole("from_gib", 0));
    tier.tokens = each.whole("tokens", 1);
    if (!out.empty() && each.sound({"from_gib"}) && tier.from >= out.back().from) {
      each.fail("from_gib", "must be less than that of the tier before: most memory comes first");
    }
    each.finish();
    out.push_back(tier);
  }
  if (fields.sound({"contexts"}) && (out.empty() || out.back().from > Bytes{})) {
    fields.fail("contexts", "must end in a tier from 0 GiB, for every machine");
  }
  return out;
}

std::vector<OllamaRules::BatchTier> take_batches(Fields& fields) {
  std::vector<OllamaRules::BatchTier> out;
  for (Fields& each : fields.objects("batches")) {
    OllamaRules::BatchTier tier;
    tier.above = each.whole("above", 0);
    tier.batch = each.whole("batch", 1);
    tier.percent = take_percent(each, "percent");
    tier.surcharge = mib(each.whole("surcharge_mib", 0));
    if (!out.empty() && each.sound({"above", "batch"}) &&
        (tier.above >= out.back().above || tier.batch >= out.back().batch)) {
      each.fail("batch", "must be smaller and for shorter contexts than the tier before");
    }
    each.finish();
    out.push_back(tier);
  }
  if (fields.sound({"batches"}) && (out.empty() || out.back().above > 0)) {
    fields.fail("batches", "must end in a tier above 0, for every context");
  }
  return out;
}

OllamaRules::Variables take_variables(Fields fields) {
  OllamaRules::Variables out;
  out.context = fields.text("context");
  out.parallel = fields.text("parallel");
  out.cache_type = fields.text("cache_type");
  out.flash_attention = fields.text("flash_attention");
  out.gpu_overhead = fields.text("gpu_overhead");
  out.loaded_models = fields.text("loaded_models");
  out.keep_alive = fields.text("keep_alive");
  out.fit_target = fields.text("fit_target");
  fields.finish();
  return out;
}

}  // namespace

OllamaRules take_ollama_rules(Fields fields) {
  OllamaRules out;
  out.contexts = take_contexts(fields);
  out.batches = take_batches(fields);
  out.fit_percent = take_percent(fields, "fit_percent");
  out.loaded_models = fields.whole("loaded_models", 1);
  out.embedding_batch = fields.whole("embedding_batch", 1);
  out.least_context = fields.whole("least_context", 1);
  out.least_vision_context = fields.whole("least_vision_context", 1);
  out.single_slot = fields.texts("single_slot");
  out.inline_projectors = fields.texts("inline_projectors");
  out.projector_headroom = mib(fields.whole("projector_headroom_mib", 0));
  out.variables = take_variables(fields.object("variables"));
  Fields sources = fields.object("sources");
  for (const std::string_view figure :
       {"contexts", "batches", "fit_percent", "loaded_models", "embedding_batch", "least_context",
        "single_slot", "inline_projectors", "projector_headroom", "variables"}) {
    static_cast<void>(sources.text(figure));
  }
  sources.finish();
  fields.finish();
  return out;
}

}  // namespace membudget
