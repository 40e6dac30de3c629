// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "engine/llamacpp/adapters.hpp"
#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/graph.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/placement.hpp"
#include "engine/llamacpp/recurrent_state.hpp"
#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "membudget/workload.hpp"

namespace membudget::llamacpp {

/// Which operations the engine fuses; what a device cannot run is built from small ones instead.
struct Fusion {
  bool flash = true;    ///< Flash attention.
  bool indexer = true;  ///< The indexer of sparse attention.
  // Of hyper-connections: how hidden states are mixed for a branch, the mix of them that its result
  // is added to, and that sum.
  bool hyper_mix = true;
  bool hyper_weights = true;
  bool hyper_sum = true;

  friend bool operator==(const Fusion&, const Fusion&) = default;
};

/// Everything a graph is built from; all of it must outlive the builder.
struct GraphInputs {
  const Model& model;
  const LlamaCppRules& rules;
  const Settings& settings;
  const Geometry& geometry;
  const Placement& placement;
  const Adaptation& adaptation;
  const std::vector<KvCache>& caches;
  const RecurrentState& state;
};

/// Builds the worst-case graph of a model: blocks composed layer by layer, in the order in which
/// llama.cpp b10587 builds them (src/llama-graph.cpp, src/models/*.cpp).
class Builder {
 public:
  Builder(const GraphInputs& inputs, Fusion fusion);

  [[nodiscard]] Graph build();
  /// The graph that drafts with the model's one layer, which follows the layers of another model
  /// (LLM_GRAPH_TYPE_DECODER_MTP).
  [[nodiscard]] Graph build_predictor();
  /// The flash attention nodes of the graph, for the engine's check of what `auto` becomes.
  [[nodiscard]] const std::vector<NodeId>& flash_nodes() const { return flash_nodes_; }
  /// Likewise for fused indexers.
  [[nodiscard]] const std::vector<NodeId>& indexer_nodes() const { return indexer_nodes_; }
  /// Likewise for fused operations of hyper-connections.
  [[nodiscard]] const std::vector<NodeId>& hyper_nodes(Op op) const {
    return op == Op::dsv4_hc_pre    ? hyper_mix_nodes_
           : op == Op::dsv4_hc_comb ? hyper_weight_nodes_
                                    : hyper_sum_nodes_;
  }

 private:
  struct Projections {
    NodeId q = no_node;
    NodeId k = no_node;
    NodeId v = no_node;
    NodeId gate = no_node;
  };
  // What a delta net's input becomes: queries, keys and values before the convolution.
  struct MixedProjection {
    NodeId mixed = no_node;
    NodeId gate = no_node;
  };
  struct DeltaNetGates {
    NodeId decay = no_node;
    NodeId beta = no_node;
  };
  // The inputs that belong to one cache.
  struct CacheInputs {
    NodeId key_rows = no_node;
    NodeId value_rows = no_node;
    NodeId mask = no_node;
    NodeId key_rotation = no_node;
    NodeId value_rotation = no_node;
    // Of a compressed cache: positions inside a summary, which tokens wait and where, what
    // summaries are made of, and their positions.
    NodeId state_positions = no_node;
    NodeId waiting = no_node;
    NodeId waiting_rows = no_node;
    NodeId summarised = no_node;
    NodeId summary_positions = no_node;
  };
  // What a hyper-connection gives a branch, and how its result is added.
  struct HyperConnection {
    NodeId input = no_node;
    NodeId share = no_node;
    NodeId weights = no_node;
  };
  // Values and scores of tokens that summaries are made of: of these tokens, of those that wait.
  struct Summarised {
    NodeId value = no_node;
    NodeId score = no_node;
  };
  // The inputs of sparse attention by blocks.
  struct BlockInputs {
    NodeId bias = no_node;         // per token, in favour of its own blocks
    NodeId visible = no_node;      // per token, by position
    NodeId cells = no_node;        // by position
    NodeId cell_values = no_node;  // the same as floats
    NodeId blocks = no_node;       // by cell
    NodeId mask = no_node;         // of the cache, in full precision
  };
  // What one such layer attends with, all streams together.
  struct BlockOperands {
    NodeId q = no_node;
    NodeId index_queries = no_node;
    NodeId index_keys = no_node;
    NodeId k = no_node;
    NodeId v = no_node;
  };

  // builder.cpp
  NodeId embed_tokens();
  NodeId slice(std::int64_t index);
  // per_layer_input.cpp
  void make_per_layer_input(NodeId x);
  NodeId per_layer_part(NodeId x);
  NodeId add_per_layer_input(NodeId x);
  // altup.cpp
  NodeId magnitude(NodeId x);
  NodeId copy_of_state(NodeId states);
  NodeId other_copies(NodeId states);
  NodeId rescaled(NodeId projected, NodeId target);
  NodeId spread_states(NodeId x);
  NodeId merge_states(NodeId states);
  NodeId modalities(NodeId x);
  NodeId predicted_states(NodeId states);
  NodeId corrected_states(NodeId predictions, NodeId activated);
  NodeId sparse_gate(NodeId gate);
  NodeId altup_feed_forward(const DenseFeedForward& dense, NodeId x);
  NodeId altup_layer(const Layer& layer, NodeId states);
  NodeId layer(const Layer& layer, NodeId x);
  [[nodiscard]] static bool mixes(const Layer& layer);
  NodeId feed_only(const Layer& layer, NodeId x);
  // hyper_connection.cpp
  NodeId hyper_layer(const Layer& layer, NodeId states);
  HyperConnection hyper_connection(std::string_view name, NodeId states);
  NodeId hyper_mix(NodeId states, NodeId shares, bool fused);
  NodeId hyper_weights(NodeId mixes, NodeId scale, NodeId base);
  NodeId hyper_sum(NodeId branch, NodeId states, const HyperConnection& connection);
  NodeId hyper_head(NodeId states);
  // residual_attention.cpp
  NodeId attended_layer(const Layer& layer, NodeId x);
  NodeId mixed_with_put_aside(NodeId x, std::string_view scores);
  NodeId two_mixers(const Layer& layer, NodeId x);
  NodeId feed(const Layer& layer, NodeId input, NodeId residual);
  void head(NodeId x);
  [[nodiscard]] bool keeps_rows() const;
  void logits(NodeId x);
  NodeId tied_output();
  void make_cache_inputs();
  NodeId outputs_only(NodeId x);
  [[nodiscard]] bool last_layer() const;
  [[nodiscard]] bool drops_rows_inside() const;

  // blocks.cpp: what all layers share
  NodeId weight(std::string_view suffix);
  NodeId required(std::string_view suffix);
  NodeId weight_of(const Tensor& tensor);
  NodeId linear(std::string_view name, NodeId x, std::string_view label);
  NodeId adapted(NodeId weight, NodeId x, std::string_view label);
  NodeId attached(const Tensor& tensor, Storage storage, Range range);
  NodeId with_control_vector(NodeId x);
  NodeId norm(std::string_view name, NodeId x, NormKind kind = NormKind::rms);
  NodeId optional_norm(std::string_view name, NodeId x, NormKind kind = NormKind::rms);
  NodeId first_norm(std::initializer_list<std::string_view> names, NodeId x, NormKind kind);
  NodeId positions();
  NodeId rope(NodeId x, bool with_factors = true);
  NodeId temperature();
  [[nodiscard]] Pin pin_to_layer() const;

  // attention.cpp, latent_attention.cpp, recurrent.cpp: one per alternative of Mixer
  NodeId mix(const Mixer& mixer, NodeId x);
  NodeId attention(const Attention& attention, NodeId x);
  NodeId latent_attention(const LatentAttention& attention, NodeId x);
  NodeId attend_to_latents(NodeId q, NodeId k, NodeId v, NodeId mask);
  NodeId indexed_tokens(const Indexer& indexer, NodeId x, NodeId query_latent);
  NodeId indexer_scores(NodeId q, NodeId k, NodeId weights, NodeId mask);
  NodeId sparse_mask(NodeId mask, NodeId tokens, ElementType type);
  // block_attention.cpp
  [[nodiscard]] bool attends_to_blocks() const;
  const BlockInputs& block_inputs(const BlockIndexer& indexer);
  NodeId strided(NodeId of, Shape shape, std::array<std::size_t, 3> strides);
  NodeId block_attention(const Attention& attention, const Projections& now, NodeId x);
  NodeId attend_to_blocks(const Attention& attention, const BlockOperands& all);
  NodeId attend_to_gathered(const Attention& attention, const BlockOperands& all);
  NodeId block_scores(const BlockIndexer& indexer, NodeId scores, NodeId visible, NodeId bias);
  NodeId attend_by_group(NodeId q, NodeId k, NodeId v, NodeId mask, std::int64_t group);
  // compressed_attention.cpp, compressor.cpp
  NodeId compressed_attention(const CompressedAttention& attention, NodeId x);
  NodeId attend_to_window(const CompressedAttention& attention, NodeId q, NodeId kv, NodeId x,
                          NodeId query_latent);
  NodeId cached_summaries(const KvCache& cache, std::int64_t width);
  NodeId picked_summaries(const Indexer& indexer, NodeId x, NodeId query_latent);
  NodeId project_groups(const CompressedAttention& attention, NodeId result);
  Summarised to_summarise(std::string_view name, const CacheInputs& inputs, NodeId x);
  NodeId waiting_state(const KvCache& cache, bool scores);
  NodeId gather(const KvCache& cache, NodeId tokens, bool scores);
  NodeId overlapping_rows(NodeId source, NodeId rows);
  NodeId summary(NodeId values, NodeId scores, std::string_view name, const CacheInputs& inputs);
  void compress(const KvCache& cache, const CacheInputs& inputs, const Summarised& tokens,
                std::string_view name);
  void keep_waiting(const KvCache& cache, const CacheInputs& inputs, const Summarised& tokens);
  NodeId mamba(const Mamba& mamba, NodeId x);
  NodeId mamba_1(const Mamba& mamba, NodeId x);
  NodeId mamba_2(const Mamba& mamba, NodeId x);
  NodeId convolve(NodeId inner, std::int64_t width, NodeId read, NodeId stored,
                  std::string_view kernel);
  NodeId scan_states(NodeId stored, const Mamba& mamba, NodeId x, NodeId dt, NodeId b, NodeId c);
  NodeId delta_net(const DeltaNet& net, NodeId x);
  MixedProjection project_delta_net(const DeltaNet& net, NodeId x);
  DeltaNetGates delta_net_gates(const DeltaNet& net, NodeId x);
  NodeId with_conv_tail(const DeltaNet& net, NodeId mixed);
  NodeId kimi_delta_net(const DeltaNet& net, NodeId x);
  NodeId convolved(const DeltaNet& net, NodeId x, char which, NodeId stored, NodeId tails);
  NodeId gated_delta_rule(const DeltaNet& net, const std::array<NodeId, 6>& in, NodeId stored);
  NodeId short_convolution(const ShortConvolution& convolution, NodeId x);
  // rwkv.cpp: layers whose mixer and feed-forward share a state
  NodeId rwkv_layer(const Layer& layer, const Rwkv& rwkv, NodeId x);
  NodeId flat(NodeId of, std::int64_t elements);
  NodeId tokens_before(NodeId last, NodeId x);
  NodeId last_tokens(NodeId x);
  NodeId one_blend(NodeId mixed);
  std::array<NodeId, 5> blends(NodeId x, NodeId difference);
  NodeId time_mix_6(const Rwkv& rwkv, NodeId x, NodeId before);
  NodeId time_mix_7(const Rwkv& rwkv, NodeId x, NodeId before);
  NodeId through_rank(std::string_view first, std::string_view second, NodeId x, bool activated);
  NodeId close_wkv(const Rwkv& rwkv, NodeId wkv, NodeId stored, bool normed);
  NodeId channel_mix(const ChannelMix& mix, NodeId x, NodeId before);
  Projections project(const Attention& attention, NodeId x);
  void split_gate(const Attention& attention, NodeId query_and_gate, Projections& result);
  Projections project_from_latent(const Attention& attention, NodeId x);
  NodeId stored_keys(const KvCache& cache);
  NodeId stored_values(const KvCache& cache);
  void store(Projections now, const KvCache& cache, const CacheInputs& inputs, bool keys_first);
  NodeId store_keys(const KvCache& cache, const CacheInputs& inputs, NodeId k);
  NodeId cached_keys(const KvCache& cache, std::int64_t head_size);
  NodeId cached_values(const KvCache& cache, const Attention& attention);
  NodeId store_values(const KvCache& cache, const CacheInputs& inputs, NodeId v);
  NodeId attend_heads(const Attention& attention, NodeId q, NodeId k, NodeId v, NodeId mask);
  NodeId rotate(NodeId x, NodeId rotation);
  NodeId gated(const Attention& attention, NodeId result, NodeId x);

  // recurrent_state.cpp: build_rs (llama-graph.cpp:3413)
  NodeId state_tail();
  NodeId state_matrix();
  NodeId state_rows();
  NodeId open_state(NodeId stored);
  void close_state(NodeId stored, NodeId states, NodeId read);
  [[nodiscard]] std::int64_t snapshots() const;
  void keep_tails(NodeId joined, NodeId stored, std::int64_t kept);
  NodeId read_state(NodeId stored);

  // encoder.cpp: what models without a cache and embedding mode need
  NodeId add_learned(NodeId x);
  void make_batch_masks();
  NodeId attend_to_batch(const Attention& attention, const Projections& now);
  NodeId normed_sums(const Layer& layer, NodeId x);
  void pool(NodeId x);
  NodeId pool_mean(NodeId x);
  NodeId pool_one(NodeId x);
  NodeId classify(NodeId x);

  // feed_forward.cpp, experts.cpp
  NodeId feed_forward(const FeedForward& feed_forward, NodeId x);
  NodeId dense(const DenseFeedForward& dense, NodeId x, std::string_view suffix = {});
  NodeId activated(Limit limit, NodeId gate, NodeId up, std::string_view label);
  NodeId experts_beside(const Experts& experts, NodeId sum);
  NodeId experts(const Experts& experts, NodeId x);
  NodeId routed_experts(const Experts& experts, NodeId x);
  NodeId shared_experts(const Experts& experts, NodeId x);
  NodeId routing_probabilities(const Experts& experts, NodeId logits);
  NodeId best_groups(const Experts& experts, NodeId scores);
  NodeId expert_weights(const Experts& experts, NodeId probabilities, NodeId chosen);
  NodeId expert_linear(std::string_view name, NodeId x, NodeId chosen);
  NodeId expert_hidden(const Experts& experts, NodeId x, NodeId chosen);

  const Model& model_;
  const LlamaCppRules& rules_;
  const Settings& settings_;
  const Geometry& geometry_;
  const Placement& placement_;
  const Adaptation& adaptation_;
  const std::vector<KvCache>& caches_;
  const RecurrentState& state_;
  Fusion fusion_;

  Graph graph_;
  std::int64_t layer_ = -1;
  std::vector<NodeId> weights_;         // by index in the tensor table
  std::vector<NodeId> weights_on_cpu_;  // the CPU's copies of what layers on both sides use
  std::vector<CacheInputs> cache_inputs_;
  BlockInputs block_inputs_;
  NodeId batch_mask_ = no_node;  // without a cache: full, and for sliding windows
  NodeId batch_window_mask_ = no_node;
  std::vector<NodeId> flash_nodes_;
  std::vector<NodeId> indexer_nodes_;
  std::vector<NodeId> hyper_mix_nodes_;
  std::vector<NodeId> hyper_weight_nodes_;
  std::vector<NodeId> hyper_sum_nodes_;
  NodeId indexed_tokens_ = no_node;  // what the last indexer picked
  std::int64_t cache_home_ = 0;      // whose part of the cache the layer being built uses
  NodeId key_cache_ = no_node;       // of the layer being built
  NodeId value_cache_ = no_node;
  NodeId per_layer_input_ = no_node;
  NodeId put_aside_ = no_node;  // inputs of earlier layers, side by side
  NodeId slices_ = no_node;     // the token embedding, padded for deepstack
  NodeId tokens_ = no_node;
  NodeId positions_ = no_node;
  NodeId temperature_ = no_node;
  NodeId router_logits_ = no_node;  // of a layer whose router reads another input
  NodeId output_rows_ = no_node;
  NodeId state_rows_ = no_node;  // of the states that the batch continues, and of the others
  NodeId state_rows_extra_ = no_node;
  bool predicting_ = false;       // every row of the layer is kept
  NodeId first_value_ = no_node;  // rwkv7: the values of the first layer
};

}  // namespace membudget::llamacpp
