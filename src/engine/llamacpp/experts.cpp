// SPDX-License-Identifier: MIT
#include <string>
#include <utility>
#include <vector>

#include "engine/llamacpp/builder.hpp"

namespace membudget::llamacpp {

// The router's logits become probabilities, one per expert and token (llama-graph.cpp:1943).
NodeId Builder::routing_probabilities(const Experts& experts, NodeId logits) {
  switch (experts.routing) {
    case Routing::soft_max:
      return graph_.soft_max(logits);
    case Routing::sigmoid:
      return graph_.unary_like(Op::unary, logits, "router");
    case Routing::sqrt_soft_plus:
      return graph_.unary_like(Op::sqrt, graph_.unary_like(Op::unary, logits, "router"), "router");
    case Routing::soft_max_of_chosen:
      break;
  }
  return logits;
}

// Experts of all but the best groups are masked out (llama-graph.cpp:1985).
NodeId Builder::best_groups(const Experts& experts, NodeId scores) {
  constexpr std::int64_t judged_by = 2;  // the sum of a group's two best experts
  const std::int64_t tokens = graph_[scores].ne[1];
  const std::int64_t per_group = experts.count / experts.groups;
  const NodeId groups = graph_.reshape(scores, {per_group, experts.groups, tokens, 1});
  NodeId best = graph_.argsort_top_k(groups, judged_by);
  best = graph_.get_rows(graph_.reshape(groups, {1, per_group, experts.groups, tokens}), best,
                         "router_groups");
  best = graph_.sum_rows(graph_.reshape(best, {judged_by, experts.groups, tokens, 1}));
  best = graph_.reshape(best, {experts.groups, tokens, 1, 1});
  const NodeId chosen = graph_.argsort_top_k(best, experts.groups_used);
  const NodeId kept = graph_.get_rows(groups, chosen, "router_groups");
  const NodeId masked =
      graph_.set_rows(graph_.unary_like(Op::fill, groups, "router_groups"), kept, chosen);
  return graph_.reshape(masked, {experts.count, tokens, 1, 1});
}

// Weights of the chosen experts: one row of `used` per token (llama-graph.cpp:2037).
NodeId Builder::expert_weights(const Experts& experts, NodeId probabilities, NodeId chosen) {
  const std::int64_t tokens = graph_[probabilities].ne[1];
  const Shape flat{experts.used, tokens, 1, 1};
  const Shape rows{1, experts.used, tokens, 1};
  NodeId weights = graph_.get_rows(graph_.reshape(probabilities, {1, experts.count, tokens, 1}),
                                   chosen, "expert_weights");
  if (experts.routing == Routing::soft_max_of_chosen) {
    weights = graph_.reshape(graph_.soft_max(graph_.reshape(weights, flat)), rows);
  }
  if (experts.normalised) {
    weights = graph_.reshape(weights, flat);
    const NodeId sum = graph_.clamp(graph_.sum_rows(weights));
    weights = graph_.reshape(graph_.binary(Op::div, weights, sum, "expert_weights"), rows);
  }
  if (experts.scaled) {
    weights = graph_.scale(weights, "expert_weights");
  }
  graph_.expand(weights);
  return weights;
}

// build_lora_mm_id, with the scale and the bias per expert that the file may hold.
NodeId Builder::expert_linear(std::string_view name, NodeId x, NodeId chosen) {
  const std::string base(name);
  const NodeId matrices = required(base + ".weight");
  NodeId result = graph_.mul_mat_id(matrices, x, chosen, name);
  if (const auto found = adaptation_.weights.find(graph_[matrices].label);
      found != adaptation_.weights.end()) {
    for (const AdaptedWeight& pair : found->second) {
      const NodeId a = attached(*pair.a, pair.storage, pair.range_a);
      const NodeId b = attached(*pair.b, pair.storage, pair.range_b);
      const NodeId change =
          graph_.mul_mat_id(b, graph_.mul_mat_id(a, x, chosen, "lora"), chosen, "lora");
      result = graph_.add(result, graph_.scale(change, "lora"), name);
    }
  }
  if (const NodeId scales = weight(base + ".scale"); scales != no_node) {
    const std::int64_t count = graph_[scales].ne[0];
    const NodeId rows =
        graph_.repeat(graph_.reshape(scales, {1, count, 1, 1}), {1, count, graph_[x].ne[2], 1});
    result = graph_.mul(result, graph_.get_rows(rows, chosen, name), name);
  }
  if (const NodeId bias = weight(base + ".bias"); bias != no_node) {
    result = graph_.operation(Op::add_id, ElementType::f32, graph_[result].ne,
                              {result, bias, chosen}, name);
  }
  return result;
}

// Gate and up projection of the chosen experts and their activation (llama-graph.cpp:2115).
NodeId Builder::expert_hidden(const Experts& experts, NodeId x, NodeId chosen) {
  NodeId gate = no_node;
  NodeId up = no_node;
  if (weight("ffn_gate_up_exps.weight") != no_node) {
    const NodeId both = expert_linear("ffn_gate_up_exps", x, chosen);
    const Node node = graph_[both];
    const auto half = [&] {
      return graph_.view(both, {node.ne[0] / 2, node.ne[1], node.ne[2], 1},
                         {node.nb[1], node.nb[2], node.nb[3]});
    };
    gate = half();
    up = half();
  } else {
    up = expert_linear("ffn_up_exps", x, chosen);
    if (experts.gating != Gating::none) {
      gate = expert_linear("ffn_gate_exps", x, chosen);
    }
  }
  if (gate == no_node) {
    const NodeId hidden = graph_.unary_like(Op::unary, up, "expert_act");
    return experts.squared ? graph_.unary_like(Op::sqr, hidden, "expert_act") : hidden;
  }
  return activated(experts.limit, gate, up, "expert_act");
}

// build_moe_ffn (llama-graph.cpp:1897)
NodeId Builder::routed_experts(const Experts& experts, NodeId x) {
  const std::int64_t tokens = graph_[x].ne[1];
  const NodeId given = std::exchange(router_logits_, no_node);
  const NodeId logits = given == no_node ? linear("ffn_gate_inp", x, "router") : given;
  const NodeId probabilities = routing_probabilities(experts, logits);
  // Llama 4 chooses by the logits themselves.
  NodeId scores = experts.input_weighted ? logits : probabilities;
  NodeId bias = weight("exp_probs_b.bias");
  bias = bias == no_node ? weight("exp_probs_b") : bias;
  if (bias != no_node) {
    scores = graph_.add(scores, bias, "router");
  }
  if (experts.groups > 1) {
    scores = best_groups(experts, scores);
  }
  // The first layers of DeepSeek-V4 choose by the token itself.
  const NodeId table = weight("ffn_gate_tid2eid.weight");
  const NodeId chosen = table == no_node ? graph_.argsort_top_k(scores, experts.used)
                                         : graph_.get_rows(table, tokens_, "router");
  const NodeId weights = expert_weights(experts, probabilities, chosen);

  x = graph_.reshape(x, {graph_[x].ne[0], 1, tokens, 1});
  if (experts.input_weighted) {
    x = graph_.mul(graph_.repeat(x, {graph_[x].ne[0], experts.used, tokens, 1}), weights,
                   "expert_input");
  }
  NodeId outputs = expert_linear("ffn_down_exps", expert_hidden(experts, x, chosen), chosen);
  if (!experts.input_weighted) {
    outputs = graph_.mul(outputs, weights, "expert_out");
  }
  graph_.expand(outputs);

  // All views enter the graph before the first sum.
  const Node node = graph_[outputs];
  std::vector<NodeId> parts;
  for (std::int64_t i = 0; i < experts.used; ++i) {
    parts.push_back(graph_.view(outputs, {node.ne[0], tokens, 1, 1},
                                {node.nb[2], node.nb[2] * tokens, node.nb[2] * tokens}));
    graph_.expand(parts.back());
  }
  NodeId sum = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    sum = graph_.add(sum, parts[i], "expert_sum");
    graph_.expand(sum);
  }
  return parts.size() == 1 ? graph_.cont(sum) : sum;
}

// Experts every token passes, scaled by a gate of their own where the file holds one (qwen2moe).
NodeId Builder::shared_experts(const Experts& experts, NodeId x) {
  const NodeId result = dense({.width = experts.shared_width,
                               .gating = experts.gating,
                               .squared = experts.squared,
                               .limit = experts.shared_limit},
                              x, "_shexp");
  const NodeId gate = weight("ffn_gate_inp_shexp.weight");
  if (gate == no_node) {
    return result;
  }
  const NodeId logit = adapted(gate, x, "shared_gate");
  NodeId factor = graph_.unary_like(Op::unary, logit, "shared_gate");
  if (experts.divided_gate) {
    factor = graph_.binary(Op::div, factor, logit, "shared_gate");
  }
  return graph_.mul(result, factor, "shared_experts");
}

NodeId Builder::experts(const Experts& experts, NodeId x) {
  NodeId routed = no_node;
  if (experts.latent_dim > 0) {
    // build_ffn_layer (nemotron-h.cpp:270) and build_latent_moe (kimi-k3.cpp): the router sees
    // what the experts do not.
    const bool renamed = weight("ffn_routed_down.weight") != no_node;
    const NodeId latent =
        graph_.mul_mat(required(renamed ? "ffn_routed_down.weight" : "ffn_latent_down.weight"), x,
                       "expert_latent");
    router_logits_ = linear("ffn_gate_inp", x, "router");
    routed = optional_norm("ffn_routed_norm", routed_experts(experts, latent));
    routed = graph_.mul_mat(required(renamed ? "ffn_routed_up.weight" : "ffn_latent_up.weight"),
                            routed, "expert_latent");
  } else {
    routed = routed_experts(experts, x);
  }
  if (experts.dense_width > 0) {
    const NodeId plain = dense({.width = experts.dense_width}, x);
    return graph_.scale(graph_.add(plain, routed, "ffn_out"), "ffn_out");
  }
  if (weight("ffn_up_shexp.weight") == no_node) {
    return routed;
  }
  return graph_.add(routed, shared_experts(experts, x), "ffn_out");
}

// Experts that read the sum before the feed-forward's norm and route by it (src/models/gemma4.cpp).
NodeId Builder::experts_beside(const Experts& experts, NodeId sum) {
  const NodeId input = norm("pre_ffw_norm_2", sum);
  NodeId routed = graph_.scale(graph_.unary_like(Op::rms_norm, sum, "router"), "router");
  routed = graph_.mul(routed, required("ffn_gate_inp.scale"), "router");
  router_logits_ = adapted(required("ffn_gate_inp.weight"), routed, "router");
  return norm("post_ffw_norm_2", routed_experts(experts, input));
}

}  // namespace membudget::llamacpp
