// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace membudget::test {

/// What `document` does against the schema in `file`, one fault a line; empty when valid.
[[nodiscard]] std::string schema_faults(const nlohmann::json& document,
                                        const std::filesystem::path& file);

}  // namespace membudget::test
