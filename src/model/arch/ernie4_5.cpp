// SPDX-License-Identifier: MIT
// ERNIE 4.5: Llama's layout, or experts in every n-th layer behind the leading dense ones; and
// PaddleOCR-VL, whose text part it is, with M-RoPE (llama.cpp b10587, src/models/ernie4-5.cpp,
// ernie4-5-moe.cpp, paddleocr.cpp).
#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

void describe_moe(const Metadata& metadata, Model& model) {
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

void describe_paddleocr(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  model.position_axes = mrope_axes;
}

std::vector<TensorShape> dense_tensors(const Metadata& metadata, OptionalTensors optional) {
  return transformer_tensors(metadata, optional, {});
}

std::vector<TensorShape> moe_tensors(const Metadata& metadata, OptionalTensors optional) {
  return mixture_tensors(metadata, optional, describe_moe, {}, {"exp_probs_b.bias"});
}

}  // namespace

const Architecture ernie4_5{"ernie4_5", describe_transformer, dense_tensors};
const Architecture ernie4_5_moe{"ernie4_5-moe", describe_moe, moe_tensors};
const Architecture paddleocr{"paddleocr", describe_paddleocr, dense_tensors};

}  // namespace membudget::arch
