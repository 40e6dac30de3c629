// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace membudget::test {

/// What `document` does against the schema in `file`, one fault a line; empty when valid.
[[nodiscard]] std::string schema_faults(const nlohmann::json& document,
                                        const std::filesystem::path& file);

/// The same against the schema of `folder` that it names: "membudget.plan/1" means
/// plan.schema.json, an error names none. So for plans and profiles inside of it.
[[nodiscard]] std::string own_schema_faults(const nlohmann::json& document,
                                            const std::filesystem::path& folder);

}  // namespace membudget::test
