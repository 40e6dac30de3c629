// SPDX-License-Identifier: MIT
#include "model/arch/mixture.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"

namespace membudget {

void list_predictor(TensorList& list, std::int64_t layer) {
  const Dimensions& d = list.dimensions();
  list.add(layer, "nextn.eh_proj.weight", {2 * d.embedding, d.embedding});
  list.norm(layer, "nextn.enorm", d.embedding);
  list.norm(layer, "nextn.hnorm", d.embedding);
  for (const std::string_view table : {"nextn.embed_tokens", "nextn.shared_head_head"}) {
    if (list.has(std::string(table) + ".weight")) {
      list.linear(layer, table, d.embedding, d.vocabulary);
    }
  }
  if (list.has("nextn.shared_head_norm.weight")) {
    list.norm(layer, "nextn.shared_head_norm", d.embedding);
  }
}

void list_experts(TensorList& list, const Experts& experts, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  const auto stack = [&](std::string_view name, std::int64_t in, std::int64_t out) {
    list.add(layer, std::string(name) + ".weight", {in, out, experts.count});
    if (const std::string bias = std::string(name) + ".bias"; list.has(bias)) {
      list.add(layer, bias, {out, experts.count});
    }
  };
  list.linear(layer, "ffn_gate_inp", embedding, experts.count);
  const std::int64_t seen = experts.latent_dim > 0 ? experts.latent_dim : embedding;
  if (experts.latent_dim > 0) {
    const bool renamed = list.has("ffn_routed_down.weight");
    list.linear(layer, renamed ? "ffn_routed_down" : "ffn_latent_down", embedding,
                experts.latent_dim);
    list.linear(layer, renamed ? "ffn_routed_up" : "ffn_latent_up", experts.latent_dim, embedding);
    if (list.has("ffn_routed_norm.weight")) {
      list.norm(layer, "ffn_routed_norm", experts.latent_dim);
    }
  }
  if (experts.gating == Gating::fused) {
    stack("ffn_gate_up_exps", seen, 2 * experts.width);
  } else {
    if (experts.gating == Gating::split) {
      stack("ffn_gate_exps", seen, experts.width);
    }
    stack("ffn_up_exps", seen, experts.width);
  }
  stack("ffn_down_exps", experts.width, seen);
  for (const std::string_view bias : {"exp_probs_b.bias", "exp_probs_b"}) {
    if (list.has(bias)) {
      list.add(layer, bias, {experts.count});
    }
  }
  if (experts.shared_width > 0) {
    if (experts.gating != Gating::none) {
      list.linear(layer, "ffn_gate_shexp", embedding, experts.shared_width);
    }
    list.linear(layer, "ffn_up_shexp", embedding, experts.shared_width);
    list.linear(layer, "ffn_down_shexp", experts.shared_width, embedding);
    if (list.has("ffn_gate_inp_shexp.weight")) {
      list.add(layer, "ffn_gate_inp_shexp.weight", {embedding});
    }
  }
}

void list_dense(TensorList& list, const DenseFeedForward& dense, std::int64_t layer) {
  const std::int64_t embedding = list.dimensions().embedding;
  list.linear(layer, "ffn_gate", embedding, dense.width);
  list.linear(layer, "ffn_up", embedding, dense.width);
  list.linear(layer, "ffn_down", dense.width, embedding);
}

void list_feed_forward(TensorList& list, const FeedForward& feed_forward, std::int64_t layer) {
  if (const auto* experts = std::get_if<Experts>(&feed_forward)) {
    list_experts(list, *experts, layer);
  } else if (const auto* dense = std::get_if<DenseFeedForward>(&feed_forward)) {
    list_dense(list, *dense, layer);
  }
}

void check_experts(const Metadata& metadata, const Experts& experts) {
  constexpr std::int64_t most = 1024;  // LLAMA_MAX_EXPERTS
  const bool grouped = experts.groups > 1;
  if (experts.count < 1 || experts.count > most || experts.used < 1 ||
      experts.used > experts.count || experts.groups >= experts.count ||
      (grouped && (experts.count % experts.groups != 0 || experts.groups_used < 1 ||
                   experts.groups_used >= experts.groups))) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("{} experts of which {} are used, in {} groups of which {} are used, "
                            "are no mixture that the engine loads",
                            experts.count, experts.used, experts.groups, experts.groups_used));
  }
}

Experts read_experts(const Metadata& metadata) {
  Experts experts;
  experts.count = metadata.integer("expert_count");
  experts.used = metadata.integer("expert_used_count");
  const std::vector<std::int64_t> width =
      metadata.per_layer("feed_forward_length", metadata.integer("block_count"), 0);
  experts.width = metadata.integer("expert_feed_forward_length", width.empty() ? 0 : width.front());
  experts.groups = metadata.integer("expert_group_count", 0);
  experts.groups_used = metadata.integer("expert_group_used_count", 0);
  check_experts(metadata, experts);
  return experts;
}

bool weights_scaled(const Metadata& metadata) {
  const double scale = metadata.real("expert_weights_scale", 0);
  return scale != 0 && scale != 1;
}

Routing stated_routing(const Metadata& metadata, Routing fallback) {
  switch (metadata.integer("expert_gating_func", 0)) {
    case 1:
      return Routing::soft_max;
    case 2:
      return Routing::sigmoid;
    case 3:
      return Routing::soft_max_of_chosen;
    case 4:
      return Routing::sqrt_soft_plus;
    default:
      return fallback;
  }
}

void route_as_stated(const Metadata& metadata, Experts& experts, Routing fallback) {
  experts.routing = stated_routing(metadata, fallback);
  experts.normalised = metadata.boolean("expert_weights_norm", false);
  experts.scaled = weights_scaled(metadata);
}

std::vector<Limit> read_limits(const Metadata& metadata, std::string_view key, std::size_t layers,
                               Limit kind) {
  constexpr double smallest = 1e-6;  // build_ffn, build_moe_ffn
  std::vector<Limit> result(layers, Limit::none);
  const Metadata::Value* value = metadata.find(fmt::format("{}.{}", metadata.architecture(), key));
  for (std::size_t i = 0; value != nullptr && i < layers; ++i) {
    if (const auto* limits = std::get_if<std::vector<double>>(value)) {
      result[i] = i < limits->size() && (*limits)[i] > smallest ? kind : Limit::none;
    } else if (const auto* limit = std::get_if<double>(value)) {
      result[i] = *limit > smallest ? kind : Limit::none;
    }
  }
  return result;
}

void put_experts(const Metadata& metadata, Model& model, const Experts& experts) {
  const std::int64_t dense = metadata.integer("leading_dense_block_count", 0);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const bool here = model.tensors.all().empty()
                          ? index >= dense
                          : model.tensors.find(index, "ffn_gate_inp.weight") != nullptr;
    if (here) {
      model.layers[i].feed_forward = experts;
    }
  }
}

void drop_draft_layers(const Metadata& metadata, Model& model, bool cached) {
  model.draft_layers = metadata.integer("nextn_predict_layers", 0);
  model.draft_cached = cached;
  if (model.draft_layers >= static_cast<std::int64_t>(model.layers.size())) {
    throw Error(
        Errc::invalid_model, metadata.where(),
        fmt::format("'nextn_predict_layers' is {}, which leaves no layer", model.draft_layers));
  }
  model.layers.resize(model.layers.size() - static_cast<std::size_t>(model.draft_layers));
}

std::vector<TensorShape> mixture_tensors(const Metadata& metadata, OptionalTensors optional,
                                         void (*describe)(const Metadata&, Model&),
                                         const Layout& layout,
                                         std::initializer_list<std::string_view> always) {
  std::vector<std::string> present(optional.begin(), optional.end());
  present.insert(present.end(), always.begin(), always.end());
  TensorList list(metadata, present);
  Model model;
  describe(metadata, model);
  list.embedding_and_head(layout);
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  for (std::int64_t index = 0; index < layers + model.draft_layers; ++index) {
    // A block for drafting is one more layer of the last kind, and what joins it to the model.
    const Layer& layer = model.layers[static_cast<std::size_t>(std::min(index, layers - 1))];
    list.norms(index, layout);
    list.attention(index, layout);
    list_feed_forward(list, layer.feed_forward, index);
    list_feed_forward(list, layer.feed_forward_beside, index);
    if (index >= layers) {
      list_predictor(list, index);
    }
  }
  return list.take();
}

}  // namespace membudget
