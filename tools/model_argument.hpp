// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "membudget/membudget.hpp"

/// The options that say where MODEL may be read from, as they were typed.
struct ModelOptions {
  bool remote = false;
  bool no_cache = false;

  void add_to(CLI::App& command);
};

/// Reads MODEL, at a quantization or (empty) its usual one. When bytes arrive for longer than a
/// second, a line on standard error says how many, if that is a terminal. A quantization of nobody
/// is wrong usage, Error tells of a model that cannot be read.
[[nodiscard]] membudget::Model read_model(const std::string& name, const std::string& quantization,
                                          const membudget::Profiles& profiles,
                                          const ModelOptions& options);
