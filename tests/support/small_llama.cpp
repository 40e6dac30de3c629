// SPDX-License-Identifier: MIT
#include "support/small_llama.hpp"

#include <string>

namespace membudget::test {

GgufWriter small_llama(std::uint32_t vocabulary) {
  GgufWriter gguf;
  gguf.set("general.architecture", "llama")
      .set("general.file_type", std::uint32_t{7})
      .set("llama.block_count", std::uint32_t{1})
      .set("llama.context_length", std::uint32_t{4096})
      .set("llama.embedding_length", std::uint32_t{256})
      .set("llama.feed_forward_length", std::uint32_t{512})
      .set("llama.attention.head_count", std::uint32_t{4})
      .set("llama.vocab_size", vocabulary)
      .add_tensor("token_embd.weight", {256, vocabulary}, ElementType::q8_0)
      .add_tensor("output_norm.weight", {256}, ElementType::f32)
      .add_tensor("blk.0.attn_norm.weight", {256}, ElementType::f32)
      .add_tensor("blk.0.ffn_norm.weight", {256}, ElementType::f32);
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
    gguf.add_tensor("blk.0." + std::string(name) + ".weight", {256, 256}, ElementType::q8_0);
  }
  gguf.add_tensor("blk.0.ffn_gate.weight", {256, 512}, ElementType::q8_0)
      .add_tensor("blk.0.ffn_up.weight", {256, 512}, ElementType::q8_0)
      .add_tensor("blk.0.ffn_down.weight", {512, 256}, ElementType::q8_0);
  return gguf;
}

}  // namespace membudget::test
