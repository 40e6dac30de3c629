// SPDX-License-Identifier: MIT
#include "membudget/this_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "membudget/budget.hpp"
#include "membudget/error.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/embedded.hpp"
#include "support/machines.hpp"
#include "support/refusal.hpp"

namespace membudget::this_machine_test {
namespace {

using test::error_of;
using test::expect_refusal;
using test::machine_readings;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ThisMachine detected(const std::string& name) {
  return profiles().this_machine(machine_readings(name));
}

/// What a recording must be taken for.
struct Known {
  std::string_view recording;
  std::string_view profile;
  ChipMatch match = ChipMatch::exact;
  std::string_view system;
  std::int64_t gpu_limit = 0;  ///< In bytes; 0 without Metal.
};

constexpr Known known[] = {
    {"m1-16gb-macos-15", "m1-16gb", ChipMatch::exact, "macOS 15.6", 11453251584},
    {"m1-7c-8gb-macos-14", "m1-7c-8gb", ChipMatch::exact, "macOS 14.6.1", 5726633984},
    {"m1-max-24c-32gb-macos-14", "m1-max-24c-32gb", ChipMatch::exact, "macOS 14.6.1", 22906503168},
    {"m1-max-32gb-macos-26", "m1-max-32gb", ChipMatch::exact, "macOS 26.1", 26800603136},
    {"m1-max-32gb-busy", "m1-max-32gb", ChipMatch::exact, "macOS 26.1", 26800603136},
    {"m2-24gb-macos-15", "m2-24gb", ChipMatch::exact, "macOS 15.6", 17179885568},
    {"m2-ultra-192gb-macos-13", "m2-ultra-192gb", ChipMatch::exact, "macOS 13.6", 154618822656},
    {"m3-8c-16gb-macos-15", "m3-8c-16gb", ChipMatch::exact, "macOS 15.6", 11453251584},
    {"m3-pro-18gb-macos-26", "m3-pro-18gb", ChipMatch::exact, "macOS 26.1", 14302248960},
    {"m4-8cpu-8c-16gb-macos-15", "m4-8cpu-8c-16gb", ChipMatch::exact, "macOS 15.6", 11453251584},
    {"m4-pro-48gb-macos-27", "m4-pro-48gb", ChipMatch::exact, "macOS 27.0", 40200896512},
    // Tells programs built for older systems that it is "16.0".
    {"m4-max-36gb-macos-26", "m4-max-36gb", ChipMatch::exact, "macOS 26", 30150672384},
    {"m4-max-128gb-wired-limit", "m4-max-128gb", ChipMatch::exact, "macOS 26.1", 120259084288},
    {"m5-32gb-macos-26", "m5-32gb", ChipMatch::exact, "macOS 26.1", 26800603136},
    {"m5-max-128gb-critical", "m5-max-128gb", ChipMatch::exact, "macOS 26.1", 115448725504},
    {"m1-max-cores-unread", "m1-max-32gb", ChipMatch::exact, "macOS 26.1", 26800603136},
    {"m2-rosetta", "m2-16gb", ChipMatch::exact, "macOS 15.6", 11453251584},
    {"m3-max-64gb-no-metal", "m3-max-64gb", ChipMatch::exact, "macOS 15.6", 51539607552},
    {"m4-max-96gb-unlisted", "m4-max-128gb", ChipMatch::bin, "macOS 26.1", 83494174720},
    {"m4-virtual-8gb", "m4-16gb", ChipMatch::bin, "macOS 15.6", 5726633984},
    {"m7-pro-48gb-unknown", "m5-pro-48gb", ChipMatch::nearest, "macOS 27.0", 40200896512},
    {"intel-64gb", "", ChipMatch::none, "macOS 15.6", 0},
    {"linux-x86-64-bare", "", ChipMatch::none, "Ubuntu 24.04.3 LTS", 0},
    {"linux-container-cgroup-v2", "", ChipMatch::none, "Debian GNU/Linux 12 (bookworm)", 0},
    {"linux-container-cgroup-v1", "", ChipMatch::none, "Amazon Linux 2", 0},
    {"linux-arm64", "", ChipMatch::none, "Raspberry Pi OS GNU/Linux 12 (bookworm)", 0},
};

TEST(ThisMachine, IsTakenForTheProfileOfItsChip) {
  for (const Known& each : known) {
    SCOPED_TRACE(each.recording);
    const ThisMachine host = detected(std::string(each.recording));
    EXPECT_EQ(host.profile, each.profile);
    EXPECT_EQ(host.match, each.match) << host.match_note;
    EXPECT_EQ(host.system_name, each.system);
    const Budget granted = budget(host.machine, profiles().runtime("llama.cpp"));
    EXPECT_EQ(granted.gpu_limit, Bytes(each.gpu_limit)) << granted.gpu_limit_rule;
    EXPECT_EQ(granted.metal, each.gpu_limit > 0);
    const bool exact = each.match == ChipMatch::exact;
    EXPECT_EQ(host.machine.chip.id, exact ? each.profile : "this-machine");
    EXPECT_EQ(host.match_note.empty() && exact, exact && each.recording != "m1-max-cores-unread");
  }
}

TEST(ThisMachine, CoversEveryRecording) {
  std::set<std::string> listed;
  for (const Known& each : known) listed.emplace(each.recording);
  for (const std::string& name : test::machine_names()) {
    EXPECT_EQ(listed.count(name), 1) << name << " is in tests/machines but in no test";
  }
}

// No two profiles may claim the same machine.
TEST(ThisMachine, FindsEveryChipByItsOwnFigures) {
  for (const std::string& id : profiles().chip_ids()) {
    const Chip chip = profiles().chip(id);
    HostReadings readings;
    readings.system = System::macos;
    readings.texts = {{"machdep.cpu.brand_string", chip.name}, {"kern.osrelease", "25.1.0"}};
    readings.numbers = {{"hw.memsize", chip.ram.count()}, {"hw.physicalcpu", chip.cpu_cores}};
    readings.accelerator = AcceleratorReadings{chip.gpu_cores, std::nullopt, std::nullopt};
    const ThisMachine host = profiles().this_machine(readings);
    EXPECT_EQ(host.profile, id);
    EXPECT_EQ(host.match, ChipMatch::exact);
    EXPECT_EQ(host.machine.macos, 26);
  }
}

TEST(ThisMachine, IsFoundByItsModelWhereTheChipHasNoName) {
  HostReadings readings = machine_readings("m3-8c-16gb-macos-15");
  readings.texts.erase("machdep.cpu.brand_string");
  readings.metal.reset();
  EXPECT_EQ(profiles().this_machine(readings).profile, "m3-8c-16gb");
}

TEST(ThisMachine, SaysWhichOtherBinItMayBe) {
  const ThisMachine host = detected("m1-max-cores-unread");
  EXPECT_THAT(host.match_note, AllOf(HasSubstr("cannot be read"), HasSubstr("m1-max-24c-32gb")));
  EXPECT_THAT(host.machine.notes, ElementsAre(host.match_note));
}

TEST(ThisMachine, PlansAnUnlistedRamWithTheMacsOwnFigures) {
  const ThisMachine host = detected("m4-max-96gb-unlisted");
  EXPECT_EQ(host.machine.chip.ram, gib(96));
  EXPECT_EQ(host.machine.chip.name, "Apple M4 Max");
  EXPECT_EQ(host.machine.chip.reserve, profiles().chip("m3-max-96gb").reserve);
  EXPECT_GT(host.machine.chip.bandwidth_gbs, 0) << "the same bin, so its speed is known";
  EXPECT_THAT(host.match_note, HasSubstr("m4-max-128gb stands in"));
}

TEST(ThisMachine, ClaimsNoSpeedForAnUnknownChip) {
  const ThisMachine host = detected("m7-pro-48gb-unknown");
  EXPECT_EQ(host.machine.chip.ram, gib(48));
  EXPECT_EQ(host.machine.chip.name, "Apple M7 Pro");
  EXPECT_EQ(host.machine.chip.gpu_cores, 22);
  EXPECT_EQ(host.machine.chip.bandwidth_gbs, 0);
  EXPECT_THAT(host.match_note,
              AllOf(HasSubstr("Apple M7 Pro is not known"), HasSubstr("m5-pro-48gb comes nearest"),
                    HasSubstr("--profiles DIR")));
}

TEST(ThisMachine, SaysThatAVirtualMachineHasItsHostsGpu) {
  EXPECT_THAT(detected("m4-virtual-8gb").match_note, HasSubstr("virtual machine on an Apple M4"));
}

TEST(ThisMachine, ReadsTheStateOfMemory) {
  const ThisMachine host = detected("m5-max-128gb-critical");
  EXPECT_EQ(host.pressure, MemoryPressure::critical);
  EXPECT_EQ(host.thermal, ThermalState::serious);
  EXPECT_EQ(host.swap->total, gib(20));
  EXPECT_GT(host.swap->used, gib(18));
  EXPECT_GT(*host.gpu_in_use, Bytes());
  // 70 GiB of programs without 0.1 GiB purgeable, 45 wired, 12 compressed.
  EXPECT_NEAR(static_cast<double>((host.machine.chip.ram - *host.available).count()) / (1 << 30),
              126.9, 0.01);
  EXPECT_EQ(detected("m1-7c-8gb-macos-14").pressure, MemoryPressure::warning);
  EXPECT_EQ(detected("m1-16gb-macos-15").pressure, MemoryPressure::normal);
}

TEST(ThisMachine, NamesProgramsWithTheirHelpers) {
  const auto programs = detected("m1-max-32gb-macos-26").held->programs;
  ASSERT_FALSE(programs.empty());
  EXPECT_EQ(programs.front().name, "Google Chrome");
  EXPECT_EQ(programs.front().processes, 8);
  EXPECT_TRUE(std::is_sorted(programs.begin(), programs.end(),
                             [](const Program& a, const Program& b) { return a.bytes > b.bytes; }));
}

TEST(ThisMachine, ReportsTheWiredLimitThatIsSet) {
  const ThisMachine host = detected("m4-max-128gb-wired-limit");
  EXPECT_EQ(host.wired_limit_mib, 114688);
  EXPECT_EQ(host.machine.wired_limit_mib, 114688);
  EXPECT_EQ(*host.working_set, gib(112));
  EXPECT_EQ(*host.largest_buffer, Bytes(86586540032)) << "the sysctl does not move it";
}

TEST(ThisMachine, PlansLinuxOnItsCpu) {
  const ThisMachine host = detected("linux-x86-64-bare");
  EXPECT_FALSE(host.machine.metal);
  EXPECT_EQ(host.machine.system, System::gnu_linux);
  EXPECT_EQ(host.processor, "AMD Ryzen 9 7950X 16-Core Processor");
  EXPECT_EQ(host.cpu_cores, 32);
  EXPECT_FALSE(host.cpu_limit);
  EXPECT_FALSE(host.limit) << "groups without a limit grant everything";
  EXPECT_EQ(host.machine.chip.ram, host.installed);
  EXPECT_EQ(host.machine.chip.reserve, gib(4)) << "a tenth of 62.7 GiB, at most 4 GiB";
  EXPECT_EQ(host.held->programs.front().name, "Isolated Web Co");
}

TEST(ThisMachine, TakesAContainersLimitForItsRam) {
  const ThisMachine host = detected("linux-container-cgroup-v2");
  EXPECT_EQ(host.machine.chip.ram, gib(16));
  EXPECT_GT(host.installed, gib(250));
  EXPECT_EQ(host.limit->name, "cgroup v2 /");
  EXPECT_EQ(host.limit->used, gib(1)) << "3 GiB, of which 2 GiB are files";
  EXPECT_EQ(*host.available, gib(15));
  EXPECT_EQ(host.machine.chip.reserve, mib(256));
  EXPECT_EQ(host.cpu_limit, 8);
  EXPECT_EQ(host.stalled_percent, 3.41);
  EXPECT_THAT(host.machine.notes.front(), HasSubstr("cgroup v2 / grants 16.00 GiB"));
}

TEST(ThisMachine, CountsWhatIsOutsideOfAContainerWhereItIsShort) {
  const ThisMachine host = detected("linux-container-cgroup-v1");
  EXPECT_EQ(host.machine.chip.ram, gib(8));
  EXPECT_EQ(host.limit->used, mib(512)) << "1.5 GiB, of which 1 GiB are files";
  EXPECT_EQ(*host.available, Bytes(kib(6 * 1024 * 1024))) << "MemAvailable is less than is granted";
  ASSERT_EQ(host.held->parts.size(), 2);
  EXPECT_EQ(host.held->parts[1].bytes, mib(1536));
  EXPECT_EQ(host.cpu_limit, 2.5) << "the quota is below the 4 CPUs of the set";
}

TEST(ThisMachine, TakesTheBoardsNameWhereTheProcessorHasNone) {
  const ThisMachine host = detected("linux-arm64");
  EXPECT_EQ(host.processor, "Raspberry Pi 5 Model B Rev 1.1");
  EXPECT_EQ(host.architecture, "aarch64");
  EXPECT_EQ(host.machine.chip.ram, host.installed);
}

TEST(ThisMachine, NeedsToKnowTheRam) {
  for (const System system : {System::macos, System::gnu_linux, System::other}) {
    HostReadings readings;
    readings.system = system;
    expect_refusal(error_of([&] { return profiles().this_machine(readings); }), Errc::unsupported,
                   "", "how much RAM this machine has cannot be read; name a machine with --chip");
  }
}

TEST(MachineNow, StandsInForTheReserve) {
  const ThisMachine host = detected("m1-max-32gb-busy");
  const Budget now = budget(machine_now(host), profiles().runtime("llama.cpp"));
  EXPECT_EQ(now.ram_available, *host.available);
  EXPECT_EQ(now.usual_reserve, gib(4));
  EXPECT_EQ(now.reserve + now.ram_available, gib(32));
  EXPECT_FALSE(budget(host.machine, profiles().runtime("llama.cpp")).usual_reserve);
}

TEST(MachineNow, SaysWhoHoldsMoreThanAPlanKeepsFree) {
  const auto reasons_of = [](const char* recording) {
    const Machine machine = machine_now(detected(recording));
    Workload workload;
    workload.context = 4096;
    workload.backend = machine.metal ? Backend::metal : Backend::cpu;
    return plan(profiles().model("qwen2.5:7b"), machine, profiles().runtime("llama.cpp"), workload)
        .reasons;
  };
  EXPECT_THAT(reasons_of("m1-max-32gb-busy"),
              Contains(AllOf(HasSubstr("more than the 4.00 GiB that a plan keeps free"),
                             HasSubstr("com.docker.krun 3.90 GiB"))));
  EXPECT_THAT(reasons_of("linux-container-cgroup-v2"),
              Contains(HasSubstr("more than the 256.0 MiB that a plan keeps free")));
  EXPECT_THAT(reasons_of("m5-32gb-macos-26"),
              Contains(HasSubstr("more than the 4.00 GiB that a plan keeps free")));
  EXPECT_THAT(reasons_of("linux-arm64"), Contains(HasSubstr("because they may grow")));
}

TEST(MachineNow, NeedsToKnowWhatIsHeld) {
  HostReadings readings = machine_readings("m1-16gb-macos-15");
  readings.pages.reset();
  const ThisMachine host = profiles().this_machine(readings);
  EXPECT_FALSE(host.available);
  expect_refusal(error_of([&] { return machine_now(host); }), Errc::unsupported, "",
                 "leave --now out");
}

// Only shape and no fixed figures: whatever host runs the tests.
TEST(ReadHost, TellsTheRamOfTheHostOfTheTests) {
  const HostReadings readings = read_host();
  const ThisMachine host = profiles().this_machine(readings);
  EXPECT_GT(host.installed, mib(256));
  EXPECT_NE(host.architecture, "");
  EXPECT_NE(host.system_name, "");
  ASSERT_TRUE(host.available);
  EXPECT_GT(*host.available, Bytes());
  EXPECT_LE(*host.available, host.machine.chip.ram);
  EXPECT_THAT(host.held->parts, Not(IsEmpty()));
}

}  // namespace
}  // namespace membudget::this_machine_test
