// SPDX-License-Identifier: MIT
// What mlx-lm 0.32.0 holds: read weights, caches that grow with the tokens in use, and the arrays
// of a prompt step. Rules of mlx-lm d78bf58e and mlx 846d1762; the sources of the numbers stand in
// profiles/runtimes/mlx.json.
#include "engine/mlx/mlx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/mlx/caches.hpp"
#include "engine/mlx/peak.hpp"
#include "engine/mlx/weights.hpp"
#include "membudget/error.hpp"

namespace membudget::mlx {
namespace {

/// As mlx-lm prints it: "3.666 GB", of 10^9 bytes.
std::string printed(Bytes bytes) {
  return fmt::format("{:.3f} GB", static_cast<double>(bytes.count()) / 1e9);
}

class Parts {
 public:
  Parts(const Model& model, const Runtime& runtime, const Settings& settings)
      : model_(model),
        rules_(runtime.mlx),
        settings_(settings),
        weights_(weights(model, rules_)),
        caches_(caches(model, rules_, settings.kv_bits)),
        moment_(peak(caches_, rules_, settings)) {}

  Footprint footprint() {
    add_weights();
    add_caches();
    add_state();
    add_compute();
    out_.peak = out_.total(Place::gpu);
    add(PartName::runtime, Place::host, rules_.process, Basis::measured,
        "Python and Metal beside the arrays", "what a process was seen to take over its peak");
    out_.settings = settings_;
    out_.partial_offload = false;
    set_largest_buffer();
    add_remarks();
    return std::move(out_);
  }

 private:
  void add(PartName name, Place where, Bytes bytes, Basis basis, std::string note,
           std::string formula) {
    if (bytes > Bytes()) {
      out_.parts.push_back({name, where, bytes, basis, std::move(note), std::move(formula)});
    }
  }

  [[nodiscard]] std::string times() const {
    return settings_.parallel > 1 ? fmt::format(" x {} sequences", settings_.parallel) : "";
  }

  void add_weights() {
    std::string note = fmt::format("{} arrays, read, not mapped", weights_.arrays);
    if (weights_.dropped > Bytes()) {
      note += fmt::format("; {} are not loaded", to_text(weights_.dropped));
    }
    if (weights_.basis == Basis::assumed) {
      note += "; their types are not known";
    }
    add(PartName::weights, Place::gpu, weights_.bytes, weights_.basis, std::move(note),
        fmt::format("{} B in {} arrays, those over {} B rounded up to whole pages of {} B = {} B",
                    weights_.stored.count(), weights_.arrays, rules_.page.count(),
                    rules_.page.count(), weights_.bytes.count()));
  }

  void add_caches() {
    const std::int64_t blocks = round_up(moment_.tokens, rules_.cache_step);
    std::string formula;
    if (caches_.whole_layers > 0) {
      formula = fmt::format("{} layers: {} B per token x {} tokens (in steps of {}){} = {} B",
                            caches_.whole_layers, caches_.per_token.count(), blocks,
                            rules_.cache_step, times(), moment_.whole.count());
    }
    for (const WindowedCaches& each : caches_.windowed) {
      formula += fmt::format(
          "{}{} layers with a window of {}: {} B per token x {} tokens{}",
          formula.empty() ? "" : "; ", each.layers, each.window, each.per_token.count(),
          moment_.generating ? fmt::format("min({}, {})", moment_.tokens, each.window)
                             : fmt::format("min({}, {} + {} - 1)", moment_.tokens, each.window,
                                           moment_.step / settings_.parallel),
          times());
    }
    const std::string bits =
        settings_.kv_bits > 0 ? fmt::format(", {} bits", settings_.kv_bits) : "";
    add(PartName::kv_cache, Place::gpu, moment_.whole + moment_.windowed, Basis::formula,
        fmt::format("{} tokens in use{}", moment_.tokens, bits), std::move(formula));
  }

  void add_state() {
    add(PartName::recurrent_state, Place::gpu, moment_.state, Basis::formula,
        fmt::format("{} layers, whatever the context", caches_.recurrent_layers),
        fmt::format("states in 32 bits and tails of convolutions of {} layers: {} B{}",
                    caches_.recurrent_layers, caches_.state.count(), times()));
  }

  void add_compute() {
    std::string formula;
    const auto term = [&](Bytes bytes, const std::string& what) {
      if (bytes > Bytes()) {
        formula += fmt::format("{}{} B {}", formula.empty() ? "" : " + ", bytes.count(), what);
      }
    };
    term(moment_.in_flight, moment_.generating
                                ? "while a token is computed"
                                : fmt::format("under way in a step of {} tokens", moment_.step));
    term(moment_.scores,
         settings_.kv_bits > 0
             ? fmt::format("attention scores, not fused for a quantized cache: {:.1f} x {} B",
                           rules_.quantized_scores, moment_.one_scores.count())
             : fmt::format("attention scores, not fused for these heads: one array has {} B",
                           moment_.one_scores.count()));
    term(moment_.scan, fmt::format("blocks of Mamba-2's scan: {} arrays of {} layers",
                                   rules_.scan_arrays, rules_.layers_at_once));
    term(moment_.inputs, fmt::format("inputs of convolutions: {} B per token x {}",
                                     caches_.inputs_per_token.count(), moment_.step));
    term(moment_.growth, "the old cache of a layer that grows");
    add(PartName::compute, Place::gpu, moment_.compute(), Basis::measured,
        moment_.generating
            ? std::string("most lives while it generates")
            : fmt::format("most lives at the prompt's end, {} tokens at once", moment_.step),
        std::move(formula) + "; how many arrays live at once is fitted to published peaks");
  }

  void set_largest_buffer() {
    out_.largest_buffer = weights_.largest;
    out_.largest_buffer_name = "the largest weight";
    if (moment_.one_scores > out_.largest_buffer) {
      out_.largest_buffer = moment_.one_scores;
      out_.largest_buffer_name = "attention scores";
    }
  }

  [[nodiscard]] Bytes gpu_of(const Settings& settings) const {
    const Caches others = caches(model_, rules_, settings.kv_bits);
    return weights_.bytes + peak(others, rules_, settings).total();
  }

  void add_remarks() {
    const Bytes now = *out_.peak;
    out_.remarks.push_back(fmt::format(
        "mlx-lm prints this peak as {}, of 10^9 bytes; the process also keeps freed arrays for a "
        "while.",
        printed(now)));
    if (const std::int64_t most = model_.trained_context; most > settings_.context) {
      Settings full = settings_;
      full.depth = 0;
      full.context = most;
      full.prompt_tokens = std::max<std::int64_t>(most - full.generate_tokens, 1);
      out_.remarks.push_back(fmt::format(
          "Memory grows with the tokens in use: all {} of the trained context would peak at {}.",
          most, to_text(gpu_of(full))));
    }
    if (settings_.kv_bits > 0) {
      Settings plain = settings_;
      plain.kv_bits = 0;
      const Bytes without = gpu_of(plain);
      out_.remarks.push_back(
          fmt::format("--kv-bits {} turns off fused attention: it {} the peak by {}.",
                      settings_.kv_bits, now > without ? "raises" : "lowers",
                      to_text(now > without ? now - without : without - now)));
    }
    if (settings_.context_limit > 0) {
      out_.remarks.push_back(fmt::format(
          "The runtime chooses the context itself, {} tokens here; a length that is asked for is "
          "ignored.",
          settings_.context_limit));
    }
    if (rules_.loads_towers && !model_.checkpoint) {
      out_.remarks.emplace_back(
          "A vision or audio tower is loaded too, where there is one; catalog models are planned "
          "without.");
    }
    const Bytes one = moment_.whole + moment_.windowed + moment_.state;
    if (rules_.kept_bytes > Bytes()) {
      out_.remarks.push_back(fmt::format(
          "Caches of earlier prompts are kept beside this, up to {}.", to_text(rules_.kept_bytes)));
    } else if (rules_.kept_caches > 0) {
      out_.remarks.push_back(
          fmt::format("A server keeps the caches of {} finished requests beside this, at this "
                      "length {} in all; --prompt-cache-bytes limits them.",
                      rules_.kept_caches, to_text(one * rules_.kept_caches)));
    }
  }

  const Model& model_;
  const MlxRules& rules_;
  const Settings& settings_;
  Weights weights_;
  Caches caches_;
  Moment moment_;
  Footprint out_;
};

}  // namespace

Footprint footprint(const Model& model, const Runtime& runtime, const Settings& settings) {
  return Parts(model, runtime, settings).footprint();
}

std::int64_t fitted_context(const Model& model, const MlxRules& rules, Bytes working_set) {
  const ContextFit& fit = *rules.context_fit;
  const auto& known = fit.architectures;
  const Caches all = caches(model, rules, 0);
  if (std::find(known.begin(), known.end(), model.architecture) == known.end() ||
      all.per_token == Bytes()) {
    return model.trained_context;
  }
  const Bytes reserve = std::max(fit.reserve, Bytes(working_set.count() / fit.reserve_part));
  Bytes fixed = weights(model, rules).bytes + all.state;
  for (const WindowedCaches& each : all.windowed) {
    fixed += each.per_token * (each.window + fit.step - 1);
  }
  std::int64_t heads = 0;
  for (const Layer& layer : model.layers) {
    if (const auto* attention = std::get_if<Attention>(&layer.mixer)) {
      heads = std::max(heads, attention->heads);
    }
  }
  constexpr std::int64_t half = 2;
  const Bytes per_token = all.per_token + Bytes(model.embedding * half) +
                          Bytes(checked_multiply(heads * fit.step, half));
  const Bytes left = std::max(Bytes(), working_set - reserve - fixed);
  const std::int64_t tokens = round_up(left.count() / per_token.count(), rules.cache_step);
  return std::min(std::max(tokens, fit.least), model.trained_context);
}

}  // namespace membudget::mlx
