// SPDX-License-Identifier: MIT
#pragma once

#include "model/arch/arch.hpp"

/// What each file of this folder adds to the registry.
namespace membudget::arch {

extern const Architecture afmoe;
extern const Architecture arcee;
extern const Architecture arctic;
extern const Architecture bailingmoe;
extern const Architecture bailingmoe2;
extern const Architecture bert;
extern const Architecture cohere2;
extern const Architecture command_r;
extern const Architecture dbrx;
extern const Architecture deepseek;
extern const Architecture deepseek2;
extern const Architecture deepseek32;
extern const Architecture deepseek4;
extern const Architecture dots1;
extern const Architecture dream;
extern const Architecture ernie4_5_moe;
extern const Architecture eurobert;
extern const Architecture exaone;
extern const Architecture exaone4;
extern const Architecture exaone_moe;
extern const Architecture falcon;
extern const Architecture falcon_h1;
extern const Architecture gemma;
extern const Architecture gemma2;
extern const Architecture gemma3;
extern const Architecture gemma3n;
extern const Architecture gemma4;
extern const Architecture gemma_embedding;
extern const Architecture glm4;
extern const Architecture glm4moe;
extern const Architecture glm_dsa;
extern const Architecture gpt_oss;
extern const Architecture granite;
extern const Architecture granitehybrid;
extern const Architecture granitemoe;
extern const Architecture grok;
extern const Architecture hunyuan_moe;
extern const Architecture hy_v3;
extern const Architecture internlm2;
extern const Architecture jamba;
extern const Architecture jina_bert_v2;
extern const Architecture jina_bert_v3;
extern const Architecture kimi_k3;
extern const Architecture kimi_linear;
extern const Architecture lfm2;
extern const Architecture lfm2moe;
extern const Architecture llada;
extern const Architecture llada_moe;
extern const Architecture llama;
extern const Architecture llama4;
extern const Architecture mamba;
extern const Architecture mamba2;
extern const Architecture mimo2;
extern const Architecture minicpm3;
extern const Architecture minimax_m2;
extern const Architecture mistral3;
extern const Architecture mistral4;
extern const Architecture modern_bert;
extern const Architecture nemotron;
extern const Architecture nemotron_h;
extern const Architecture nemotron_h_moe;
extern const Architecture nomic_bert;
extern const Architecture nomic_bert_moe;
extern const Architecture olmo2;
extern const Architecture olmoe;
extern const Architecture phi2;
extern const Architecture phi3;
extern const Architecture phimoe;
extern const Architecture qwen2;
extern const Architecture qwen2moe;
extern const Architecture qwen2vl;
extern const Architecture qwen3;
extern const Architecture qwen35;
extern const Architecture qwen35moe;
extern const Architecture qwen3moe;
extern const Architecture qwen3next;
extern const Architecture qwen3vl;
extern const Architecture qwen3vlmoe;
extern const Architecture seed_oss;
extern const Architecture smallthinker;
extern const Architecture smollm3;
extern const Architecture stablelm;
extern const Architecture starcoder2;
extern const Architecture step35;

}  // namespace membudget::arch
