// SPDX-License-Identifier: MIT
#include "profiles/decode_mlx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

constexpr std::array routings{
    std::pair<std::string_view, Routing>("soft_max", Routing::soft_max),
    std::pair<std::string_view, Routing>("sigmoid", Routing::sigmoid),
    std::pair<std::string_view, Routing>("soft_max_of_chosen", Routing::soft_max_of_chosen),
    std::pair<std::string_view, Routing>("sqrt_soft_plus", Routing::sqrt_soft_plus)};

/// "whole" where the file ignores what the layers say, otherwise missing.
bool follows_layers(Fields& fields, std::string_view key, std::string_view ignored) {
  const auto text = fields.text_or_none(key);
  if (text && *text != ignored) {
    fields.fail(key, fmt::format("'{}' is not known; it is '{}' or left out", *text, ignored));
  }
  return !text;
}

std::optional<Routing> take_routing(Fields& fields) {
  const auto text = fields.text_or_none("routing");
  if (!text) {
    return std::nullopt;
  }
  const auto found = std::find_if(routings.begin(), routings.end(),
                                  [&](const auto& each) { return each.first == *text; });
  if (found == routings.end()) {
    fields.fail("routing", fmt::format("'{}' is no way of choosing experts", *text));
    return std::nullopt;
  }
  return found->second;
}

std::vector<MlxArchitecture> take_architectures(Fields& fields) {
  std::vector<MlxArchitecture> out;
  std::set<std::string> complete;
  for (Fields& each : fields.objects("architectures")) {
    MlxArchitecture next;
    next.architecture = each.text("architecture");
    next.file = each.text("file");
    next.routing = take_routing(each);
    next.windows = follows_layers(each, "windows", "whole");
    next.latents = follows_layers(each, "latents", "expanded");
    for (const std::string& way : each.texts_or_none("distributes")) {
      next.shards = next.shards || way == "tensor";
      next.pipelines = next.pipelines || way == "pipeline";
      if (way != "tensor" && way != "pipeline") {
        each.fail("distributes", fmt::format("'{}' is none of: tensor, pipeline", way));
      }
    }
    // The first that matches counts, so what stands behind a catch-all would never be read.
    if (each.sound({"architecture"}) && complete.contains(next.architecture)) {
      each.fail("architecture",
                fmt::format("'{}' stands above without a routing already", next.architecture));
    }
    if (!next.routing) {
      complete.insert(next.architecture);
    }
    each.finish();
    out.push_back(std::move(next));
  }
  if (out.empty() && fields.sound({"architectures"})) {
    fields.fail("architectures", "must name at least one architecture");
  }
  return out;
}

void take_in_flight(Fields fields, MlxRules& out) {
  out.in_flight = Bytes(fields.whole("bytes", 1));
  out.in_flight_tokens = fields.whole("tokens", 1);
  out.in_flight_power = fields.share("power");
  out.beside_scores = fields.share("beside_scores");
  out.buffer_ops = fields.whole("buffer_ops", 1);
  out.base_buffer_ops = fields.whole("base_buffer_ops", 1);
  if (fields.sound({"buffer_ops", "base_buffer_ops"}) && out.base_buffer_ops > out.buffer_ops) {
    fields.fail("base_buffer_ops", "must not be more than buffer_ops, which is of larger chips");
  }
  static_cast<void>(fields.text("source"));
  fields.finish();
}

std::vector<std::int64_t> take_head_dims(Fields fields) {
  std::vector<std::int64_t> out;
  const auto& members = fields.members();
  const auto dims = members.find("dims");
  if (dims != members.end() && dims->second.is_array()) {
    for (const auto& each : dims->second) {
      out.push_back(each.is_number_unsigned() ? each.get<std::int64_t>() : 0);
    }
  }
  if (out.empty() || std::any_of(out.begin(), out.end(), [](auto dim) { return dim < 1; })) {
    fields.fail("dims", "must be a list of elements per head, such as [64, 128]");
  }
  static_cast<void>(fields.text("source"));
  fields.finish();
  return out;
}

}  // namespace

MlxRules take_mlx_rules(Fields fields) {
  MlxRules out;
  out.page = Bytes(fields.whole("page_bytes", 1));
  out.cache_step = fields.whole("cache_step", 1);
  out.cache_group = fields.whole("cache_group", 1);
  out.fused_head_dims = take_head_dims(fields.object("fused_heads"));
  take_in_flight(fields.object("in_flight"), out);
  out.quantized_scores = fields.positive("quantized_scores");
  out.layers_at_once = fields.whole("layers_at_once", 1);
  Fields scan = fields.object("scan");
  out.scan_step = scan.whole("step", 1);
  out.scan_arrays = scan.whole("arrays", 1);
  static_cast<void>(scan.text("source"));
  scan.finish();
  out.decoding = Bytes(fields.whole("decoding_bytes", 0));
  out.process = Bytes(fields.whole("process_bytes", 0));
  out.dropped = fields.texts("dropped");
  out.towers = fields.texts("towers");
  out.usual_quantization = fields.text("usual_quantization");
  out.architectures = take_architectures(fields);
  Fields sources = fields.object("sources");
  for (const std::string_view figure :
       {"page_bytes", "caches", "quantized_scores", "layers_at_once", "decoding_bytes",
        "process_bytes", "dropped", "usual_quantization", "architectures"}) {
    static_cast<void>(sources.text(figure));
  }
  sources.finish();
  fields.finish();
  return out;
}

MlxRules RuntimeProfile::mlx_rules_over(MlxRules rules) const {
  const MlxRules& own = runtime.mlx;
  rules.kept_caches = own.kept_caches;
  rules.kept_bytes = own.kept_bytes;
  rules.chosen_step = own.chosen_step;
  rules.loads_towers = own.loads_towers;
  rules.own_quantization = own.own_quantization;
  rules.context_fit = own.context_fit;
  return rules;
}

void take_mlx_service(Fields fields, MlxRules& out) {
  out.kept_caches = fields.whole_or_none("kept_caches", 0).value_or(0);
  out.kept_bytes = Bytes(fields.whole_or_none("kept_bytes", 1).value_or(0));
  out.chosen_step = !fields.has_optional("fixed_step") || !fields.flag("fixed_step");
  out.loads_towers = fields.has_optional("loads_towers") && fields.flag("loads_towers");
  out.own_quantization = fields.has_optional("own_quantization") && fields.flag("own_quantization");
  if (fields.has_optional("context_fit")) {
    Fields fit = fields.object("context_fit");
    ContextFit& to = out.context_fit.emplace();
    to.reserve = Bytes(fit.whole("reserve_bytes", 0));
    to.reserve_part = fit.whole("reserve_part", 1);
    to.least = fit.whole("least", 1);
    to.step = fit.whole("step", 1);
    to.architectures = fit.some_texts("architectures");
    fit.finish();
  }
  static_cast<void>(fields.text("source"));
  fields.finish();
}

}  // namespace membudget
