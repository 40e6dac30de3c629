// SPDX-License-Identifier: MIT
#include <string>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

// build_qkv (llama-graph.cpp:1616)
Builder::Projections Builder::project(const Attention& attention, NodeId x) {
  const std::int64_t tokens = graph_[x].ne[1];
  Projections result;
  if (weight("attn_qkv.weight") != no_node) {
    NodeId qkv = linear("attn_qkv", x, "qkv");
    if (attention.clamped) {
      qkv = graph_.clamp(qkv);
    }
    const std::int64_t stride = graph_[qkv].nb[1];
    const auto part = [&](std::int64_t head_size, std::int64_t heads) {
      constexpr std::int64_t float_bytes = 4;
      return graph_.view(qkv, {head_size, heads, tokens, 1},
                         {float_bytes * head_size, stride, stride * tokens});
    };
    result.q = part(attention.key_dim, attention.heads);
    result.k = part(attention.key_dim, attention.kv_heads);
    result.v = part(attention.value_dim, attention.kv_heads);
    return result;
  }
  const auto part = [&](std::string_view name, std::string_view norm_name, std::string_view label,
                        std::int64_t head_size, std::int64_t heads) {
    NodeId flat = linear(name, x, label);
    if (attention.clamped) {
      flat = graph_.clamp(flat);
    }
    if (attention.norm_across_heads && !norm_name.empty()) {
      flat = optional_norm(norm_name, flat, attention.norm);
    }
    return graph_.reshape(flat, {head_size, heads, tokens, 1});
  };
  if (attention.gate == QueryGate::none) {
    result.q = part("attn_q", "attn_q_norm", "q", attention.key_dim, attention.heads);
  } else {
    split_gate(attention, linear("attn_q", x, "q"), result);
  }
  if (attention.cache_layer >= 0) {
    return result;  // such a layer has the weights, but the engine does not use them
  }
  result.k = part("attn_k", "attn_k_norm", "k", attention.key_dim, attention.kv_heads);
  if (weight("attn_v.weight") == no_node) {
    // Keys serve as values, as they are before their norm (gemma4's full layers).
    result.v = graph_.reshape(graph_[result.k].sources[0],
                              {attention.value_dim, attention.kv_heads, tokens, 1});
  } else {
    result.v = part("attn_v", {}, "v", attention.value_dim, attention.kv_heads);
  }
  return result;
}

// build_layer_attn of src/models/qwen3next.cpp and qwen35.cpp: each head's query and gate lie side
// by side.
void Builder::split_gate(const Attention& attention, NodeId query_and_gate, Projections& result) {
  const std::int64_t tokens = graph_[query_and_gate].ne[1];
  const Shape pair{2 * attention.key_dim, attention.heads, tokens, 1};
  if (attention.gate == QueryGate::interleaved_reshaped) {
    query_and_gate = graph_.reshape(query_and_gate, pair);
  }
  constexpr std::int64_t float_bytes = 4;
  const std::int64_t head = float_bytes * pair[0];
  const auto half = [&] {
    return graph_.view(query_and_gate, {attention.key_dim, attention.heads, tokens, 1},
                       {head, head * attention.heads, head * attention.heads * tokens});
  };
  result.q = half();
  result.gate = graph_.cont(half(), {attention.key_dim * attention.heads, tokens, 1, 1});
}

// llama_mul_mat_hadamard (llama-impl.h:57)
NodeId Builder::rotate(NodeId x, NodeId rotation) {
  const Shape shape = graph_[x].ne;
  const std::int64_t edge = graph_[rotation].ne[0];
  const Shape rows{edge, graph_[x].elements() / edge, 1, 1};
  const NodeId flat = graph_[x].contiguous() ? graph_.reshape(x, rows) : graph_.cont(x, rows);
  return graph_.reshape(graph_.mul_mat(rotation, flat, "rotation"), shape);
}

NodeId Builder::stored_keys(const KvCache& cache) {
  const CacheLayer& own = cache.layers[static_cast<std::size_t>(cache_home_)];
  return graph_.stored(cache.key_type, {own.key_width, cache.cells, cache.streams, 1}, own.storage,
                       own.keys, false, "cache_k");
}

NodeId Builder::stored_values(const KvCache& cache) {
  const CacheLayer& own = cache.layers[static_cast<std::size_t>(cache_home_)];
  return graph_.stored(cache.value_type, {own.value_width, cache.cells, cache.streams, 1},
                       own.storage, own.values, false, "cache_v");
}

// llama_kv_cache::cpy_k
NodeId Builder::store_keys(const KvCache& cache, const CacheInputs& inputs, NodeId k) {
  const CacheLayer& own = cache.layers[static_cast<std::size_t>(cache_home_)];
  const std::int64_t tokens = graph_[k].ne[2];
  const NodeId rows =
      graph_.view(k, {own.key_width, tokens, 1, 1},
                  {graph_[k].nb[2], graph_[k].nb[2] * tokens, graph_[k].nb[2] * tokens});
  NodeId keys = key_cache_ = stored_keys(cache);
  if (cache.streams > 1) {
    keys = graph_.reshape(keys, {own.key_width, cache.cells * cache.streams, 1, 1});
  }
  return graph_.set_rows(keys, rows, inputs.key_rows);
}

// llama_kv_cache::get_k
NodeId Builder::cached_keys(const KvCache& cache, std::int64_t head_size) {
  const CacheLayer& own = cache.layers[static_cast<std::size_t>(cache_home_)];
  const std::int64_t key_row = row_size(cache.key_type, own.key_width).count();
  return graph_.view(key_cache_, {head_size, own.key_width / head_size, cache.cells, cache.streams},
                     {row_size(cache.key_type, head_size).count(), key_row, key_row * cache.cells});
}

// llama_kv_cache::cpy_v
NodeId Builder::store_values(const KvCache& cache, const CacheInputs& inputs, NodeId v) {
  const CacheLayer& own = cache.layers[static_cast<std::size_t>(cache_home_)];
  const std::int64_t tokens = graph_[v].ne[2];
  const std::int64_t width = graph_[v].ne[0] * graph_[v].ne[1];
  NodeId values = value_cache_ = stored_values(cache);
  if (!cache.values_transposed) {
    const NodeId rows =
        graph_.view(v, {width, tokens, 1, 1},
                    {graph_[v].nb[2], graph_[v].nb[2] * tokens, graph_[v].nb[2] * tokens});
    if (cache.streams > 1) {
      values = graph_.reshape(values, {own.value_width, cache.cells * cache.streams, 1, 1});
    }
    return graph_.set_rows(values, rows, inputs.value_rows);
  }
  // Transposed: every element of a row is stored on its own.
  const bool packed = graph_[v].nb[2] == 4 * width;
  NodeId rows =
      packed ? graph_.reshape(v, {width, tokens, 1, 1}) : graph_.cont(v, {width, tokens, 1, 1});
  if (width < own.value_width) {
    rows = graph_.pad(rows, {own.value_width - width, 0, 0, 0});
  }
  const NodeId flat = graph_.reshape(values, {1, graph_[values].elements(), 1, 1});
  rows = graph_.reshape(rows, {1, graph_[rows].elements(), 1, 1});
  return graph_.set_rows(flat, rows, inputs.value_rows);
}

// llama_kv_cache::get_v
NodeId Builder::cached_values(const KvCache& cache, const Attention& attention) {
  const auto row = [&](std::int64_t elements) {
    const ElementFormat& format = format_of(cache.value_type);
    return elements / format.block_elements * format.block_bytes;
  };
  const CacheLayer& own = cache.layers[static_cast<std::size_t>(cache_home_)];
  if (cache.values_transposed) {
    const std::int64_t column = row(cache.cells);
    return graph_.view(value_cache_,
                       {cache.cells, attention.kv_heads, attention.value_dim, cache.streams},
                       {column * attention.value_dim, column, column * own.value_width});
  }
  const std::int64_t value_row = row(own.value_width);
  return graph_.view(value_cache_,
                     {attention.value_dim, attention.kv_heads, cache.cells, cache.streams},
                     {row(attention.value_dim), value_row, value_row * cache.cells});
}

// build_attn_mha (llama-graph.cpp:2541)
NodeId Builder::attend_heads(const Attention& attention, NodeId q, NodeId k, NodeId v,
                             NodeId mask) {
  const bool transposed = graph_[v].nb[1] > graph_[v].nb[2];
  const std::int64_t streams = graph_[k].ne[3];
  const Shape qs = graph_[q].ne;
  const std::array<std::int64_t, 4> qb = graph_[q].nb;
  q = graph_.view(q, {qs[0], qs[1], qs[2] / streams, streams}, {qb[1], qb[2], qb[3] / streams});

  constexpr std::array<int, 4> heads_outside{0, 2, 1, 3};
  q = graph_.permute(q, heads_outside);
  k = graph_.permute(k, heads_outside);
  v = graph_.permute(v, heads_outside);

  const NodeId sinks = weight("attn_sinks.weight");
  NodeId result = no_node;
  if (fusion_.flash) {
    if (transposed) {
      v = graph_.transpose(v);
    }
    if (graph_[k].type == ElementType::f32) {
      k = graph_.cast(k, ElementType::f16);
    }
    if (graph_[v].type == ElementType::f32) {
      v = graph_.cast(v, ElementType::f16);
    }
    result = graph_.flash_attn(q, k, v, mask, sinks);
    flash_nodes_.push_back(result);
    const Shape shape = graph_[result].ne;
    result = graph_.reshape(result, {shape[0] * shape[1], shape[2] * shape[3], 1, 1});
  } else {
    NodeId scores = graph_.mul_mat(k, q, "attention_scores");
    if (attention.soft_capped) {
      scores = graph_.scale(scores, "attention_scores");
      scores = graph_.unary_like(Op::unary, scores, "attention_scores");
      scores = graph_.scale(scores, "attention_scores");
    }
    scores = graph_.soft_max(scores, mask, sinks);
    if (!transposed) {
      v = graph_.cont(graph_.transpose(v));
    }
    result = graph_.permute(graph_.mul_mat(v, scores, "attention_values"), heads_outside);
    const Shape shape = graph_[result].ne;
    result = graph_.cont(result, {shape[0] * shape[1], shape[2] * shape[3], 1, 1});
    if (!settings_.kv_offload) {
      graph_[result].pin = Pin::cpu;
    }
  }
  graph_.expand(result);
  return result;
}

// Keys and values are rotated like the queries, enter the graph together and go to the cache.
void Builder::store(Projections now, const KvCache& cache, const CacheInputs& inputs,
                    bool keys_first) {
  if (inputs.key_rotation != no_node) {
    now.k = rotate(now.k, inputs.key_rotation);
  }
  if (inputs.value_rotation != no_node) {
    now.v = rotate(now.v, inputs.value_rotation);
  }
  graph_.expand(now.q);
  graph_.expand(keys_first ? now.k : now.v);
  graph_.expand(keys_first ? now.v : now.k);
  graph_.expand(store_keys(cache, inputs, now.k));
  graph_.expand(store_values(cache, inputs, now.v));
}

// build_attn for one cache and for sliding windows (llama-graph.cpp:2786, 3024): the same, but
// for the order in which keys and values enter the graph.
NodeId Builder::attention(const Attention& attention, NodeId x) {
  if (attention.kv_heads == 0) {
    return adapted(required("attn_output.weight"), x, "attn_out");
  }
  const auto positioned = [&](std::string_view norm_name, NodeId heads) {
    const bool per_head = !attention.norm_across_heads;
    if (per_head && !attention.norm_after_rope) {
      heads = optional_norm(norm_name, heads, attention.norm);
    }
    if (attention.rope) {
      heads = rope(heads, attention.rope_factors);
    }
    if (attention.unit_norm) {
      heads = graph_.unary_like(Op::rms_norm, heads, norm_name);
    }
    return per_head && attention.norm_after_rope ? optional_norm(norm_name, heads, attention.norm)
                                                 : heads;
  };
  Projections now;
  if (weight("attn_kv_b.weight") != no_node) {
    now = project_from_latent(attention, x);
  } else {
    now = project(attention, x);
    now.q = positioned("attn_q_norm", now.q);
    if (now.k != no_node) {
      now.k = positioned("attn_k_norm", now.k);
      now.v = attention.values_normed ? graph_.unary_like(Op::rms_norm, now.v, "v") : now.v;
    }
  }
  if (attention.scaled_query) {
    now.q = graph_.scale(now.q, "q");
  }
  if (attention.temperature) {
    now.q = graph_.mul(now.q, temperature(), "q");
  }

  if (!model_.cached) {
    return linear("attn_output", attend_to_batch(attention, now), "attn_out");
  }
  const std::size_t which = attention.window > 0 ? 1 : 0;
  const KvCache& cache = caches_[which];
  const CacheInputs& inputs = cache_inputs_[which];
  if (inputs.key_rotation != no_node) {
    now.q = rotate(now.q, inputs.key_rotation);
  }
  NodeId result = no_node;
  if (attention.indexer && attends_to_blocks()) {
    result = block_attention(attention, now, x);
  } else {
    if (attention.cache_layer >= 0) {
      cache_home_ = attention.cache_layer;
      key_cache_ = stored_keys(cache);
      value_cache_ = stored_values(cache);
      graph_.expand(now.q);
    } else {
      store(now, cache, inputs, caches_.back().sliding);
    }
    result = attend_heads(attention, now.q, cached_keys(cache, attention.key_dim),
                          cached_values(cache, attention), inputs.mask);
  }
  if (inputs.value_rotation != no_node) {
    result = rotate(result, inputs.value_rotation);
  }
  if (now.gate != no_node) {
    result = graph_.mul(result, graph_.unary_like(Op::unary, now.gate, "attn_gate"), "attn_gated");
  } else if (weight("attn_gate.weight") != no_node) {
    result = gated(attention, result, x);
  }
  result = linear("attn_output", result, "attn_out");
  return attention.output_scaled ? graph_.scale(result, "attn_out") : result;
}

// A gate per element (afmoe.cpp) or, with as many rows as heads, per head (step35.cpp).
NodeId Builder::gated(const Attention& attention, NodeId result, NodeId x) {
  NodeId gate = adapted(weight("attn_gate.weight"), x, "attn_gate");
  gate = graph_.unary_like(Op::unary, gate, "attn_gate");
  const Shape flat = graph_[result].ne;
  if (graph_[gate].ne[0] == flat[0]) {
    return graph_.mul(result, gate, "attn_gated");
  }
  result = graph_.reshape(result, {attention.value_dim, attention.heads, flat[1], 1});
  gate = graph_.reshape(gate, {1, attention.heads, flat[1], 1});
  return graph_.reshape(graph_.mul(result, gate, "attn_gated"), flat);
}

NodeId Builder::mix(const Mixer& mixer, NodeId x) {
  struct Visitor {
    Builder& builder;
    NodeId x;
    NodeId operator()(std::monostate) const { return x; }
    NodeId operator()(const Attention& m) const { return builder.attention(m, x); }
    NodeId operator()(const LatentAttention& m) const { return builder.latent_attention(m, x); }
    NodeId operator()(const CompressedAttention& m) const {
      return builder.compressed_attention(m, x);
    }
    NodeId operator()(const Mamba& m) const { return builder.mamba(m, x); }
    NodeId operator()(const DeltaNet& m) const {
      return m.by_channel ? builder.kimi_delta_net(m, x) : builder.delta_net(m, x);
    }
    NodeId operator()(const ShortConvolution& m) const { return builder.short_convolution(m, x); }
    // Its state holds the feed-forward's input too, so rwkv_layer builds the layer as a whole.
    NodeId operator()(const Rwkv& /*m*/) const { return x; }
  };
  return std::visit(Visitor{*this, x}, mixer);
}

}  // namespace membudget::llamacpp
