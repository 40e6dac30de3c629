// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "membudget/nearest.hpp"
#include "membudget/server_monitor.hpp"

namespace membudget {
namespace {

using nlohmann::json;

[[noreturn]] void fail(const std::string& where, std::string_view key, const std::string& problem) {
  throw Error(Errc::bad_request, fmt::format("{}#/{}", where, key), problem);
}

double number(const json& value, const std::string& where, std::string_view key, double least,
              double most) {
  if (!value.is_number() || !(value.get<double>() >= least) || !(value.get<double>() <= most)) {
    fail(where, key, fmt::format("must be a number from {:g} to {:g}", least, most));
  }
  return value.get<double>();
}

double share(const json& value, const std::string& where) {
  if (value.is_string()) {
    std::string_view text = value.get_ref<const std::string&>();
    if (text.ends_with('%')) {
      text.remove_suffix(1);
      if (const auto percent = decimal(text); percent && *percent <= 100) {
        return *percent / 100;
      }
    }
    fail(where, "memory", "must be a share from 0 to 1, or percent such as \"91%\"");
  }
  if (value.is_number() && value.get<double>() > 1) {
    fail(where, "memory",
         "is a share from 0 to 1; write percent as \"91%\" or call the member memory_percent");
  }
  return number(value, where, "memory", 0, 1);
}

}  // namespace

HealthMeasurements read_measurements(std::string_view text, const std::string& where) {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object()) {
    throw Error(Errc::bad_request, where,
                R"(is not one JSON object such as {"memory": 0.91, "generation_tps": 3.2})");
  }
  // No machine is beyond these; a unit that was mistaken is.
  constexpr double most_celsius = 150;
  constexpr double most = 1e9;
  HealthMeasurements out;
  for (const auto& [key, member] : value.items()) {
    if (member.is_null()) {
      continue;  // Not measured.
    }
    if (key == "memory") {
      out.memory = share(member, where);
    } else if (key == "memory_percent") {
      out.memory = number(member, where, key, 0, 100) / 100;
    } else if (key == "swap") {
      out.swap = number(member, where, key, 0, most);
    } else if (key == "temperature") {
      out.temperature = number(member, where, key, -most_celsius, most_celsius);
    } else if (key == "generation_tps" || key == "tps") {
      out.generation_tps = number(member, where, key, 0, most);
    } else if (key == "thermal_state") {
      const auto state =
          member.is_string() ? thermal_state_of_name(member.get<std::string>()) : std::nullopt;
      if (!state) {
        fail(where, key, "must be nominal, fair, serious or critical");
      }
      out.thermal_state = state;
    } else {
      const std::vector<std::string> known{"memory",        "memory_percent", "swap", "temperature",
                                           "thermal_state", "generation_tps", "tps"};
      const auto near = nearest_names(key, known, 1);
      fail(where, key,
           near.empty() ? fmt::format("is not known; known are {}", fmt::join(known, ", "))
                        : fmt::format("is not known; did you mean '{}'?", near.front()));
    }
  }
  return out;
}

}  // namespace membudget
