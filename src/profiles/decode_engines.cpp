// SPDX-License-Identifier: MIT
#include "profiles/decode_engines.hpp"

#include "profiles/decode.hpp"

namespace membudget {
namespace {

void take_sources(Fields& fields, std::initializer_list<std::string_view> figures) {
  Fields sources = fields.object("sources");
  for (const std::string_view figure : figures) {
    static_cast<void>(sources.text(figure));
  }
  sources.finish();
}

/// The objects of `key` by their names.
template <class Read>
void each_of(Fields& fields, std::string_view key, const Read& read) {
  Fields objects = fields.object(key);
  for (const auto& [name, ignored] : objects.members()) {
    Fields object = objects.object(name);
    read(name, object);
    object.finish();
  }
}

CandleRules::Architecture take_candle_architecture(const std::string& name, Fields& fields) {
  CandleRules::Architecture out;
  out.name = name;
  const std::string cache = fields.one_of("cache", {"concatenated", "stepwise", "whole"});
  if (cache == "stepwise") {
    out.cache = CandleRules::Cache::stepwise;
    out.step = fields.whole("step", 1);
  } else if (cache == "whole") {
    out.cache = CandleRules::Cache::whole;
  }
  out.longest = fields.whole_or_none("longest", 1).value_or(0);
  out.scores = fields.whole("scores", 1);
  out.plain_heads = fields.flag("plain_heads");
  static_cast<void>(fields.text("source"));
  return out;
}

std::vector<ElementType> take_types(Fields& fields, std::string_view key) {
  std::vector<ElementType> out;
  const std::vector<std::string> names = fields.some_texts(key);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto type = element_type_of_name(names[i]);
    if (!type || format_of(*type).name != names[i]) {
      fields.fail_item(key, i, "is not a tensor type such as F16 or Q4_K");
      continue;
    }
    out.push_back(*type);
  }
  return out;
}

}  // namespace

CandleRules take_candle(Fields fields) {
  CandleRules out;
  out.types = take_types(fields, "types");
  out.process = mib(fields.whole("process_mib", 0));
  each_of(fields, "architectures", [&](const std::string& name, Fields& object) {
    out.architectures.push_back(take_candle_architecture(name, object));
  });
  take_sources(fields, {"types", "process_mib"});
  fields.finish();
  return out;
}

MlcRules take_mlc(Fields fields) {
  MlcRules out;
  out.utilization_percent = fields.whole("utilization_percent", 1);
  if (out.utilization_percent > 100 && fields.sound({"utilization_percent"})) {
    fields.fail("utilization_percent", "is a share of Metal's working set, at most 100");
  }
  out.metal_tokens = fields.whole("metal_tokens", 1);
  out.local_tokens = fields.whole("local_tokens", 1);
  out.cache_workspace = mib(fields.whole("cache_workspace_mib", 0));
  each_of(fields, "architectures", [&](const std::string& name, Fields& object) {
    MlcRules::Architecture& architecture = out.architectures.emplace_back();
    architecture.name = name;
    architecture.prefill_chunk = object.whole("prefill_chunk", 1);
    architecture.context = object.whole_or_none("context", 1).value_or(0);
    architecture.logits = object.flag("logits");
    static_cast<void>(object.text("source"));
  });
  take_sources(fields,
               {"utilization_percent", "metal_tokens", "local_tokens", "cache_workspace_mib"});
  fields.finish();
  return out;
}

CoreMlRules take_core_ml(Fields fields) {
  CoreMlRules out;
  out.program = mib(fields.whole("program_mib", 1));
  out.dimension = fields.whole("dimension", 1);
  out.process = mib(fields.whole("process_mib", 0));
  take_sources(fields, {"program_mib", "dimension", "process_mib"});
  fields.finish();
  return out;
}

}  // namespace membudget
