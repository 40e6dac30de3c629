// SPDX-License-Identifier: MIT
// Llama 1 to 3, Mistral, Yi, DeepSeek Coder, TinyLlama and the many others that share the layout
// (llama.cpp b10587, src/models/llama.cpp; internlm2 as src/models/internlm2.cpp).
#include "model/arch/families.hpp"
#include "model/arch/transformer.hpp"

namespace membudget::arch {

const Architecture llama{"llama", describe_transformer, transformer_tensors};
const Architecture internlm2{"internlm2", describe_transformer, transformer_tensors};

}  // namespace membudget::arch
