// SPDX-License-Identifier: MIT
#include "model/arch/state_space.hpp"

#include <fmt/format.h>

#include "membudget/error.hpp"
#include "model/arch/mixture.hpp"

namespace membudget {
namespace {

void list_mamba(TensorList& list, std::int64_t layer, const Mamba& mamba) {
  const std::int64_t embedding = list.dimensions().embedding;
  const std::int64_t inner = mamba.inner_dim;
  const std::int64_t channels = inner + 2 * mamba.groups * mamba.state_dim;
  if (mamba.version == 1) {
    list.add(layer, "ssm_in.weight", {embedding, 2 * inner});
    list.add(layer, "ssm_x.weight", {inner, mamba.time_rank + 2 * mamba.state_dim});
    list.add(layer, "ssm_dt.weight", {mamba.time_rank, inner});
    list.add(layer, "ssm_dt.bias", {inner});
    list.add(layer, "ssm_a", {mamba.state_dim, inner});
    list.add(layer, "ssm_d", {inner});
    if (list.has("ssm_dt_norm.weight")) {
      list.add(layer, "ssm_dt_norm.weight", {mamba.time_rank});
      list.add(layer, "ssm_b_norm.weight", {mamba.state_dim});
      list.add(layer, "ssm_c_norm.weight", {mamba.state_dim});
    }
  } else {
    list.add(layer, "ssm_in.weight", {embedding, inner + channels + mamba.time_rank});
    list.add(layer, "ssm_dt.bias", {mamba.time_rank});
    list.add(layer, "ssm_a", {1, mamba.time_rank});
    list.add(layer, "ssm_d", {1, mamba.time_rank});
    if (list.has("ssm_norm.weight")) {
      list.add(layer, "ssm_norm.weight", {inner / mamba.groups, mamba.groups});
    }
  }
  list.add(layer, "ssm_conv1d.weight", {mamba.conv_width, channels});
  list.add(layer, "ssm_conv1d.bias", {channels});
  list.add(layer, "ssm_out.weight", {inner, embedding});
}

void list_mixer(TensorList& list, std::int64_t layer, const Mixer& mixer, const Layout& layout) {
  const std::int64_t embedding = list.dimensions().embedding;
  if (std::holds_alternative<Attention>(mixer)) {
    list.attention(layer, layout);
  } else if (const auto* mamba = std::get_if<Mamba>(&mixer)) {
    list_mamba(list, layer, *mamba);
  } else if (const auto* convolution = std::get_if<ShortConvolution>(&mixer)) {
    list.add(layer, "shortconv.conv.weight", {convolution->width, embedding});
    list.add(layer, "shortconv.in_proj.weight", {embedding, 3 * embedding});
    list.add(layer, "shortconv.out_proj.weight", {embedding, embedding});
  }
}

}  // namespace

Mamba read_mamba(const Metadata& metadata, int version) {
  Mamba result{.version = version,
               .conv_width = metadata.integer("ssm.conv_kernel"),
               .inner_dim = metadata.integer("ssm.inner_size"),
               .state_dim = metadata.integer("ssm.state_size"),
               .groups = version == 1 ? 0 : metadata.integer("ssm.group_count"),
               .time_rank = metadata.integer("ssm.time_step_rank"),
               .normalised = metadata.boolean("ssm.dt_b_c_rms", false)};
  constexpr std::int64_t most = std::int64_t{1} << 24;
  const auto check = [&](std::string_view key, bool valid, std::int64_t value) {
    if (!valid) {
      throw Error(Errc::invalid_model, metadata.where(),
                  fmt::format("metadata key '{}.{}' is {}, which no model has",
                              metadata.architecture(), key, value));
    }
  };
  const auto in_range = [&](std::int64_t value) { return value >= 1 && value <= most; };
  check("ssm.conv_kernel", result.conv_width >= 2 && result.conv_width <= 1024, result.conv_width);
  check("ssm.inner_size", in_range(result.inner_dim), result.inner_dim);
  check("ssm.state_size", in_range(result.state_dim), result.state_dim);
  check("ssm.time_step_rank",
        in_range(result.time_rank) && (version == 1 || result.inner_dim % result.time_rank == 0),
        result.time_rank);
  check("ssm.group_count",
        version == 1 || (in_range(result.groups) && result.inner_dim % result.groups == 0),
        result.groups);
  return result;
}

void replace_attention(Model& model, const Mixer& recurrent) {
  for (Layer& layer : model.layers) {
    const auto* attention = std::get_if<Attention>(&layer.mixer);
    if (attention != nullptr && attention->kv_heads == 0) {
      layer.mixer = recurrent;
    }
  }
}

void drop_rope(Model& model) {
  for (Layer& layer : model.layers) {
    if (auto* attention = std::get_if<Attention>(&layer.mixer); attention != nullptr) {
      attention->rope = false;
    }
  }
}

std::vector<TensorShape> hybrid_tensors(const Metadata& metadata, OptionalTensors optional,
                                        void (*describe)(const Metadata&, Model&),
                                        const Layout& layout,
                                        std::initializer_list<std::string_view> always,
                                        std::string_view output_norm) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.insert(present.end(), always.begin(), always.end());
  TensorList list(metadata, present);
  Model model;
  describe(metadata, model);
  const Dimensions& d = list.dimensions();
  list.add("token_embd.weight", {d.embedding, d.vocabulary});
  list.norm(-1, output_norm, d.embedding);
  if (list.has("output.weight")) {
    list.linear(-1, "output", d.embedding, d.vocabulary);
  }
  for (std::int64_t index = 0; index < static_cast<std::int64_t>(model.layers.size()); ++index) {
    const Layer& layer = model.layers[static_cast<std::size_t>(index)];
    list.norms(index, layout);
    list_mixer(list, index, layer.mixer, layout);
    list_mixer(list, index, layer.beside, layout);
    if (const auto* experts = std::get_if<Experts>(&layer.feed_forward)) {
      list_experts(list, *experts, index);
    } else if (std::holds_alternative<DenseFeedForward>(layer.feed_forward)) {
      list.feed_forward(index, layout);
    }
    // Falcon-H1's norm before the feed-forward: the only one without ".weight".
    if (!std::holds_alternative<std::monostate>(layer.beside)) {
      list.add(index, "ffn_norm", {d.embedding});
    }
  }
  return list.take();
}

}  // namespace membudget
