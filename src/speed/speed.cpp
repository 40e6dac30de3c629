// SPDX-License-Identifier: MIT
#include "membudget/speed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "speed/gpu.hpp"
#include "speed/token_work.hpp"

namespace membudget {
namespace {

constexpr double milli = 1e3;
constexpr double micro = 1e-6;
constexpr double nano = 1e-9;
constexpr double giga = 1e9;

/// Times in seconds of one model on one machine.
class Clockwork {
 public:
  Clockwork(const Model& model, const Machine& machine, const Footprint& footprint,
            const SpeedRules& rules)
      : model_(model),
        footprint_(footprint),
        rules_(rules),
        work_(token_work(model, footprint)),
        processors_(processors_of(machine.chip, rules)) {
    on_cpu_ = footprint.settings.kv_offload ? work_.cpu_layers : 1;
  }

  [[nodiscard]] const TokenWork& work() const { return work_; }
  [[nodiscard]] const Processors& processors() const { return processors_; }
  /// A type the rules do not describe is taken for the slowest that they do.
  [[nodiscard]] TypeSpeed type_of(ElementType type) const;

  [[nodiscard]] TokenTime token(double depth) const;
  [[nodiscard]] double prompt(double tokens, double depth) const;
  [[nodiscard]] double batch(double rows, double depth) const;
  /// The output layer, for the last row of a prompt, and the choice of a token.
  [[nodiscard]] double answer() const;
  [[nodiscard]] double bytes(double depth) const;

 private:
  [[nodiscard]] double read(const WeightReads& weights) const;
  [[nodiscard]] double multiply(const WeightReads& weights, double rows) const;
  [[nodiscard]] double attend(const CacheReads& cache) const;
  [[nodiscard]] double sampling() const;
  [[nodiscard]] double expert_share(double rows) const;
  [[nodiscard]] double streaming() const { return processors_.bandwidth * rules_.bandwidth_share; }

  const Model& model_;
  const Footprint& footprint_;
  const SpeedRules& rules_;
  TokenWork work_;
  Processors processors_;
  double on_cpu_ = 0;  // Share of the cache that the CPU attends to.
};

TypeSpeed Clockwork::type_of(ElementType type) const {
  TypeSpeed out{.type = type};
  const auto slower = [](double known, double other) {
    return known > 0 ? std::min(known, other) : other;
  };
  for (TypeSpeed each : rules_.types) {
    each.unpacking *= each.by_family ? processors_.family.k_quants_gbs : 1;
    if (each.type == type) {
      return each;
    }
    out.unpacking = slower(out.unpacking, each.unpacking);
    out.matmul = slower(out.matmul, each.matmul);
  }
  return out;
}

// Memory and shader cores work at the same time, but neither waits for the other perfectly: the
// root of the sum of squares is the larger of the two when they differ, and 1.4 times it when not.
double Clockwork::read(const WeightReads& weights) const {
  if (weights.cpu) {
    return weights.bytes / processors_.cpu_bandwidth;
  }
  const double memory = weights.bytes * (weights.experts ? rules_.expert_reads : 1) / streaming();
  const double rate = type_of(weights.type).unpacking;
  const double unpacking = weights.bytes / (processors_.core_ghz * rate * giga);
  // Not std::hypot, nor std::pow below, whose last digit is each library's own.
  return std::sqrt(memory * memory + unpacking * unpacking);
}

double Clockwork::sampling() const {
  return static_cast<double>(model_.vocabulary) * rules_.vocabulary_ns * nano +
         rules_.token_us * micro;
}

TokenTime Clockwork::token(double depth) const {
  TokenTime time;
  for (const WeightReads& weights : work_.weights) {
    (weights.cpu ? time.cpu : time.weights) += read(weights) * milli;
  }
  const CacheReads cache = cache_reads(model_, footprint_.settings, depth);
  const double bandwidth = processors_.bandwidth;
  const double cores = processors_.core_ghz * giga;
  double looked = footprint_.flash_attention
                      ? cache.bytes / (bandwidth * rules_.cache_share) +
                            cache.elements / (cores * rules_.cache_gelements)
                      : cache.bytes_by_head / (bandwidth * rules_.plain_cache_share) +
                            static_cast<double>(cache.layers) * rules_.plain_attention_us * micro *
                                processors_.launch;
  looked += cache.latent_elements / (cores * rules_.latent_gelements);
  time.cache = looked * (1 - on_cpu_) * milli;
  time.cpu += on_cpu_ * cache.bytes_by_head / processors_.cpu_bandwidth * milli;
  time.state = work_.state_bytes * rules_.state_passes / streaming() * milli;
  time.kernels = (static_cast<double>(work_.kernels) * rules_.kernel_us +
                  static_cast<double>(work_.expert_products) * rules_.expert_kernel_us) *
                 processors_.launch * (1 - work_.cpu_layers) * micro * milli;
  time.sampling = sampling() * milli;
  return time;
}

double Clockwork::bytes(double depth) const {
  double sum = cache_reads(model_, footprint_.settings, depth).bytes + work_.state_bytes;
  for (const WeightReads& weights : work_.weights) {
    sum += weights.bytes;
  }
  return sum;
}

double power(double base, std::int64_t exponent) {
  double out = 1;
  for (; exponent > 0; exponent /= 2) {
    out *= exponent % 2 == 1 ? base : 1;
    base *= base;
  }
  return out;
}

// Of the experts, those that at least one of the rows chose.
double Clockwork::expert_share(double rows) const {
  if (model_.experts <= 0) {
    return 1;
  }
  const double used =
      static_cast<double>(model_.experts_used) / static_cast<double>(model_.experts);
  return 1 - power(1 - used, static_cast<std::int64_t>(rows));
}

/// One row's products with these weights when `rows` go together.
double Clockwork::multiply(const WeightReads& weights, double rows) const {
  constexpr double offload_rows = 32;  // GGML_OP_OFFLOAD_MIN_BATCH (ggml-metal.cpp).
  const double flops = 2 * weights.multiplied;
  if (weights.cpu && !(footprint_.settings.op_offload && rows >= offload_rows &&
                       footprint_.settings.backend == Backend::metal)) {
    return flops / processors_.cpu_flops;
  }
  double share = type_of(weights.type).matmul * processors_.family.matmul;
  if (weights.experts && model_.experts > 0) {
    const double each =
        rows * static_cast<double>(model_.experts_used) / static_cast<double>(model_.experts);
    share *= rules_.expert_matmul * each / (each + rules_.expert_tile);
  }
  return flops / (processors_.product_flops * share);
}

/// One row's attention to a cache in a prompt.
double Clockwork::attend(const CacheReads& cache) const {
  const double share =
      footprint_.flash_attention ? rules_.attention_matmul : rules_.plain_attention_matmul;
  const double gpu = 2 * cache.elements / (processors_.shader_flops * share) +
                     2 * cache.latent_elements / (processors_.shader_flops * rules_.latent_matmul);
  const double cpu = 2 * (cache.elements + cache.latent_elements) / processors_.cpu_flops;
  return gpu * (1 - on_cpu_) + cpu * on_cpu_;
}

// Whole batches, and what is left over in a last one.
double Clockwork::prompt(double tokens, double depth) const {
  const Settings& settings = footprint_.settings;
  const std::int64_t together = footprint_.peak ? settings.prefill_step : settings.ubatch;
  const auto ubatch = static_cast<double>(std::max<std::int64_t>(together, 1));
  const double whole = std::floor(tokens / ubatch);
  const double rest = tokens - whole * ubatch;
  double seconds = 0;
  if (whole > 0) {
    seconds += whole * batch(ubatch, depth + whole * ubatch / 2);
  }
  if (rest > 0) {
    seconds += batch(rest, depth + whole * ubatch + rest / 2);
  }
  return seconds;
}

/// One batch whose rows look back at `depth` tokens on average.
double Clockwork::batch(double rows, double depth) const {
  double per_row = attend(cache_reads(model_, footprint_.settings, depth, rows));
  double once = static_cast<double>(work_.kernels) * rules_.prompt_kernel_us * micro *
                processors_.launch * (1 - work_.cpu_layers);
  for (const WeightReads& weights : work_.weights) {
    if (weights.head) {
      continue;
    }
    per_row += multiply(weights, rows);
    const double bytes =
        weights.experts ? weights.resident_bytes * expert_share(rows) : weights.bytes;
    once += bytes / (weights.cpu ? processors_.cpu_bandwidth : streaming());
  }
  const double others =
      static_cast<double>(std::max<std::int64_t>(work_.kernels - work_.products, 0));
  constexpr double float_bytes = 4;
  per_row += others * static_cast<double>(model_.embedding) * float_bytes *
             rules_.activation_passes / streaming();
  per_row += work_.state_bytes / (processors_.shader_flops * rules_.state_matmul);
  return per_row * rows + once;
}

double Clockwork::answer() const {
  double time = sampling();
  for (const WeightReads& weights : work_.weights) {
    time += weights.head ? read(weights) : 0;
  }
  return time;
}

/// Why a prediction is less certain than the published rows allow; empty when it is not.
std::string doubt(const Model& model, const Clockwork& clockwork, const SpeedRules& rules) {
  if (!model.not_understood.empty()) {
    return "the model's architecture is not known: " + model.not_understood;
  }
  if (!clockwork.processors().assumed.empty()) {
    return clockwork.processors().assumed;
  }
  double bytes = 0;
  double guessed = 0;
  double cpu = 0;
  ElementType type = ElementType::f32;
  for (const WeightReads& weights : clockwork.work().weights) {
    bytes += weights.bytes;
    cpu += weights.cpu ? weights.bytes : 0;
    if (!clockwork.type_of(weights.type).measured) {
      guessed += weights.bytes;
      type = weights.type;
    }
  }
  constexpr double notable = 0.05;
  if (cpu > notable * bytes) {
    return "the CPU's share rests on few measurements";
  }
  if (guessed > notable * bytes) {
    return fmt::format("no benchmark of {} with {} is known", format_of(type).name, rules.engine);
  }
  return {};
}

TokenTime slowed(TokenTime time, double factor) {
  for (double* part :
       {&time.weights, &time.cache, &time.state, &time.kernels, &time.sampling, &time.cpu}) {
    *part *= factor;
  }
  return time;
}

}  // namespace

Speed speed(const Model& model, const Machine& machine, const Footprint& footprint,
            const SpeedRules& rules, const SpeedRequest& request) {
  const Clockwork clockwork(model, machine, footprint, rules);
  const auto depth = static_cast<double>(std::max<std::int64_t>(request.depth, 0));
  const auto prompted = static_cast<double>(std::max<std::int64_t>(request.prompt_tokens, 1));
  const auto generated = static_cast<double>(std::max<std::int64_t>(request.generate_tokens, 1));
  Speed out;
  out.request = request;
  out.note = doubt(model, clockwork, rules);
  out.basis = out.note.empty() ? Basis::measured : Basis::assumed;
  const bool certain = out.note.empty();
  out.calibration = rules.calibration;
  const SpeedCalibration own = rules.calibration.value_or(SpeedCalibration{});

  const double seconds = clockwork.prompt(prompted, depth) / own.prompt;
  const double prompt_tps = prompted / seconds;
  out.prompt = {.tps = prompt_tps,
                .low = prompt_tps * (certain ? rules.prompt_low : rules.assumed_low),
                .high = prompt_tps * (certain ? rules.prompt_high : rules.assumed_high)};
  out.first_token_ms = seconds * milli;
  if (model.logits && !footprint.settings.embeddings) {
    // The context grows while it generates.
    const auto from = static_cast<double>(std::max<std::int64_t>(request.generated_from(), 0));
    const double middle = from + generated / 2;
    out.token = clockwork.token(middle);
    out.bytes_per_token = clockwork.bytes(middle);
    out.bound_tps = clockwork.processors().bandwidth / out.bytes_per_token;
    // Records of other models must not make this one faster than its memory.
    const double factor =
        own.generation <= 1
            ? own.generation
            : std::max(1.0, std::min(own.generation, out.bound_tps / milli * out.token.total()));
    out.token = slowed(out.token, 1 / factor);
    out.first_token_ms += clockwork.answer() * milli / factor;
    const double tps = milli / out.token.total();
    out.generation = {
        .tps = tps,
        .low = tps * (certain ? rules.low : rules.assumed_low),
        .high = std::min(tps * (certain ? rules.high : rules.assumed_high), out.bound_tps)};
  }
  out.experience = experience_of(out.generation.tps);
  out.first_token = first_token_of(out.first_token_ms);
  return out;
}

}  // namespace membudget
