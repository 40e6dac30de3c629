// SPDX-License-Identifier: MIT
#include "this_machine.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "output.hpp"

using namespace membudget;

bool names_this_machine(std::string_view chip) {
  return chip.empty() || chip == "this-machine";
}

HostReadings readings_of(const std::string& file) {
  if (file.empty()) return read_host();
  // No machine's recording comes near; a device or another kind of file does.
  constexpr std::size_t longest = std::size_t{16} << 20;
  std::ifstream in(file, std::ios::binary);
  std::string text(longest + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.empty()) {
    throw Error(Errc::io, file,
                fmt::format("cannot be read: {}; name a file that detect --record wrote",
                            errno == 0 ? "it is empty" : std::strerror(errno)));
  }
  if (text.size() > longest) {
    throw Error(Errc::invalid_profile, file,
                "is too long for a recording; name a file that detect --record wrote");
  }
  return parse_readings(text, file);
}

Machine machine_at_hand(const std::string& file, bool now, const Profiles& profiles) {
  try {
    const ThisMachine host = profiles.this_machine(readings_of(file));
    return now ? machine_now(host) : host.machine;
  } catch (const Error& error) {
    if (error.code() != Errc::unsupported) throw;
    throw UsageError(error.code(), now ? "--now" : "--chip", problem(error));
  }
}
