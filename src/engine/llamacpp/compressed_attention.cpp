// SPDX-License-Identifier: MIT
// DeepSeek-V4's attention to a window and to summaries of everything before it
// (llama.cpp b10587, src/models/deepseek4.cpp).
#include <algorithm>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::array<int, 4> swap_middle{0, 2, 1, 3};

}  // namespace

// build_lid_top_k: an indexer of its own compares with what it kept of every summary.
NodeId Builder::picked_summaries(const Indexer& indexer, NodeId x, NodeId query_latent) {
  const KvCache& cache = caches_[picker_cache];
  const CacheInputs& inputs = cache_inputs_[picker_cache];
  const std::int64_t tokens = graph_[x].ne[1];
  NodeId q = linear("indexer.attn_q_b", query_latent, "indexer_q");
  q = rope(graph_.reshape(q, {indexer.key_dim, indexer.heads, tokens, 1}), false);
  q = rotate(q, inputs.key_rotation);
  NodeId weights = graph_.scale(linear("indexer.proj", x, "indexer_weights"), "indexer_weights");
  const NodeId k = cached_summaries(cache, indexer.key_dim);
  const std::int64_t streams = cache.streams;
  const Node qs = graph_[q];
  q = graph_.view(q, {qs.ne[0], qs.ne[1], qs.ne[2] / streams, streams},
                  {qs.nb[1], qs.nb[2], qs.nb[3] / streams});
  const Node ws = graph_[weights];
  weights = graph_.view(weights, {ws.ne[0], ws.ne[1] / streams, ws.ne[2], streams},
                        {ws.nb[1], ws.nb[2] / streams, ws.nb[3] / streams});
  const NodeId scores = indexer_scores(q, k, weights, inputs.mask);
  return graph_.cont(graph_.top_k(scores, std::min(graph_[scores].ne[0], indexer.top_k)));
}

// get_k of a compressed cache, and the view of all its cells that a graph takes of it.
NodeId Builder::cached_summaries(const KvCache& cache, std::int64_t width) {
  key_cache_ = stored_keys(cache);
  const NodeId keys = cached_keys(cache, width);
  const Node node = graph_[keys];
  return graph_.view(keys, node.ne, {node.nb[1], node.nb[2], node.nb[3]});
}

// build_raw_attention, build_csa_lid_attention and build_hca_attention
NodeId Builder::attend_to_window(const CompressedAttention& attention, NodeId q, NodeId kv,
                                 NodeId x, NodeId query_latent) {
  constexpr std::int64_t overlapping_ratio = 4;
  const KvCache& window = caches_[window_cache];
  const CacheInputs& inputs = cache_inputs_[window_cache];
  const bool picks = attention.ratio == overlapping_ratio;
  const NodeId picked = picks ? picked_summaries(attention.indexer, x, query_latent) : no_node;
  if (inputs.key_rotation != no_node) {
    q = rotate(q, inputs.key_rotation);
    kv = rotate(kv, inputs.key_rotation);
  }
  graph_.expand(q);
  graph_.expand(kv);
  graph_.expand(store_keys(window, inputs, kv));
  NodeId k = cached_keys(window, attention.head_dim);
  NodeId mask = inputs.mask;
  if (attention.ratio > 0) {
    const std::size_t which = picks ? overlapping_cache : long_cache;
    k = graph_.concat(k, cached_summaries(caches_[which], attention.head_dim), 2);
    const NodeId all = cache_inputs_[which].mask;
    mask = graph_.concat(mask, picks ? sparse_mask(all, picked, graph_[all].type) : all, 0);
  }
  NodeId result = attend_heads({}, q, k, k, mask);
  return inputs.key_rotation == no_node ? result : rotate(result, inputs.key_rotation);
}

// The heads' results are projected group by group, then all together.
NodeId Builder::project_groups(const CompressedAttention& attention, NodeId result) {
  const std::int64_t tokens = graph_[result].ne[2];
  const std::int64_t groups = attention.output_groups;
  const std::int64_t width = attention.heads / groups * attention.head_dim;
  const NodeId matrices = required("attn_output_a.weight");
  if (Node& node = graph_[matrices]; node.ne[2] == 1) {
    // Files hold the groups' matrices side by side; the loader makes a stack of them.
    node.ne = {width, attention.output_rank, groups, 1};
    node.nb[2] = node.nb[1] * attention.output_rank;
  }
  result = graph_.permute(graph_.reshape(result, {width, groups, tokens, 1}), swap_middle);
  result = graph_.permute(graph_.mul_mat(matrices, result, "attn_out"), swap_middle);
  result = graph_.cont(result, {attention.output_rank * groups, tokens, 1, 1});
  return linear("attn_output_b", result, "attn_out");
}

NodeId Builder::compressed_attention(const CompressedAttention& attention, NodeId x) {
  const std::int64_t tokens = graph_[x].ne[1];
  const Shape heads{attention.head_dim, attention.heads, tokens, 1};
  const NodeId latent = norm("attn_q_a_norm", linear("attn_q_a", x, "q_latent"));
  NodeId q = graph_.reshape(linear("attn_q_b", latent, "q"), heads);
  q = rope(graph_.unary_like(Op::rms_norm, q, "q"), false);
  NodeId kv = norm("attn_kv_a_norm", linear("attn_kv", x, "kv"));
  kv = rope(graph_.reshape(kv, {attention.head_dim, 1, tokens, 1}), false);

  if (attention.ratio > 0) {
    const auto summarise = [&](std::size_t which, std::string_view name) {
      const Summarised brought = to_summarise(name, cache_inputs_[which], x);
      compress(caches_[which], cache_inputs_[which], brought, name);
      keep_waiting(caches_[which], cache_inputs_[which], brought);
    };
    constexpr std::int64_t overlapping_ratio = 4;
    if (attention.ratio == overlapping_ratio) {
      summarise(overlapping_cache, "attn_compressor");
      summarise(picker_cache, "indexer_compressor");
    } else {
      summarise(long_cache, "attn_compressor");
    }
  }

  NodeId result = graph_.reshape(attend_to_window(attention, q, kv, x, latent), heads);
  result = graph_.operation(Op::rope_back, ElementType::f32, heads, {result, positions()}, "rope");
  return project_groups(attention, result);
}

}  // namespace membudget::llamacpp
