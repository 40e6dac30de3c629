// SPDX-License-Identifier: MIT
#include "output.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

bool utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string_view::npos ||
           value.find("utf8") != std::string_view::npos ||
           value.find("utf-8") != std::string_view::npos;
  }
  return false;
}

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return std::clamp(static_cast<int>(size.ws_col), 60, 80);
}

[[noreturn]] void cannot_write(const std::string& where, int reason) {
  throw UsageError(membudget::Errc::io, where,
                   fmt::format("cannot be written: {}; name a file in a folder you may write to",
                               std::strerror(reason)));
}

void write_stream(std::string_view text, std::FILE* stream, const std::string& where) {
  if (std::fwrite(text.data(), 1, text.size(), stream) != text.size() || std::fflush(stream) != 0) {
    cannot_write(where, errno);
  }
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::unique_ptr<std::FILE, Close> open_to_write(const std::string& path, const std::string& where) {
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "wb"));
  if (file == nullptr) cannot_write(where, errno);
  return file;
}

/// Beside the target and then renamed, so that a reader, or a full disk, never leaves half.
void replace_file(std::string_view text, const std::filesystem::path& target,
                  const std::string& where) {
  const auto beside = fmt::format("{}.{}.part", target.string(), getpid());
  std::error_code error;
  try {
    auto file = open_to_write(beside, where);
    write_stream(text, file.get(), where);
    if (std::fclose(file.release()) != 0) cannot_write(where, errno);
    const auto kept = std::filesystem::status(target, error).permissions();
    if (!error) std::filesystem::permissions(beside, kept, error);
    std::filesystem::rename(beside, target, error);
    if (error) cannot_write(where, error.value());
  } catch (const UsageError&) {
    std::filesystem::remove(beside, error);
    throw;
  }
}

}  // namespace

Exit exit_of(const membudget::Error& error) {
  if (dynamic_cast<const UsageError*>(&error) != nullptr) return exit_usage;
  switch (error.code()) {
    case membudget::Errc::bad_request:
      return exit_usage;
    case membudget::Errc::network:
      return exit_network;
    case membudget::Errc::io:
    case membudget::Errc::truncated:
    case membudget::Errc::invalid_model:
    case membudget::Errc::unsupported:
    case membudget::Errc::invalid_profile:
    case membudget::Errc::unknown_name:
    case membudget::Errc::overflow:
      return exit_unreadable;
  }
  return exit_unreadable;
}

Exit fail(const membudget::Error& error, bool json) {
  // Names in a message come from files and may hold anything.
  std::string line = error.what();
  std::ranges::replace_if(
      line, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  fmt::print(stderr, "membudget: {}\n", line);
  if (json) fmt::print("{}", to_json(error));
  return exit_of(error);
}

membudget::TextStyle terminal_style(bool to_file, bool plain) {
  const bool terminal = !to_file && isatty(STDOUT_FILENO) == 1;
  membudget::TextStyle style;
  style.colour = terminal && !plain && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  style.unicode = !plain && utf8_locale();
  style.bar = !plain;
  style.width = terminal ? terminal_width() : 80;
  return style;
}

bool is_refusal(const membudget::Error& error) {
  return error.code() == membudget::Errc::bad_request ||
         error.code() == membudget::Errc::unsupported;
}

void refuse_option(const std::string& option, const std::string& reason) {
  throw UsageError(membudget::Errc::bad_request, option, reason);
}

void write_result(std::string_view result, const std::string& file) {
  if (file.empty() || file == "-") {
    write_stream(result, stdout, "standard output");
    return;
  }
  // Through a link to what it names; devices and pipes cannot be renamed over.
  std::error_code error;
  const auto target = std::filesystem::weakly_canonical(file, error);
  const auto path = error ? std::filesystem::path(file) : target;
  if (std::filesystem::is_directory(path, error)) cannot_write(file, EISDIR);
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    write_stream(result, open_to_write(file, file).get(), file);
    return;
  }
  replace_file(result, path, file);
}
