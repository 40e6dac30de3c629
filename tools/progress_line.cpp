// SPDX-License-Identifier: MIT
#include "progress_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void ProgressLine::show(const std::function<std::string()>& text) {
  constexpr auto quiet = std::chrono::seconds(1);
  constexpr auto pause = std::chrono::milliseconds(100);
  const auto now = Clock::now();
  if (!terminal_ || now - start_ < quiet || now - last_ < pause) return;
  last_ = now;
  shown_ = true;
  fmt::print(stderr, "\r\x1b[K{}", text());
  std::fflush(stderr);
}
