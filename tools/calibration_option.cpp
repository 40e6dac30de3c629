// SPDX-License-Identifier: MIT
#include "calibration_option.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>

namespace {

using namespace membudget;

std::optional<Calibration> kept_calibration() {
  const auto file = calibration_file();
  if (file.empty()) return std::nullopt;
  try {
    return load_calibration(file);
  } catch (const Error& error) {
    fmt::print(stderr, "membudget: {} (plans go on without it; --no-calibration is silent)\n",
               error.what());
    return std::nullopt;
  }
}

}  // namespace

std::filesystem::path calibration_file() {
  const auto folder = data_folder();
  return folder.empty() ? folder : folder / "calibration.json";
}

void apply_calibration(Machine& machine, std::optional<SpeedRules>& speed_rules) {
  if (!speed_rules) return;
  const auto calibration = kept_calibration();
  if (!calibration) return;
  const auto* engine = calibration->of(machine.chip.id, speed_rules->engine);
  if (engine == nullptr) return;
  speed_rules->calibration = speed_calibration(*engine);
  // As something that runs beside the model every search over plans takes it into account.
  if (engine->memory.applied && engine->memory.middle >= 1) {
    machine.beside.push_back(
        {"what the engine takes beyond its plan",
         Bytes(static_cast<std::int64_t>(engine->memory.middle)),
         fmt::format("calibrated by {} records of this Mac", engine->memory.records)});
  }
}
