// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "output.hpp"
#include "plan_options.hpp"

/// What a recommendation from the catalog asks for beyond the machine, as it was typed.
struct CatalogOptions {
  std::string task = "chat";
  std::string min_tps;
  std::string complexity;
  std::string quality;
  std::string performance;
  std::string count;

  void add_to(CLI::App& command);
};

/// The models of the catalog that fit, best first. Exit 1 when there is none.
Exit recommend_from_catalog(const PlanOptions& options, const CatalogOptions& wanted);
