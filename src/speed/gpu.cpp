// SPDX-License-Identifier: MIT
#include "speed/gpu.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"

namespace membudget {
namespace {

// Apple's GPUs do 128 fused multiply-adds per core and cycle, in F16 as in F32
// (https://github.com/philipturner/metal-benchmarks).
constexpr double flops_per_core_cycle = 256;

}  // namespace

Processors processors_of(const Chip& chip, const SpeedRules& rules) {
  if (rules.families.empty()) {
    throw Error(Errc::invalid_profile, "speed.json", "no GPU family is described; add one");
  }
  Processors out;
  out.bandwidth = chip.bandwidth_gbs * 1e9;
  const auto cores = static_cast<double>(chip.gpu_cores);
  out.core_ghz = cores * chip.gpu_clock_ghz.value_or(rules.unknown_clock_ghz);
  out.shader_flops = chip.gpu_fp16_tflops ? *chip.gpu_fp16_tflops * 1e12
                                          : out.core_ghz * 1e9 * flops_per_core_cycle;
  out.product_flops = chip.gpu_matrix_fp16_tflops
                          ? *chip.gpu_matrix_fp16_tflops * 1e12 * rules.matrix_unit_matmul
                          : out.shader_flops;
  // A GPU newer than those that were measured is taken for the newest that was.
  out.family = rules.families.back();
  for (const GpuFamilyRules& family : rules.families) {
    if (family.family == chip.gpu_family) {
      out.family = family;
    }
  }
  if (chip.gpu_family != out.family.family) {
    out.assumed = fmt::format("no benchmark of the {}'s GPU is known", chip.name);
  } else if (!chip.gpu_clock_ghz) {
    out.assumed = fmt::format("the clock of the {}'s GPU is not known", chip.name);
  }
  out.launch = out.family.launch * (chip.name.ends_with(" Ultra") ? rules.two_dies : 1);
  const auto cpu_cores = static_cast<double>(chip.cpu_cores);
  out.cpu_bandwidth =
      std::min(out.bandwidth * rules.cpu_bandwidth_share, cpu_cores * rules.cpu_core_gbs * 1e9);
  out.cpu_flops = cpu_cores * rules.cpu_core_gflops * 1e9;
  return out;
}

}  // namespace membudget
