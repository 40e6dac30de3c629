// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "membudget/rank.hpp"
#include "membudget/report.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// Everything that the output of a ranking shows.
struct RankReport {
  Machine machine;
  Runtime runtime;
  Ranking ranking;
  std::size_t catalog = 0;                  ///< Models that were looked at.
  std::optional<SelectorChoice> documents;  ///< What the documents choose, if they were asked.
};

/// How to get a model: "ollama pull qwen3-coder:30b", then what is to be said about it.
[[nodiscard]] std::vector<std::string> how_to_get(const RankedModel& model);

/// Why the first is first: what it has over the second, or that they are equal as far as is known.
[[nodiscard]] std::string why_first(const Ranking& ranking);

/// For people, as `recommend` without MODEL prints it; with a final newline.
[[nodiscard]] std::string to_text(const RankReport& report, const TextStyle& style);
/// One JSON object by profiles/schema/ranking.schema.json, indented, with a final newline.
[[nodiscard]] std::string to_json(const RankReport& report);

}  // namespace membudget
#pragma GCC visibility pop
