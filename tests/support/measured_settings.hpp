// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "membudget/runtime.hpp"
#include "membudget/workload.hpp"

namespace membudget::test {

/// One setting of the real engine beside a GPU: sizes per buffer, or a refusal.
struct MeasuredSettings {
  std::string section;  ///< "1 partial offload"
  std::string model;
  std::string architecture;
  std::string quantization;
  Runtime runtime;
  Workload workload;
  bool refused = false;
  /// Adapters, projectors, drafting and the like, which a Workload does not describe.
  bool beyond_workload = false;
  bool flash_attention = true;
  std::int64_t gpu_model = 0;
  std::int64_t gpu_kv = 0;
  std::int64_t gpu_compute = 0;
  std::int64_t host_model = 0;
  std::int64_t host_kv = 0;
  std::int64_t host_compute = 0;
  std::int64_t repacked = 0;
  std::int64_t output = 0;
  std::int64_t splits = 0;
  std::string text;  ///< The line, for messages.
};

/// Calls `use` for every row of a settings_*.jsonl file; a row that stands for both builds is
/// used once for each. A line {"defaults": {...}} states the settings that later rows leave out.
void for_each_settings_row(const std::filesystem::path& file,
                           const std::function<void(const MeasuredSettings&)>& use);

}  // namespace membudget::test
