// SPDX-License-Identifier: MIT
#include "membudget/budget.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "support/refusal.hpp"

namespace membudget::budget_test {
namespace {

using test::error_of;
using test::expect_refusal;

Machine mac(std::string_view chip, std::int64_t macos = 26) {
  Machine out = machine(Profiles::embedded().chip(chip));
  out.macos = macos;
  return out;
}

Budget budget_of(const Machine& machine) {
  return budget(machine, Runtime{});
}

TEST(MachineOfAChip, StartsWithTheSystemsDefaults) {
  const Machine machine = mac("m4-max-36gb");
  EXPECT_EQ(machine.chip.id, "m4-max-36gb");
  EXPECT_EQ(machine.macos, 26);
  EXPECT_EQ(machine.wired_limit_mib, 0);
  EXPECT_EQ(budget_of(machine).reserve, machine.chip.reserve);
}

TEST(Budget, TakesTheLimitOfTheMacosVersion) {
  const Budget old = budget_of(mac("m1-max-32gb", 15));
  EXPECT_EQ(old.gpu_limit, Bytes(22906503168));
  EXPECT_EQ(old.gpu_limit_rule, "2/3 x 32 GiB RAM on macOS 15");
  const Budget now = budget_of(mac("m1-max-32gb", 26));
  EXPECT_EQ(now.gpu_limit, Bytes(26800603136));
  EXPECT_EQ(now.gpu_limit_rule, "0.78 x 32 GiB RAM on macOS 26");
  EXPECT_THAT(now.gpu_limit_source, ::testing::HasSubstr("26800.60 MB"));
  EXPECT_TRUE(now.gpu_limit_observed);
  EXPECT_EQ(budget_of(mac("m1-max-32gb", 27)).gpu_limit, now.gpu_limit);
}

TEST(Budget, SaysWhenALimitWasNeverSeen) {
  EXPECT_FALSE(budget_of(mac("m4-max-128gb", 15)).gpu_limit_observed);
  EXPECT_TRUE(budget_of(mac("m4-max-128gb", 26)).gpu_limit_observed);
}

TEST(Budget, PutsTheWiredLimitBeforeTheSystemsRule) {
  Machine machine = mac("m1-max-32gb");
  machine.wired_limit_mib = 28672;
  const Budget raised = budget_of(machine);
  EXPECT_EQ(raised.gpu_limit, gib(28));
  EXPECT_EQ(raised.gpu_limit_rule, "iogpu.wired_limit_mb = 28672");
  // A limit that the user set holds whatever the macOS version.
  machine.macos = 12;
  EXPECT_EQ(budget_of(machine).gpu_limit, gib(28));
}

TEST(Budget, RefusesAMacosVersionWithoutARule) {
  expect_refusal(error_of([] { return budget_of(mac("m1-max-32gb", 20)); }), Errc::unsupported, "",
                 "macOS 20 with 32.00 GiB of RAM is not known (known: macOS 13 to 15, "
                 "26 and newer); give the limit with --wired-limit-mb");
  EXPECT_EQ(error_of([] { return budget_of(mac("m1-max-32gb", 12)); }).code(), Errc::unsupported);
}

TEST(Budget, LeavesTheReserveToTheSystem) {
  Machine machine = mac("m1-max-32gb");
  EXPECT_EQ(budget_of(machine).reserve, gib(4));
  EXPECT_EQ(budget_of(machine).ram_available, gib(28));
  machine.reserve = gib(10);
  EXPECT_EQ(budget_of(machine).ram_available, gib(22));
  machine.reserve = Bytes{};
  EXPECT_EQ(budget_of(machine).ram_available, gib(32)) << "nothing kept free is a wish too";
}

TEST(Budget, WantsATenthFreeAndNeverLessThanAGibibyte) {
  EXPECT_EQ(budget_of(mac("m1-max-32gb")).safety_margin, Bytes(2680060313));
  EXPECT_EQ(budget_of(mac("m1-16gb")).safety_margin, gib(2));
  Machine starved = mac("m1-max-32gb");
  starved.reserve = gib(24);
  EXPECT_EQ(budget_of(starved).safety_margin, gib(1)) << "a tenth of 8 GiB is less";
}

TEST(Budget, RefusesSettingsThatCannotBe) {
  Machine machine = mac("m1-max-32gb");
  machine.wired_limit_mib = -1;
  expect_refusal(error_of([&] { return budget_of(machine); }), Errc::bad_request,
                 "--wired-limit-mb", "at least 0");
  machine = mac("m1-max-32gb");
  machine.reserve = gib(40);
  expect_refusal(error_of([&] { return budget_of(machine); }), Errc::bad_request, "--reserve",
                 "cannot be kept free");
  machine.wired_limit_mib = std::int64_t{1} << 60;
  EXPECT_EQ(error_of([&] { return budget_of(machine); }).code(), Errc::overflow);
}

TEST(Budget, KeepsNamedProgramsBesideTheSystem) {
  Machine machine = mac("m4-max-36gb");
  machine.beside = Profiles::embedded().reserve("docker-postgres-qdrant").parts;
  const Budget out = budget_of(machine);
  EXPECT_EQ(out.reserve, machine.chip.reserve + gib(2));
  ASSERT_EQ(out.reserve_parts.size(), 6);
  EXPECT_EQ(out.reserve_parts[0].name, "macOS and apps");
  Bytes sum;
  for (const ReservePart& part : out.reserve_parts) {
    sum += part.bytes;
    EXPECT_NE(part.source, "") << part.name;
  }
  EXPECT_EQ(sum, out.reserve);
  machine.reserve = gib(1);
  EXPECT_EQ(budget_of(machine).reserve, gib(3));
}

// Figures that logs print in bytes: 32 GB before macOS 26, 64 GB with a raised limit, 48 GB.
TEST(Budget, NamesTheLargestBufferWhateverTheWiredLimit) {
  EXPECT_EQ(budget_of(mac("m1-max-32gb", 15)).largest_buffer, Bytes(17179869184));
  Machine raised = mac("m4-max-64gb");
  raised.wired_limit_mib = 57344;
  EXPECT_EQ(budget_of(raised).largest_buffer, Bytes(41747087360));
  EXPECT_EQ(budget_of(mac("m4-pro-48gb")).largest_buffer, Bytes(30150672384));
  EXPECT_EQ(budget_of(mac("m4-max-128gb")).largest_buffer, Bytes(86586540032));
}

TEST(Budget, TakesTheMarginOfTheMachinesSize) {
  const Budget small = budget_of(mac("m1-16gb"));
  EXPECT_EQ(small.safety_margin, gib(2));
  EXPECT_EQ(small.safety_margin_rule, "10 % of 11.84 GiB, at least 2.00 GiB");
  EXPECT_EQ(budget_of(mac("m2-24gb")).safety_margin,
            Bytes((budget_of(mac("m2-24gb")).gpu_limit * 10).count() / 100));
}

Machine without_gpu() {
  Machine out = mac("m1-max-32gb");
  out.metal = false;
  out.system = System::gnu_linux;
  return out;
}

TEST(Budget, LeavesRamAsTheOnlyLimitWithoutMetal) {
  const Budget out = budget_of(without_gpu());
  EXPECT_FALSE(out.metal);
  EXPECT_EQ(out.gpu_limit, Bytes());
  EXPECT_EQ(out.largest_buffer, Bytes());
  EXPECT_EQ(out.ram_available, gib(28));
  EXPECT_EQ(tighter_limit(out), gib(28));
  EXPECT_EQ(out.safety_margin_rule, "10 % of 28.00 GiB, at least 1.00 GiB");
  EXPECT_EQ(out.reserve_parts[0].name, "the system and other programs");
  Machine newer = without_gpu();
  newer.macos = 99;
  EXPECT_EQ(budget_of(newer).ram_available, gib(28)) << "no rule of macOS is asked";
}

TEST(Budget, BelievesWhatMetalItselfReports) {
  Machine machine = mac("m1-max-32gb");
  machine.working_set = gib(25);
  machine.largest_buffer = gib(19);
  const Budget out = budget_of(machine);
  EXPECT_EQ(out.gpu_limit, gib(25));
  EXPECT_EQ(out.gpu_limit_rule, "what Metal reports on this Mac");
  EXPECT_EQ(out.largest_buffer, gib(19));
  machine.macos = 99;
  EXPECT_EQ(budget_of(machine).gpu_limit, gib(25)) << "no rule is needed then";
  machine.wired_limit_mib = 28672;
  EXPECT_EQ(budget_of(machine).gpu_limit, gib(28)) << "a limit that is only considered";
}

TEST(Budget, TakesWhatOthersHoldForTheReserve) {
  Machine machine = mac("m1-max-32gb");
  machine.held = HeldMemory{{{"programs", gib(7), "read"}, {"wired", gib(2), "read"}},
                            {{"Safari", 3, gib(5)}}};
  Budget out = budget_of(machine);
  EXPECT_EQ(out.reserve, gib(9));
  EXPECT_EQ(out.ram_available, gib(23));
  EXPECT_EQ(out.usual_reserve, gib(4));
  EXPECT_EQ(out.programs.size(), 1);
  machine.beside = {{"PostgreSQL", gib(1), "asked"}};
  out = budget_of(machine);
  EXPECT_EQ(out.reserve, gib(10)) << "what is yet to start comes on top";
  EXPECT_EQ(out.reserve_parts.size(), 3);
}

TEST(Reserves, AreNamedInAnyCaseAndListedWhenUnknown) {
  const Profiles profiles = Profiles::embedded();
  EXPECT_EQ(profiles.reserve("Docker").id, "docker");
  expect_refusal(error_of([&] { static_cast<void>(profiles.reserve("doker")); }),
                 Errc::unknown_name, "", "known are docker, docker-postgres-qdrant");
}

}  // namespace
}  // namespace membudget::budget_test
