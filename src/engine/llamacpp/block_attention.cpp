// SPDX-License-Identifier: MIT
// Sparse attention by blocks (MiniMax M3; llama.cpp b10587, src/models/minimax-m3.cpp): an indexer
// scores the blocks of the context for every token and group of queries, and only the best take
// part in attention.
#include <algorithm>

#include "engine/llamacpp/builder.hpp"
#include "membudget/units.hpp"

namespace membudget::llamacpp {

// Blocks are counted per stream, and flash attention is called directly; else the layers attend to
// everything.
bool Builder::attends_to_blocks() const {
  return fusion_.flash && !geometry_.unified();
}

// Which positions lie in which cells, and what each token may see: what all sparse layers share.
const Builder::BlockInputs& Builder::block_inputs(const BlockIndexer& indexer) {
  if (block_inputs_.bias != no_node) {
    return block_inputs_;
  }
  const std::int64_t positions = round_up(geometry_.positions, indexer.block);
  const std::int64_t streams = geometry_.streams;
  const auto make = [&](ElementType type, std::int64_t width, std::int64_t rows) {
    return graph_.input(type, {width, rows, 1, 1}, "blocks");
  };
  block_inputs_.bias = make(ElementType::f32, positions / indexer.block, geometry_.tokens);
  block_inputs_.visible = make(ElementType::f32, positions, geometry_.tokens);
  block_inputs_.cells = make(ElementType::i32, positions, streams);
  if (geometry_.tokens == streams) {
    block_inputs_.cell_values = make(ElementType::f32, positions, streams);
  } else {
    block_inputs_.blocks = make(ElementType::i32, geometry_.cells, streams);
    block_inputs_.mask = graph_.cast(cache_inputs_.front().mask, ElementType::f32);
  }
  return block_inputs_;
}

// A view whose dimensions 1 to 3 step as the named dimensions of `of` do. Streams are laid out
// alike, so which one is meant makes no difference.
NodeId Builder::strided(NodeId of, Shape shape, std::array<std::size_t, 3> strides) {
  const std::array<std::int64_t, 4> nb = graph_[of].nb;
  return graph_.view(of, shape, {nb.at(strides[0]), nb.at(strides[1]), nb.at(strides[2])});
}

// build_attn_msa_fa: one call for all groups of queries, which take the place of sequences.
NodeId Builder::attend_by_group(NodeId q, NodeId k, NodeId v, NodeId mask, std::int64_t group) {
  const Shape qs = graph_[q].ne;
  const std::int64_t channels = graph_[k].ne[3];
  q = graph_.reshape(q, {qs[0], group, channels, qs[1] * qs[2] / (group * channels)});
  q = graph_.permute(q, {0, 2, 3, 1});
  NodeId result = graph_.permute(graph_.flash_attn(q, k, v, mask), {0, 1, 3, 2});
  if (!graph_[result].contiguous()) {
    result = graph_.cont(result);
  }
  return graph_.reshape(result, {qs[0] * qs[1], qs[2], 1, 1});
}

// Scores of blocks: the best position of each, from `scores` {positions, heads, tokens}.
NodeId Builder::block_scores(const BlockIndexer& indexer, NodeId scores, NodeId visible,
                             NodeId bias) {
  scores = graph_.add_in_place(scores, visible);
  Shape shape = graph_[scores].ne;
  shape[0] /= indexer.block;
  scores = graph_.operation(Op::pool_2d, ElementType::f32, shape, {scores}, "block_scores");
  return graph_.add(scores, bias, "block_scores");
}

// A prompt: blocks that were not picked are masked.
NodeId Builder::attend_to_blocks(const Attention& attention, const BlockOperands& all) {
  const BlockIndexer& indexer = *attention.indexer;
  const BlockInputs& inputs = block_inputs(indexer);
  const std::int64_t cells = geometry_.cells;
  const std::int64_t tokens = geometry_.tokens / geometry_.streams;
  const std::int64_t heads = indexer.heads;
  const std::int64_t positions = graph_[inputs.visible].ne[0];
  const std::int64_t blocks = positions / indexer.block;
  const std::int64_t picked = std::min(indexer.top_k, blocks);

  const NodeId queries = strided(all.index_queries, {indexer.key_dim, heads, tokens, 1}, {1, 2, 3});
  const NodeId keys = strided(all.index_keys, {indexer.key_dim, cells, 1, 1}, {2, 3, 3});
  const NodeId cell_of = strided(inputs.cells, {positions, 1, 1, 1}, {1, 1, 1});
  const NodeId visible = strided(inputs.visible, {positions, 1, tokens, 1}, {1, 1, 2});
  const NodeId block_of = strided(inputs.blocks, {cells, 1, 1, 1}, {1, 1, 1});
  const NodeId mask = strided(inputs.mask, {cells, tokens, 1, 1}, {1, 3, 3});
  const NodeId bias = strided(inputs.bias, {blocks, 1, tokens, 1}, {1, 1, 2});
  const NodeId q = strided(all.q, {attention.key_dim, attention.heads, tokens, 1}, {1, 2, 3});
  const NodeId k = strided(all.k, {attention.key_dim, attention.kv_heads, cells, 1}, {1, 2, 3});
  const NodeId v = strided(all.v, {attention.value_dim, attention.kv_heads, cells, 1}, {1, 2, 3});

  const NodeId by_position = graph_.get_rows(keys, cell_of, "index_keys");
  NodeId scores =
      graph_.mul_mat(by_position, graph_.reshape(queries, {indexer.key_dim, heads * tokens, 1, 1}),
                     "block_scores");
  scores = graph_.reshape(scores, {positions, heads, tokens, 1});
  scores = block_scores(indexer, scores, visible, bias);
  const NodeId best = graph_.top_k(scores, picked);

  NodeId closed = graph_.cast(graph_.scale(bias, "block_mask"), ElementType::f16);
  closed = graph_.repeat(closed, {blocks, heads, tokens, 1});
  const NodeId zero = graph_.scale(graph_.cast(best, ElementType::f32), "block_mask");
  NodeId open = graph_.set_rows(graph_.reshape(closed, {1, blocks, heads * tokens, 1}),
                                graph_.reshape(zero, {1, picked, heads * tokens, 1}),
                                graph_.reshape(best, {picked, heads * tokens, 1, 1}));
  open = graph_.reshape(open, {blocks, heads, tokens, 1});
  open = graph_.cont(graph_.permute(open, {0, 2, 1, 3}));
  open = graph_.cont(graph_.transpose(graph_.reshape(open, {blocks, tokens * heads, 1, 1})));
  NodeId by_cell = graph_.get_rows(open, block_of, "block_mask");
  by_cell = graph_.cont(graph_.transpose(by_cell));
  by_cell = graph_.reshape(by_cell, {cells, tokens, heads, 1});
  by_cell = graph_.add_in_place(by_cell, mask);
  by_cell = graph_.cast(graph_.reshape(by_cell, {cells, tokens, 1, heads}), ElementType::f16);

  constexpr std::array<int, 4> groups_outside{0, 3, 1, 2};
  return attend_by_group(q, graph_.permute(k, groups_outside), graph_.permute(v, groups_outside),
                         by_cell, attention.heads / attention.kv_heads);
}

// One token per stream: the picked blocks are gathered, all streams at once.
NodeId Builder::attend_to_gathered(const Attention& attention, const BlockOperands& all) {
  const BlockIndexer& indexer = *attention.indexer;
  const BlockInputs& inputs = block_inputs(indexer);
  const std::int64_t streams = geometry_.streams;
  const std::int64_t heads = indexer.heads;
  const std::int64_t positions = graph_[inputs.visible].ne[0];
  const std::int64_t blocks = positions / indexer.block;
  const std::int64_t picked = std::min(indexer.top_k, blocks);
  const std::int64_t gathered = indexer.block * picked;

  NodeId keys = strided(all.index_keys, {indexer.key_dim, geometry_.cells, streams, 1}, {2, 3, 3});
  keys = graph_.get_rows(keys, inputs.cells, "index_keys");
  const NodeId queries = graph_.reshape(all.index_queries, {indexer.key_dim, heads, 1, streams});
  NodeId scores = graph_.mul_mat(graph_.reshape(keys, {indexer.key_dim, positions, 1, streams}),
                                 queries, "block_scores");
  scores = block_scores(indexer, scores, graph_.reshape(inputs.visible, {positions, 1, 1, streams}),
                        graph_.reshape(inputs.bias, {blocks, 1, 1, streams}));
  const NodeId best = graph_.top_k(scores, picked);

  const auto range = [&](std::int64_t length, Shape shape) {
    return graph_.reshape(
        graph_.operation(Op::arange, ElementType::f32, {length, 1, 1, 1}, {}, "range"), shape);
  };
  const auto as_rows = [&](NodeId numbers) {
    return graph_.cast(graph_.reshape(numbers, {gathered * heads, streams, 1, 1}),
                       ElementType::i32);
  };
  const Shape by_block{indexer.block, picked, heads, streams};
  NodeId first = graph_.scale(graph_.cast(best, ElementType::f32), "block_rows");
  first = graph_.reshape(first, {1, picked, heads, streams});
  const NodeId each = graph_.add(graph_.repeat(first, by_block),
                                 range(indexer.block, {indexer.block, 1, 1, 1}), "block_rows");
  const NodeId at_positions = as_rows(each);
  NodeId rows = graph_.get_rows(graph_.reshape(inputs.cell_values, {1, positions, streams, 1}),
                                at_positions, "block_rows");
  rows = graph_.scale(graph_.reshape(rows, by_block), "block_rows");
  rows = as_rows(graph_.add(rows, range(attention.kv_heads, {1, 1, heads, 1}), "block_rows"));

  const std::int64_t all_rows = attention.kv_heads * geometry_.cells;
  const NodeId k = strided(all.k, {attention.key_dim, all_rows, streams, 1}, {1, 3, 3});
  const NodeId v = strided(all.v, {attention.value_dim, all_rows, streams, 1}, {1, 3, 3});
  const NodeId visible = graph_.reshape(inputs.visible, {1, positions, streams, 1});
  const NodeId gathered_k = graph_.get_rows(k, rows, "block_keys");
  const NodeId gathered_v = graph_.get_rows(v, rows, "block_values");
  const NodeId gathered_mask = graph_.get_rows(visible, at_positions, "block_mask");
  // Rows are gathered as floats; attention gets them as the cache has them, or in half precision.
  const auto folded = [&](NodeId values, std::int64_t head, ElementType type) {
    const NodeId result = graph_.reshape(values, {head, gathered, 1, heads * streams});
    const ElementType wanted = format_of(type).quantized ? ElementType::f16 : type;
    return wanted == ElementType::f32 ? result : graph_.cast(result, wanted);
  };
  const KvCache& cache = caches_.front();
  const NodeId attended_k = folded(gathered_k, attention.key_dim, cache.key_type);
  const NodeId attended_v = folded(gathered_v, attention.value_dim, cache.value_type);
  const NodeId mask = graph_.cast(graph_.reshape(gathered_mask, {gathered, 1, 1, heads * streams}),
                                  ElementType::f16);
  return attend_by_group(all.q, attended_k, attended_v, mask, attention.heads / attention.kv_heads);
}

// The sparse branch of the graph's loop over layers, from the projections to attention's result.
NodeId Builder::block_attention(const Attention& attention, const Projections& now, NodeId x) {
  const BlockIndexer& indexer = *attention.indexer;
  const std::int64_t tokens = geometry_.tokens;
  const auto indexed = [&](std::string_view projection, std::string_view norm_name,
                           std::int64_t heads) {
    const NodeId projected = graph_.mul_mat(required(projection), x, "indexer");
    return rope(norm(norm_name, graph_.reshape(projected, {indexer.key_dim, heads, tokens, 1})),
                false);
  };
  BlockOperands all{
      .q = now.q,
      .index_queries = indexed("indexer.q_proj.weight", "indexer.q_norm", indexer.heads)};
  const NodeId index_keys = indexed("indexer.k_proj.weight", "indexer.k_norm", 1);
  graph_.expand(store_keys(caches_.back(), cache_inputs_.back(), index_keys));
  all.index_keys = cached_keys(caches_.back(), indexer.key_dim);

  const KvCache& cache = caches_.front();
  const CacheInputs& inputs = cache_inputs_.front();
  store(now, cache, inputs, true);
  all.k = cached_keys(cache, attention.key_dim);
  all.v = cached_values(cache, attention);

  if (tokens == geometry_.streams) {
    return attend_to_gathered(attention, all);
  }
  NodeId result = attend_to_blocks(attention, all);
  for (std::int64_t stream = 1; stream < geometry_.streams; ++stream) {
    result = graph_.concat(result, attend_to_blocks(attention, all), 1);
  }
  return result;
}

}  // namespace membudget::llamacpp
