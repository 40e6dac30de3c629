// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "membudget/membudget.hpp"

/// The options that name what llama.cpp attaches to a model, as they were typed.
struct AttachmentOptions {
  std::vector<std::string> lora;
  std::vector<std::string> lora_scaled;
  std::string control_vector;
  std::string mmproj;
  std::string spec_type;
  std::string draft_max;
  std::string draft_cache_type_k;
  std::string draft_cache_type_v;
  std::string cache_ram;
  std::string checkpoints;

  void add_to(CLI::App& command);
  /// What does not need a file; throws UsageError.
  void check(membudget::Workload& workload) const;
  /// Reads the headers of the files that were named; throws Error.
  void read(membudget::Workload& workload) const;
};
