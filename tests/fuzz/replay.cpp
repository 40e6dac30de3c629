// SPDX-License-Identifier: MIT
// Runs the targets on inputs that are known: on the seeds, and on what once broke something. Needs
// no libFuzzer, so that every build's tests do it.
//
//   membudget_fuzz_replay CRASHERS [TARGET...]      seeds and the files CRASHERS/TARGET/*
//   membudget_fuzz_replay --change SEED COUNT [TARGET...]
//                                                   COUNT inputs of each target, made from its
//                                                   seeds by chance; equal SEEDs make equal inputs
//   membudget_fuzz_replay --write-seeds FOLDER      FOLDER/TARGET/* for libFuzzer
//
// An input that breaks something is left in the file fuzz-TARGET of the current folder.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/target.hpp"

namespace {

namespace fs = std::filesystem;
using membudget::fuzz::Target;

std::vector<const Target*> targets_of(const std::vector<std::string>& names) {
  std::vector<const Target*> out;
  for (const Target& target : membudget::fuzz::targets()) {
    out.push_back(&target);
  }
  if (names.empty()) {
    return out;
  }
  out.clear();
  for (const std::string& name : names) {
    const Target* target = membudget::fuzz::find_target(name);
    if (target == nullptr) {
      std::fprintf(stderr, "there is no target '%s'\n", name.c_str());
      std::exit(2);
    }
    out.push_back(target);
  }
  return out;
}

int write_seeds(const fs::path& folder) {
  for (const Target& target : membudget::fuzz::targets()) {
    const fs::path below = folder / target.name;
    fs::create_directories(below);
    int number = 0;
    for (const std::string& seed : membudget::fuzz::seeds_of(target.name)) {
      std::ofstream(below / ("seed-" + std::to_string(number++)), std::ios::binary) << seed;
    }
  }
  return 0;
}

// The input that is being run, for the handler of what ends the process.
std::string_view running;
std::string running_file;

void leave_input(int signal) {
  if (std::FILE* file = std::fopen(running_file.c_str(), "wb"); file != nullptr) {
    std::fwrite(running.data(), 1, running.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the input is in %s\n", running_file.c_str());
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

/// An input that was changed in some places: where counts and lengths stand extremes break more
/// than chance does.
class Changes {
 public:
  explicit Changes(std::uint32_t seed) : chance_(seed) {}

  std::string of(std::string text, const std::vector<std::string>& others) {
    const std::size_t changes = 1 + below(6);
    for (std::size_t i = 0; i < changes; ++i) {
      change(text, others);
    }
    return text;
  }

  // Not by a distribution of the standard library, each of which has its own.
  std::size_t below(std::size_t end) { return chance_() % end; }

 private:
  void change(std::string& text, const std::vector<std::string>& others) {
    constexpr std::string_view extremes[] = {std::string_view("\0\0\0\0\0\0\0\0", 8),
                                             "\xff\xff\xff\xff\xff\xff\xff\x7f",
                                             "\xff\xff\xff\xff",
                                             std::string_view("\x01\0\0\0", 4),
                                             "0",
                                             "-1",
                                             "1e308",
                                             "null",
                                             "\"",
                                             "9223372036854775807",
                                             "[[[[",
                                             "{",
                                             "\n",
                                             "\x1b[31m",
                                             "../",
                                             "%%\n",
                                             ".5"};
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = below(std::min<std::size_t>(text.size() - at, 40) + 1);
    const std::string_view extreme = extremes[below(std::size(extremes))];
    switch (below(6)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(below(text.size() + 1), length));
        break;
      case 2:
        text.insert(at, extreme);
        break;
      case 3:
        text.replace(at, std::min(extreme.size(), text.size() - at), extreme);
        break;
      case 4: {
        const std::string& other = others[below(others.size())];
        text.replace(at, length, other.substr(below(other.size() + 1), below(80)));
        break;
      }
      default:
        if (at < text.size()) {
          text[at] = static_cast<char>(below(256));
        }
    }
  }

  std::mt19937 chance_;
};

int run_changed(std::uint32_t seed, int count, const std::vector<const Target*>& targets) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGBUS}) {
    std::signal(signal, leave_input);
  }
  for (const Target* target : targets) {
    const auto seeds = membudget::fuzz::seeds_of(target->name);
    for (const std::string& each : seeds) {
      target->run(each);  // What is made only once is not what an input takes.
    }
    running_file = "fuzz-" + std::string(target->name);
    Changes changes(seed);
    for (int i = 0; i < count; ++i) {
      const std::string input = changes.of(seeds[changes.below(seeds.size())], seeds);
      running = input;
      membudget::fuzz::run(*target, input);
    }
    std::printf("%.*s: %d changed inputs\n", static_cast<int>(target->name.size()),
                target->name.data(), count);
    std::fflush(stdout);
  }
  return 0;
}

/// How many of them there were.
int replay_crashers(const Target& target, const fs::path& folder) {
  int count = 0;
  if (fs::is_directory(folder)) {
    for (const auto& file : fs::directory_iterator(folder)) {
      std::ifstream stream(file.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(stream),
                              std::istreambuf_iterator<char>()};
      std::printf("%s\n", file.path().c_str());
      std::fflush(stdout);
      membudget::fuzz::run(target, bytes);
      ++count;
    }
  }
  return count;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() == 2 && words[0] == "--write-seeds") {
    return write_seeds(words[1]);
  }
  if (words.size() >= 3 && words[0] == "--change") {
    const std::vector<std::string> names(words.begin() + 3, words.end());
    return run_changed(static_cast<std::uint32_t>(std::atoi(words[1].c_str())),
                       std::atoi(words[2].c_str()), targets_of(names));
  }
  if (words.empty() || words.front().starts_with("--")) {
    std::fputs(
        "usage: membudget_fuzz_replay CRASHERS [TARGET...]\n"
        "                             --change SEED COUNT [TARGET...]\n"
        "                             --write-seeds FOLDER\n",
        stderr);
    return 2;
  }
  const fs::path crashers = words.front();
  words.erase(words.begin());
  for (const Target* target : targets_of(words)) {
    const auto seeds = membudget::fuzz::seeds_of(target->name);
    // Once without a limit: what is made only once is not what an input takes.
    for (const std::string& seed : seeds) {
      target->run(seed);
    }
    for (const std::string& seed : seeds) {
      membudget::fuzz::run(*target, seed);
    }
    const int again = replay_crashers(*target, crashers / target->name);
    std::printf("%.*s: %zu seeds, %d crashers\n", static_cast<int>(target->name.size()),
                target->name.data(), seeds.size(), again);
    if (seeds.empty()) {
      return 1;
    }
  }
  return 0;
}
