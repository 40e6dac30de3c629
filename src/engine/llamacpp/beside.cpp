// SPDX-License-Identifier: MIT
#include "engine/llamacpp/beside.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/llamacpp/projector.hpp"
#include "engine/llamacpp/saved_state.hpp"

namespace membudget::llamacpp {
namespace {

void add(Footprint& footprint, Part part) {
  if (part.bytes > Bytes{}) {
    footprint.parts.push_back(std::move(part));
  }
}

// The projector is always loaded whole, onto Metal (clip_model_loader, clip.cpp).
void add_projector(Footprint& result, const Settings& settings, const LlamaCppRules& rules) {
  const Projector& projector = *settings.projector;
  const ProjectorMemory memory = projector_memory(projector, settings, rules);
  const bool metal = settings.backend == Backend::metal;
  const Bytes weights = projector.weights();
  const Basis basis = memory.assumed ? Basis::assumed : Basis::formula;
  const auto rule = [&](Bytes own_weights, Bytes compute) {
    return fmt::format("{} of {} tensors + {} of compute for {} x {} pixels", to_text(own_weights),
                       projector.tensors.size(), to_text(compute), memory.warm_up.width,
                       memory.warm_up.height);
  };
  const std::string compute_note = memory.assumed ? "an upper bound of compute" : "compute";
  add(result, {.name = PartName::projector,
               .where = Place::gpu,
               .bytes = (metal ? weights : Bytes{}) + memory.loaded.gpu,
               .basis = basis,
               .note = fmt::format("{}: {} weights, {} {}", projector.name, to_text(weights),
                                   to_text(memory.loaded.gpu), compute_note),
               .formula = rule(metal ? weights : Bytes{}, memory.loaded.gpu)});
  add(result, {.name = PartName::projector,
               .where = Place::host,
               .bytes = (metal ? Bytes{} : weights) + memory.loaded.host,
               .basis = basis,
               .note = "the image and its positions",
               .formula = rule(metal ? Bytes{} : weights, memory.loaded.host)});
  if (memory.tokens <= 0) {
    return;
  }
  if (memory.most_tokens > memory.tokens) {
    const Bytes more = memory.full.gpu + memory.full.host - memory.loaded.gpu - memory.loaded.host;
    result.remarks.push_back(fmt::format(
        "An image takes up to {} tokens of the context; one of {} x {} pixels needs {} more than "
        "is "
        "reserved at the start.",
        memory.most_tokens, memory.largest.width, memory.largest.height, to_text(more)));
  } else {
    result.remarks.push_back(
        fmt::format("An image takes {} tokens of the context{}.", memory.tokens,
                    memory.assumed ? ", or as many as the engine cuts it into" : ""));
  }
}

// What a server keeps of conversations: whole ones that left their slots, and snapshots of what
// cannot be taken back token by token.
void add_kept(Footprint& result, const Simulated& simulated) {
  const Settings& settings = simulated.settings;
  const Bytes snapshot =
      checkpoint(simulated.model, simulated.caches, simulated.state, simulated.geometry.cells);
  const Bytes snapshots = snapshot * (settings.checkpoints * settings.parallel);
  const Bytes whole =
      saved_state(simulated.model, simulated.caches, simulated.state, simulated.geometry.cells);
  const Bytes cached = mib(std::max<std::int64_t>(settings.prompt_cache_mib, 0));
  Part part{.name = PartName::prompt_cache,
            .where = Place::host,
            .bytes = {},
            .basis = Basis::formula,
            .note = {},
            .formula = {}};
  const auto count = [&](Bytes bytes, const std::string& note, const std::string& formula) {
    part.bytes += bytes;
    part.note += fmt::format("{}{}", part.note.empty() ? "" : ", ", note);
    part.formula += fmt::format("{}{}", part.formula.empty() ? "" : " + ", formula);
  };
  std::string grows;
  if (settings.prompt_cache_counted && cached > Bytes{}) {
    count(cached, "conversations that left their slots, once it is full",
          fmt::format("--cache-ram {} MiB", settings.prompt_cache_mib));
  } else if (settings.prompt_cache_mib != 0) {
    const bool limited = settings.prompt_cache_mib > 0;
    result.growth.unlimited = !limited;
    result.growth.limit += cached;
    grows += fmt::format(
        "the server may fill {} of RAM with conversations that left their slots (one of {} tokens "
        "takes {}; --cache-ram bounds it)",
        limited ? to_text(cached) : "any amount", simulated.geometry.cells, to_text(whole));
  }
  if (settings.checkpoints_counted && snapshots > Bytes{}) {
    count(snapshots, "context checkpoints",
          fmt::format("{} slots x {} checkpoints x {}", settings.parallel, settings.checkpoints,
                      to_text(snapshot)));
  } else if (snapshots > Bytes{}) {
    result.growth.limit += snapshots;
    grows += fmt::format("{}up to {} checkpoints of {} for each of {} slots{}",
                         grows.empty() ? "the server may keep " : " and keep ",
                         settings.checkpoints, to_text(snapshot), settings.parallel,
                         grows.empty() ? "" : " (--ctx-checkpoints)");
  }
  if (!grows.empty()) {
    result.growth.note = fmt::format("Not counted, for it grows with use: {}.", grows);
  }
  add(result, std::move(part));
}

}  // namespace

void add_beside(Footprint& result, const Simulated& simulated, const LlamaCppRules& rules) {
  if (simulated.settings.projector != nullptr) {
    add_projector(result, simulated.settings, rules);
  }
  // Only completions are kept.
  if (!simulated.settings.embeddings) {
    add_kept(result, simulated);
  }
}

}  // namespace membudget::llamacpp
