// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/plan.hpp"
#include "membudget/report.hpp"

namespace membudget::report {

/// The mark of a part in the bar and in the table beside it, one column wide. Parts differ by
/// mark and not only by colour, so that the bar reads in grey and for colour-blind people.
[[nodiscard]] std::string_view mark(PartName name, bool unicode);
/// SGR parameters of a part's colour: "34".
[[nodiscard]] std::string_view colour(PartName name);
/// `text` between the escapes of `sgr` when `style` has colour.
[[nodiscard]] std::string painted(std::string_view text, std::string_view sgr,
                                  const TextStyle& style);

/// A stretch of a bar.
struct Segment {
  Bytes bytes;
  std::string_view mark;
  std::string_view colour;
};
/// The mark and colour of the n-th of things that have no name of their own; they come again after
/// ten.
[[nodiscard]] Segment numbered_segment(std::size_t n, Bytes bytes, bool unicode);

/// What a plan takes against the limit that binds, and that limit.
struct Gauge {
  Bytes used;
  Bytes limit;
  Bytes safe;               ///< The limit less the safety margin, at least 0.
  std::vector<Part> parts;  ///< Those that count against the limit.
};
[[nodiscard]] Gauge gauge(const Plan& plan);

/// Three lines: where the limit is, the stacked bar, where the safe zone ends. The whole width
/// is the limit, or what is used when that is more.
[[nodiscard]] std::vector<std::string> bar(const Plan& plan, const TextStyle& style);
/// The same with other segments than the plan's parts; they sum to what is used.
[[nodiscard]] std::vector<std::string> bar(const Plan& plan, const std::vector<Segment>& segments,
                                           const TextStyle& style);

}  // namespace membudget::report
