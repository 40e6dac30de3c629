// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "membudget/verify.hpp"

namespace membudget::logs {

/// The settings of a load as a workload, what the log is silent about by the engine's defaults.
struct PlannedSettings {
  Workload workload;
  std::vector<std::string> notes;  ///< What had to be concluded from something else.
  bool plain_cache = true;  ///< The cache's types are llama.cpp's, so that its size can be planned.
};

[[nodiscard]] PlannedSettings settings_of(const EngineLoad& load, const Model& model);

/// The rules of the build nearest to `build`, and how many rows of logits its programs ask for.
[[nodiscard]] Runtime runtime_of(const EngineLoad& load, const Profiles& profiles,
                                 std::int64_t build);

/// Devices of the log that compute by other rules than Metal's and the CPU's: CUDA, ROCm, Vulkan.
[[nodiscard]] bool has_foreign_device(const EngineLoad& load);

}  // namespace membudget::logs
