// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "membudget/attachments.hpp"
#include "membudget/model.hpp"
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
  /// LoRA files of the row by what they are ("rank 16 F32 all: 448 tensors 167772160 bytes"), for
  /// adapters_of(); the workload has none yet.
  std::vector<std::string> adapters;
  bool control_vector = false;
  /// Bytes of each adapter by where it lies.
  std::int64_t gpu_adapters = 0;
  std::int64_t host_adapters = 0;
  /// Blocks for drafting are loaded. Their own context was measured when `drafting` is set, with
  /// outputs for hidden states when `hands_hidden_on`.
  struct Drafting {
    std::int64_t gpu_kv = 0;
    std::int64_t gpu_compute = 0;
    std::int64_t host_compute = 0;
    std::int64_t output = 0;
    bool hands_hidden_on = false;
  };
  std::optional<Drafting> drafting;
  std::optional<std::int64_t> rollback;  ///< n_rs_seq as the engine took it.
  struct SavedState {
    std::int64_t tokens = 0;
    std::int64_t full = 0;
    std::int64_t partial = 0;
  };
  std::vector<SavedState> states;
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

/// The adapters that a row speaks of, made for its model. Throws std::runtime_error when they are
/// not as many tensors and bytes as the row says.
[[nodiscard]] std::vector<std::shared_ptr<const Adapter>> adapters_of(const MeasuredSettings& row,
                                                                      const Model& model);

/// Calls `use` for every row of a settings_*.jsonl file; a row that stands for both builds is
/// used once for each. A line {"defaults": {...}} states the settings that later rows leave out.
void for_each_settings_row(const std::filesystem::path& file,
                           const std::function<void(const MeasuredSettings&)>& use);

}  // namespace membudget::test
