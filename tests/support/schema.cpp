// SPDX-License-Identifier: MIT
#include "support/schema.hpp"

#include <fstream>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace membudget::test {

std::string schema_faults(const nlohmann::json& document, const std::filesystem::path& file) {
  std::ifstream in(file);
  const auto json = nlohmann::json::parse(in);
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(json), schema);
  valijson::ValidationResults results;
  valijson::Validator validator(valijson::Validator::kStrongTypes);
  if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), &results)) {
    return {};
  }
  std::string out;
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    for (const auto& step : error.context) out += step;
    out += ": " + error.description + "\n";
  }
  return out.empty() ? "invalid, for no reason given" : out;
}

std::string own_schema_faults(const nlohmann::json& document, const std::filesystem::path& folder) {
  std::string name = document.contains("error") ? "error" : document.value("schema", "");
  if (name.starts_with("membudget.")) name = name.substr(10, name.find('/') - 10);
  const auto file = folder / (name + ".schema.json");
  if (!std::filesystem::exists(file)) return "there is no " + file.filename().string();
  std::string out = schema_faults(document, file);
  for (const char* key : {"plans", "profiles"}) {
    if (!document.contains(key)) continue;
    for (const auto& each : document.at(key)) out += own_schema_faults(each, folder);
  }
  return out;
}

}  // namespace membudget::test
