// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "membudget/machine.hpp"
#include "membudget/plan.hpp"
#include "membudget/report.hpp"
#include "membudget/runtime.hpp"
#include "membudget/speed.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// One runtime's plan for a model that several are compared for.
struct RuntimePlan {
  Runtime runtime;
  std::string quantization;  ///< Of the weights it reads: "Q4_K_M", "4bit", "q4f16_1".
  Plan plan;
  std::int64_t max_context = 0;
  std::optional<Speed> speed;  ///< Nothing where nobody measured the runtime.
};

/// A runtime that does not run the model, and why not.
struct RuntimeRefusal {
  Runtime runtime;
  std::string reason;
};

/// One model on one machine with every runtime.
struct RuntimesReport {
  std::string model;
  std::string architecture;
  std::int64_t trained_context = 0;  ///< In tokens; 0 = not known.
  Machine machine;
  /// The context that was asked for, in tokens; nothing = each runtime's own default.
  std::optional<std::int64_t> context;
  std::vector<RuntimePlan> plans;  ///< See sort().
  std::vector<RuntimeRefusal> refusals;
};

/// Plans from the best verdict to the worst, then from the least memory to the most.
void sort(RuntimesReport& report);

/// What surprises about a plan, in one clause; empty where nothing does.
[[nodiscard]] std::string surprise(const RuntimePlan& plan, std::int64_t trained_context);

/// For people, as `compare-runtimes` prints it; with a final newline.
[[nodiscard]] std::string to_text(const RuntimesReport& report, const TextStyle& style);
/// One JSON object by profiles/schema/runtimes.schema.json, indented, with a final newline.
[[nodiscard]] std::string to_json(const RuntimesReport& report);
/// The same as a table of markdown.
[[nodiscard]] std::string to_markdown(const RuntimesReport& report);

}  // namespace membudget
#pragma GCC visibility pop
