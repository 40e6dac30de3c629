// SPDX-License-Identifier: MIT
// Runs the program as people do and compares what it prints with the files beside this one.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "golden/program.hpp"
#include "support/schema.hpp"
#include "test_paths.hpp"

namespace {

namespace fs = std::filesystem;
using membudget::test::text_of;

/// One line of cases.json.
struct Case {
  std::string name;
  std::vector<std::string> argv;
  std::string stdout_file;  ///< Beside cases.json; empty: nothing is printed.
  /// What standard error holds; empty: nothing. Before "..." at its end anything may follow:
  /// suggestions grow with the catalog.
  std::string stderr_line;
  int exit = 0;
  /// In the case's folder: name to bytes; `copies` in cases.json are files beside it.
  std::map<std::string, std::string> files;
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << value.name;
}

/// "47 47" as bytes.
std::string bytes(const std::string& hex) {
  std::istringstream in(hex);
  std::string out;
  for (std::string byte; in >> byte;) out += static_cast<char>(std::stoi(byte, nullptr, 16));
  return out;
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const auto& entry : nlohmann::json::parse(text_of(fs::path(GOLDEN_DIR) / "cases.json"))) {
    out.push_back({.name = entry.at("name"),
                   .argv = entry.at("argv"),
                   .stdout_file = entry.value("stdout", ""),
                   .stderr_line = entry.value("stderr", ""),
                   .exit = entry.at("exit"),
                   .files = {}});
    for (const std::string& name : entry.value("copies", std::vector<std::string>())) {
      out.back().files[name] = text_of(fs::path(GOLDEN_DIR) / name);
    }
    for (const auto& [name, hex] : entry.value("files", std::map<std::string, std::string>())) {
      out.back().files[name] = bytes(hex);
    }
  }
  return out;
}

/// In a folder of its own, so that relative files of a case meet no other's.
membudget::test::Printed run(const Case& test) {
  const auto folder =
      fs::temp_directory_path() / fmt::format("membudget-golden-{}-{}", getpid(), test.name);
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (const auto& [name, text] : test.files)
    std::ofstream(folder / name, std::ios::binary) << text;
  std::string arguments;
  for (const auto& argument : test.argv) {
    // Recordings of machines are shared with other tests.
    const std::string at = argument.starts_with("machines/") ? TEST_DATA_DIR "/" : "";
    arguments += fmt::format(" {}", membudget::test::in_shell(at + argument));
  }
  auto out = membudget::test::run_program(folder, arguments);
  fs::remove_all(folder);
  return out;
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, PrintsWhatItAlwaysPrinted) {
  const auto& test = GetParam();
  const auto result = run(test);
  EXPECT_EQ(result.exit, test.exit) << result.errors;
  if (test.stderr_line.ends_with("...")) {
    const auto start = test.stderr_line.substr(0, test.stderr_line.size() - 3);
    EXPECT_TRUE(result.errors.starts_with(start)) << result.errors;
    EXPECT_EQ(std::ranges::count(result.errors, '\n'), 1);
  } else {
    EXPECT_EQ(result.errors, test.stderr_line.empty() ? "" : test.stderr_line + "\n");
  }
  if (test.stdout_file.empty()) {
    EXPECT_EQ(result.output, "");
    return;
  }
  const auto file = fs::path(GOLDEN_DIR) / test.stdout_file;
  if (std::getenv("MEMBUDGET_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(file, std::ios::binary) << result.output;
    return;
  }
  EXPECT_EQ(text_of(file), result.output)
      << "If the new output is right: MEMBUDGET_UPDATE_GOLDEN=1 tools/test.sh -R Golden, and say "
         "in CHANGELOG.md which estimates changed.";
  if (result.output.starts_with("{\n  \"schema\"") || result.output.starts_with("{\n  \"error\"")) {
    EXPECT_EQ(membudget::test::own_schema_faults(nlohmann::json::parse(result.output),
                                                 fs::path(PROFILES_DIR) / "schema"),
              "");
  }
}

INSTANTIATE_TEST_SUITE_P(Cli, Golden, testing::ValuesIn(cases()), [](const auto& instance) {
  auto name = instance.param.name;
  for (auto& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

/// `text` with what stands between two marks replaced.
std::string between(std::string text, const std::string& mark, const std::string& block) {
  const auto begin = fmt::format("<!-- {}:begin -->\n", mark);
  const auto from = text.find(begin);
  const auto to = text.find(fmt::format("<!-- {}:end -->", mark));
  if (from == std::string::npos || to == std::string::npos) return {};
  return text.replace(from + begin.size(), to - from - begin.size(), block);
}

/// Model and machine, and the verdict: the first and the third paragraph's lines of a plan.
std::string summary(const std::string& plan) {
  auto out = plan.substr(0, plan.find('\n') + 1);
  const auto verdict = plan.find("\n\n") + 2;
  return out + plan.substr(verdict, plan.find("\n\n", verdict) - verdict + 1);
}

std::string printed(std::vector<std::string> argv) {
  return run({.name = "readme",
              .argv = std::move(argv),
              .stdout_file = "",
              .stderr_line = "",
              .exit = 0,
              .files = {}})
      .output;
}

TEST(GoldenReadme, ShowsWhatTheProgramPrints) {
  const auto readme = fs::path(GOLDEN_DIR).parent_path().parent_path() / "README.md";
  const std::string model = "qwen2.5-coder:32b";
  std::string macs;
  for (const auto* chip : {"m1-16gb", "m1-max-32gb", "m4-max-36gb", "m4-max-128gb"}) {
    macs += macs.empty() ? "" : "\n";
    macs += summary(printed({"plan", model, "--chip", chip, "-c", "8k"}));
  }
  auto expected =
      between(text_of(readme), "example",
              fmt::format("```text\n{}```\n", printed({"plan", model, "--chip", "m1-max-32gb"})));
  expected = between(expected, "macs", fmt::format("```text\n{}```\n", macs));
  expected = between(
      expected, "sweep",
      fmt::format("```text\n{}```\n",
                  printed({"sweep", model, "--chip", "m1-max-32gb", "--cache-type", "f16,q8_0"})));
  ASSERT_FALSE(expected.empty()) << "README.md lost a marker";
  if (std::getenv("MEMBUDGET_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(readme, std::ios::binary) << expected;
    return;
  }
  EXPECT_EQ(text_of(readme), expected)
      << "If the new output is right: MEMBUDGET_UPDATE_GOLDEN=1 tools/test.sh -R Golden";
}

}  // namespace
