// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string_view>

namespace membudget::test {

/// How a reader sees colours.
enum class Vision { usual, no_red, no_green, no_blue, grey };

/// Linear RGB of "#rrggbb" as somebody with that vision sees it: Machado, Oliveira and Fernandes,
/// "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1.0.
[[nodiscard]] std::array<double, 3> seen(std::string_view colour, Vision vision);

/// CIEDE2000 between two linear RGB colours (Sharma, Wu, Dalal 2005); about 2 is just noticeable.
[[nodiscard]] double difference(const std::array<double, 3>& a, const std::array<double, 3>& b);

/// WCAG's contrast ratio, 1 to 21.
[[nodiscard]] double contrast(std::string_view a, std::string_view b);

/// CIEDE2000 of two CIELAB colours, for checking it against published pairs.
[[nodiscard]] double lab_difference(const std::array<double, 3>& a, const std::array<double, 3>& b);

}  // namespace membudget::test
