// SPDX-License-Identifier: MIT
// Models of one plan: leading dense layers, then experts beside shared ones. They differ in how
// experts are chosen and which tensors they hold (llama.cpp b10587, src/models/deepseek.cpp,
// dots1.cpp, bailingmoe.cpp, bailingmoe2.cpp, hy-v3.cpp).
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

// Shared experts are as wide as so many routed ones.
Experts with_shared_count(const Metadata& metadata) {
  Experts experts = read_experts(metadata);
  experts.shared_width = experts.width * metadata.integer("expert_shared_count");
  return experts;
}

// The first DeepSeek does not normalise weights, whatever the file says.
void describe_deepseek(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = with_shared_count(metadata);
  experts.scaled = weights_scaled(metadata);
  put_experts(metadata, model, experts);
}

void describe_dots1(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = with_shared_count(metadata);
  route_as_stated(metadata, experts, Routing::soft_max);
  put_experts(metadata, model, experts);
}

// Ling: all layers hold experts.
void describe_bailing(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = with_shared_count(metadata);
  route_as_stated(metadata, experts, Routing::soft_max);
  experts.routing = Routing::soft_max;
  for (Layer& layer : model.layers) {
    layer.feed_forward = experts;
  }
}

// Ling 2.0
void describe_bailing2(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = with_shared_count(metadata);
  const std::int64_t one = metadata.integer("expert_shared_feed_forward_length", experts.width);
  experts.shared_width = one * metadata.integer("expert_shared_count");
  route_as_stated(metadata, experts, Routing::soft_max);
  put_experts(metadata, model, experts);
  drop_draft_layers(metadata, model, true);
}

// Hunyuan 3: every row passes the output norm, for its next-token block may want it.
void describe_hunyuan3(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", experts.width);
  route_as_stated(metadata, experts, Routing::sigmoid);
  put_experts(metadata, model, experts);
  drop_draft_layers(metadata, model, false);
  model.drafts = true;
  model.outputs_after_norm = true;
}

std::vector<TensorShape> deepseek_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_deepseek, {});
}

std::vector<TensorShape> dots1_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_dots1,
                         {.query_key_norm = QueryKeyNorm::per_head}, {"exp_probs_b.bias"});
}

std::vector<TensorShape> bailing_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_bailing, {});
}

std::vector<TensorShape> bailing2_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_bailing2,
                         {.fused_qkv = true, .query_key_norm = QueryKeyNorm::per_head},
                         {"exp_probs_b.bias"});
}

// The one architecture whose bias on the choice goes without ".bias".
std::vector<TensorShape> hunyuan3_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_hunyuan3,
                         {.query_key_norm = QueryKeyNorm::per_head}, {"exp_probs_b"});
}

}  // namespace

const Architecture bailingmoe{"bailingmoe", describe_bailing, bailing_tensors};
const Architecture bailingmoe2{"bailingmoe2", describe_bailing2, bailing2_tensors};
const Architecture deepseek{"deepseek", describe_deepseek, deepseek_tensors};
const Architecture dots1{"dots1", describe_dots1, dots1_tensors};
const Architecture hy_v3{"hy_v3", describe_hunyuan3, hunyuan3_tensors};

}  // namespace membudget::arch
