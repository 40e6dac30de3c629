// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "membudget/report.hpp"
#include "membudget/sweep.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// One page that needs nothing else: verdict, parts, memory against context, the ladder, the
/// settings of each runtime to copy, and on what each number rests. to_json(report) stands in a
/// script element of type application/json with the id `plan`, to_json(contexts) in one with the id
/// `sweep`. `contexts` is the plan at other contexts: one series.
[[nodiscard]] std::string to_html(const PlanReport& report, const Sweep& contexts);

}  // namespace membudget
#pragma GCC visibility pop
