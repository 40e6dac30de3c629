// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "membudget/report.hpp"
#include "membudget/this_machine.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What a machine is, what it grants a model, and what others hold of it now. `usual` is what the
/// machine grants whatever runs at the moment, budget(host.machine, ...); nullopt where Metal's
/// limit is not known.
[[nodiscard]] std::string to_text(const ThisMachine& host, const std::optional<Budget>& usual,
                                  const TextStyle& style);
/// One JSON object by profiles/schema/detect.schema.json, indented, with a final newline.
[[nodiscard]] std::string to_json(const ThisMachine& host, const std::optional<Budget>& usual);

}  // namespace membudget
#pragma GCC visibility pop
