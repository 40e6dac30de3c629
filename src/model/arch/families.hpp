// SPDX-License-Identifier: MIT
#pragma once

#include "model/arch/arch.hpp"

/// What each file of this folder adds to the registry.
namespace membudget::arch {

extern const Architecture llama;
extern const Architecture qwen2;
extern const Architecture qwen3;
extern const Architecture phi3;
extern const Architecture mistral3;
extern const Architecture smollm3;
extern const Architecture internlm2;
extern const Architecture granite;
extern const Architecture deepseek2;
extern const Architecture deepseek32;
extern const Architecture glm_dsa;
extern const Architecture minicpm3;
extern const Architecture mistral4;
extern const Architecture qwen2moe;
extern const Architecture qwen3moe;
extern const Architecture qwen3vlmoe;
extern const Architecture olmoe;
extern const Architecture glm4moe;
extern const Architecture minimax_m2;
extern const Architecture granitemoe;

}  // namespace membudget::arch
