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
extern const Architecture bert;
extern const Architecture nomic_bert;
extern const Architecture nomic_bert_moe;
extern const Architecture jina_bert_v2;
extern const Architecture jina_bert_v3;
extern const Architecture modern_bert;
extern const Architecture eurobert;
extern const Architecture gemma_embedding;
extern const Architecture dream;
extern const Architecture llada;

}  // namespace membudget::arch
