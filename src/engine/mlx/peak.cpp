// SPDX-License-Identifier: MIT
#include "engine/mlx/peak.hpp"

#include <algorithm>
#include <cmath>

namespace membudget::mlx {
namespace {

constexpr std::int64_t half = 2;

/// Whole pages, so that the last digit of a power does not decide a plan.
Bytes pages(double bytes, const MlxRules& rules) {
  const auto page = static_cast<double>(rules.page.count());
  return Bytes(std::llround(bytes / page) * rules.page.count());
}

class Moments {
 public:
  Moments(const Caches& caches, const MlxRules& rules, const Settings& settings)
      : caches_(caches),
        rules_(rules),
        settings_(settings),
        sequences_(std::max<std::int64_t>(settings.parallel, 1)),
        // The last token of a prompt is computed with the first that is generated
        // (generate.py, generate_step).
        prompted_(settings.depth + settings.prompt_tokens - 1),
        chunk_(std::min(settings.prompt_tokens - 1, settings.prefill_step)) {}

  [[nodiscard]] Moment prompt() const {
    Moment out;
    out.tokens = prompted_;
    out.step = chunk_ * sequences_;
    out.whole = whole(prompted_);
    // While a step is computed its tokens stand beside the window (cache.py:460-466).
    out.windowed = windowed(prompted_, chunk_ - 1);
    out.state = caches_.state * sequences_;
    out.inputs = caches_.inputs_per_token * out.step;
    const bool grows = settings_.depth > 0 || settings_.prompt_tokens - 1 > settings_.prefill_step;
    out.growth = grows ? copy_of_one_layer() : Bytes();
    add_work(out);
    return out;
  }

  [[nodiscard]] Moment generation() const {
    Moment out;
    out.generating = true;
    out.tokens = settings_.context;
    out.step = sequences_;
    out.whole = whole(settings_.context);
    out.windowed = windowed(settings_.context, 0);
    out.state = caches_.state * sequences_;
    out.growth = copy_of_one_layer();
    out.in_flight = rules_.decoding;
    return out;
  }

 private:
  [[nodiscard]] Bytes whole(std::int64_t tokens) const {
    return caches_.per_token * round_up(tokens, rules_.cache_step) * sequences_;
  }

  [[nodiscard]] Bytes windowed(std::int64_t tokens, std::int64_t more) const {
    Bytes out;
    for (const WindowedCaches& each : caches_.windowed) {
      out += each.per_token * std::min(tokens, each.window + more) * sequences_;
    }
    return out;
  }

  [[nodiscard]] Bytes copy_of_one_layer() const {
    return caches_.whole_layers == 0 ? Bytes()
                                     : Bytes(whole(prompted_).count() / caches_.whole_layers);
  }

  /// ssm.py, ssm_attn: for every block the decay between each two of its tokens.
  [[nodiscard]] Bytes scan_of_a_step() const {
    constexpr std::int64_t single = 4;
    const std::int64_t block = std::min(chunk_, rules_.scan_step);
    const std::int64_t blocks = (chunk_ + rules_.scan_step - 1) / rules_.scan_step;
    return Bytes(checked_multiply(caches_.scan_heads * block, block) * single) *
           (blocks * rules_.scan_arrays * rules_.layers_at_once) * sequences_;
  }

  void add_work(Moment& out) const {
    Bytes most;
    for (const ScoredAttention& each : caches_.scored) {
      const std::int64_t seen =
          each.window == 0 ? prompted_ : std::min(prompted_, each.window + chunk_ - 1);
      const Bytes one(checked_multiply(checked_multiply(each.heads * half, out.step), seen));
      const double copies =
          settings_.kv_bits > 0 ? rules_.quantized_scores : static_cast<double>(each.copies);
      const Bytes all = pages(copies * static_cast<double>(one.count()), rules_) +
                        each.expanded * seen * sequences_;
      out.one_scores = std::max(out.one_scores, one);
      most = std::max(most, all);
    }
    const Bytes scan = scan_of_a_step();
    const double share = std::min(
        1.0, std::pow(static_cast<double>(out.step) / static_cast<double>(rules_.in_flight_tokens),
                      rules_.in_flight_power));
    const std::int64_t ops = settings_.buffer_ops > 0 ? settings_.buffer_ops : rules_.buffer_ops;
    const double queued = static_cast<double>(ops) / static_cast<double>(rules_.buffer_ops);
    const double window = static_cast<double>(rules_.in_flight.count()) * queued * share;
    const Bytes alone = pages(window, rules_);
    const Bytes beside = pages(rules_.beside_scores * window, rules_);
    // Scores take the place of other arrays: what computes them has to end first.
    if (beside + std::max(most, scan) > alone) {
      out.in_flight = beside;
      (most >= scan ? out.scores : out.scan) = std::max(most, scan);
    } else {
      out.in_flight = alone;
    }
  }

  const Caches& caches_;
  const MlxRules& rules_;
  const Settings& settings_;
  std::int64_t sequences_;
  std::int64_t prompted_;
  std::int64_t chunk_;
};

}  // namespace

Moment peak(const Caches& caches, const MlxRules& rules, const Settings& settings) {
  const Moments moments(caches, rules, settings);
  const Moment prompt = moments.prompt();
  const Moment generation = moments.generation();
  return prompt.total() >= generation.total() ? prompt : generation;
}

}  // namespace membudget::mlx
