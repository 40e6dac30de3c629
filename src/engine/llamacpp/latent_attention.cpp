// SPDX-License-Identifier: MIT
// Multi-head latent attention with the decompression of keys absorbed into the queries, so that
// all heads attend to one latent (llama.cpp b10587, src/models/deepseek2.cpp, deepseek32.cpp and
// glm-dsa.cpp).
#include <algorithm>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::array<int, 4> swap_middle{0, 2, 1, 3};

}  // namespace

// What V there is lies at the start of K (llama-graph.cpp:2890); `attn_v_b` turns the result
// from latents into values (build_attn_mha, llama-graph.cpp:2541).
NodeId Builder::attend_to_latents(NodeId q, NodeId k, NodeId v, NodeId mask) {
  const std::int64_t streams = graph_[k].ne[3];
  const Shape qs = graph_[q].ne;
  const std::array<std::int64_t, 4> qb = graph_[q].nb;
  q = graph_.view(q, {qs[0], qs[1], qs[2] / streams, streams}, {qb[1], qb[2], qb[3] / streams});
  q = graph_.permute(q, swap_middle);
  k = graph_.permute(k, swap_middle);
  v = graph_.permute(v, swap_middle);
  const NodeId values = required("attn_v_b.weight");

  NodeId result = no_node;
  if (fusion_.flash) {
    // A cast names the result of a copy, so V would no longer be a part of K.
    const bool whole = graph_[k].type == ElementType::f32;
    k = whole ? graph_.cast(k, ElementType::f16) : k;
    v = whole ? graph_.cast(v, ElementType::f16) : v;
    result = graph_.flash_attn(q, k, v, mask);
    flash_nodes_.push_back(result);
    result = graph_.mul_mat(values, graph_.permute(result, swap_middle), "attention_values");
    result = graph_.cont(graph_.permute(result, swap_middle));
    const Shape shape = graph_[result].ne;
    result = graph_.reshape(result, {shape[0] * shape[1], shape[2] * shape[3], 1, 1});
  } else {
    NodeId scores = graph_.mul_mat(k, q, "attention_scores");
    scores = graph_.soft_max(scores, mask);
    v = graph_.cont(graph_.transpose(v));
    result = graph_.mul_mat(v, scores, "attention_latents");
    result = graph_.mul_mat(values, result, "attention_values");
    result = graph_.permute(result, swap_middle);
    const Shape shape = graph_[result].ne;
    result = graph_.cont(result, {shape[0] * shape[1], shape[2] * shape[3], 1, 1});
    if (!settings_.kv_offload) {
      graph_[result].pin = Pin::cpu;
    }
  }
  graph_.expand(result);
  return result;
}

// The scores of all cached tokens, one by one for every token of the batch.
NodeId Builder::indexer_scores(NodeId q, NodeId k, NodeId weights, NodeId mask) {
  if (fusion_.indexer) {
    const NodeId scores = graph_.operation(Op::lightning_indexer, ElementType::f32,
                                           {graph_[k].ne[2], graph_[q].ne[2], 1, graph_[q].ne[3]},
                                           {q, k, weights, mask}, "indexer");
    indexer_nodes_.push_back(scores);
    return scores;
  }
  constexpr std::array<int, 4> heads_first{2, 1, 0, 3};
  q = graph_.permute(q, swap_middle);
  k = graph_.permute(k, swap_middle);
  NodeId scores = graph_.mul_mat(k, q, "indexer_scores");
  scores = graph_.cont(graph_.permute(scores, heads_first));
  scores = graph_.unary_like(Op::unary, scores, "indexer_scores");
  scores = graph_.mul(scores, weights, "indexer_scores");
  scores = graph_.sum_rows(scores);
  scores = graph_.cont(graph_.permute(scores, heads_first));
  return graph_.add(scores, mask, "indexer_scores");
}

NodeId Builder::indexed_tokens(const Indexer& indexer, NodeId x, NodeId query_latent) {
  const KvCache& cache = caches_.back();
  const CacheInputs& inputs = cache_inputs_.back();
  const std::int64_t tokens = graph_[x].ne[1];
  NodeId q = linear("indexer.attn_q_b", query_latent, "indexer_q");
  q = rope(graph_.reshape(q, {indexer.key_dim, indexer.heads, tokens, 1}));
  NodeId k = norm("indexer.k_norm", linear("indexer.attn_k", x, "indexer_k"), NormKind::layer);
  k = rope(graph_.reshape(k, {indexer.key_dim, 1, tokens, 1}));
  // The Hadamard matrix is as large as a head here, so no reshaping as in rotate().
  q = graph_.mul_mat(inputs.key_rotation, q, "rotation");
  k = graph_.mul_mat(inputs.key_rotation, k, "rotation");
  graph_.expand(store_keys(cache, inputs, k));

  NodeId weights = linear("indexer.proj", x, "indexer_weights");
  k = cached_keys(cache, indexer.key_dim);
  const std::int64_t streams = cache.streams;
  const Node qs = graph_[q];
  q = graph_.view(q, {qs.ne[0], qs.ne[1], qs.ne[2] / streams, streams},
                  {qs.nb[1], qs.nb[2], qs.nb[3] / streams});
  const Node ws = graph_[weights];
  weights = graph_.view(weights, {ws.ne[0], ws.ne[1] / streams, ws.ne[2], streams},
                        {ws.nb[1], ws.nb[2] / streams, ws.nb[3] / streams});
  weights = graph_.scale(weights, "indexer_weights");
  const NodeId scores = indexer_scores(q, k, weights, inputs.mask);
  return graph_.cont(graph_.top_k(scores, std::min(graph_[scores].ne[0], indexer.top_k)));
}

// The mask, closed but for the picked tokens (llama-graph.cpp:2973, deepseek4.cpp
// build_top_k_mask); `type` is that of the zeros it is opened with.
NodeId Builder::sparse_mask(NodeId mask, NodeId tokens, ElementType type) {
  const NodeId closed = graph_.unary_like(Op::fill, mask, "sparse_mask");
  const Node all = graph_[closed];
  const Node picked = graph_[tokens];
  const NodeId cells =
      graph_.view(closed, {1, all.ne[0], all.ne[1], all.ne[3]}, {all.nb[0], all.nb[1], all.nb[2]});
  const NodeId rows = graph_.view(tokens, {picked.ne[0], picked.ne[1], picked.ne[3], 1},
                                  {picked.nb[1], picked.nb[2], picked.ne[3] * picked.nb[3]});
  NodeId zeros = graph_.constant(type, {1, picked.ne[0], picked.ne[1], picked.ne[3]}, "zeros");
  zeros = graph_.unary_like(Op::fill, zeros, "zeros");
  const NodeId open = graph_.set_rows(cells, zeros, rows);
  const Node opened = graph_[open];
  const NodeId shaped = graph_.view(open, {opened.ne[1], opened.ne[2], 1, opened.ne[3]},
                                    {opened.nb[2], opened.nb[3], opened.nb[3]});
  return graph_.add(shaped, mask, "sparse_mask");
}

NodeId Builder::latent_attention(const LatentAttention& attention, NodeId x) {
  const std::int64_t tokens = graph_[x].ne[1];
  const std::int64_t key_dim = attention.nope_dim + attention.rope_dim;
  constexpr std::int64_t float_bytes = 4;

  NodeId q = x;
  if (attention.query_rank > 0) {
    q = norm("attn_q_a_norm", linear("attn_q_a", x, "q_latent"));
  }
  if (attention.indexer && attention.indexer->own) {
    indexed_tokens_ = indexed_tokens(*attention.indexer, x, q);
  }
  q = linear(attention.query_rank > 0 ? "attn_q_b" : "attn_q", q, "q");
  if (!attention.indexer && attention.rope) {
    q = graph_.reshape(q, {key_dim, attention.heads, tokens, 1});
  }
  const auto query_part = [&](std::int64_t size) {
    return graph_.view(q, {size, attention.heads, tokens, 1},
                       {float_bytes * key_dim, float_bytes * key_dim * attention.heads,
                        float_bytes * key_dim * attention.heads * tokens});
  };
  const auto rotated = [&](NodeId part) { return attention.rope ? rope(part) : part; };
  NodeId absorbed =
      graph_.mul_mat(required("attn_k_b.weight"),
                     graph_.permute(query_part(attention.nope_dim), swap_middle), "q_absorbed");
  absorbed = graph_.permute(absorbed, swap_middle);
  q = graph_.concat(absorbed, rotated(query_part(attention.rope_dim)), 0);

  const NodeId compressed = linear("attn_kv_a_mqa", x, "kv_latent");
  const std::int64_t row = graph_[compressed].nb[1];
  NodeId v = graph_.view(compressed, {attention.latent_dim, tokens, 1, 1},
                         {row, row * tokens, row * tokens});
  v = graph_.reshape(norm("attn_kv_a_norm", v), {attention.latent_dim, 1, tokens, 1});
  NodeId k = graph_.view(compressed, {attention.rope_dim, 1, tokens, 1}, {row, row, row * tokens});
  k = graph_.concat(v, rotated(k), 0);
  if (attention.temperature) {
    q = graph_.mul(q, temperature(), "q");
  }

  const KvCache& cache = caches_.front();
  const CacheInputs& inputs = cache_inputs_.front();
  graph_.expand(q);
  graph_.expand(v);
  graph_.expand(k);
  graph_.expand(store_keys(cache, inputs, k));
  const NodeId mask =
      attention.indexer ? sparse_mask(inputs.mask, indexed_tokens_, ElementType::f32) : inputs.mask;
  k = cached_keys(cache, attention.key_width());
  const Node keys = graph_[k];
  v = graph_.view(k, {attention.latent_dim, keys.ne[1], keys.ne[2], keys.ne[3]},
                  {keys.nb[1], keys.nb[2], keys.nb[3]});
  NodeId result = attend_to_latents(q, k, v, mask);
  if (const NodeId gate = weight("attn_gate.weight"); gate != no_node) {
    const NodeId open =
        graph_.unary_like(Op::unary, graph_.mul_mat(gate, x, "attn_gate"), "attn_gate");
    result = graph_.mul(result, open, "attn_gated");
  }
  return linear("attn_output", result, "attn_out");
}

// Keys and values per head from the latent, as minicpm3 caches them and as files of DeepSeek-2
// ask for that still hold `attn_kv_b` whole (src/models/minicpm3.cpp, deepseek2.cpp).
Builder::Projections Builder::project_from_latent(const Attention& attention, NodeId x) {
  const std::int64_t tokens = graph_[x].ne[1];
  const std::int64_t latent_dim = graph_[required("attn_kv_b.weight")].ne[0];
  const std::int64_t rope_dim = graph_[required("attn_kv_a_mqa.weight")].ne[1] - latent_dim;
  const std::int64_t nope_dim = attention.key_dim - rope_dim;
  constexpr std::int64_t float_bytes = 4;

  NodeId q =
      weight("attn_q_a.weight") == no_node
          ? linear("attn_q", x, "q")
          : linear("attn_q_b", norm("attn_q_a_norm", linear("attn_q_a", x, "q_latent")), "q");
  q = rope(graph_.reshape(q, {attention.key_dim, attention.heads, tokens, 1}));

  const NodeId compressed = linear("attn_kv_a_mqa", x, "kv_latent");
  const std::int64_t row = graph_[compressed].nb[1];
  NodeId latent =
      graph_.view(compressed, {latent_dim, tokens, 1, 1}, {row, row * tokens, row * tokens});
  latent = norm("attn_kv_a_norm", latent);
  const NodeId kv = linear("attn_kv_b", latent, "kv");
  const std::int64_t head = float_bytes * (nope_dim + attention.value_dim);
  const auto part = [&](std::int64_t size) {
    return graph_.view(kv, {size, attention.heads, tokens, 1},
                       {head, head * attention.heads, head * attention.heads * tokens});
  };
  const NodeId nope = part(nope_dim);
  NodeId shared = graph_.view(compressed, {rope_dim, 1, tokens, 1}, {row, row, row * tokens});
  shared = graph_.repeat(rope(shared), {rope_dim, attention.heads, tokens, 1});
  return {.q = q, .k = graph_.concat(nope, shared, 0), .v = graph_.cont(part(attention.value_dim))};
}

}  // namespace membudget::llamacpp
