// SPDX-License-Identifier: MIT
// MiniMax M3: M2's attention with queries and keys normalised per head, and past the leading dense
// layers sparse by blocks; shared experts (llama.cpp b10587, src/models/minimax-m3.cpp).
#include <fmt/format.h>

#include "membudget/error.hpp"
#include "model/arch/families.hpp"
#include "model/arch/mixture.hpp"

namespace membudget::arch {
namespace {

// The graph asserts one indexer head per group of queries.
BlockIndexer read_indexer(const Metadata& metadata, std::int64_t kv_heads) {
  const BlockIndexer result{.heads = read_extent(metadata, "attention.indexer.head_count"),
                            .key_dim = read_extent(metadata, "attention.indexer.key_length"),
                            .block = read_extent(metadata, "attention.indexer.block_size"),
                            .top_k = read_extent(metadata, "attention.indexer.top_k")};
  if (result.heads != kv_heads) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("'{}.attention.indexer.head_count' is {}, but there are {} key-value "
                            "heads and the engine wants one for each",
                            metadata.architecture(), result.heads, kv_heads));
  }
  return result;
}

void describe(const Metadata& metadata, Model& model) {
  describe_transformer(metadata, model);
  Experts experts = read_experts(metadata);
  experts.shared_width = experts.width * read_extent(metadata, "expert_shared_count");
  route_as_stated(metadata, experts, Routing::sigmoid);
  put_experts(metadata, model, experts);
  const std::int64_t dense = metadata.integer("leading_dense_block_count", 0);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    auto& attention = std::get<Attention>(model.layers[i].mixer);
    if (static_cast<std::int64_t>(i) >= dense) {
      attention.indexer = read_indexer(metadata, attention.kv_heads);
    }
  }
}

std::vector<TensorShape> tensors(const Metadata& metadata, OptionalTensors optional) {
  std::vector<TensorShape> result =
      mixture_tensors(metadata, optional, describe, {.query_key_norm = QueryKeyNorm::per_head},
                      {"exp_probs_b.bias"});
  Model model;
  describe(metadata, model);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto& indexer = std::get<Attention>(model.layers[i].mixer).indexer;
    if (!indexer) {
      continue;
    }
    const auto add = [&](std::string_view name, std::array<std::int64_t, 4> shape) {
      result.push_back({.name = fmt::format("blk.{}.indexer.{}.weight", i, name), .shape = shape});
    };
    add("q_proj", {model.embedding, indexer->heads * indexer->key_dim, 1, 1});
    add("k_proj", {model.embedding, indexer->key_dim, 1, 1});
    add("q_norm", {indexer->key_dim, 1, 1, 1});
    add("k_norm", {indexer->key_dim, 1, 1, 1});
  }
  return result;
}

}  // namespace

const Architecture minimax_m3{"minimax-m3", describe, tensors};

}  // namespace membudget::arch
