// SPDX-License-Identifier: MIT
// Measures whole processes, as a user waits for them.
//
//   membudget_measure write 8b-128k|70b-256k FILE    a model's header, its data a hole
//   membudget_measure run RUNS COMMAND...            medians: wall ms, CPU ms, peak MiB, exit code
//
// A run before the first that counts warms the disk's cache. The output of commands is dropped.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "model_headers.hpp"

namespace {

struct Run {
  double wall_ms = 0;
  double cpu_ms = 0;
  double peak_mib = 0;
  int exit_code = 0;
};

double milliseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

Run run_once(char** command) {
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, 0);
    ::dup2(nowhere, 1);
    ::dup2(nowhere, 2);
    ::execvp(command[0], command);
    ::_exit(127);
  }
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
#ifdef __APPLE__
  constexpr double unit = 1024.0 * 1024.0;  // In bytes there,
#else
  constexpr double unit = 1024.0;  // in KiB on Linux.
#endif
  return {.wall_ms = wall.count(),
          .cpu_ms = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
          .peak_mib = static_cast<double>(usage.ru_maxrss) / unit,
          .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
}

double median(const std::vector<Run>& runs, double Run::*figure) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const Run& run : runs) {
    values.push_back(run.*figure);
  }
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

int write(std::string_view name, const char* file) {
  for (const auto& kind : {membudget::bench::llama_8b_128k, membudget::bench::llama_70b_256k}) {
    if (kind.name == name) {
      std::printf("%lld\n", static_cast<long long>(membudget::bench::write_model(kind, file)));
      return 0;
    }
  }
  std::fputs("there are 8b-128k and 70b-256k\n", stderr);
  return 2;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view what = count > 1 ? arguments[1] : "";
  if (what == "write" && count == 4) {
    return write(arguments[2], arguments[3]);
  }
  if (what == "run" && count > 3) {
    const int wanted = std::max(1, std::atoi(arguments[2]));
    static_cast<void>(run_once(arguments + 3));
    std::vector<Run> runs;
    runs.reserve(static_cast<std::size_t>(wanted));
    for (int i = 0; i < wanted; ++i) {
      runs.push_back(run_once(arguments + 3));
    }
    std::printf("%.2f %.2f %.1f %d\n", median(runs, &Run::wall_ms), median(runs, &Run::cpu_ms),
                median(runs, &Run::peak_mib), runs.back().exit_code);
    return 0;
  }
  std::fputs("usage: membudget_measure write KIND FILE | run RUNS COMMAND...\n", stderr);
  return 2;
}
