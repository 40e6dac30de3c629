// SPDX-License-Identifier: MIT
// ERNIE 4.5 with experts in every n-th layer behind the leading dense ones
// (llama.cpp b10587, src/models/ernie4-5-moe.cpp).
#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.normalised = true;
  experts.shared_width = metadata.integer("expert_shared_feed_forward_length", 0);
  const std::int64_t dense = metadata.integer("leading_dense_block_count", 0);
  const std::int64_t step = metadata.integer("interleave_moe_layer_step");
  if (step < 1) {
    throw Error(Errc::invalid_model, metadata.where(),
                "metadata key 'ernie4_5-moe.interleave_moe_layer_step' must be at least 1");
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    if (index >= dense && (index + 1) % step == 0) {
      model.layers[i].feed_forward = experts;
    }
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe, {}, {"exp_probs_b.bias"});
}

}  // namespace

const Architecture ernie4_5_moe{"ernie4_5-moe", describe, tensors};

}  // namespace membudget::arch
