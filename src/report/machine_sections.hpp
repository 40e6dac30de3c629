// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "membudget/machine_report.hpp"
#include "report/summary.hpp"

namespace membudget::report {

/// Rows of a report on a machine under a common title.
struct Section {
  std::string title;
  std::vector<Entry> rows;
};

/// "Apple M1 Max, 32 GPU and 10 CPU cores, 32.00 GiB RAM, macOS 26.1"
[[nodiscard]] std::string machine_headline(const ThisMachine& host);
/// The profile that holds for it, or why none does; one or two sentences.
[[nodiscard]] std::string profile_sentence(const ThisMachine& host);
/// What is known, in the order in which it is read; what is not known is left out.
[[nodiscard]] std::vector<Section> sections(const ThisMachine& host,
                                            const std::optional<Budget>& usual);

}  // namespace membudget::report
