// SPDX-License-Identifier: MIT
// The way in for libFuzzer. One program serves all targets and is called by their names:
// membudget_fuzz_gguf is a link to it.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "fuzz/target.hpp"

namespace {

const membudget::fuzz::Target* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** arguments);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** arguments) {
  const std::string_view program = (*arguments)[0];
  chosen = membudget::fuzz::find_target(program.substr(program.rfind('_') + 1));
  if (chosen == nullptr) {
    std::fputs("call this as membudget_fuzz_TARGET; the targets are\n", stderr);
    for (const auto& target : membudget::fuzz::targets()) {
      std::fprintf(stderr, "  %s\n", target.name.data());
    }
    std::exit(2);
  }
  // What is made once is not what an input takes.
  for (const std::string& seed : membudget::fuzz::seeds_of(chosen->name)) {
    chosen->run(seed);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  membudget::fuzz::run(*chosen, {reinterpret_cast<const char*>(data), size});
  return 0;
}
