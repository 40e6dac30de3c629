// SPDX-License-Identifier: MIT
// Summaries of tokens: every so many of them a weighted mean of their values goes to a cache; those
// that are too few yet wait in a state (llama.cpp b10587, src/models/deepseek4.cpp and
// llama-kv-cache-dsv4.cpp).
#include <string>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::array<int, 4> swapped{1, 0, 2, 3};

}  // namespace

// What tokens bring to a summary: a value, and a score that depends on their place in it.
Builder::Summarised Builder::to_summarise(std::string_view name, const CacheInputs& inputs,
                                          NodeId x) {
  const std::string base(name);
  Summarised result;
  result.value = linear(base + "_kv", x, "summarised");
  result.score = linear(base + "_gate", x, "summary_scores");
  const NodeId places =
      graph_.get_rows(required(base + "_ape.weight"), inputs.state_positions, "summary_scores");
  result.score = graph_.add(result.score, places, "summary_scores");
  return result;
}

// get_kv_all and get_score_all: the rows of all streams.
NodeId Builder::waiting_state(const KvCache& cache, bool scores) {
  const CacheLayer& own = cache.layers[static_cast<std::size_t>(layer_)];
  const NodeId state =
      graph_.stored(ElementType::f32, {cache.state_width, cache.state_rows, cache.streams, 1},
                    own.storage, scores ? own.state_scores : own.state_values, false, "waiting");
  const std::int64_t rows = cache.state_rows * cache.streams;
  const std::int64_t row = graph_[state].nb[1];
  return graph_.view(state, {cache.state_width, rows, 1, 1}, {row, row * rows, row * rows});
}

// Tokens that waited, then those of this batch.
NodeId Builder::gather(const KvCache& cache, NodeId tokens, bool scores) {
  const NodeId all = waiting_state(cache, scores);
  const Node node = graph_[all];
  const NodeId waiting = graph_.view(all, node.ne, {node.nb[1], node.nb[2], node.nb[3]});
  return graph_.concat(waiting, tokens, 1);
}

// A row's first half belongs to the next summary, its second to its own: rows of the previous and
// of this summary, half a row each (build_overlap_compressed_kv_from_state).
NodeId Builder::overlapping_rows(NodeId source, NodeId rows) {
  const std::int64_t width = graph_[source].ne[0];
  const std::int64_t bytes = graph_[source].nb[1];
  // What there is before the first token.
  NodeId nothing = graph_.scale(graph_.view(source, {width, 1, 1, 1}, {bytes, bytes, bytes}));
  nothing = graph_.reshape(nothing, {width, 1, 1, 1});
  return graph_.get_rows(graph_.concat(source, nothing, 1), rows, "summarised");
}

NodeId Builder::summary(NodeId values, NodeId scores, std::string_view name,
                        const CacheInputs& inputs) {
  values = graph_.cont(graph_.permute(values, swapped));
  scores = graph_.cont(graph_.permute(scores, swapped));
  NodeId result = graph_.mul(values, graph_.soft_max(scores), "summary");
  result = graph_.cont(graph_.permute(graph_.sum_rows(result), swapped));
  result = norm(std::string(name) + "_norm", result);
  return graph_.rope(result, inputs.summary_positions);
}

void Builder::compress(const KvCache& cache, const CacheInputs& inputs, const Summarised& tokens,
                       std::string_view name) {
  const std::int64_t ratio = cache.ratio;
  const std::int64_t summaries = graph_[inputs.summary_positions].ne[0];
  NodeId values = gather(cache, tokens.value, false);
  NodeId scores = gather(cache, tokens.score, true);
  if (cache.overlaps()) {
    values = overlapping_rows(values, inputs.summarised);
    scores = overlapping_rows(scores, inputs.summarised);
    const std::int64_t width = cache.state_width / 2;
    const auto half = [&](NodeId rows) {
      const std::int64_t bytes = graph_[rows].nb[1];
      const std::int64_t count = ratio * summaries;
      const NodeId packed = graph_.cont(
          graph_.view(rows, {width, count, 1, 1}, {bytes, bytes * count, bytes * count}));
      return graph_.reshape(packed, {width, ratio, summaries, 1});
    };
    const auto joined = [&](NodeId rows) {
      const NodeId previous = half(rows);
      return graph_.concat(previous, half(rows), 1);
    };
    values = joined(values);
    scores = joined(scores);
  } else {
    const Shape shape{cache.state_width, ratio, summaries, 1};
    values = graph_.reshape(graph_.get_rows(values, inputs.summarised, "summarised"), shape);
    scores = graph_.reshape(graph_.get_rows(scores, inputs.summarised, "summarised"), shape);
  }
  NodeId result = summary(values, scores, name, inputs);
  if (inputs.key_rotation != no_node) {
    result = rotate(result, inputs.key_rotation);
  }
  graph_.expand(store_keys(cache, inputs, result));
}

void Builder::keep_waiting(const KvCache& cache, const CacheInputs& inputs,
                           const Summarised& tokens) {
  const auto kept = [&](NodeId all, bool scores) {
    const NodeId rows = graph_.get_rows(all, inputs.waiting, "waiting");
    return graph_.set_rows(waiting_state(cache, scores), rows, inputs.waiting_rows);
  };
  graph_.expand(kept(tokens.value, false));
  graph_.expand(kept(tokens.score, true));
}

}  // namespace membudget::llamacpp
