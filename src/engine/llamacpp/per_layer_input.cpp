// SPDX-License-Identifier: MIT
// The embedding that Gemma 3n and Gemma 4's E-models give every layer (llama.cpp b10587,
// src/models/gemma3n.cpp and gemma4.cpp).
#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

// build_inp_per_layer and project_per_layer_inputs: looked up with a token input of its own, added
// to a projection of the token embedding, and laid out so that each layer's part is one block.
void Builder::make_per_layer_input(NodeId x) {
  const std::int64_t tokens = geometry_.tokens;
  const auto layers = static_cast<std::int64_t>(model_.layers.size());
  const Shape by_token{model_.per_layer_width, layers, tokens, 1};

  const NodeId ids = graph_.input(ElementType::i32, {tokens, 1, 1, 1}, "tokens");
  NodeId looked_up =
      graph_.get_rows(required("per_layer_token_embd.weight"), ids, "per_layer_embd");
  looked_up = graph_.scale(graph_.reshape(looked_up, by_token), "per_layer_embd");
  graph_.expand(looked_up);

  NodeId projected = graph_.mul_mat(required("per_layer_model_proj.weight"), x, "per_layer_proj");
  projected = graph_.reshape(graph_.scale(projected, "per_layer_proj"), by_token);
  projected = norm("per_layer_proj_norm", projected);
  const NodeId sum = graph_.scale(graph_.add(projected, looked_up, "per_layer"), "per_layer");
  per_layer_input_ = graph_.cont(graph_.permute(sum, {0, 2, 1, 3}));
}

// What a layer makes of its own part of the embedding.
NodeId Builder::per_layer_part(NodeId x) {
  const Node all = graph_[per_layer_input_];
  NodeId gate = adapted(required("inp_gate.weight"), x, "per_layer_gate");
  gate = graph_.unary_like(Op::unary, gate, "per_layer_gate");
  const NodeId own = graph_.view(per_layer_input_, {all.ne[0], all.ne[1], 1, 1},
                                 {all.nb[1], all.nb[1] * all.ne[1], all.nb[1] * all.ne[1]});
  const NodeId added = graph_.mul(gate, own, "per_layer");
  return norm("post_norm", adapted(required("proj.weight"), added, "per_layer"));
}

// That part, and the scale of the layer, at the layer's end.
NodeId Builder::add_per_layer_input(NodeId x) {
  if (per_layer_input_ != no_node) {
    x = graph_.add(x, per_layer_part(x), "residual");
  }
  const NodeId scale = weight("layer_output_scale.weight");
  return scale == no_node ? x : graph_.mul(x, scale, "residual");
}

}  // namespace membudget::llamacpp
