// SPDX-License-Identifier: MIT
#include "engine/llamacpp/simulate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/llamacpp/allocator.hpp"
#include "engine/llamacpp/beside.hpp"
#include "engine/llamacpp/bound.hpp"
#include "engine/llamacpp/builder.hpp"
#include "engine/llamacpp/checks.hpp"
#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/parts.hpp"
#include "engine/llamacpp/placement.hpp"
#include "engine/llamacpp/predictor.hpp"
#include "engine/llamacpp/recurrent_state.hpp"
#include "engine/llamacpp/schedule.hpp"

namespace membudget::llamacpp {
namespace {

struct Simulation {
  Graph graph;
  Schedule schedule;
  Fusion at_home;  ///< What runs on its layer's device wherever the graph has it.
};

class Run {
 public:
  /// `predictor`: the model is one layer that drafts for another (predictor.hpp).
  Run(const Model& model, const Runtime& runtime, const Settings& settings, bool predictor)
      : model_(model),
        runtime_(runtime),
        settings_(settings),
        predictor_(predictor),
        metal_(settings.backend == Backend::metal),
        asked_flash_(checked_flash(model, settings)),
        geometry_(geometry(settings, model)),
        placement_(place_weights(model, settings)),
        adaptation_(place_adapters(model, settings, placement_)),
        control_vector_(place_control_vector(model, settings, placement_)),
        caches_(kv_caches(model, settings, geometry_, placement_, runtime.llama_cpp,
                          asked_flash_ != FlashAttention::off)),
        state_(recurrent_state(model, geometry_, placement_, settings)) {}

  Footprint run() {
    if (!model_.not_understood.empty()) {
      return bounded();
    }
    check_pooling(model_, settings_, geometry_);
    // An operation stays fused where its layer's device runs it in a probe of one token per slot,
    // one kind after the other (resolve_fused_ops). With all on Metal the number of tokens makes no
    // difference.
    Fusion fusion{.flash = asked_flash_ != FlashAttention::off};
    const bool simple = !metal_ || (placement_.full_offload && settings_.kv_offload &&
                                    settings_.tensor_overrides.empty());
    const Geometry probed = simple ? geometry_ : generation();
    Simulation simulation = scheduled(fusion, probed);
    for (bool Fusion::*const kind : {&Fusion::flash, &Fusion::indexer, &Fusion::hyper_mix,
                                     &Fusion::hyper_weights, &Fusion::hyper_sum}) {
      if (fusion.*kind && !(simulation.at_home.*kind)) {
        fusion.*kind = false;
        simulation = scheduled(fusion, probed);
      }
    }
    if (!simple) {
      simulation = scheduled(fusion, geometry_);
    }
    Allocation allocation = allocate(simulation.graph, simulation.schedule, runtime_.llama_cpp);
    const auto nodes = static_cast<std::int64_t>(simulation.graph.order().size());
    const std::int64_t kernels = simulation.graph.kernels();
    const auto splits = static_cast<std::int64_t>(simulation.schedule.splits.size());
    if (generation_may_need_more(simulation)) {
      Simulation other = scheduled(fusion, generation());
      Allocation smaller = allocate(other.graph, other.schedule, runtime_.llama_cpp);
      const std::int64_t host = std::max(smaller.host, allocation.host);
      if (smaller.gpu > allocation.gpu) {
        allocation = std::move(smaller);
        simulation = std::move(other);
      }
      allocation.host = host;
    }

    Footprint result = placed();
    result.flash_attention = fusion.flash;
    result.graph_nodes = nodes;
    result.graph_kernels = kernels;
    result.graph_splits = splits;
    result.gpu.compute = Bytes{allocation.gpu};
    result.host.compute = Bytes{allocation.host};
    result.gpu_peak = peak(simulation.graph, allocation);
    allow_for_unfused_delta_nets(result);
    if (fusion.flash && !geometry_.unified() && picks_blocks(model_)) {
      full_compute_ = compute_when_full(fusion);
    }
    describe(result);
    return result;
  }

 private:
  // Weights and caches, which do not depend on the graph.
  [[nodiscard]] Footprint placed() const {
    Footprint result;
    result.settings = settings_;
    result.gpu.model = placement_.gpu_model;
    result.host.model = placement_.host_model;
    result.repacked = placement_.repacked;
    for (const KvCache& cache : caches_) {
      result.gpu.kv += cache.gpu + cache.state_gpu;
      result.host.kv += cache.host + cache.state_host;
    }
    result.gpu.kv += state_.gpu;
    result.host.kv += state_.host;
    return result;
  }

  // An architecture nobody described: its graph is not known, so its buffers are bounded.
  [[nodiscard]] Footprint bounded() const {
    Footprint result = placed();
    result.flash_attention = asked_flash_ != FlashAttention::off;
    const ComputeBound bound = compute_bound(model_, geometry_, caches_, result.flash_attention);
    result.gpu.compute = metal_ ? bound.gpu : Bytes{};
    result.host.compute = metal_ ? bound.host : bound.host + bound.gpu;
    result.gpu_peak.operation = "unknown";
    describe(result);
    return result;
  }

  void describe(Footprint& result) const {
    const Simulated simulated{.model = model_,
                              .settings = settings_,
                              .geometry = geometry_,
                              .placement = placement_,
                              .adaptation = adaptation_,
                              .control_vector = control_vector_,
                              .caches = caches_,
                              .state = state_,
                              .full_compute = full_compute_,
                              .hidden_rows = predictor_          ? geometry_.sequences
                                             : settings_.predict ? geometry_.batch
                                                                 : 0,
                              .assumed = assumed_};
    add_parts(result, simulated);
    add_beside(result, simulated, runtime_.llama_cpp);
    result.remarks.insert(result.remarks.end(), runtime_.notes.begin(), runtime_.notes.end());
  }

  // Before ggml_gated_delta_net the engine built delta nets from small operations over chunks of
  // tokens (build_delta_net_chunking, delta-net-base.cpp). That graph is not simulated. Room for
  // all of its operands beside what any layer needs is an upper bound; where logits take more than
  // that, they decide all the same.
  void allow_for_unfused_delta_nets(Footprint& result) {
    if (runtime_.llama_cpp.fused_delta_net) {
      return;
    }
    constexpr std::int64_t float_bytes = 4;
    constexpr std::int64_t chunk = 64;
    constexpr std::int64_t operands = 12;  // as wide as the values
    constexpr std::int64_t squares = 8;    // of a chunk with itself
    std::int64_t row = 0;
    for (const Layer& layer : model_.layers) {
      if (const auto* net = std::get_if<DeltaNet>(&layer.mixer)) {
        row = std::max(row, net->value_heads * (operands * net->value_dim + squares * chunk));
      }
    }
    if (row > 0) {
      Geometry layers = geometry_;
      layers.outputs = 0;
      const Bytes bound = compute_bound(model_, layers, caches_, result.flash_attention).gpu +
                          Bytes{float_bytes} * row * round_up(geometry_.tokens, chunk);
      Bytes& compute = (metal_ ? result.gpu : result.host).compute;
      assumed_ = bound > compute;
      compute = std::max(compute, bound);
    }
  }

  // The graph of one token per slot, which the engine reserves beside the prompt's.
  [[nodiscard]] Geometry generation() const {
    Geometry result = geometry_;
    result.tokens = result.outputs = geometry_.sequences;
    return result;
  }

  // A graph that covers the positions in use is reserved small and made larger while the model
  // runs: the buffers on Metal, or on the CPU without it, once the context is full.
  [[nodiscard]] Bytes compute_when_full(Fusion fusion) const {
    Geometry full = geometry_;
    full.positions = geometry_.cells;
    const Simulation simulation = scheduled(fusion, full);
    const Allocation allocation =
        allocate(simulation.graph, simulation.schedule, runtime_.llama_cpp);
    return Bytes{metal_ ? allocation.gpu : allocation.host};
  }

  // Of the graphs the engine reserves (sched_reserve) the larger one stays. With all on Metal that
  // is the prompt's, except that for a quantized cache Metal's scratch is laid out by whole cache
  // rows when fewer than 32 tokens attend. Where the CPU computes too, both are cut differently.
  [[nodiscard]] bool generation_may_need_more(const Simulation& prompt) const {
    constexpr std::size_t metal_beside_inputs = 2;
    return metal_ &&
           (!placement_.full_offload || !settings_.kv_offload ||
            prompt.schedule.splits.size() > metal_beside_inputs ||
            (runtime_.llama_cpp.flash_attn_kv_scratch && asked_flash_ != FlashAttention::off &&
             format_of(settings_.cache_type_k).quantized));
  }

  [[nodiscard]] Simulation scheduled(Fusion fusion, const Geometry& geometry) const {
    Builder builder({.model = model_,
                     .rules = runtime_.llama_cpp,
                     .settings = settings_,
                     .geometry = geometry,
                     .placement = placement_,
                     .adaptation = adaptation_,
                     .caches = caches_,
                     .state = state_},
                    fusion);
    Simulation result{.graph = predictor_ ? builder.build_predictor() : builder.build(),
                      .schedule = {},
                      .at_home = fusion};
    if (!predictor_) {
      check_scheduler_table(model_, settings_, adaptation_.tensors, result.graph);
    }
    result.schedule = schedule(result.graph, {.metal = metal_,
                                              .blas = metal_ && runtime_.llama_cpp.accelerate,
                                              .op_offload = settings_.op_offload});
    const auto at_home = [&](const std::vector<NodeId>& nodes) {
      return std::all_of(nodes.begin(), nodes.end(), [&](NodeId id) {
        const auto layer = static_cast<std::size_t>(result.graph[id].layer);
        const Device home = placement_.layer_on_gpu[layer] ? Device::metal : Device::cpu;
        return result.schedule.device[static_cast<std::size_t>(id)] == home;
      });
    };
    // Flash attention is only put to the test when `auto` leaves it to the engine.
    result.at_home.flash = fusion.flash && (asked_flash_ != FlashAttention::automatic ||
                                            at_home(builder.flash_nodes()));
    result.at_home.indexer = fusion.indexer && at_home(builder.indexer_nodes());
    result.at_home.hyper_mix = fusion.hyper_mix && at_home(builder.hyper_nodes(Op::dsv4_hc_pre));
    result.at_home.hyper_weights =
        fusion.hyper_weights && at_home(builder.hyper_nodes(Op::dsv4_hc_comb));
    result.at_home.hyper_sum = fusion.hyper_sum && at_home(builder.hyper_nodes(Op::dsv4_hc_post));
    return result;
  }

  [[nodiscard]] ComputePeak peak(const Graph& graph, const Allocation& allocation) const {
    const auto name = [&](NodeId id) {
      const Node& node = graph[id];
      const std::string_view label = node.label.empty() ? to_string(node.op) : node.label;
      return node.layer < 0 ? std::string(label) : fmt::format("{}-{}", label, node.layer);
    };
    ComputePeak result;
    if (allocation.peak == no_node) {
      return result;
    }
    result.operation = name(allocation.peak);
    for (const Allocation::Alive& alive : allocation.alive) {
      result.alive.emplace_back(name(alive.node), Bytes{alive.bytes});
    }
    std::stable_sort(result.alive.begin(), result.alive.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    return result;
  }

  const Model& model_;
  const Runtime& runtime_;
  const Settings& settings_;
  bool predictor_;
  bool metal_;
  FlashAttention asked_flash_;
  Geometry geometry_;
  Placement placement_;
  Adaptation adaptation_;
  PlacedBytes control_vector_;
  std::vector<KvCache> caches_;
  RecurrentState state_;
  Bytes full_compute_;  // 0 where the context's fill makes no difference
  bool assumed_ = false;
};

// The context that drafts. Where its graph is not known its buffers are taken to be as large as the
// model's own, which is what they came to where they were measured.
Footprint drafting(const Model& model, const Runtime& runtime, const Settings& settings,
                   const Footprint& whole) {
  Footprint result;
  if (predictor_graph_known(model)) {
    result = simulate_predictor(model, runtime, settings);
  } else {
    result = predictor_bound(model, settings, whole);
  }
  std::erase_if(result.parts, [](const Part& part) { return part.name == PartName::weights; });
  return result;
}

}  // namespace

Footprint simulate_predictor(const Model& model, const Runtime& runtime, const Settings& settings) {
  const Model predictor = predictor_of(model);
  return Run(predictor, runtime, predictor_settings(model, settings), true).run();
}

Footprint simulate(const Model& model, const Runtime& runtime, const Settings& settings) {
  Footprint result = Run(model, runtime, settings, false).run();
  if (settings.predict) {
    add_as_draft(result, "drafting layer", drafting(model, runtime, settings, result));
  }
  return result;
}

}  // namespace membudget::llamacpp
