// SPDX-License-Identifier: MIT
#include "plan/levers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "ascii.hpp"
#include "membudget/quality.hpp"

namespace membudget {
namespace {

/// Below this the graphs are so small that nothing is left to save.
constexpr std::int64_t least_ubatch = 128;
constexpr double four_bits = 4;
constexpr std::string_view below_four_bits = "below 4 bits";

/// "LLaMA-3-8B's perplexity +2.82 % with Q4_K_M"; nothing where nobody measured any.
template <class Figure>
std::string figure(const std::vector<Figure>& figures, std::string_view name) {
  const auto found = std::find_if(figures.begin(), figures.end(), [](const Figure& each) {
    return each.perplexity_increase.has_value();
  });
  return found == figures.end() ? std::string()
                                : fmt::format("{}'s perplexity {:+.3g} % with {}", found->model,
                                              100 * *found->perplexity_increase, name);
}

void append(std::string& text, std::string_view more) {
  text += text.empty() || more.empty() ? "" : "; ";
  text += more;
}

double bits(ElementType type) {
  const ElementFormat& format = format_of(type);
  return static_cast<double>(format.block_bytes) / static_cast<double>(format.block_elements);
}

Positions cache_types(const Model& model, const Settings& settings, const AdviceRules& rules,
                      const QualityTable& quality) {
  Positions out;
  const std::string k = option_name(settings.cache_type_k);
  const std::string v = option_name(settings.cache_type_v);
  for (const ElementType type : {ElementType::q8_0, ElementType::q4_0}) {
    if (bits(type) >= std::max(bits(settings.cache_type_k), bits(settings.cache_type_v))) {
      continue;
    }
    Position each = position(rules, Lever::cache_type, k == v ? k : fmt::format("{}/{}", k, v),
                             option_name(type));
    std::string published =
        figure(published_cache_quality(quality, type, type, parameters_of(model)),
               fmt::format("a {} cache", option_name(type)));
    append(published, each.quality);
    each.quality = std::move(published);
    each.apply = [type](Workload& workload) {
      workload.cache_type_k = workload.cache_type_v = type;
    };
    out.push_back(std::move(each));
  }
  return out;
}

Positions contexts(const Settings& settings, const AdviceRules& rules) {
  Positions out;
  std::int64_t steps = 0;
  for (std::int64_t tokens = settings.context / 2; tokens >= rules.least_context; tokens /= 2) {
    Position each = position(rules, Lever::context, std::to_string(settings.context),
                             std::to_string(tokens), ++steps);
    each.apply = [tokens](Workload& workload) { workload.context = tokens; };
    out.push_back(std::move(each));
  }
  return out;
}

Positions ubatches(const Settings& settings, const AdviceRules& rules) {
  Positions out;
  std::int64_t steps = 0;
  for (std::int64_t tokens = settings.ubatch / 2; tokens >= least_ubatch; tokens /= 2) {
    Position each = position(rules, Lever::ubatch, std::to_string(settings.ubatch),
                             std::to_string(tokens), ++steps);
    each.apply = [tokens](Workload& workload) { workload.ubatch = tokens; };
    out.push_back(std::move(each));
  }
  return out;
}

/// Below this a prompt takes notably longer, and little is left to save.
constexpr std::int64_t least_prefill_step = 256;

Positions prefill_steps(const Settings& settings, const AdviceRules& rules) {
  Positions out;
  std::int64_t steps = 0;
  for (std::int64_t tokens = settings.prefill_step / 2; tokens >= least_prefill_step; tokens /= 2) {
    // A prompt that fits into one step is computed at once either way.
    if (tokens >= settings.prompt_tokens) {
      continue;
    }
    Position each = position(rules, Lever::prefill_step, std::to_string(settings.prefill_step),
                             std::to_string(tokens), ++steps);
    each.apply = [tokens](Workload& workload) { workload.prefill_step = tokens; };
    out.push_back(std::move(each));
  }
  return out;
}

/// Coarser quantizations, from fine to coarse; each step has its own points.
Positions quantizations(const Model& model, const AdviceRules& rules, const QualityTable& quality,
                        std::span<const Alternative> alternatives) {
  std::vector<const Alternative*> coarser;
  const double own = 8.0 * static_cast<double>(model.tensors.total().count()) /
                     static_cast<double>(std::max<std::int64_t>(model.tensors.parameters(), 1));
  const std::int64_t own_rank = rank_of(model.quantization, rules);
  for (const Alternative& each : alternatives) {
    const std::int64_t rank = rank_of(each.name, rules);
    const bool below = own_rank >= 0 ? rank > own_rank : each.bits < own;
    if (each.lever == Lever::quantization && rank >= 0 && below) {
      coarser.push_back(&each);
    }
  }
  std::sort(coarser.begin(), coarser.end(), [&](const Alternative* a, const Alternative* b) {
    return rank_of(a->name, rules) < rank_of(b->name, rules);
  });
  Positions out;
  std::int64_t regret = 0;
  const auto published_of = [&](const std::string& name) {
    return figure(published_quality(quality, name, parameters_of(model)), name);
  };
  const std::string before = published_of(model.quantization);
  for (const Alternative* each : coarser) {
    Position next = position(rules, Lever::quantization, model.quantization, each->name, 1,
                             each->bits < four_bits ? below_four_bits : "");
    regret += next.regret;
    next.regret = regret;
    std::string published = published_of(each->name);
    append(published, published.empty() ? "" : before);
    append(published, next.quality);
    next.quality = std::move(published);
    next.alternative = each;
    out.push_back(std::move(next));
  }
  return out;
}

Positions smaller_models(const Model& model, const AdviceRules& rules,
                         std::span<const Alternative> alternatives) {
  std::vector<const Alternative*> smaller;
  for (const Alternative& each : alternatives) {
    if (each.lever == Lever::model && each.at_least < model.tensors.total() &&
        static_cast<double>(each.at_least.count()) <
            0.9 * static_cast<double>(model.tensors.total().count())) {
      smaller.push_back(&each);
    }
  }
  std::sort(smaller.begin(), smaller.end(),
            [](const Alternative* a, const Alternative* b) { return b->at_least < a->at_least; });
  Positions out;
  std::int64_t steps = 0;
  for (const Alternative* each : smaller) {
    out.push_back(position(rules, Lever::model, model.id, each->name, ++steps));
    out.back().alternative = each;
  }
  return out;
}

/// A lever with two positions.
Positions one(Position position, std::function<void(Workload&)> apply) {
  position.apply = std::move(apply);
  return {std::move(position)};
}

Positions fewer_slots(const Settings& settings, const AdviceRules& rules) {
  return one(position(rules, Lever::parallel, std::to_string(settings.parallel), "1"),
             [](Workload& workload) { workload.parallel = 1; });
}

std::vector<Positions> llama_cpp_settings(const Model& model, const Plan& plan,
                                          const AdviceRules& rules, const QualityTable& quality) {
  const Settings& settings = plan.footprint.settings;
  std::vector<Positions> out;
  if (!plan.footprint.flash_attention && model.flash_attention) {
    out.push_back(one(position(rules, Lever::flash_attention, "off", "on"),
                      [](Workload& workload) { workload.flash_attention = FlashAttention::on; }));
  }
  if (settings.swa_full) {
    out.push_back(one(position(rules, Lever::swa_full, "true", "false"),
                      [](Workload& workload) { workload.swa_full = false; }));
  }
  // Models that see a whole text at once need it in one physical batch.
  if (model.causal && !settings.embeddings) {
    out.push_back(ubatches(settings, rules));
  }
  if (settings.parallel > 1) {
    out.push_back(fewer_slots(settings, rules));
  }
  if (plan.footprint.total(PartName::kv_cache) > Bytes()) {
    out.push_back(cache_types(model, settings, rules, quality));
    out.push_back(contexts(settings, rules));
  }
  return out;
}

/// A quantized cache is none of these: it raises the peak of long prompts.
std::vector<Positions> mlx_settings(const Settings& settings, const Runtime& runtime,
                                    const AdviceRules& rules) {
  std::vector<Positions> out;
  if (runtime.mlx.chosen_step) {
    out.push_back(prefill_steps(settings, rules));
  }
  if (settings.parallel > 1) {
    out.push_back(fewer_slots(settings, rules));
  }
  out.push_back(contexts(settings, rules));
  return out;
}

}  // namespace

Position position(const AdviceRules& rules, Lever lever, std::string from, std::string to,
                  std::int64_t steps, std::string_view kind) {
  const LeverCost& cost = rules.cost(lever, kind.empty() ? std::string_view(to) : kind);
  Position out;
  out.change = {lever, std::move(from), std::move(to), Bytes()};
  out.regret = cost.regret * steps;
  out.speed = cost.speed;
  out.quality = cost.quality;
  out.source = cost.source;
  return out;
}

std::vector<Positions> positions(const Model& model, const Plan& plan, const Runtime& runtime,
                                 const AdviceRules& rules, const QualityTable& quality,
                                 std::span<const Alternative> alternatives) {
  const Settings& settings = plan.footprint.settings;
  std::vector<Positions> out = runtime.engine == Engine::mlx
                                   ? mlx_settings(settings, runtime, rules)
                                   : llama_cpp_settings(model, plan, rules, quality);
  if (plan.binding == Binding::gpu) {
    Position raised = position(rules, Lever::wired_limit, "", "");
    raised.raises_wired_limit = true;
    out.push_back({std::move(raised)});
  }
  out.push_back(quantizations(model, rules, quality, alternatives));
  out.push_back(smaller_models(model, rules, alternatives));
  out.erase(
      std::remove_if(out.begin(), out.end(), [](const Positions& each) { return each.empty(); }),
      out.end());
  return out;
}

std::int64_t rank_of(std::string_view quantization, const AdviceRules& rules) {
  const auto& names = rules.finer_to_coarser;
  const auto found = std::find(names.begin(), names.end(), quantization);
  return found == names.end() ? -1 : found - names.begin();
}

std::string option_name(ElementType type) {
  return lower(format_of(type).name);
}

std::int64_t offloadable_layers(const Model& model) {
  return static_cast<std::int64_t>(model.layers.size()) + 1;
}

std::int64_t offloaded_layers(const Model& model, const Settings& settings) {
  const std::int64_t all = offloadable_layers(model);
  return settings.gpu_layers < 0 ? all : std::min(settings.gpu_layers, all);
}

}  // namespace membudget
