// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "membudget/tensor.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// How fast GPUs of one generation are where it is not their cores, clock or bandwidth that says.
struct GpuFamilyRules {
  std::int64_t family = 0;  ///< N of MTLGPUFamilyAppleN: 7 = M1, 8 = M2, 9 = M3 and M4, 10 = M5.
  double launch = 1;        ///< Time to start a kernel, against families 9 and 10.
  double k_quants_gbs = 0;  ///< Q4_K a core unpacks, in 10^9 bytes per second and GHz.
  double matmul = 1;        ///< Share of the peak a matrix product reaches, against family 9.
};

/// How fast one type of weights is turned into numbers and multiplied.
struct TypeSpeed {
  ElementType type = ElementType::f16;
  /// What a GPU core unpacks, in 10^9 bytes per second and GHz; with `by_family` in multiples of
  /// the family's k_quants_gbs.
  double unpacking = 0;
  bool by_family = false;
  double matmul = 0;      ///< Share of the peak FLOPS that a prompt's matrix products reach.
  bool measured = false;  ///< False where no benchmark of the type was published.
};

/// How fast one machine was measured to be, against what is predicted for it: factors of an engine
/// that calibrate() finds in the machine's own records.
struct SpeedCalibration {
  double generation = 1;  ///< Times the predicted rate; 1 without records of it.
  double prompt = 1;
  std::int64_t generation_records = 0;  ///< What the factor rests on.
  std::int64_t prompt_records = 0;
};

/// The constants of an engine that generates and prompts, from profiles/speed.json: each is fitted
/// to published benchmarks or measured, and says so there. The formula is speed()'s.
struct SpeedRules {
  std::string engine;  ///< "llama.cpp", "mlx"

  std::vector<GpuFamilyRules> families;  ///< Ascending, at least one.
  double two_dies = 1;                   ///< Kernel starts on two joined dies (Ultra), against one.
  double unknown_clock_ghz = 0;          ///< Of GPUs whose clock nobody published.

  // One token.
  double bandwidth_share = 0;   ///< Of the published bandwidth, reached by streaming weights.
  double expert_reads = 1;      ///< Time of an expert's bytes against the same bytes in one piece.
  double kernel_us = 0;         ///< Start of a kernel.
  double expert_kernel_us = 0;  ///< More for a product with chosen experts.
  double plain_attention_us = 0;  ///< More for a layer of attention without flash attention.
  double cache_share = 0;         ///< Of the bandwidth, reached by reading the KV cache.
  double plain_cache_share = 0;   ///< The same without flash attention, once per query head.
  double cache_gelements = 0;     ///< 10^9 elements x query heads per second, GPU core and GHz.
  double latent_gelements = 0;    ///< The same where all heads share one latent (MLA).
  double state_passes = 0;        ///< How often a token reads or writes the recurrent state.
  double vocabulary_ns = 0;       ///< Sampling, per entry of the vocabulary.
  double token_us = 0;            ///< Whatever else the runtime does per token.

  // A prompt.
  double prompt_kernel_us = 0;  ///< Start of a kernel, the wait for large results included.
  double expert_matmul = 1;     ///< A chosen expert's product against a dense one, tiles full.
  double expert_tile = 0;       ///< Rows that half-empty tiles cost each expert.
  double attention_matmul = 0;  ///< Share of the shader cores' peak in flash attention.
  double plain_attention_matmul = 0;
  double latent_matmul = 0;       ///< The same for MLA.
  double matrix_unit_matmul = 1;  ///< Share that matrix units (M5) reach, times the type's.
  double activation_passes = 0;   ///< Reads and writes of a row per kernel that is no product.
  double state_matmul = 0;        ///< Share of the peak in recurrent layers.

  // Layers that stay on the CPU.
  double cpu_bandwidth_share = 0;  ///< Of the published bandwidth, that all CPU cores reach.
  double cpu_core_gbs = 0;         ///< Weights a CPU core unpacks, in 10^9 bytes per second.
  double cpu_core_gflops = 0;      ///< In a prompt's products.

  /// The range around a prediction that holds four in five published rows.
  double low = 1;
  double high = 1;
  double prompt_low = 1;
  double prompt_high = 1;
  /// The same where no row of this generation, type or kind of layer was ever published.
  double assumed_low = 1;
  double assumed_high = 1;

  std::vector<TypeSpeed> types;

  /// Of the machine that is planned for; nothing: as published benchmarks say. Never in a profile.
  std::optional<SpeedCalibration> calibration = std::nullopt;
};

}  // namespace membudget
#pragma GCC visibility pop
