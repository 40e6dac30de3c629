// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "membudget/attachments.hpp"
#include "membudget/runtime.hpp"
#include "membudget/units.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// Size of an image in pixels, as the projector scales it.
struct ImageSize {
  std::int64_t width = 0;
  std::int64_t height = 0;
};

/// Compute buffers of one image; they never shrink, and stay between images.
struct ProjectorBuffers {
  Bytes gpu;
  Bytes host;
};

/// What a projector takes beside its weights (tools/mtmd/clip.cpp:3649-3740, llama.cpp b10587).
struct ProjectorMemory {
  ImageSize warm_up;             ///< Of the image that buffers are reserved for when it is loaded.
  ProjectorBuffers loaded;       ///< For that image.
  ImageSize largest;             ///< The largest that it lets through.
  ProjectorBuffers full;         ///< For that one.
  std::int64_t tokens = 0;       ///< Of the model's context that the image of the warm-up takes.
  std::int64_t most_tokens = 0;  ///< ... the largest image.
  bool assumed = false;          ///< An upper bound: its graph is not known.
};

/// Whether the graph of a projector is simulated: Gemma 3's and those of Qwen2-VL, Qwen2.5-VL and
/// Qwen3-VL are.
[[nodiscard]] bool projector_graph_known(const Projector& projector);

/// The compute buffers for an image; the projector's graph must be known.
[[nodiscard]] ProjectorBuffers project_image(const Projector& projector, ImageSize image,
                                             const Settings& settings, const LlamaCppRules& rules);

/// All of it; where the graph is not known, bounds from the widths of the encoder.
[[nodiscard]] ProjectorMemory projector_memory(const Projector& projector, const Settings& settings,
                                               const LlamaCppRules& rules);

}  // namespace membudget::llamacpp
