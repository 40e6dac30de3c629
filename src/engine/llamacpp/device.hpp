// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "engine/llamacpp/graph.hpp"
#include "membudget/runtime.hpp"

namespace membudget::llamacpp {

/// The backends of ggml's scheduler on a Mac, in its order of priority. Accelerate's BLAS shares
/// the CPU's buffers.
enum class Device : std::int8_t { none = -1, metal = 0, blas = 1, cpu = 2 };

/// Whether `device` can run node `id` (supports_op of each backend, llama.cpp b10587:
/// ggml-metal-device.m, ggml-blas.cpp, ggml-cpu.cpp). Metal is a device with SIMD-group matrix
/// multiplication and bfloat, as every Apple M chip.
[[nodiscard]] bool supports(Device device, const Graph& graph, NodeId id);

/// Whether Metal has flash attention kernels for heads of this many elements
/// (ggml-metal-device.m:1290).
[[nodiscard]] bool has_metal_flash_attention(std::int64_t head_size);

/// Whether `device` can read data that lies in `storage`.
[[nodiscard]] bool reads(Device device, Storage storage);

/// Bytes the graph allocator gives node `id` on `device`: on Metal some operations keep scratch
/// memory behind their result (ggml-metal.cpp:213, ggml-metal-ops.cpp).
[[nodiscard]] std::int64_t allocation_size(Device device, const Graph& graph, NodeId id,
                                           const LlamaCppRules& rules);

}  // namespace membudget::llamacpp
