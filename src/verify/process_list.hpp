// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <vector>

#include "membudget/engine_log.hpp"

namespace membudget::logs {

/// The table of `ollama ps`, row by row (cmd/cmd.go, ListRunningHandler).
class ProcessTable {
 public:
  /// False when the line is neither its heading nor below one.
  [[nodiscard]] bool read(std::string_view text, std::vector<EngineLoad>& rows);

 private:
  bool inside_ = false;
  bool context_ = false;  // The column came with 0.12.
};

/// /api/ps, or one row of it: `{"models": [{"name": ..., "size": ...}]}`. Empty for other JSON and
/// for what is none.
[[nodiscard]] std::vector<EngineLoad> processes_of_json(std::string_view text);

}  // namespace membudget::logs
