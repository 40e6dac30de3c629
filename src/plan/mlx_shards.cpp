// SPDX-License-Identifier: MIT
#include "plan/mlx_shards.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "membudget/error.hpp"

namespace membudget {
namespace {

std::int64_t shared(std::int64_t value, std::int64_t ranks, std::string_view what) {
  if (value % ranks != 0) {
    throw Error(Errc::bad_request, "--chip",
                fmt::format("{} {} cannot be shared evenly by {} Macs; use a number that divides "
                            "them",
                            value, what, ranks));
  }
  return value / ranks;
}

/// Which dimension of a matrix is cut: rows where its result is shared ("all-to-sharded"), columns
/// where its input is ("sharded-to-all").
enum class Cut : std::uint8_t { none, rows, columns };

Cut cut_of(std::string_view name) {
  static constexpr std::array<std::string_view, 22> rows{
      "attn_q", "attn_k", "attn_v", "attn_q_b", "attn_kv_b", "attn_k_b", "attn_v_b", "ffn_gate",
      "ffn_up", "ffn_gate_exps", "ffn_up_exps", "ffn_gate_shexp", "ffn_up_shexp",
      "ffn_gate_up_exps", "attn_sinks",
      // Gated delta nets (qwen3_5.py).
      "attn_qkv", "attn_gate", "ssm_alpha", "ssm_beta", "ssm_dt", "ssm_a", "ssm_conv1d"};
  static constexpr std::array<std::string_view, 5> columns{
      "attn_output", "ffn_down", "ffn_down_exps", "ffn_down_shexp", "ssm_out"};
  // "ssm_a" has neither ".weight" nor ".bias".
  const std::string_view stem = name.substr(0, name.rfind('.'));
  const bool bias = name.ends_with(".bias");
  if (std::find(rows.begin(), rows.end(), stem) != rows.end()) return Cut::rows;
  // The bias of a sum is added once, by every rank.
  if (!bias && std::find(columns.begin(), columns.end(), stem) != columns.end())
    return Cut::columns;
  return Cut::none;
}

/// The same of a checkpoint's own names ("model.layers.0.self_attn.q_proj.weight").
bool is_cut(std::string_view name) {
  static constexpr std::array<std::string_view, 16> parts{
      ".q_proj.",    ".k_proj.",   ".v_proj.",    ".o_proj.",  ".gate_proj.",   ".up_proj.",
      ".down_proj.", ".q_b_proj.", ".kv_b_proj.", ".embed_q.", ".unembed_out.", ".in_proj_",
      ".out_proj.",  ".conv1d.",   ".dt_bias",    ".A_log"};
  const bool summed = name.find(".o_proj.") != std::string_view::npos ||
                      name.find(".down_proj.") != std::string_view::npos;
  if (summed && name.ends_with(".bias")) return false;
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

Tensor cut(Tensor tensor, std::int64_t ranks) {
  switch (cut_of(TensorTable::suffix_of(tensor.name))) {
    case Cut::none:
      break;
    case Cut::columns:
      tensor.shape[0] = shared(tensor.shape[0], ranks, "columns of " + tensor.name);
      break;
    case Cut::rows: {
      // Vectors have one dimension; experts a third, which is not cut. A latent attention's
      // decompression has its heads there.
      const bool by_head = tensor.name.find("attn_k_b") != std::string::npos ||
                           tensor.name.find("attn_v_b") != std::string::npos;
      const std::size_t at = tensor.dimensions() == 1              ? 0
                             : by_head && tensor.dimensions() == 3 ? 2
                                                                   : 1;
      tensor.shape[at] = shared(tensor.shape[at], ranks, "rows of " + tensor.name);
      break;
    }
  }
  return tensor;
}

void cut(Mixer& mixer, std::int64_t ranks) {
  if (std::holds_alternative<std::monostate>(mixer)) return;
  if (auto* attention = std::get_if<Attention>(&mixer)) {
    attention->heads = shared(attention->heads, ranks, "attention heads");
    attention->kv_heads = shared(attention->kv_heads, ranks, "KV heads");
    return;
  }
  if (auto* latent = std::get_if<LatentAttention>(&mixer)) {
    latent->heads = shared(latent->heads, ranks, "attention heads");
    return;
  }
  if (auto* delta = std::get_if<DeltaNet>(&mixer)) {
    delta->key_heads = shared(delta->key_heads, ranks, "key heads");
    delta->value_heads = shared(delta->value_heads, ranks, "value heads");
    return;
  }
  throw Error(Errc::bad_request, "--distribute",
              "mlx-lm shares no layers of this kind; use --distribute llama-rpc");
}

void cut(FeedForward& feed_forward, std::int64_t ranks) {
  if (auto* dense = std::get_if<DenseFeedForward>(&feed_forward)) {
    dense->width = shared(dense->width, ranks, "columns of a feed-forward");
  } else if (auto* experts = std::get_if<Experts>(&feed_forward)) {
    experts->width = shared(experts->width, ranks, "columns of an expert");
    experts->shared_width = shared(experts->shared_width, ranks, "columns of the shared experts");
  }
}

}  // namespace

Model mlx_tensor_shard(const Model& model, std::int64_t ranks) {
  Model out = model;
  for (Layer& layer : out.layers) {
    cut(layer.mixer, ranks);
    cut(layer.beside, ranks);
    cut(layer.feed_forward, ranks);
    cut(layer.feed_forward_beside, ranks);
  }
  std::vector<Tensor> tensors;
  for (const Tensor& tensor : model.tensors.all()) tensors.push_back(cut(tensor, ranks));
  out.tensors = TensorTable(std::move(tensors));
  if (out.checkpoint) {
    for (Checkpoint::Stored& stored : out.checkpoint->tensors) {
      if (is_cut(stored.name))
        stored.size = Bytes{shared(stored.size.count(), ranks, "bytes of " + stored.name)};
    }
  }
  return out;
}

Model mlx_pipeline_shard(const Model& model, std::pair<std::int64_t, std::int64_t> layers) {
  Model out = model;
  const auto [first, last] = layers;
  out.layers.assign(model.layers.begin() + first, model.layers.begin() + last);
  std::vector<Tensor> tensors;
  const auto held = [&, from = first, to = last](std::int64_t layer) {
    return layer < 0 || (layer >= from && layer < to);
  };
  for (Tensor tensor : model.tensors.all()) {
    const std::int64_t layer = TensorTable::layer_of(tensor.name);
    if (!held(layer)) continue;
    if (layer >= 0) {
      tensor.name = fmt::format("blk.{}.{}", layer - first, TensorTable::suffix_of(tensor.name));
    }
    tensors.push_back(std::move(tensor));
  }
  out.tensors = TensorTable(std::move(tensors));
  if (out.checkpoint) {
    auto& stored = out.checkpoint->tensors;
    const auto elsewhere = [&](const Checkpoint::Stored& tensor) {
      constexpr std::string_view mark = ".layers.";
      const auto at = tensor.name.find(mark);
      return at != std::string::npos &&
             !held(std::strtoll(tensor.name.c_str() + at + mark.size(), nullptr, 10));
    };
    stored.erase(std::remove_if(stored.begin(), stored.end(), elsewhere), stored.end());
  }
  return out;
}

}  // namespace membudget
