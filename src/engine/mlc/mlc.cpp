// SPDX-License-Identifier: MIT
#include "engine/mlc/mlc.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/gpu_part.hpp"
#include "engine/mlc/estimate.hpp"

namespace membudget::mlc {
namespace {

std::vector<std::string> remarks(const Model& model, const Runtime& runtime,
                                 const Settings& settings) {
  std::vector<std::string> out;
  out.push_back(fmt::format("MLC-LLM reserves its whole cache of {} tokens up front, for {} {}.",
                            settings.context, settings.parallel,
                            settings.parallel == 1 ? "sequence" : "sequences together"));
  if (settings.context > runtime.mlc.metal_tokens) {
    out.push_back(
        fmt::format("Left to itself it takes at most {} tokens on Metal, where it is slow "
                    "with larger buffers.",
                    runtime.mlc.metal_tokens));
  }
  if (const auto longest = sequence_tokens(model, runtime); longest < model.trained_context) {
    out.push_back(
        fmt::format("Its definition of {} takes {} tokens a sequence, not the {} it was "
                    "trained for.",
                    model.architecture, longest, model.trained_context));
  }
  out.emplace_back(
      "low confidence: the temporary buffers are part of the compiled library and "
      "assumed here from a few compile logs; smaller chunks (--prefill-step-size) need "
      "less.");
  return out;
}

}  // namespace

Footprint footprint(const Model& model, const Runtime& runtime, const Settings& settings) {
  const Terms terms = mlc::terms(model, runtime, settings);
  Footprint out;
  out.settings = settings;
  out.partial_offload = false;
  out.parts.push_back(gpu_part(PartName::weights, terms.parameters,
                               model.types_assumed ? Basis::assumed : Basis::formula,
                               "read into buffers", "shapes x the type's bits, scales included"));
  out.parts.push_back(gpu_part(
      PartName::kv_cache, terms.cache(settings.context), Basis::formula,
      fmt::format("{} tokens, all reserved", settings.context),
      fmt::format("{} tokens x {} bytes (2 x kv heads x head x layers x 2 bytes, and 1.25)",
                  settings.context, static_cast<double>(terms.token_quarters) / 4)));
  out.parts.push_back(gpu_part(
      PartName::compute, terms.temporary + terms.cache_workspace + terms.model_workspace,
      Basis::assumed, "temporary buffers and workspaces",
      fmt::format("2 x {} for the largest function (assumed) + {} beside the cache + {} of the "
                  "model's own",
                  to_text(Bytes(terms.temporary.count() / 2)), to_text(terms.cache_workspace),
                  to_text(terms.model_workspace))));
  out.parts.push_back(gpu_part(PartName::output, terms.logits_workspace, Basis::formula,
                               "what picks the next token",
                               fmt::format("{} sequences x (20 + {} logits x 16.125)",
                                           settings.parallel, model.vocabulary)));
  out.remarks = remarks(model, runtime, settings);
  return out;
}

}  // namespace membudget::mlc
