// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "membudget/calibration.hpp"
#include "membudget/error.hpp"
#include "records/limits.hpp"
#include "records/line_file.hpp"

namespace membudget {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* result_schema = "membudget.calibration_result/1";

ordered_json json_of(const CalibrationFigure& figure, const char* middle) {
  ordered_json out;
  out["records"] = figure.records;
  if (figure.records > 0) {
    out[middle] = figure.middle;
    out["spread"] = figure.spread;
  }
  out["applied"] = figure.applied;
  if (!figure.why_not.empty()) {
    out["why_not"] = figure.why_not;
  }
  return out;
}

/// A member of that type, or the fault.
template <class Value>
Value take(const json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  bool good = found != object.end();
  if constexpr (std::is_same_v<Value, bool>) {
    good = good && found->is_boolean();
  } else if constexpr (std::is_same_v<Value, std::string>) {
    good = good && found->is_string();
  } else if constexpr (std::is_integral_v<Value>) {
    good = good && found->is_number_integer();
  } else {
    good = good && found->is_number();
  }
  if (!good) {
    throw Error(Errc::invalid_profile, fmt::format("{}/{}", where, key),
                "is missing or of another type; run membudget calibrate again");
  }
  return found->template get<Value>();
}

const json& take_object(const json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) {
    throw Error(Errc::invalid_profile, fmt::format("{}/{}", where, key),
                "must be an object; run membudget calibrate again");
  }
  return *found;
}

CalibrationFigure read_figure(const json& engine, const char* key, const char* middle,
                              const std::string& where) {
  const json& object = take_object(engine, key, where);
  const std::string at = fmt::format("{}/{}", where, key);
  CalibrationFigure out;
  out.records = take<std::int64_t>(object, "records", at);
  out.applied = take<bool>(object, "applied", at);
  if (out.records > 0) {
    out.middle = take<double>(object, middle, at);
    out.spread = take<double>(object, "spread", at);
  }
  if (object.contains("why_not")) {
    out.why_not = take<std::string>(object, "why_not", at);
  }
  // A rate times 0 or less is none, and an overhead is at least nothing.
  const bool memory = std::string_view(middle) == "bytes";
  if (out.applied && (out.records < 1 || (memory ? out.middle < 0 : !(out.middle > 0)))) {
    throw Error(Errc::invalid_profile, at,
                "cannot be applied as it stands; run membudget calibrate again");
  }
  return out;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

std::string to_json(const Calibration& calibration) {
  ordered_json out;
  out["schema"] = result_schema;
  out["time"] = calibration.time;
  out["engines"] = ordered_json::array();
  for (const EngineCalibration& engine : calibration.engines) {
    out["engines"].push_back({{"chip", engine.chip},
                              {"engine", engine.engine},
                              {"generation", json_of(engine.generation, "factor")},
                              {"prompt", json_of(engine.prompt, "factor")},
                              {"overhead", json_of(engine.memory, "bytes")}});
  }
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Calibration read_calibration(std::string_view text, const std::string& where) {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object() || value.value("schema", json()) != result_schema) {
    throw Error(Errc::invalid_profile, where,
                fmt::format("is no calibration of this version ({}); run membudget calibrate again",
                            result_schema));
  }
  Calibration out;
  out.time = take<std::string>(value, "time", where + "#");
  const auto engines = value.find("engines");
  if (engines == value.end() || !engines->is_array()) {
    throw Error(Errc::invalid_profile, where + "#/engines",
                "must be an array; run membudget calibrate again");
  }
  for (std::size_t i = 0; i < engines->size(); ++i) {
    const json& entry = (*engines)[i];
    const std::string at = fmt::format("{}#/engines/{}", where, i);
    if (!entry.is_object()) {
      throw Error(Errc::invalid_profile, at, "must be an object; run membudget calibrate again");
    }
    EngineCalibration& engine = out.engines.emplace_back();
    engine.chip = take<std::string>(entry, "chip", at);
    engine.engine = take<std::string>(entry, "engine", at);
    engine.generation = read_figure(entry, "generation", "factor", at);
    engine.prompt = read_figure(entry, "prompt", "factor", at);
    engine.memory = read_figure(entry, "overhead", "bytes", at);
  }
  return out;
}

std::filesystem::path data_folder() {
  const std::filesystem::path home = variable("HOME");
  const std::filesystem::path xdg = variable("XDG_DATA_HOME");
  // The XDG rule: a relative path is none.
  if (xdg.is_absolute()) {
    return xdg / "membudget";
  }
  if (home.empty()) {
    return {};
  }
#ifdef __APPLE__
  return home / "Library" / "Application Support" / "membudget";
#else
  return home / ".local" / "share" / "membudget";
#endif
}

std::optional<Calibration> load_calibration(const std::filesystem::path& file) {
  std::string text;
  const bool there = read_lines(file, longest_line, [&](const FileLine& line) {
    text += line.text;
    text += '\n';
    if (line.too_long || text.size() > 16 * longest_line) {
      throw Error(Errc::invalid_profile, file.string(),
                  "is larger than any calibration; run membudget calibrate again");
    }
  });
  return there ? std::optional(read_calibration(text, file.string())) : std::nullopt;
}

void save_calibration(const Calibration& calibration, const std::filesystem::path& file) {
  replace_file(file, to_json(calibration));
}

}  // namespace membudget
