// SPDX-License-Identifier: MIT
#pragma once

#include "model/arch/arch.hpp"

/// What each file of this folder adds to the registry.
namespace membudget::arch {

extern const Architecture llama;
extern const Architecture qwen2;
extern const Architecture qwen3;
extern const Architecture qwen3next;
extern const Architecture qwen35;
extern const Architecture qwen35moe;
extern const Architecture phi3;
extern const Architecture mistral3;
extern const Architecture smollm3;
extern const Architecture internlm2;
extern const Architecture granite;

}  // namespace membudget::arch
