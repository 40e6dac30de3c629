// SPDX-License-Identifier: MIT
// Mamba 1 and 2: state-space mixers and nothing else (llama.cpp b10587, src/models/mamba.cpp and
// mamba2.cpp, which share their graph).
#include "model/arch/families.hpp"
#include "model/arch/state_space.hpp"

namespace membudget::arch {
namespace {

template <int version>
void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  const Mamba mamba = read_mamba(metadata, version);
  for (Layer& layer : model.layers) {
    layer.mixer = mamba;
    layer.feed_forward = std::monostate{};
  }
}

template <int version>
std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  TensorList list(metadata, optional);
  const Mamba mamba = read_mamba(metadata, version);
  list.embedding_and_head();
  for (std::int64_t i = 0; i < list.dimensions().layers; ++i) {
    list.norm(i, "attn_norm", list.dimensions().embedding);
    add_mamba(list, i, mamba, version == 2);
  }
  return list.take();
}

}  // namespace

const Architecture mamba{"mamba", describe<1>, tensors<1>};
const Architecture mamba2{"mamba2", describe<2>, tensors<2>};

}  // namespace membudget::arch
