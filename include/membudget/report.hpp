// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/error.hpp"
#include "membudget/plan.hpp"
#include "membudget/settings.hpp"
#include "membudget/speed.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A step of the ladder with how fast the model then is.
struct StepReport {
  Step step;
  std::optional<Speed> speed;
};

/// Everything a plan report shows; the caller computes, the report only prints.
struct PlanReport {
  Model model;
  Machine machine;
  Runtime runtime;
  Plan plan;
  std::int64_t max_context = 0;  ///< For the workload's own cache types.
  std::vector<ContextByCacheType> by_cache_type;
  RuntimeCommands commands;  ///< For the plan's own settings; JSON has them when there are any.
  /// With RoPE scaling, when all of the trained context fits; 0 = not looked for.
  std::int64_t stretched_context = 0;
  std::vector<StepReport> changes;     ///< Ladder::steps, when it does not fit comfortably.
  std::vector<StepReport> affordable;  ///< Ladder::affordable, when it does.
  std::optional<Recommendation> recommendation;  ///< The plan is this one's.
  std::optional<Speed> speed;  ///< Of a resident model, whether the plan fits or not.
};

/// How text for people looks.
struct TextStyle {
  bool colour = false;   ///< ANSI colours; only for terminals.
  bool unicode = true;   ///< Block characters in bars; ASCII otherwise.
  bool explain = false;  ///< Adds each part's formula and the compute peak.
  bool bar = true;       ///< False for screen readers: neither a bar nor its marks.
  int width = 80;        ///< Columns.
};

/// For people, as `plan` prints it; with a final newline.
[[nodiscard]] std::string to_text(const PlanReport& report, const TextStyle& style);
/// One JSON object by profiles/schema/plan.schema.json, indented, with a final newline.
[[nodiscard]] std::string to_json(const PlanReport& report);
/// A section of markdown with a table of the parts; `explain` adds each part's formula;
/// `ascii` draws the bar without block characters.
[[nodiscard]] std::string to_markdown(const PlanReport& report, bool explain, bool ascii = false);

/// `{"error": {"code", "where", "message"}}`, for --json; by profiles/schema/error.schema.json.
[[nodiscard]] std::string to_json(const Error& error);

}  // namespace membudget
#pragma GCC visibility pop
