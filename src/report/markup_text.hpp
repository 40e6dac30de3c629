// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace membudget::report {

/// Text for XML and HTML, between tags and in quoted attributes alike. What printable() takes out
/// cannot stand in either, nor turn around what stands beside it.
[[nodiscard]] std::string marked_up(std::string_view text);

/// JSON for a script element: nothing in it can end the element.
[[nodiscard]] std::string script_json(std::string_view json);

}  // namespace membudget::report
