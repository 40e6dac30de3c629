// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>
#include <string>

#include "membudget/host_readings.hpp"
#include "report/json_parts.hpp"

namespace membudget {

using report::Json;

std::string to_json(const HostReadings& readings) {
  Json out = {{"schema", "membudget.readings/1"}, {"system", to_string(readings.system)}};
  if (!readings.architecture.empty()) out["architecture"] = readings.architecture;
  if (!readings.notes.empty()) out["notes"] = readings.notes;
  if (!readings.numbers.empty() || !readings.texts.empty()) {
    Json& sysctl = out["sysctl"] = Json::object();
    for (const auto& [name, value] : readings.texts) sysctl[name] = value;
    for (const auto& [name, value] : readings.numbers) sysctl[name] = value;
  }
  if (const auto& pages = readings.pages) {
    out["pages"] = {{"page_bytes", pages->page_bytes}, {"free", pages->free},
                    {"wired", pages->wired},           {"internal", pages->internal},
                    {"external", pages->external},     {"purgeable", pages->purgeable},
                    {"compressor", pages->compressor}};
  }
  if (const auto& swap = readings.swap) {
    out["swap"] = {{"total_bytes", swap->total.count()}, {"used_bytes", swap->used.count()}};
  }
  if (const auto& gpu = readings.accelerator) {
    Json& accelerator = out["accelerator"] = Json::object();
    if (gpu->cores) accelerator["cores"] = *gpu->cores;
    if (gpu->in_use) accelerator["in_use_bytes"] = gpu->in_use->count();
    if (gpu->allocated) accelerator["allocated_bytes"] = gpu->allocated->count();
  }
  if (const auto& metal = readings.metal) {
    out["metal"] = {{"device", metal->device},
                    {"unified_memory", metal->unified_memory},
                    {"working_set_bytes", metal->working_set.count()},
                    {"largest_buffer_bytes", metal->largest_buffer.count()}};
  }
  if (readings.thermal_state) out["thermal_state"] = *readings.thermal_state;
  if (!readings.files.empty()) {
    Json& files = out["files"] = Json::object();
    for (const auto& [path, text] : readings.files) files[path] = text;
  }
  if (!readings.processes.empty()) {
    Json& processes = out["processes"] = Json::array();
    for (const auto& process : readings.processes) {
      processes.push_back({{"name", process.name}, {"bytes", process.bytes.count()}});
    }
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace membudget
