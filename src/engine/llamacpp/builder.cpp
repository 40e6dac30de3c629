// SPDX-License-Identifier: MIT
#include "engine/llamacpp/builder.hpp"

#include <algorithm>

namespace membudget::llamacpp {

Builder::Builder(const GraphInputs& inputs, Fusion fusion)
    : model_(inputs.model),
      rules_(inputs.rules),
      settings_(inputs.settings),
      geometry_(inputs.geometry),
      placement_(inputs.placement),
      adaptation_(inputs.adaptation),
      caches_(inputs.caches),
      state_(inputs.state),
      fusion_(fusion),
      weights_(model_.tensors.all().size(), no_node),
      weights_on_cpu_(weights_) {}

// build_inp_embd: token ids and ready-made embeddings are both reserved, one of them is used. An
// adapter of the lookup table has its own rows picked by the token.
NodeId Builder::embed_tokens() {
  const std::int64_t slices = 1 + model_.deepstack_layers;
  tokens_ = graph_.input(ElementType::i32, {geometry_.tokens, 1, 1, 1}, "tokens");
  const NodeId given =
      rules_.embedding_input
          ? graph_.input(ElementType::f32, {slices * model_.embedding, geometry_.tokens, 1, 1},
                         "embeddings")
          : no_node;
  NodeId x = graph_.get_rows(required("token_embd.weight"), tokens_, "token_embd");
  if (const auto found = adaptation_.weights.find("token_embd.weight");
      found != adaptation_.weights.end()) {
    for (const AdaptedWeight& pair : found->second) {
      const NodeId a = attached(*pair.a, pair.storage, pair.range_a);
      const NodeId b = attached(*pair.b, pair.storage, pair.range_b);
      const NodeId change =
          graph_.scale(graph_.mul_mat(b, graph_.get_rows(a, tokens_, "lora"), "lora"), "lora");
      x = graph_.add(x, change, "lora");
    }
  }
  if (slices > 1) {
    x = graph_.pad(x, {(slices - 1) * model_.embedding, 0, 0, 0});
  }
  graph_.expand(x);
  if (given != no_node) {
    graph_.visit_leaf(given);
  }
  slices_ = x;
  if (slices > 1) {
    x = slice(0);
  }
  if (model_.embedding_scaled) {
    x = graph_.scale(x, "token_embd");
  }
  // With an input per layer the scale waits until a layer needs it.
  if (model_.per_layer_width == 0) {
    graph_.expand(x);
  }
  return x;
}

// One width of the padded embedding: a view, never a copy.
NodeId Builder::slice(std::int64_t /*index*/) {
  const std::int64_t stride = graph_[slices_].nb[1];
  return graph_.view(slices_, {model_.embedding, geometry_.tokens, 1, 1},
                     {stride, stride * geometry_.tokens, stride * geometry_.tokens});
}

void Builder::make_cache_inputs() {
  for (const KvCache& cache : caches_) {
    CacheInputs inputs;
    const std::int64_t tokens = geometry_.tokens;
    const std::int64_t values = cache.values_transposed ? tokens * cache.widest_value : tokens;
    const auto indices = [&](ElementType type, std::int64_t count, std::string_view label) {
      return graph_.input(type, {count, 1, 1, 1}, label);
    };
    // dsv4_build_reserve_comp_plan (llama-kv-cache-dsv4.cpp:789)
    const std::int64_t per_slot = tokens / geometry_.sequences;
    const std::int64_t summaries =
        geometry_.sequences * ((per_slot + cache.ratio - 1) / cache.ratio);
    inputs.key_rows = indices(ElementType::i64, summaries, "cache_rows_k");
    if (cache.ratio > 1) {
      const std::int64_t rows = std::min(tokens, cache.state_rows * cache.streams);
      const std::int64_t per_summary = cache.overlaps() ? 2 * cache.ratio : cache.ratio;
      inputs.state_positions = indices(ElementType::i32, tokens, "state_positions");
      inputs.waiting = indices(ElementType::i32, rows, "waiting");
      inputs.waiting_rows = indices(ElementType::i32, rows, "waiting_rows");
      inputs.summarised = indices(ElementType::i32, per_summary * summaries, "summarised");
      inputs.summary_positions = indices(ElementType::i32, summaries, "summary_positions");
    }
    if (!cache.keys_only) {
      inputs.value_rows = graph_.input(ElementType::i64, {values, 1, 1, 1}, "cache_rows_v");
    }
    // Fused kernels read the mask in half precision.
    const bool fused = cache.indexer ? fusion_.indexer : fusion_.flash;
    const bool half = fused && rules_.half_precision_mask;
    inputs.mask = graph_.input(half ? ElementType::f16 : ElementType::f32,
                               {cache.cells, tokens / cache.streams, 1, cache.streams}, "mask");
    if (fused && !half) {
      inputs.mask = graph_.cast(inputs.mask, ElementType::f16);
    }
    const auto square = [&](std::int64_t edge, std::string_view label) {
      return edge == 0 ? no_node : graph_.input(ElementType::f32, {edge, edge, 1, 1}, label);
    };
    inputs.key_rotation = square(cache.key_rotation, "rotation_k");
    inputs.value_rotation = square(cache.value_rotation, "rotation_v");
    cache_inputs_.push_back(inputs);
  }
}

bool Builder::last_layer() const {
  return layer_ + 1 == static_cast<std::int64_t>(model_.layers.size());
}

bool Builder::drops_rows_inside() const {
  return last_layer() && !predicting_ && !model_.outputs_after_layers && !keeps_rows();
}

bool Builder::keeps_rows() const {
  return model_.outputs_after_norm && rules_.rows_kept_for_drafting;
}

// Rows whose logits nobody asked for are dropped as early as the engine does.
NodeId Builder::outputs_only(NodeId x) {
  if (output_rows_ == no_node) {
    output_rows_ = graph_.input(ElementType::i32, {geometry_.outputs, 1, 1, 1}, "output_rows");
  }
  return graph_.get_rows(x, output_rows_, "outputs");
}

// Both mixers have a norm of their own with the same weights, and the outputs are picked from
// the sum (falcon-h1.cpp).
NodeId Builder::two_mixers(const Layer& layer, NodeId x) {
  const NodeId first = mix(layer.mixer, optional_norm("attn_norm", x, layer.norm));
  const NodeId second = mix(layer.beside, optional_norm("attn_norm", x, layer.norm));
  const NodeId sum = graph_.add(graph_.add(first, second, "mixers"), x, "residual");
  return last_layer() ? outputs_only(sum) : sum;
}

bool Builder::mixes(const Layer& layer) {
  const auto* attention = std::get_if<Attention>(&layer.mixer);
  return attention == nullptr ? !std::holds_alternative<std::monostate>(layer.mixer)
                              : attention->heads > 0;
}

// A layer of a feed-forward alone calls its norm as it likes (nemotron_h: attn_norm). One of
// neither hands its input on, the last one all rows of it (src/models/deci.cpp, "continue").
NodeId Builder::feed_only(const Layer& layer, NodeId x) {
  if (std::holds_alternative<std::monostate>(layer.feed_forward)) {
    return x;
  }
  if (drops_rows_inside()) {
    x = outputs_only(x);
  }
  const NodeId input = optional_norm("attn_norm", x, layer.norm);
  return feed(layer, optional_norm("ffn_norm", input, layer.norm), x);
}

NodeId Builder::layer(const Layer& layer, NodeId x) {
  if (layer.residual == Residual::normed_sums) {
    return normed_sums(layer, x);
  }
  if (const auto* rwkv = std::get_if<Rwkv>(&layer.mixer)) {
    return rwkv_layer(layer, *rwkv, x);
  }
  if (layer.residual == Residual::attended) {
    return attended_layer(layer, x);
  }
  if (layer.residual == Residual::hyper_connected) {
    return hyper_layer(layer, x);
  }
  if (!std::holds_alternative<std::monostate>(layer.beside)) {
    x = two_mixers(layer, x);
    // The one norm whose weight goes without ".weight".
    const NodeId normed = graph_.unary_like(Op::rms_norm, x, "ffn_norm");
    return feed(layer, graph_.mul(normed, required("ffn_norm"), "ffn_norm"), x);
  }
  if (!mixes(layer)) {
    return feed_only(layer, x);
  }
  const auto layer_norm = [&](std::string_view name, NodeId of) {
    return layer.unweighted_norms ? norm(name, of, layer.norm)
                                  : optional_norm(name, of, layer.norm);
  };
  NodeId residual = x;
  NodeId input = layer_norm("attn_norm", x);
  router_logits_ = layer.early_router ? linear("ffn_gate_inp", x, "router") : no_node;
  // Falcon-40B norms the two branches apart.
  NodeId branch =
      mix(layer.mixer,
          weight("attn_norm_2.weight") == no_node ? input : norm("attn_norm_2", x, layer.norm));
  const auto normed_branch = [&] {
    return first_norm({"post_attention_norm", "attn_output_norm"}, branch, layer.norm);
  };
  if (layer.branch_norms && layer.norm_before_drop) {
    branch = normed_branch();
  }
  if (drops_rows_inside()) {
    branch = outputs_only(branch);
    residual = outputs_only(residual);
    if (layer.residual != Residual::sequential && layer.residual != Residual::own_norms) {
      input = outputs_only(input);
    }
    if (layer.early_router) {
      router_logits_ = outputs_only(router_logits_);
    }
  }
  if (layer.branch_norms && !layer.norm_before_drop) {
    branch = normed_branch();
  }
  if (layer.residual_scaled) {
    branch = graph_.scale(branch, "attn_out");
  }
  switch (layer.residual) {
    case Residual::mixer_last: {
      const NodeId fed = feed_forward(layer.feed_forward, input);
      return graph_.add(graph_.add(fed, residual, "residual"), branch, "residual");
    }
    case Residual::own_norms: {
      const NodeId fed = feed_forward(layer.feed_forward, norm("ffn_norm", residual, layer.norm));
      return graph_.add(graph_.add(fed, residual, "residual"), branch, "residual");
    }
    case Residual::input_last: {
      const NodeId fed = feed_forward(layer.feed_forward, input);
      return graph_.add(graph_.add(fed, branch, "residual"), residual, "residual");
    }
    case Residual::input_last_mixer_first: {
      const NodeId fed = feed_forward(layer.feed_forward, input);
      return graph_.add(graph_.add(branch, fed, "residual"), residual, "residual");
    }
    case Residual::one_norm:
    case Residual::normed_sums:
    case Residual::attended:
    case Residual::hyper_connected:
    case Residual::sequential:
      break;
  }
  const NodeId layer_input = residual;
  residual = layer.mixer_residual_first ? graph_.add(residual, branch, "residual")
                                        : graph_.add(branch, residual, "residual");
  if (std::holds_alternative<std::monostate>(layer.feed_forward)) {
    return residual;
  }
  if (layer.residual == Residual::sequential) {
    input = layer.branch_norms || layer.unweighted_norms
                ? layer_norm("ffn_norm", residual)
                : first_norm({"ffn_norm", "post_attention_norm", "attn_output_norm"}, residual,
                             layer.norm);
  }
  x = feed(layer, input, residual);
  if (!layer.experts_on_sum && !std::holds_alternative<std::monostate>(layer.feed_forward_beside)) {
    const NodeId other =
        feed_forward(layer.feed_forward_beside, norm("ffn_norm_exps", layer_input, layer.norm));
    x = graph_.add(other, x, "residual");
  }
  return x;
}

NodeId Builder::feed(const Layer& layer, NodeId input, NodeId residual) {
  NodeId branch = feed_forward(layer.feed_forward, input);
  if (layer.experts_on_sum) {
    branch = norm("post_ffw_norm_1", branch, layer.norm);
    const NodeId other = experts_beside(std::get<Experts>(layer.feed_forward_beside), residual);
    branch = graph_.add(branch, other, "ffn_out");
  }
  if (layer.branch_norms) {
    branch = first_norm({"post_ffw_norm", "layer_output_norm"}, branch, layer.norm);
  }
  if (layer.residual_scaled) {
    branch = graph_.scale(branch, "ffn_out");
  }
  const NodeId x =
      add_per_layer_input(layer.residual_first ? graph_.add(residual, branch, "residual")
                                               : graph_.add(branch, residual, "residual"));
  return layer_ < model_.deepstack_layers ? graph_.add(x, slice(layer_ + 1), "deepstack") : x;
}

void Builder::head(NodeId x) {
  if (model_.outputs_after_layers) {
    graph_[x].output = true;
    x = outputs_only(x);
  }
  // The last sum of such a layer is normed already.
  if (model_.layers.back().residual != Residual::normed_sums) {
    // LFM2 calls it as others call the norm of the token embedding.
    const bool renamed =
        weight("output_norm.weight") == no_node && weight("token_embd_norm.weight") != no_node;
    x = norm(renamed ? "token_embd_norm" : "output_norm", x, model_.norm);
  }
  graph_[x].output = true;
  if (keeps_rows()) {
    x = outputs_only(x);
    graph_[x].output = true;
  }
  if (model_.logits) {
    logits(x);
  } else {
    graph_.expand(x);
  }
  if (settings_.embeddings) {
    pool(x);
  }
}

void Builder::logits(NodeId x) {
  if (model_.output_scaled) {
    x = graph_.scale(x, "output_norm");
  }
  const NodeId output = weight("output.weight");
  NodeId result = adapted(output == no_node ? tied_output() : output, x, "logits");
  if (const NodeId bias = weight("output.bias"); bias != no_node) {
    result = graph_.add(result, bias, "logits");
  }
  if (model_.logits_scaled) {
    result = graph_.scale(result, "logits");
  }
  if (model_.logits_capped) {
    result = graph_.scale(result, "logits");
    result = graph_.unary_like(Op::unary, result, "logits");
    result = graph_.scale(result, "logits");
  }
  graph_[result].output = true;
  graph_.expand(result);
}

// The token embedding once more, where the output layer lives (TENSOR_DUPLICATED).
NodeId Builder::tied_output() {
  const Tensor* tensor = model_.tensors.find("token_embd.weight");
  const auto index = static_cast<std::size_t>(tensor - model_.tensors.all().data());
  return graph_.stored(tensor->type, tensor->shape, placement_.tied_output, placement_.range[index],
                       true, "token_embd.weight");
}

// graph_mtp of src/models/qwen35.cpp and qwen35moe.cpp: the hidden state of each token and the
// embedding of the one that follows it become the input of one more layer.
Graph Builder::build_predictor() {
  graph_.set_layer(-1);
  tokens_ = graph_.input(ElementType::i32, {geometry_.tokens, 1, 1, 1}, "tokens");
  const NodeId hidden =
      graph_.input(ElementType::f32, {model_.embedding, geometry_.tokens, 1, 1}, "hidden");
  make_cache_inputs();
  layer_ = 0;
  graph_.set_layer(0);
  cache_home_ = 0;
  NodeId table = weight("nextn.embed_tokens.weight");
  if (table == no_node) {
    layer_ = -1;
    table = required("token_embd.weight");
    layer_ = 0;
  }
  const NodeId embedded = graph_.get_rows(table, tokens_, "token_embd");
  const NodeId state = norm("nextn.hnorm", hidden);
  const NodeId both = graph_.concat(norm("nextn.enorm", embedded), state, 0);
  predicting_ = true;
  NodeId x = layer(model_.layers.front(), linear("nextn.eh_proj", both, "eh_proj"));
  const bool own_norm = weight("nextn.shared_head_norm.weight") != no_node;
  if (!own_norm) {
    layer_ = -1;
  }
  graph_.set_layer(-1);
  x = norm(own_norm ? "nextn.shared_head_norm" : "output_norm", x, model_.norm);
  graph_[x].output = true;
  x = outputs_only(x);
  layer_ = 0;
  NodeId output = weight("nextn.shared_head_head.weight");
  layer_ = -1;
  if (output == no_node) {
    output = weight("output.weight");
  }
  x = adapted(output == no_node ? tied_output() : output, x, "logits");
  graph_[x].output = true;
  graph_.expand(x);
  return std::move(graph_);
}

Graph Builder::build() {
  graph_.set_layer(-1);
  NodeId x = add_learned(embed_tokens());
  make_cache_inputs();
  if (model_.per_layer_width > 0) {
    make_per_layer_input(x);
  }
  if (model_.hidden_copies > 1) {
    x = spread_states(x);
  }
  if (model_.hidden_states > 1) {
    const std::int64_t tokens = graph_[x].ne[1];
    graph_.visit_leaf(cache_inputs_.front().mask);
    x = graph_.reshape(x, {model_.embedding, 1, tokens, 1});
    x = graph_.repeat(x, {model_.embedding, model_.hidden_states, tokens, 1});
  }
  make_batch_masks();
  for (layer_ = 0; layer_ < static_cast<std::int64_t>(model_.layers.size()); ++layer_) {
    graph_.set_layer(layer_);
    cache_home_ = layer_;
    const Layer& next = model_.layers[static_cast<std::size_t>(layer_)];
    x = model_.hidden_copies > 1 ? altup_layer(next, x) : with_control_vector(layer(next, x));
  }
  layer_ = -1;
  graph_.set_layer(-1);
  if (model_.hidden_copies > 1) {
    x = outputs_only(merge_states(x));
  } else if (model_.hidden_states > 1) {
    x = hyper_head(x);
  } else if (model_.layers.back().residual == Residual::attended) {
    x = outputs_only(mixed_with_put_aside(x, "output_res_score.weight"));
  }
  head(x);
  return std::move(graph_);
}

}  // namespace membudget::llamacpp
