// SPDX-License-Identifier: MIT
#include <array>
#include <string>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

// Learned tables that are added to the token embedding. The lookup of a position runs where its
// table lies, on the CPU; the row for the token type is the first one, always
// (src/models/bert.cpp, graph; llama.cpp b10587).
NodeId Builder::add_learned(NodeId x) {
  if (const NodeId types = weight("token_types.weight"); types != no_node) {
    const std::int64_t row = graph_[types].nb[1];
    x = graph_.add(x, graph_.view(types, {model_.embedding, 1, 1, 1}, {row, row, row}),
                   "token_types");
  }
  if (const NodeId table = weight("position_embd.weight"); table != no_node) {
    const NodeId learned = graph_.get_rows(table, positions(), "position_embd");
    x = model_.position_first ? graph_.add(learned, x, "position_embd")
                              : graph_.add(x, learned, "position_embd");
  }
  return model_.embedding_norm ? norm("token_embd_norm", x, NormKind::layer) : x;
}

// build_attn_inp_no_cache (llama-graph.cpp:2676)
void Builder::make_batch_masks() {
  if (model_.cached) {
    return;
  }
  const bool half = fusion_.flash && rules_.half_precision_mask;
  const auto mask = [&] {
    const NodeId given = graph_.input(half ? ElementType::f16 : ElementType::f32,
                                      {geometry_.tokens, geometry_.tokens, 1, 1}, "mask");
    return fusion_.flash && !half ? graph_.cast(given, ElementType::f16) : given;
  };
  batch_mask_ = mask();
  batch_window_mask_ = mask();
}

// build_attn for llm_graph_input_attn_no_cache (llama-graph.cpp:2700): the keys and values of the
// batch itself, all slots in one stream.
NodeId Builder::attend_to_batch(const Attention& attention, const Projections& now) {
  graph_.expand(now.q);
  graph_.expand(now.k);
  graph_.expand(now.v);
  return attend_heads(attention, now.q, now.k, now.v,
                      attention.window > 0 ? batch_window_mask_ : batch_mask_);
}

// A block of BERT (src/models/bert.cpp): each sum is normed, nothing before a branch.
NodeId Builder::normed_sums(const Layer& layer, NodeId x) {
  NodeId branch = mix(layer.mixer, x);
  if (last_layer()) {
    branch = outputs_only(branch);
    x = outputs_only(x);
  }
  branch = norm("attn_output_norm", graph_.add(branch, x, "residual"), layer.norm);
  if (weight("attn_norm_2.weight") != no_node) {
    branch = norm("attn_norm_2", graph_.add(branch, x, "residual"), layer.norm);
  }
  const NodeId fed = feed_forward(layer.feed_forward, branch);
  return norm("layer_output_norm", graph_.add(fed, branch, "residual"), layer.norm);
}

NodeId Builder::pool_mean(NodeId x) {
  const NodeId weights =
      graph_.input(ElementType::f32, {geometry_.tokens, geometry_.sequences, 1, 1}, "pooling");
  return graph_.mul_mat(graph_.cont(graph_.transpose(x)), weights, "pooled");
}

NodeId Builder::pool_one(NodeId x) {
  const NodeId rows = graph_.input(ElementType::i32, {geometry_.sequences, 1, 1, 1}, "pooling");
  return graph_.get_rows(x, rows, "pooled");
}

// The classification head of a reranker, as far as the file holds it.
NodeId Builder::classify(NodeId x) {
  if (weight("cls.weight") != no_node) {
    x = graph_.unary_like(Op::unary, linear("cls", x, "cls"), "cls");
    x = optional_norm("cls.norm", x, NormKind::layer);
  }
  if (weight("cls.output.weight") != no_node) {
    x = linear("cls.output", x, "cls_output");
  }
  return model_.rank_is_softmax ? graph_.soft_max(x) : x;
}

// build_pooling and build_dense_out (llama-graph.cpp:3611, 3586)
void Builder::pool(NodeId x) {
  switch (settings_.pooling) {
    case Pooling::none:
      break;
    case Pooling::mean:
      x = pool_mean(x);
      break;
    case Pooling::first:
    case Pooling::last:
      x = pool_one(x);
      break;
    case Pooling::rank:
      x = classify(model_.ranks_by_mean ? pool_mean(x) : pool_one(x));
      break;
  }
  graph_.expand(x);
  for (const std::string_view name : {"dense_2", "dense_3"}) {
    if (weight(std::string(name) + ".weight") != no_node) {
      x = linear(name, x, "dense");
      graph_.expand(x);
    }
  }
  graph_[x].output = true;
}

}  // namespace membudget::llamacpp
