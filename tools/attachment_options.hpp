// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "membudget/membudget.hpp"

/// The options that name files that llama.cpp attaches to a model, as they were typed.
struct AttachmentOptions {
  std::vector<std::string> lora;
  std::vector<std::string> lora_scaled;
  std::string control_vector;
  std::string mmproj;

  /// And what is attached without a file, to the request.
  void add_to(CLI::App& command, membudget::PlanRequest& request);
  /// What can be told without reading a file; throws UsageError.
  void check() const;
  /// Reads the headers of the files that were named; throws Error.
  void read(membudget::Workload& workload) const;
};
