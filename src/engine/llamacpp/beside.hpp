// SPDX-License-Identifier: MIT
#pragma once

#include "engine/llamacpp/parts.hpp"
#include "membudget/footprint.hpp"
#include "membudget/runtime.hpp"

namespace membudget::llamacpp {

/// Adds what llama-server keeps beside the context: the projector with the buffers of its warm-up,
/// and, where they were asked for, prompt cache and context checkpoints at their limits. What was
/// not asked for and grows with use becomes the footprint's growth
/// (tools/server/server-context.cpp:2195-2245 and 3333-3510, server-task.cpp:1691-1900; llama.cpp
/// b10587).
void add_beside(Footprint& result, const Simulated& simulated, const LlamaCppRules& rules);

}  // namespace membudget::llamacpp
