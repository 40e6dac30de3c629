// SPDX-License-Identifier: MIT
// Gemma 3n's alternating updates: several copies of the hidden state, of which one runs through the
// layer and corrects the others (llama.cpp b10587, src/models/gemma3n.cpp).
#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

// calc_magnitude
NodeId Builder::magnitude(NodeId x) {
  x = graph_.unary_like(Op::sqr, x, "magnitude");
  return graph_.unary_like(Op::sqrt, graph_.sum_rows(x), "magnitude");
}

// One copy of the hidden state.
NodeId Builder::copy_of_state(NodeId states) {
  const Node all = graph_[states];
  return graph_.view(states, {all.ne[0], all.ne[1], 1, 1}, {all.nb[1], all.nb[2], all.nb[2]});
}

NodeId Builder::other_copies(NodeId states) {
  const Node all = graph_[states];
  return graph_.view(states, {all.ne[0], all.ne[1], all.ne[2] - 1, 1},
                     {all.nb[1], all.nb[2], all.nb[2] * (all.ne[2] - 1)});
}

// Projections of one state to others of the same magnitude.
NodeId Builder::rescaled(NodeId projected, NodeId target) {
  const NodeId now = magnitude(projected);
  return graph_.binary(Op::div, graph_.mul(projected, target, "altup"), now, "altup");
}

NodeId Builder::spread_states(NodeId x) {
  const Shape shape = graph_[x].ne;
  const NodeId target = magnitude(x);
  const NodeId repeated = graph_.repeat(x, {shape[0], shape[1], model_.hidden_copies - 1, 1});
  const NodeId added = graph_.mul_mat(required("altup_proj.weight"), repeated, "altup");
  return graph_.concat(x, rescaled(added, target), 2);
}

NodeId Builder::merge_states(NodeId states) {
  const NodeId target = magnitude(copy_of_state(states));
  NodeId others =
      graph_.mul_mat(required("altup_unembd_proj.weight"), other_copies(states), "altup");
  others = rescaled(others, target);
  NodeId sum = copy_of_state(states);
  for (std::int64_t i = 1; i < model_.hidden_copies; ++i) {
    sum = graph_.add(sum, copy_of_state(others), "altup");
  }
  return graph_.scale(sum, "altup");
}

// altup_compute_router_modalities
NodeId Builder::modalities(NodeId x) {
  const NodeId scaled = graph_.scale(norm("altup_router_norm", x), "altup_router");
  const NodeId routed = graph_.mul_mat(required("altup_router.weight"), scaled, "altup_router");
  return graph_.unary_like(Op::unary, routed, "altup_router");
}

NodeId Builder::predicted_states(NodeId states) {
  const std::int64_t copies = model_.hidden_copies;
  const NodeId router = modalities(copy_of_state(states));
  NodeId coefficients = graph_.mul_mat(required("altup_predict_coef.weight"), router, "altup");
  coefficients = graph_.reshape(coefficients, {copies, copies, graph_[states].ne[1], 1});
  const NodeId by_copy = graph_.cont(graph_.permute(states, {1, 2, 0, 3}));
  const NodeId mixed = graph_.mul_mat(by_copy, coefficients, "altup");
  return graph_.add(graph_.cont(graph_.permute(mixed, {0, 2, 1, 3})), states, "altup");
}

NodeId Builder::corrected_states(NodeId predictions, NodeId activated) {
  const Shape shape = graph_[predictions].ne;
  const NodeId router = modalities(activated);
  NodeId innovation = graph_.binary(Op::sub, activated, copy_of_state(predictions), "altup");
  NodeId coefficients = graph_.mul_mat(required("altup_correct_coef.weight"), router, "altup");
  coefficients = graph_.transpose(graph_.scale(coefficients, "altup"));
  coefficients = graph_.cont(coefficients, {1, shape[1], shape[2], 1});
  innovation = graph_.repeat(innovation, shape);
  return graph_.add(graph_.mul(innovation, coefficients, "altup"), predictions, "altup");
}

// Only the largest values of the gate survive (gaussian_topk).
NodeId Builder::sparse_gate(NodeId gate) {
  const Shape rows{1, graph_[gate].ne[1], 1, 1};
  const NodeId mean = graph_.operation(Op::mean, ElementType::f32, rows, {gate}, "ffn_gate");
  const NodeId squares =
      graph_.unary_like(Op::sqr, graph_.binary(Op::sub, gate, mean, "ffn_gate"), "ffn_gate");
  NodeId deviation = graph_.scale(graph_.sum_rows(squares), "ffn_gate");
  deviation = graph_.scale(graph_.unary_like(Op::sqrt, deviation, "ffn_gate"), "ffn_gate");
  const NodeId cutoff = graph_.add(mean, deviation, "ffn_gate");
  return graph_.unary_like(Op::unary, graph_.binary(Op::sub, gate, cutoff, "ffn_gate"), "ffn_gate");
}

NodeId Builder::altup_feed_forward(const DenseFeedForward& dense, NodeId x) {
  const NodeId up = linear("ffn_up", x, "ffn_up");
  NodeId gate = linear("ffn_gate", x, "ffn_gate");
  if (dense.sparse) {
    gate = sparse_gate(gate);
  }
  gate = graph_.unary_like(Op::unary, gate, "ffn_act");
  return linear("ffn_down", graph_.mul(up, gate, "ffn_act"), "ffn_down");
}

NodeId Builder::altup_layer(const Layer& layer, NodeId states) {
  const NodeId predictions = predicted_states(states);
  const NodeId active = copy_of_state(predictions);
  const NodeId input = norm("attn_norm", active);

  NodeId laurel = adapted(required("laurel_l.weight"), input, "laurel");
  laurel = adapted(required("laurel_r.weight"), laurel, "laurel");
  laurel = graph_.add(norm("laurel_post_norm", laurel), input, "laurel");

  NodeId x = norm("post_attention_norm", mix(layer.mixer, input));
  x = graph_.add(x, active, "residual");
  const NodeId residual = graph_.scale(graph_.add(x, laurel, "residual"), "residual");
  x = altup_feed_forward(std::get<DenseFeedForward>(layer.feed_forward),
                         norm("ffn_norm", residual));
  x = graph_.add(norm("post_ffw_norm", x), residual, "residual");

  const NodeId corrected = corrected_states(predictions, x);
  NodeId first =
      graph_.mul(copy_of_state(corrected), required("altup_correct_scale.weight"), "altup");
  first = per_layer_part(first);
  const NodeId rest = graph_.add(other_copies(corrected), first, "altup");
  return graph_.concat(copy_of_state(corrected), rest, 2);
}

}  // namespace membudget::llamacpp
