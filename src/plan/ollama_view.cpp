// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "plan/ollama.hpp"

namespace membudget::ollama {
namespace {

/// How Ollama's cache formula misses this model, clause by clause, most telling first.
std::vector<std::string> misses(const Model& model, const Footprint& footprint) {
  std::int64_t cached = 0;
  std::int64_t sliding = 0;
  std::int64_t latent = 0;
  std::int64_t key_dim = 0;
  bool more_heads = false;
  for (const Layer& layer : model.layers) {
    for (const Mixer* mixer : {&layer.mixer, &layer.beside}) {
      if (const auto* attention = std::get_if<Attention>(mixer);
          attention != nullptr && attention->kv_heads > 0) {
        cached += attention->cache_layer < 0 ? 1 : 0;
        sliding += attention->window > 0 ? 1 : 0;
        key_dim = std::max(key_dim, attention->key_dim);
        more_heads = more_heads || attention->kv_heads > model.stated_kv_heads;
      }
      latent += std::holds_alternative<LatentAttention>(*mixer) ? 1 : 0;
    }
  }
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  const std::int64_t width = model.stated_heads > 0 ? model.embedding / model.stated_heads : 0;
  std::vector<std::string> out;
  if (latent > 0) {
    out.push_back(fmt::format("{} layers keep one latent vector per token, not heads", latent));
  } else if (cached < layers) {
    out.push_back(
        fmt::format("{} of {} layers keep keys and values, and it counts all", cached, layers));
  }
  if (sliding > 0) {
    out.push_back(
        fmt::format("{} layers look back over a window only, and it counts the whole "
                    "context",
                    sliding));
  }
  if (key_dim > 0 && key_dim != width) {
    out.push_back(fmt::format("a head is {} wide, and it reckons {} / {} = {}", key_dim,
                              model.embedding, model.stated_heads, width));
  }
  if (more_heads) {
    out.push_back(fmt::format("it takes the fewest heads of any layer, {}", model.stated_kv_heads));
  }
  if (footprint.settings.cache_type_k != ElementType::f16) {
    out.emplace_back("it takes the cache for f16");
  }
  const Bytes buffers = footprint.total(PartName::compute) + footprint.total(PartName::output);
  constexpr std::int64_t tenth = 10;
  if (buffers * tenth > footprint.total()) {
    out.push_back(fmt::format("it does not count what is computed in, {}", to_text(buffers)));
  }
  return out;
}

}  // namespace

OllamaView view(const Model& model, const Runtime& runtime, const Footprint& footprint) {
  const Settings& settings = footprint.settings;
  OllamaView out;
  out.belief = ollama_belief(model, *runtime.ollama, settings.context, settings.batch);
  out.evicts_below = ollama_evicts_below(out.belief, *runtime.ollama);
  out.taken = footprint.total(Place::gpu);
  const Bytes off = out.belief.total() > out.taken ? out.belief.total() - out.taken
                                                   : out.taken - out.belief.total();
  constexpr std::int64_t tenth = 10;
  if (off * tenth > out.taken) {
    out.why = misses(model, footprint);
  }
  return out;
}

std::vector<std::string> remarks(const Model& model, const Runtime& runtime, const Workload& asked,
                                 const std::optional<OllamaView>& view, const Footprint& footprint,
                                 const Budget& budget) {
  const OllamaRules& rules = *runtime.ollama;
  const Settings& settings = footprint.settings;
  const bool metal = settings.backend == Backend::metal;
  std::vector<std::string> out;
  if (!asked.context && model.default_context == 0 && runtime.defaults.context == 0) {
    out.push_back(fmt::format(
        "Nobody set a context: Ollama takes {} tokens {}; {} or PARAMETER num_ctx sets another.",
        settings.context / settings.parallel,
        metal ? fmt::format("where Metal grants {}", to_text(budget.gpu_limit - rules.gpu_overhead))
              : "where it finds no GPU",
        rules.variables.context));
  }
  if (settings.parallel == 1 && asked.parallel.value_or(runtime.defaults.parallel) > 1) {
    out.emplace_back("Ollama gives this model one slot, whatever is asked for.");
  }
  if (!asked.batch && !asked.ubatch && !rules.batches.empty() &&
      settings.ubatch > rules.batches.back().batch && !settings.embeddings) {
    out.push_back(fmt::format(
        "Ollama computes {} tokens at once for a context this long, in {}; "
        "PARAMETER num_batch {} takes less.",
        settings.ubatch, to_text(footprint.total(PartName::compute)), rules.batches.back().batch));
  }
  if (const Bytes projector = ollama_projector(model, rules); projector > Bytes{}) {
    out.push_back(fmt::format(
        "Ollama loads the vision tower too, {}; what it computes in is not counted, and Ollama "
        "keeps {} free for it where not all layers fit.",
        to_text(projector), to_text(rules.projector_headroom)));
  }
  if (!settings.mmap && (model.ollama_transforms || !asked.mmap)) {
    out.push_back(fmt::format(
        "Ollama reads the file instead of mapping it, because {}.",
        model.ollama_transforms              ? "it changes some weights while it loads them"
        : !metal || settings.gpu_layers == 0 ? "nothing runs on a GPU"
                                             : "it expects that some layers run on the CPU"));
  }
  if (view) {
    out.push_back(fmt::format(
        "Ollama believes this needs {}, and it takes {}; with less than {} free it first unloads "
        "another model{}.",
        to_text(view->belief.total()), to_text(view->taken), to_text(view->evicts_below),
        view->why.empty() ? "" : fmt::format(" ({})", fmt::join(view->why, "; "))));
  }
  return out;
}

}  // namespace membudget::ollama
