// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>
#include <string>

#include "membudget/machine_report.hpp"
#include "report/json_parts.hpp"

namespace membudget {
namespace {

using report::Json;

Json chip_of(const ThisMachine& host) {
  Json out = {{"name", host.processor}, {"match", to_string(host.match)}};
  if (!host.profile.empty()) out["profile"] = host.profile;
  if (!host.match_note.empty()) out["note"] = host.match_note;
  if (host.cpu_cores) out["cpu_cores"] = *host.cpu_cores;
  if (host.cpu_limit) out["cpu_limit"] = *host.cpu_limit;
  if (host.gpu_cores) out["gpu_cores"] = *host.gpu_cores;
  return out;
}

Json gpu_of(const ThisMachine& host, const Budget& usual) {
  Json out = {{"limit_bytes", usual.gpu_limit.count()},
              {"limit_rule", usual.gpu_limit_rule},
              {"limit_is_measured", host.working_set.has_value()},
              {"wired_limit_mb", host.wired_limit_mib},
              {"largest_buffer_bytes", usual.largest_buffer.count()}};
  if (host.gpu_in_use) out["in_use_bytes"] = host.gpu_in_use->count();
  return out;
}

Json memory_of(const ThisMachine& host, const std::optional<Budget>& usual) {
  Json out = {{"installed_bytes", host.installed.count()},
              {"ram_bytes", host.machine.chip.ram.count()}};
  if (usual) {
    out["reserve_bytes"] = usual->reserve.count();
    out["ram_available_bytes"] = usual->ram_available.count();
  }
  if (host.limit) {
    out["limit"] = {{"name", host.limit->name},
                    {"bytes", host.limit->limit.count()},
                    {"used_bytes", host.limit->used.count()}};
  }
  return out;
}

Json now_of(const ThisMachine& host) {
  Json out = Json::object();
  if (host.held && host.available) {
    out["free_bytes"] = host.available->count();
    out["held_bytes"] = (host.machine.chip.ram - *host.available).count();
    out["held_parts"] = report::parts_of(host.held->parts);
    out["programs"] = report::programs_of(host.held->programs);
  }
  if (host.pressure) out["pressure"] = to_string(*host.pressure);
  if (host.stalled_percent) out["stalled_percent"] = *host.stalled_percent;
  if (host.swap) {
    out["swap_used_bytes"] = host.swap->used.count();
    out["swap_total_bytes"] = host.swap->total.count();
  }
  if (host.thermal) out["thermal_state"] = to_string(*host.thermal);
  return out;
}

}  // namespace

std::string to_json(const ThisMachine& host, const std::optional<Budget>& usual) {
  Json out = {{"schema", "membudget.detect/1"},
              {"system",
               {{"kind", to_string(host.system)},
                {"name", host.system_name},
                {"architecture", host.architecture},
                {"model", host.model}}},
              {"chip", chip_of(host)},
              {"memory", memory_of(host, usual)}};
  if (usual && usual->metal) out["gpu"] = gpu_of(host, *usual);
  out["now"] = now_of(host);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace membudget
