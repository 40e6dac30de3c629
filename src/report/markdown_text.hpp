// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace membudget::report {

/// `text` as it reads, wherever it stands in a line of GitHub's markdown, tables included.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace membudget::report
