// SPDX-License-Identifier: MIT
#include "verify/log_line.hpp"

#include <algorithm>

#include "ascii.hpp"
#include "verify/printed_size.hpp"

namespace membudget::logs {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_name(char c) {
  return is_digit(c) || is_letter(c) || c == '_';
}

/// Control sequences: ESC [ ... letter, ESC ] ... BEL, and single escapes.
std::string without_colours(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size(); ++at) {
    if (raw[at] != '\x1b') {
      out += raw[at];
      continue;
    }
    const char kind = at + 1 < raw.size() ? raw[at + 1] : '\0';
    ++at;
    if (kind == '[') {
      while (at + 1 < raw.size() && !(raw[at + 1] >= '@' && raw[at + 1] <= '~')) ++at;
      ++at;
    } else if (kind == ']') {
      while (at + 1 < raw.size() && raw[at + 1] != '\a') ++at;
      ++at;
    }
  }
  return out;
}

/// "Jan  3 10:11:12 host ollama[812]: " or with a full date in front. The identifier with its
/// process becomes the source.
bool take_journald(LogLine& line) {
  constexpr std::size_t furthest = 160;  // Host names have 64 characters at most.
  const auto bracket = line.text.substr(0, furthest).find("]: ");
  if (bracket == std::string_view::npos) return false;
  auto start = bracket;
  while (start > 0 && is_digit(line.text[start - 1])) --start;
  if (start == bracket || start == 0 || line.text[start - 1] != '[') return false;
  const auto blank = line.text.rfind(' ', start);
  // A clock stands before: two digits, a colon, two digits.
  const auto clock = line.text.substr(0, start).find(':');
  if (blank == std::string_view::npos || clock == std::string_view::npos || clock < 2 ||
      clock > blank || !is_digit(line.text[clock - 1])) {
    return false;
  }
  line.source = line.text.substr(blank + 1, bracket - blank);
  line.text.remove_prefix(bracket + 3);
  return true;
}

/// "web-1  | " of docker compose.
bool take_compose(LogLine& line) {
  constexpr std::size_t furthest = 64;
  const auto bar = line.text.substr(0, furthest).find(" | ");
  if (bar == std::string_view::npos || bar == 0) return false;
  const std::string_view name = trimmed(line.text.substr(0, bar));
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return is_name(c) || c == '-' || c == '.';
  });
  // llama-server of 2024 wrote "INFO [ main] build info | tid=..." and tables with bars.
  if (!plain || !is_letter(name.front())) return false;
  line.source = name;
  line.text.remove_prefix(bar + 3);
  return true;
}

/// "[ 8081] " of llama-server's router: the port of the process that wrote the line.
bool take_router(LogLine& line) {
  if (line.text.size() < 8 || line.text.front() != '[') return false;
  const auto end = line.text.find("] ");
  if (end != 6) return false;
  const std::string_view port = trimmed(line.text.substr(1, end - 1));
  if (port.empty() || !std::all_of(port.begin(), port.end(), is_digit)) return false;
  line.source = line.text.substr(0, end + 1);
  line.text.remove_prefix(end + 2);
  return true;
}

}  // namespace

LogLine LineCleaner::clean(std::string_view raw) {
  while (!raw.empty() && (raw.back() == '\r' || raw.back() == '\n')) raw.remove_suffix(1);
  if (raw.find('\x1b') != std::string_view::npos) {
    plain_ = without_colours(raw);
    raw = plain_;
  }
  // A progress bar writes over itself; what stands last is what was to be seen.
  if (const auto over = raw.rfind('\r'); over != std::string_view::npos) {
    raw.remove_prefix(over + 1);
  }
  LogLine line{.source = {}, .text = raw};
  if (!take_compose(line)) take_journald(line);
  take_router(line);
  return line;
}

bool contains(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

std::string_view after(std::string_view text, std::string_view mark) {
  const auto at = text.find(mark);
  return at == std::string_view::npos ? std::string_view{} : text.substr(at + mark.size());
}

std::string_view file_name(std::string_view path) {
  const auto slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view name_before(std::string_view text, std::size_t colon) {
  auto end = std::min(colon, text.size());
  while (end > 0 && text[end - 1] == ' ') --end;
  auto start = end;
  while (start > 0 && is_name(text[start - 1])) --start;
  return text.substr(start, end - start);
}

Assignment assignment_of(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return {};
  const std::string_view before = text.substr(0, equals);
  const auto colon = before.rfind(':');
  Assignment out;
  if (colon == std::string_view::npos) {
    out.key = trimmed(before);
  } else {
    out.key = trimmed(before.substr(colon + 1));
    // The function is in front of the first colon after any clock: "load: - kv  12: general.name".
    auto first = before.find(": ");
    if (first == std::string_view::npos) first = colon;
    out.function = name_before(before, first);
  }
  out.value = trimmed(text.substr(equals + 1));
  return out;
}

StructuredLine::StructuredLine(std::string_view text) {
  const bool structured =
      text.find("level=") != std::string_view::npos && text.find("msg=") != std::string_view::npos;
  if (!structured) return;
  constexpr std::size_t most = 64;
  while (!text.empty() && pairs_.size() < most) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) break;
    const auto blank = text.substr(0, equals).rfind(' ');
    const auto start = blank == std::string_view::npos ? 0 : blank + 1;
    const std::string_view key = text.substr(start, equals - start);
    text.remove_prefix(equals + 1);
    std::size_t end = 0;
    if (!text.empty() && text.front() == '"') {
      end = 1;
      while (end < text.size() && text[end] != '"')
        end += text[end] == '\\' ? std::size_t{2} : std::size_t{1};
      end = std::min(end, text.size());
      pairs_.emplace_back(key, text.substr(1, end - 1));
      end = std::min(end + 1, text.size());
    } else {
      end = std::min(text.find(' '), text.size());
      pairs_.emplace_back(key, text.substr(0, end));
    }
    text.remove_prefix(end);
  }
}

std::string_view StructuredLine::value(std::string_view key) const {
  const auto pair = std::find_if(pairs_.begin(), pairs_.end(),
                                 [&](const auto& each) { return each.first == key; });
  return pair == pairs_.end() ? std::string_view{} : pair->second;
}

}  // namespace membudget::logs
