// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/speed_rules.hpp"
#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// profiles/calibration.json: which records count, and when they are enough.
struct CalibrationRules {
  std::int64_t least_records = 0;     ///< Fewer give no factor.
  std::int64_t prompt_tokens = 0;     ///< Prompts of fewer tokens say nothing about prompt speed.
  std::int64_t generated_tokens = 0;  ///< The same of generation.
  /// A factor outside of these is not applied: something else than the machine is different.
  double least_factor = 0;
  double most_factor = 0;
  double most_overhead = 0;  ///< The same of overhead, as a share of the predicted memory.
};

/// What one record measured, and what was predicted for it.
struct CalibrationSample {
  /// What was measured: tokens per second generated or read, or the peak memory.
  enum class Kind : std::uint8_t { generation, prompt, memory };
  std::string chip;    ///< "m1-max-32gb"
  std::string engine;  ///< "llama.cpp"
  Kind kind = Kind::generation;
  double measured = 0;  ///< Tokens per second, or bytes; above 0, as is `predicted`.
  double predicted = 0;
};

/// A middle that single records cannot move, and how far records are from it.
struct CalibrationFigure {
  std::int64_t records = 0;  ///< That count; 0: the figure says nothing.
  double middle =
      0;  ///< Median of measured / predicted; of memory, of measured - predicted in bytes.
  double spread = 0;  ///< Median distance from the middle.
  bool applied = false;
  std::string why_not;  ///< "3 records are too few; 5 are needed"; empty where it is applied.
};

/// One engine on one Mac.
struct EngineCalibration {
  std::string chip;
  std::string engine;
  CalibrationFigure generation;
  CalibrationFigure prompt;
  CalibrationFigure memory;
};

/// What the records say about each Mac and engine in them, by chip and engine.
struct Calibration {
  std::string time;  ///< When it was made: "2026-01-31T12:00:00Z".
  std::vector<EngineCalibration> engines;

  /// nullptr when there is none.
  [[nodiscard]] const EngineCalibration* of(std::string_view chip, std::string_view engine) const;
};

/// The medians of `samples`. Samples of one kind count alike, whatever model they are of.
[[nodiscard]] Calibration calibrate(std::span<const CalibrationSample> samples,
                                    const CalibrationRules& rules);

/// The factors that are applied; nothing when none is.
[[nodiscard]] std::optional<SpeedCalibration> speed_calibration(const EngineCalibration& engine);

/// By profiles/schema/calibration_result.schema.json, with a final newline.
[[nodiscard]] std::string to_json(const Calibration& calibration);
/// Throws Error{invalid_profile} with `where#/json/pointer` for anything else.
[[nodiscard]] Calibration read_calibration(std::string_view text, const std::string& where);

/// $XDG_DATA_HOME/membudget, else ~/Library/Application Support/membudget on macOS and
/// ~/.local/share/membudget elsewhere; empty when there is neither variable nor home.
[[nodiscard]] std::filesystem::path data_folder();

/// The calibration kept in `file`; nothing when there is no such file. Throws Error{io} when it
/// cannot be read, and as read_calibration().
[[nodiscard]] std::optional<Calibration> load_calibration(const std::filesystem::path& file);
/// Puts it there: the old file or the new one, whole, also after a crash. Throws Error{io}.
void save_calibration(const Calibration& calibration, const std::filesystem::path& file);

}  // namespace membudget
#pragma GCC visibility pop
