// SPDX-License-Identifier: MIT
#include "golden/program.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace membudget::test {

Printed run_program(const std::filesystem::path& folder, const std::string& arguments,
                    const std::string& environment, std::string_view input) {
  // Beside the folder, which may hold files of these names.
  const auto beside = [&](std::string_view name) {
    return std::filesystem::path(fmt::format("{}.{}", folder.string(), name));
  };
  std::ofstream(beside("in"), std::ios::binary) << input;
  const auto command = fmt::format(
      "cd {0} && env HOME={0} XDG_DATA_HOME={0}/data XDG_CACHE_HOME={0}/xdg LC_ALL=C.UTF-8 {1} {2} "
      "{3} "
      "<{4} >{5} 2>{6}",
      in_shell(folder.string()), environment, in_shell(MEMBUDGET_PROGRAM), arguments,
      in_shell(beside("in").string()), in_shell(beside("out").string()),
      in_shell(beside("err").string()));
  const int status = std::system(command.c_str());
  Printed out{.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
              .output = text_of(beside("out")),
              .errors = text_of(beside("err"))};
  for (const char* name : {"in", "out", "err"}) std::filesystem::remove(beside(name));
  return out;
}

std::string in_shell(std::string_view word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace membudget::test
