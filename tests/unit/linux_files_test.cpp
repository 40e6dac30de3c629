// SPDX-License-Identifier: MIT
#include "machine/linux_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace membudget::linux_files::linux_files_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> folders(const Files& files) {
  std::vector<std::string> out;
  for (const CgroupFolder& each : cgroup_folders(files)) out.push_back(each.folder);
  return out;
}

TEST(LinuxFiles, TakeALineByItsWholeKey) {
  EXPECT_EQ(value_of("SwapCached: 1 kB\nSwap: 2 kB\n", "Swap"), "2 kB");
  EXPECT_EQ(value_of("inactive_file 7\ntotal_inactive_file 9\n", "inactive_file"), "7");
  EXPECT_EQ(value_of("Name:\n", "Name"), "");
  EXPECT_EQ(value_of("", "Name"), "");
  EXPECT_EQ(meminfo("MemTotal:       24683620 kB\n", "MemTotal"), kib(24683620));
  EXPECT_FALSE(meminfo("MemTotal:       many kB\n", "MemTotal"));
  EXPECT_FALSE(meminfo("MemTotal: 9223372036854775807 kB\n", "MemTotal"));
}

TEST(LinuxFiles, CountWhatAProcessHoldsWithoutMappedFiles) {
  const auto process = linux_files::process(
      "Name:\tllama-server\nVmRSS:\t 9000000 kB\nRssAnon:\t 1000000 kB\nRssFile:\t 7900000 kB\n"
      "RssShmem:\t  100000 kB\n");
  ASSERT_TRUE(process);
  EXPECT_EQ(process->name, "llama-server");
  EXPECT_EQ(process->bytes, kib(1100000));
  EXPECT_EQ(linux_files::process("Name:\told\nVmRSS:\t 10 kB\n")->bytes, kib(10));
  EXPECT_FALSE(linux_files::process("Name:\tkthreadd\nThreads:\t1\n"));
}

TEST(LinuxFiles, CountCpusInLists) {
  EXPECT_EQ(count_cpus("0-3,8,10-11\n"), 7);
  EXPECT_EQ(count_cpus("0"), 1);
  EXPECT_EQ(count_cpus(""), 0);
  EXPECT_EQ(count_cpus("3-1"), 0);
  EXPECT_EQ(count_cpus("0-9999999999"), 0);
}

TEST(LinuxFiles, ReadPressureAndNames) {
  EXPECT_EQ(stalled_percent("some avg10=12.50 avg60=1.00 avg300=0.00 total=1\n"), 12.5);
  EXPECT_FALSE(stalled_percent("full avg10=1.00\n"));
  EXPECT_FALSE(stalled_percent(""));
  EXPECT_EQ(os_name("NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian 12\"\n"), "Debian 12");
  EXPECT_EQ(os_name("NAME=Alpine\n"), "Alpine");
  EXPECT_EQ(os_name(""), "Linux");
}

TEST(Cgroups, AreReadFromTheProcessUpToTheMount) {
  EXPECT_THAT(folders({{"/proc/self/cgroup", "0::/user.slice/app.scope\n"},
                       {"/proc/self/mountinfo",
                        "30 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n"}}),
              ElementsAre("/sys/fs/cgroup/user.slice/app.scope", "/sys/fs/cgroup/user.slice",
                          "/sys/fs/cgroup"));
  EXPECT_THAT(folders({{"/proc/self/cgroup", "0::/\n"}}), ElementsAre("/sys/fs/cgroup"));
  EXPECT_THAT(folders({}), IsEmpty());
}

// What is mounted is the container's own group: the path of the host leads nowhere in it.
TEST(Cgroups, AreFoundWhereOnlyAPartOfTheHierarchyIsMounted) {
  const Files files{
      {"/proc/self/cgroup", "4:memory:/docker/4f2a/inner\n"},
      {"/proc/self/mountinfo",
       "861 850 0:33 /docker/4f2a /sys/fs/cgroup/memory ro master:14 - cgroup cgroup rw,memory\n"}};
  EXPECT_THAT(folders(files), ElementsAre("/sys/fs/cgroup/memory/inner", "/sys/fs/cgroup/memory"));
  Files outside = files;
  outside["/proc/self/cgroup"] = "4:memory:/../../other\n";
  EXPECT_THAT(folders(outside), ElementsAre("/sys/fs/cgroup/memory"));
}

TEST(Cgroups, OfBothVersionsMayStandSideBySide) {
  const Files files{{"/proc/self/cgroup", "4:memory:/a\n1:cpu,cpuacct:/\n0::/\n"},
                    {"/proc/self/mountinfo",
                     "34 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                     "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                     "40 30 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"}};
  EXPECT_THAT(folders(files), ElementsAre("/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory",
                                          "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/unified"));
}

TEST(Cgroups, GrantTheTightestOfTheirLimits) {
  Files files{{"/proc/self/cgroup", "0::/a/b\n"},
              {"/sys/fs/cgroup/a/b/memory.max", "max\n"},
              {"/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n"},
              {"/sys/fs/cgroup/a/memory.max", "8589934592\n"},
              {"/sys/fs/cgroup/a/memory.high", "4294967296\n"},
              {"/sys/fs/cgroup/a/memory.current", "1000\n"},
              {"/sys/fs/cgroup/a/memory.stat", "inactive_file 600\nactive_file 600\n"},
              {"/sys/fs/cgroup/a/cpu.max", "max 100000\n"}};
  auto limits = cgroup_limits(files);
  ASSERT_EQ(limits.memory.size(), 1);
  EXPECT_EQ(limits.memory[0].name, "cgroup v2 /a");
  EXPECT_EQ(limits.memory[0].limit, gib(4));
  EXPECT_EQ(limits.memory[0].used, Bytes()) << "files may be more than what is left";
  EXPECT_EQ(limits.cpus, 1.5);
  // Version 1 writes the largest number of pages for none.
  files = {{"/proc/self/cgroup", "4:memory:/\n1:cpu:/\n"},
           {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
           {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
           {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}};
  limits = cgroup_limits(files);
  EXPECT_THAT(limits.memory, IsEmpty());
  EXPECT_FALSE(limits.cpus);
}

}  // namespace
}  // namespace membudget::linux_files::linux_files_test
