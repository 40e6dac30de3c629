// SPDX-License-Identifier: MIT
// Runs the program as people do and compares what it prints with the files beside this one.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "support/schema.hpp"

namespace {

namespace fs = std::filesystem;

/// One line of cases.json.
struct Case {
  std::string name;
  std::vector<std::string> argv;
  std::string stdout_file;  ///< Beside cases.json; empty: nothing is printed.
  std::string stderr_line;  ///< What standard error holds; empty: nothing.
  int exit = 0;
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << value.name;
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const auto& entry : nlohmann::json::parse(content(fs::path(GOLDEN_DIR) / "cases.json"))) {
    out.push_back({.name = entry.at("name"),
                   .argv = entry.at("argv"),
                   .stdout_file = entry.value("stdout", ""),
                   .stderr_line = entry.value("stderr", ""),
                   .exit = entry.at("exit")});
  }
  return out;
}

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

/// In a folder of its own, so that relative files of a case meet no other's.
Outcome run(const Case& test) {
  const auto folder = fs::temp_directory_path() / fmt::format("membudget-golden-{}-{}", getpid(), test.name);
  fs::remove_all(folder);
  fs::create_directories(folder);
  auto command =
      fmt::format("cd {} && LC_ALL=C.UTF-8 {}", quoted(folder.string()), quoted(MEMBUDGET_PROGRAM));
  for (const auto& argument : test.argv) command += " " + quoted(argument);
  command += " >stdout 2>stderr";
  const int status = std::system(command.c_str());
  Outcome out{WIFEXITED(status) ? WEXITSTATUS(status) : -1, content(folder / "stdout"),
              content(folder / "stderr")};
  fs::remove_all(folder);
  return out;
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, PrintsWhatItAlwaysPrinted) {
  const auto& test = GetParam();
  const auto result = run(test);
  EXPECT_EQ(result.exit, test.exit) << result.err;
  EXPECT_EQ(result.err, test.stderr_line.empty() ? "" : test.stderr_line + "\n");
  if (test.stdout_file.empty()) {
    EXPECT_EQ(result.out, "");
    return;
  }
  const auto file = fs::path(GOLDEN_DIR) / test.stdout_file;
  if (std::getenv("MEMBUDGET_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(file, std::ios::binary) << result.out;
    return;
  }
  EXPECT_EQ(content(file), result.out)
      << "If the new output is right: MEMBUDGET_UPDATE_GOLDEN=1 tools/test.sh -R Golden, and say "
         "in CHANGELOG.md which estimates changed.";
  if (result.out.starts_with("{\n  \"schema\": \"membudget.plan/1\"")) {
    EXPECT_EQ(membudget::test::schema_faults(nlohmann::json::parse(result.out),
                                             fs::path(PROFILES_DIR) / "schema/plan.schema.json"),
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

}  // namespace
