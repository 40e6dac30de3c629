// SPDX-License-Identifier: MIT
// The input is a recording of a host, measurements of its health, or a calibration.
#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "membudget/calibration.hpp"
#include "membudget/health.hpp"
#include "membudget/host_readings.hpp"
#include "membudget/machine_report.hpp"
#include "membudget/plan.hpp"
#include "membudget/server_monitor.hpp"

namespace membudget::fuzz {

void readings(std::string_view input) {
  if (const auto host = read_or_refuse([&] { return parse_readings(input, "readings"); })) {
    const std::string written = to_json(*host);
    require(to_json(parse_readings(written, "written")) == written, "what is written is read back");
    if (const auto machine = read_or_refuse([&] { return profiles().this_machine(*host); })) {
      static const Runtime runtime = profiles().runtime("llama.cpp");
      const auto usual = read_or_refuse([&] { return budget(machine->machine, runtime); });
      static_cast<void>(read_or_refuse([&] { return machine_now(*machine); }));
      check_printable(to_text(*machine, usual, {}), "a machine is fit for a terminal");
      static_cast<void>(to_json(*machine, usual));
    }
  }
  if (const auto health = read_or_refuse([&] { return read_measurements(input, "input"); })) {
    static const HealthRules rules = profiles().health_rules();
    for (const std::string& reason : judge_health(*health, rules).reasons) {
      check_printable(reason, "reasons are fit for a terminal");
    }
    HealthWatch watch(rules);
    watch.add(*health);
  }
  if (const auto calibration = read_or_refuse([&] { return read_calibration(input, "input"); })) {
    const std::string written = to_json(*calibration);
    require(to_json(read_calibration(written, "written")) == written,
            "what is written is read back");
  }
}

}  // namespace membudget::fuzz
