// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/thermal_state.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What health is judged by.
enum class Vital : std::uint8_t { memory, swap, temperature, generation_tps };

inline constexpr std::array<Vital, 4> vitals{Vital::memory, Vital::swap, Vital::temperature,
                                             Vital::generation_tps};

/// What was measured while a model ran; what nobody measured is nothing.
struct HealthMeasurements {
  std::optional<double> memory;          ///< Share of the RAM in use, 0 to 1.
  std::optional<double> swap;            ///< Pages moved to and from swap per second.
  std::optional<double> temperature;     ///< In degrees Celsius.
  std::optional<double> generation_tps;  ///< Tokens generated per second.
  /// Counts where the temperature is not known.
  std::optional<ThermalState> thermal_state;

  /// The figure of a vital; nothing for a temperature of which only the state is known.
  [[nodiscard]] std::optional<double> of(Vital vital) const;
  /// Whether the vital can be judged.
  [[nodiscard]] bool knows(Vital vital) const;
};

/// Which size of model is right for how the machine does: the same, a smaller or a larger one.
enum class HealthAdvice : std::uint8_t { keep, downgrade, upgrade };

/// profiles/health.json. Comparisons are strict: a figure at its limit is within it.
struct HealthRules {
  /// One of these is enough for a downgrade.
  double downgrade_memory = 0;                    ///< Above.
  double downgrade_swap = 0;                      ///< Above.
  double downgrade_temperature = 0;               ///< Above.
  double downgrade_generation_tps = 0;            ///< Below.
  ThermalState hot_from = ThermalState::serious;  ///< Counts as above the temperature.

  /// All of these are needed for an upgrade.
  double upgrade_memory = 0;                     ///< Below.
  double upgrade_temperature = 0;                ///< Below.
  double upgrade_generation_tps = 0;             ///< Above.
  ThermalState cool_to = ThermalState::nominal;  ///< Counts as below the temperature.

  /// Score: the mean of min(tps / score_tps, 1), 1 - memory and
  /// 1 - max((temperature - score_cool) / score_span, 0).
  double score_tps = 0;
  double score_cool = 0;
  double score_span = 0;

  /// What HealthWatch needs to change its advice: so many samples in a row ...
  std::int64_t downgrade_samples = 1;
  std::int64_t upgrade_samples = 1;
  std::int64_t keep_samples = 1;
  /// ... and to take one back, figures that are this much on the other side of their limit.
  double memory_band = 0;
  double swap_band = 0;
  double temperature_band = 0;
  double generation_tps_band = 0;  ///< Share of the limit.
  /// For how many samples the last known figure stands in for one that is missing.
  std::int64_t hold_samples = 0;
};

/// What one set of measurements says by itself.
struct HealthReading {
  HealthAdvice advice = HealthAdvice::keep;
  std::vector<Vital> over;  ///< Of a downgrade: the vitals beyond their limit.
  /// Plain sentences, those that decide: "memory: 91 % is above 85 %".
  std::vector<std::string> reasons;
  /// The mean of the parts that are known; nothing when none is.
  std::optional<double> score;
  std::int64_t score_parts = 0;  ///< Of 3.
  std::vector<Vital> missing;    ///< Not measured: no reason to downgrade, but to not upgrade.
};

/// The documents' rule (model-size analysis for an M1 16 GB, December 2025): a downgrade when any
/// vital that is known is beyond its limit; else an upgrade when all three that it needs are known
/// and within theirs; else keep. Swap that is not known does not stand in an upgrade's way.
[[nodiscard]] HealthReading judge_health(const HealthMeasurements& measured,
                                         const HealthRules& rules);

/// Advice over a series of samples that does not flap: it changes after several samples in a row
/// that all ask for the same change, and is taken back only when figures have left the limit by a
/// band. Samples that swing around a limit by less than half its band change it at most once.
class HealthWatch {
 public:
  /// A watch that has seen nothing yet and says `keep`.
  explicit HealthWatch(const HealthRules& rules) : rules_(rules) {}

  /// Takes the next sample. Returns the advice that now holds, `keep` at first.
  HealthAdvice add(const HealthMeasurements& sample);
  /// The advice that holds after the last sample.
  [[nodiscard]] HealthAdvice advice() const { return advice_; }
  /// The last sample, with held figures where it had none: what the advice was judged by.
  [[nodiscard]] const HealthMeasurements& merged() const { return merged_; }
  /// Samples in a row that ask for another advice than the one that holds.
  [[nodiscard]] std::int64_t pending() const { return pending_samples_; }
  /// What those samples ask for; `keep` when there are none.
  [[nodiscard]] HealthAdvice pending_advice() const { return pending_; }

 private:
  void merge(const HealthMeasurements& sample);
  [[nodiscard]] HealthAdvice wanted() const;

  HealthRules rules_;
  HealthMeasurements merged_;
  std::array<std::int64_t, vitals.size()> age_{};  // In samples, by vital.
  HealthAdvice advice_ = HealthAdvice::keep;
  HealthAdvice pending_ = HealthAdvice::keep;
  std::int64_t pending_samples_ = 0;
};

/// "keep", "downgrade" or "upgrade".
[[nodiscard]] std::string_view to_string(HealthAdvice advice);
/// As JSON has it: "memory", "swap".
[[nodiscard]] std::string_view to_string(Vital vital);

}  // namespace membudget
#pragma GCC visibility pop
