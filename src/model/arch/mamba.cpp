// SPDX-License-Identifier: MIT
// Mamba 1 and 2: state-space mixers and nothing else (llama.cpp b10587, src/models/mamba.cpp and
// mamba2.cpp, which share their graph).
#include "model/arch/families.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

void describe_layers(const Metadata& metadata, Model& model, int version) {
  describe_transformer(metadata, model);
  const Mamba mamba = read_mamba(metadata, version);
  for (Layer& layer : model.layers) {
    layer.mixer = mamba;
    layer.feed_forward = std::monostate{};
  }
}

void describe(const Metadata& metadata, Model& model) {
  describe_layers(metadata, model, 1);
}
void describe_2(const Metadata& metadata, Model& model) {
  describe_layers(metadata, model, 2);
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  return hybrid_tensors(metadata, optional, describe, {.norms = {"attn_norm"}});
}

std::vector<TensorShape> tensors_2(const Metadata& metadata, OptionalTensors optional) {
  return hybrid_tensors(metadata, optional, describe_2, {.norms = {"attn_norm"}},
                        {"ssm_norm.weight"});
}

}  // namespace

const Architecture mamba{"mamba", describe, tensors};
const Architecture mamba2{"mamba2", describe_2, tensors_2};

}  // namespace membudget::arch
