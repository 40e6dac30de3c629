// SPDX-License-Identifier: MIT
#include "model_argument.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "output.hpp"

namespace {

using namespace membudget;
using Clock = std::chrono::steady_clock;

/// One line that is written over and goes away in the end.
class ProgressLine {
 public:
  ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const FetchProgress& progress) {
    constexpr auto quiet = std::chrono::seconds(1);
    constexpr auto pause = std::chrono::milliseconds(100);
    const auto now = Clock::now();
    if (!terminal_ || now - start_ < quiet || now - last_ < pause) return;
    last_ = now;
    shown_ = true;
    // The end of a name says more than its beginning, and 80 columns are left alone.
    constexpr std::size_t longest = 50;
    auto name = progress.source;
    if (name.size() > longest) name.remove_prefix(name.size() - longest);
    fmt::print(stderr, "\r\x1b[Kreading {}: {}", name, to_text(progress.fetched));
    std::fflush(stderr);
  }

 private:
  bool terminal_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_;
};

}  // namespace

void ModelOptions::add_to(CLI::App& command) {
  command
      .add_flag("--remote", remote,
                "Read an ollama: model that is not in the local store from its registry")
      ->group("Model");
  command.add_flag("--no-cache", no_cache, "Fetch headers anew and do not keep them")
      ->group("Model");
}

Model read_model(const std::string& name, const std::string& quantization,
                 const Profiles& profiles, const ModelOptions& options) {
  ProgressLine line;
  ReadOptions read;
  read.remote = options.remote;
  read.cache = !options.no_cache;
  read.progress = [&](const FetchProgress& progress) { line.show(progress); };
  try {
    return load_model(name, quantization, profiles, read);
  } catch (const Error& error) {
    if (error.code() != Errc::unknown_name || quantization.empty()) throw;
    // Either name may be the unknown one. Without the quantization it is the model's turn.
    static_cast<void>(load_model(name, {}, profiles, read));
    throw UsageError(error.code(), "--quant", problem(error));
  }
}
