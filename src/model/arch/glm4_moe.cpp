// SPDX-License-Identifier: MIT
// GLM-4.5 and 4.6: leading dense layers, shared experts, a block for drafting that gets a cache
// though it is not loaded (llama.cpp b10587, src/models/glm4-moe.cpp).
#include <algorithm>

#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  route_as_stated(metadata, experts, Routing::sigmoid);
  experts.shared_width = experts.width * metadata.integer("expert_shared_count");
  put_experts(metadata, model, experts);
  drop_draft_layers(metadata, model, true);
  take_rope_axes(metadata, model);
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  // Only the larger models normalise queries and keys.
  const bool normed =
      std::find(optional.begin(), optional.end(), "attn_q_norm.weight") != optional.end();
  return mixture_tensors(metadata, optional, describe,
                         {.norms = {"attn_norm", "post_attention_norm"},
                          .qkv_bias = true,
                          .query_key_norm = normed ? QueryKeyNorm::per_head : QueryKeyNorm::none},
                         {"exp_probs_b.bias"});
}

}  // namespace

const Architecture glm4moe{"glm4moe", describe, tensors};

}  // namespace membudget::arch
