// SPDX-License-Identifier: MIT
// Does a model fit a Mac, and how far can its context go? In C++, with an installed membudget:
//   fits [MODEL CHIP TOKENS]
#include <cstdint>
#include <cstdio>
#include <membudget/membudget.hpp>
#include <string>

namespace {

double gib(membudget::Bytes size) {
  return static_cast<double>(size.count()) / (1U << 30U);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string model_name = argc > 1 ? argv[1] : "qwen2.5-coder:32b";
  const std::string chip = argc > 2 ? argv[2] : "m1-max-32gb";
  const std::string tokens = argc > 3 ? argv[3] : "8k";
  try {
    const auto profiles = membudget::Profiles::embedded();
    const auto model = profiles.model(model_name);
    const auto mac = membudget::machine(profiles.chip(chip));
    const auto runtime = profiles.runtime("llama.cpp");
    membudget::Workload workload;  // What is not set is as the runtime has it.
    workload.context = membudget::parse_tokens(tokens, "TOKENS");

    const auto plan = membudget::plan(model, mac, runtime, workload);
    const std::int64_t largest = membudget::max_context(model, mac, runtime, workload);
    const std::string verdict(to_string(plan.verdict));
    std::printf("verdict: %s\nmemory: %.2f GiB of %.2f GiB\nlargest context: %lld tokens\n",
                verdict.c_str(), gib(plan.footprint.total(membudget::Place::gpu)),
                gib(plan.budget.gpu_limit), static_cast<long long>(largest));
    return membudget::fits(plan.verdict) ? 0 : 1;
  } catch (const membudget::Error& error) {  // "Does not fit" is no error; an unknown name is.
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
}
