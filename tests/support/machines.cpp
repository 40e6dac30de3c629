// SPDX-License-Identifier: MIT
#include "support/machines.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "test_paths.hpp"

namespace membudget::test {
namespace {

const std::filesystem::path folder = std::filesystem::path(TEST_DATA_DIR) / "machines";

}  // namespace

std::string machine_file(const std::string& name) {
  return (folder / (name + ".json")).string();
}

std::string machine_text(const std::string& name) {
  std::ifstream in(machine_file(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

HostReadings machine_readings(const std::string& name) {
  return parse_readings(machine_text(name), name + ".json");
}

std::vector<std::string> machine_names() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    out.push_back(entry.path().stem().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace membudget::test
