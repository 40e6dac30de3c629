// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "membudget/budget.hpp"
#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "membudget/this_machine.hpp"
#include "support/embedded.hpp"
#include "support/machines.hpp"

namespace membudget::this_machine_property_test {
namespace {

/// A recording with some of its readings missing and others of another machine's size.
HostReadings some_readings() {
  HostReadings out = test::machine_readings(*rc::gen::elementOf(test::machine_names()));
  const auto sometimes = [] { return *rc::gen::inRange(0, 4) == 0; };
  if (sometimes()) out.metal.reset();
  if (sometimes()) out.accelerator.reset();
  if (sometimes()) out.pages.reset();
  if (sometimes()) out.texts.erase("machdep.cpu.brand_string");
  if (sometimes()) out.texts.erase("hw.model");
  if (sometimes()) out.numbers.erase("hw.physicalcpu");
  if (sometimes()) out.texts["machdep.cpu.brand_string"] = *rc::gen::arbitrary<std::string>();
  if (out.system == System::macos && sometimes()) {
    out.numbers["hw.memsize"] = *rc::gen::inRange<std::int64_t>(1, std::int64_t{1} << 42);
  }
  if (out.pages && sometimes()) {
    out.pages->internal = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 30);
    out.pages->purgeable = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 30);
  }
  for (auto& [path, text] : out.files) {
    if (*rc::gen::inRange(0, 10) == 0) text = *rc::gen::arbitrary<std::string>();
  }
  return out;
}

RC_GTEST_PROP(ThisMachineProperty, ComesOfAnyReadingsOrSaysThatTheRamIsNotKnown, ()) {
  const HostReadings readings = some_readings();
  try {
    const ThisMachine host = profiles().this_machine(readings);
    RC_ASSERT(host.installed > Bytes());
    RC_ASSERT(host.machine.chip.ram > Bytes());
    RC_ASSERT(host.machine.chip.ram <= host.installed);
    RC_ASSERT(host.machine.metal == (host.match != ChipMatch::none));
    RC_ASSERT(host.match == ChipMatch::exact || host.match == ChipMatch::none ||
              !host.match_note.empty());
    if (host.held) {
      Bytes sum = *host.available;
      for (const ReservePart& part : host.held->parts) {
        RC_ASSERT(part.bytes >= Bytes());
        sum += part.bytes;
      }
      RC_ASSERT(sum == host.machine.chip.ram);
      if (!host.machine.metal) {
        const Budget now = budget(machine_now(host), profiles().runtime("llama.cpp"));
        RC_ASSERT(now.ram_available == *host.available);
      }
    }
  } catch (const Error& error) {
    RC_ASSERT(error.code() == Errc::unsupported);
  }
}

}  // namespace
}  // namespace membudget::this_machine_property_test
