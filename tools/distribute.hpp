// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "output.hpp"
#include "plan_options.hpp"

/// What `plan` takes for several Macs, as it was typed.
struct DistributeOptions {
  std::string how;
  std::string link = "thunderbolt";
  std::string tensor_split;

  void add_to(CLI::App& command);
};

/// Plans one model over `chips` and prints it.
Exit run_distributed(PlanOptions& options, const DistributeOptions& distribute_options,
                     const std::vector<std::string>& chips, bool strict);
