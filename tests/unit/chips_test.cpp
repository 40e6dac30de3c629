// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "profiles/decode.hpp"
#include "profiles/embedded.hpp"
#include "support/refusal.hpp"

namespace membudget::chips_test {
namespace {

using test::error_of;
using test::expect_refusal;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct File {
  std::string path;
  ChipProfile profile;
};

std::vector<File> every_chip() {
  std::vector<File> out;
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.path.starts_with("chips/")) {
      out.push_back(
          {std::string(file.path), decode(decode_chip, std::string(file.path), file.text)});
    }
  }
  return out;
}

/// "Apple M1 Max" as ids spell it; apart from the decoder's own way on purpose.
std::string chip_part(const Chip& chip) {
  std::string out;
  for (const char c : chip.name.substr(std::string_view("Apple ").size())) {
    out += c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::int64_t ram_gib(const Chip& chip) {
  return chip.ram.count() >> 30;
}

std::string limit_on(const Chip& chip, std::int64_t macos) {
  std::string out = "none";
  for (const WorkingSet& set : chip.working_sets) {
    if (macos >= set.macos_from && (set.macos_to == 0 || macos <= set.macos_to)) {
      EXPECT_EQ(out, "none") << "two limits for " << chip.id << " on macOS " << macos;
      // As ggml prints recommendedMaxWorkingSetSize: MB of 10^6 bytes.
      out = fmt::format("{:.2f}", static_cast<double>(set.limit.count()) / 1e6);
    }
  }
  return out;
}

// Facts of Macs that can be bought, written down apart from the files.
TEST(Chips, AreTheMacsThatAreSold) {
  struct Sold {
    std::string_view id;
    std::string_view name;
    std::int64_t cpu_cores;
    std::int64_t gpu_cores;
    std::int64_t ram_gib;
    double bandwidth_gbs;
    std::string_view identifier;
  };
  const Profiles profiles = Profiles::embedded();
  for (const Sold& mac : {
           Sold{"m1-8gb", "Apple M1", 8, 8, 8, 68.25, "Macmini9,1"},
           Sold{"m1-7c-8gb", "Apple M1", 8, 7, 8, 68.25, "MacBookAir10,1"},
           Sold{"m1-pro-16gb", "Apple M1 Pro", 10, 16, 16, 200, "MacBookPro18,1"},
           Sold{"m1-pro-14c-16gb", "Apple M1 Pro", 10, 14, 16, 200, "MacBookPro18,3"},
           Sold{"m1-pro-8cpu-14c-32gb", "Apple M1 Pro", 8, 14, 32, 200, "MacBookPro18,3"},
           Sold{"m1-max-24c-32gb", "Apple M1 Max", 10, 24, 32, 400, "Mac13,1"},
           Sold{"m1-max-64gb", "Apple M1 Max", 10, 32, 64, 400, "MacBookPro18,2"},
           Sold{"m1-ultra-48c-64gb", "Apple M1 Ultra", 20, 48, 64, 800, "Mac13,2"},
           Sold{"m2-24gb", "Apple M2", 8, 10, 24, 100, "Mac14,15"},
           Sold{"m2-pro-32gb", "Apple M2 Pro", 12, 19, 32, 200, "Mac14,10"},
           Sold{"m2-max-96gb", "Apple M2 Max", 12, 38, 96, 400, "Mac14,13"},
           Sold{"m2-ultra-192gb", "Apple M2 Ultra", 24, 76, 192, 800, "Mac14,8"},
           Sold{"m3-8c-8gb", "Apple M3", 8, 8, 8, 100, "Mac15,4"},
           Sold{"m3-pro-18gb", "Apple M3 Pro", 12, 18, 18, 150, "Mac15,7"},
           Sold{"m3-max-36gb", "Apple M3 Max", 14, 30, 36, 300, "Mac15,10"},
           Sold{"m3-max-128gb", "Apple M3 Max", 16, 40, 128, 400, "Mac15,9"},
           Sold{"m3-ultra-512gb", "Apple M3 Ultra", 32, 80, 512, 819, "Mac15,14"},
           Sold{"m4-16gb", "Apple M4", 10, 10, 16, 120, "Mac16,10"},
           Sold{"m4-8cpu-8c-16gb", "Apple M4", 8, 8, 16, 120, "Mac16,2"},
           Sold{"m4-pro-64gb", "Apple M4 Pro", 14, 20, 64, 273, "Mac16,11"},
           Sold{"m4-max-32c-36gb", "Apple M4 Max", 14, 32, 36, 410, "Mac16,9"},
           Sold{"m4-max-40c-64gb", "Apple M4 Max", 16, 40, 64, 546, "Mac16,5"},
           Sold{"m5-32gb", "Apple M5", 10, 10, 32, 153, "Mac17,2"},
           Sold{"m5-max-36gb", "Apple M5 Max", 18, 32, 36, 460, "Mac17,7"},
           Sold{"m5-ultra-256gb", "Apple M5 Ultra", 36, 80, 256, 1200, "Mac17,15"},
           Sold{"m6-16gb", "Apple M6", 12, 12, 16, 153, "Mac18,5"},
           Sold{"m6-32gb", "Apple M6", 12, 12, 32, 170, "Mac18,5"},
           Sold{"a18-pro-8gb", "Apple A18 Pro", 6, 5, 8, 60, "Mac17,5"},
       }) {
    const Chip chip = profiles.chip(mac.id);
    EXPECT_EQ(chip.name, mac.name) << mac.id;
    EXPECT_EQ(chip.cpu_cores, mac.cpu_cores) << mac.id;
    EXPECT_EQ(chip.gpu_cores, mac.gpu_cores) << mac.id;
    EXPECT_EQ(ram_gib(chip), mac.ram_gib) << mac.id;
    EXPECT_DOUBLE_EQ(chip.bandwidth_gbs, mac.bandwidth_gbs) << mac.id;
    std::vector<std::string> identifiers;
    for (const Mac& sold : chip.macs) {
      identifiers.insert(identifiers.end(), sold.identifiers.begin(), sold.identifiers.end());
    }
    EXPECT_THAT(identifiers, Contains(mac.identifier)) << mac.id;
  }
}

TEST(Chips, ListAMachineOnlyWithTheRamItCameWith) {
  const Profiles profiles = Profiles::embedded();
  // The 14-inch MacBook Pro with 16 GPU cores stops at 24 GB, the Mac mini goes on.
  EXPECT_THAT(profiles.chip("m4-pro-16c-24gb").macs, SizeIs(2));
  const auto mini = profiles.chip("m4-pro-16c-64gb").macs;
  ASSERT_THAT(mini, SizeIs(1));
  EXPECT_THAT(mini.front().identifiers, ElementsAre("Mac16,11"));
  EXPECT_EQ(error_of([&] { return profiles.chip("m4-max-32c-48gb"); }).code(), Errc::unknown_name);
  EXPECT_EQ(error_of([&] { return profiles.chip("m3-max-40c-96gb"); }).code(), Errc::unknown_name);
  EXPECT_EQ(error_of([&] { return profiles.chip("m4-8gb"); }).code(), Errc::unknown_name);
}

TEST(Chips, AreNamedByTheRule) {
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> most_gpu_cores;
  std::map<std::string, std::int64_t> most_cpu_cores;  // by the id with GPU cores
  const auto with_gpu = [](const Chip& chip) {
    return fmt::format("{}-{}c-{}gb", chip_part(chip), chip.gpu_cores, ram_gib(chip));
  };
  const auto files = every_chip();
  EXPECT_THAT(files, Not(IsEmpty()));
  for (const auto& [path, profile] : files) {
    const Chip& chip = profile.chip;
    auto& gpu = most_gpu_cores[{chip.name, ram_gib(chip)}];
    gpu = std::max(gpu, chip.gpu_cores);
    auto& cpu = most_cpu_cores[with_gpu(chip)];
    cpu = std::max(cpu, chip.cpu_cores);
  }
  const Profiles profiles = Profiles::embedded();
  for (const auto& [path, profile] : files) {
    const Chip& chip = profile.chip;
    const bool most_cpu = chip.cpu_cores == most_cpu_cores[with_gpu(chip)];
    const bool most_gpu = chip.gpu_cores == most_gpu_cores[{chip.name, ram_gib(chip)}];
    const std::string short_id = fmt::format("{}-{}gb", chip_part(chip), ram_gib(chip));
    if (!most_cpu) {
      EXPECT_EQ(chip.id, fmt::format("{}-{}cpu-{}c-{}gb", chip_part(chip), chip.cpu_cores,
                                     chip.gpu_cores, ram_gib(chip)));
      continue;
    }
    EXPECT_EQ(chip.id, most_gpu ? short_id : with_gpu(chip)) << path;
    EXPECT_EQ(profiles.chip(with_gpu(chip)).id, chip.id) << "the long id means the same Mac";
  }
}

TEST(Chips, HaveOneLimitBeforeMacos26AndOneFrom26) {
  const Profiles profiles = Profiles::embedded();
  std::set<std::int64_t> sizes;
  for (const auto& [path, profile] : every_chip()) {
    const Chip chip = profiles.chip(profile.chip.id);
    sizes.insert(ram_gib(chip));
    for (const std::int64_t macos : {13, 14, 15, 26, 27}) {
      EXPECT_NE(limit_on(chip, macos), "none") << chip.id << " on macOS " << macos;
    }
  }
  EXPECT_THAT(sizes, ElementsAre(8, 16, 18, 24, 32, 36, 48, 64, 96, 128, 192, 256, 512));
}

TEST(Chips, HaveTheLimitsThatRealLogsPrint) {
  struct Seen {
    std::string_view chip;
    std::int64_t macos;
    std::string_view printed;
    bool observed;
  };
  const Profiles profiles = Profiles::embedded();
  for (const Seen& seen : {
           Seen{"m1-8gb", 14, "5726.63", true},
           Seen{"m1-16gb", 15, "11453.25", true},
           Seen{"m1-16gb", 26, "12713.12", true},
           Seen{"m3-pro-18gb", 15, "12884.92", false},
           Seen{"m3-pro-18gb", 26, "14302.25", false},
           Seen{"m4-pro-24gb", 15, "17179.89", true},
           Seen{"m5-24gb", 26, "19069.67", true},
           Seen{"m1-max-32gb", 13, "22906.50", true},
           Seen{"m1-max-24c-32gb", 26, "26800.60", true},
           Seen{"m4-max-36gb", 15, "28991.03", true},
           Seen{"m4-max-36gb", 26, "30150.67", true},
           Seen{"m3-max-48gb", 15, "38654.71", true},
           Seen{"m4-pro-48gb", 26, "40200.90", true},
           Seen{"m2-max-64gb", 14, "51539.61", true},
           Seen{"m4-pro-64gb", 27, "55662.79", true},
           Seen{"m2-max-96gb", 13, "77309.41", true},
           Seen{"m2-max-96gb", 26, "83494.17", false},
           Seen{"m4-max-128gb", 15, "103079.22", false},
           Seen{"m5-max-128gb", 26, "115448.73", true},
           Seen{"m2-ultra-192gb", 15, "154618.82", true},
           Seen{"m3-ultra-256gb", 15, "223338.30", true},
           Seen{"m3-ultra-512gb", 15, "498216.21", true},
           Seen{"m3-ultra-512gb", 26, "498216.21", false},
       }) {
    const Chip chip = profiles.chip(seen.chip);
    EXPECT_EQ(limit_on(chip, seen.macos), seen.printed) << seen.chip << " on " << seen.macos;
    for (const WorkingSet& set : chip.working_sets) {
      if (seen.macos >= set.macos_from && (set.macos_to == 0 || seen.macos <= set.macos_to)) {
        EXPECT_EQ(set.observed, seen.observed) << seen.chip << " on " << seen.macos;
      }
    }
  }
}

TEST(Chips, KeepTheSameReserveForTheSameRam) {
  for (const auto& [path, profile] : every_chip()) {
    const std::int64_t rule = std::clamp<std::int64_t>(2 + ram_gib(profile.chip) / 16, 3, 8);
    EXPECT_EQ(profile.chip.reserve, gib(rule)) << path;
  }
}

TEST(Chips, StateTheirGpuWithItsSource) {
  for (const auto& [path, profile] : every_chip()) {
    const Chip& chip = profile.chip;
    EXPECT_FALSE(chip.soc.empty()) << path;
    EXPECT_GE(chip.year, 2020) << path;
    EXPECT_FALSE(chip.macs.empty()) << path;
    if (!chip.gpu_clock_ghz) {
      EXPECT_THAT(chip.notes, Contains(HasSubstr("not known"))) << path;
      continue;
    }
    // 128 fused multiply-adds per core and cycle; the files round to 0.01.
    ASSERT_TRUE(chip.gpu_fp16_tflops) << path;
    const double shaders = static_cast<double>(chip.gpu_cores) * 0.256 * *chip.gpu_clock_ghz;
    EXPECT_NEAR(*chip.gpu_fp16_tflops, shaders, 0.006) << path;
    EXPECT_EQ(chip.gpu_matrix_fp16_tflops.has_value(), chip.gpu_family == 10) << path;
    if (chip.gpu_matrix_fp16_tflops) {
      EXPECT_NEAR(*chip.gpu_matrix_fp16_tflops, 4 * shaders, 0.06) << path;
    }
    for (const std::string_view figure : {"gpu_family: ", "gpu_clock: ", "gpu_tflops: "}) {
      EXPECT_THAT(chip.sources, Contains(HasSubstr(std::string(figure)))) << path;
    }
  }
}

TEST(Chips, StateWhatTheyAre) {
  const Profiles profiles = Profiles::embedded();
  const Chip max = profiles.chip("M1-Max-32GB");
  EXPECT_EQ(max.id, "m1-max-32gb");
  EXPECT_EQ(max.name, "Apple M1 Max");
  EXPECT_EQ(max.gpu_cores, 32);
  EXPECT_EQ(max.cpu_cores, 10);
  EXPECT_DOUBLE_EQ(max.bandwidth_gbs, 400);
  EXPECT_EQ(max.ram, gib(32));
  EXPECT_EQ(max.reserve, gib(4));
  EXPECT_FALSE(max.reserve_source.empty());
  EXPECT_THAT(max.sources, Contains(HasSubstr("bandwidth: https://www.apple.com/")));
  EXPECT_EQ(profiles.chip("m1-max-32c-32gb").id, "m1-max-32gb");
  EXPECT_EQ(profiles.chip("m4-max-36gb").gpu_cores, 32);
  EXPECT_EQ(profiles.chip("m4-max-128gb").gpu_cores, 40);
}

TEST(Chips, UnknownOnesAreAnsweredWithTheNearest) {
  const Profiles profiles = Profiles::embedded();
  expect_refusal(error_of([&] { return profiles.chip("m1max-32gb"); }), Errc::unknown_name, "",
                 "unknown chip 'm1max-32gb'; did you mean m1-max-32gb");
  for (const auto* written : {"m1max", "M1 Max", "m1-max"}) {
    expect_refusal(error_of([&] { return profiles.chip(written); }), Errc::unknown_name, "",
                   "; did you mean m1-max-32gb, m1-max-64gb, ");
  }
  expect_refusal(error_of([&] { return profiles.chip("threadripper"); }), Errc::unknown_name, "",
                 "unknown chip 'threadripper'; no known name is near it");
}

}  // namespace
}  // namespace membudget::chips_test
