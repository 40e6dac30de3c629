// SPDX-License-Identifier: MIT
#include "engine/llamacpp/simulate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/llamacpp/allocator.hpp"
#include "engine/llamacpp/bound.hpp"
#include "engine/llamacpp/builder.hpp"
#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/placement.hpp"
#include "engine/llamacpp/recurrent_state.hpp"
#include "engine/llamacpp/schedule.hpp"
#include "membudget/error.hpp"

namespace membudget::llamacpp {
namespace {

// Elements of a head as the cache holds them; 0 for layers without a cache.
struct HeadSizes {
  std::int64_t key = 0;
  std::int64_t value = 0;
};

HeadSizes head_sizes(const Mixer& mixer) {
  if (const auto* attention = std::get_if<Attention>(&mixer)) {
    return {.key = attention->key_dim, .value = attention->value_dim};
  }
  if (const auto* attention = std::get_if<LatentAttention>(&mixer)) {
    return {.key = attention->key_width(), .value = attention->latent_dim};
  }
  if (const auto* attention = std::get_if<CompressedAttention>(&mixer)) {
    return {.key = attention->head_dim, .value = attention->head_dim};
  }
  return {};
}

void check_blocks(const Model& model, ElementType type, std::string_view option,
                  std::int64_t HeadSizes::*head_size) {
  if (!format_of(type).quantized) {
    return;
  }
  for (const Layer& layer : model.layers) {
    const std::int64_t size = head_sizes(layer.mixer).*head_size;
    if (size % format_of(type).block_elements != 0) {
      throw Error(Errc::bad_request, std::string(option),
                  fmt::format("the engine refuses {} for heads of {} elements (blocks of {}); "
                              "use f16 or bf16",
                              format_of(type).name, size, format_of(type).block_elements));
    }
  }
}

bool caches_latents(const Model& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
    return std::holds_alternative<LatentAttention>(layer.mixer) ||
           std::holds_alternative<CompressedAttention>(layer.mixer);
  });
}

std::string_view kind_of(const KvCache& cache) {
  if (cache.indexer) {
    return "indexer";
  }
  if (cache.ratio > 1) {
    return "summary";
  }
  return cache.sliding ? "sliding" : "full";
}

bool picks_blocks(const Model& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
    const auto* attention = std::get_if<Attention>(&layer.mixer);
    return attention != nullptr && attention->indexer;
  });
}

// llama_init_from_model (llama-context.cpp:3590-3629)
FlashAttention checked_flash(const Model& model, const Settings& settings) {
  FlashAttention flash =
      model.flash_attention ? settings.flash_attention : FlashAttention::off;
  if (settings.cache_type_k != settings.cache_type_v && caches_latents(model)) {
    throw Error(Errc::bad_request, "--cache-type-v",
                fmt::format("this model keeps keys and values as one latent, so the engine refuses "
                            "{} for V beside {} for K; use the same type for both",
                            format_of(settings.cache_type_v).name,
                            format_of(settings.cache_type_k).name));
  }
  if (format_of(settings.cache_type_v).quantized) {
    if (!model.flash_attention) {
      throw Error(Errc::bad_request, "--cache-type-v",
                  fmt::format("the engine has no flash attention for {}, which a quantized V "
                              "cache needs; use f16 or bf16",
                              model.architecture));
    }
    if (flash == FlashAttention::off) {
      throw Error(Errc::bad_request, "--cache-type-v",
                  "the engine needs flash attention for a quantized V cache; use --flash-attn on");
    }
    flash = FlashAttention::on;
  }
  if (flash != FlashAttention::off) {
    check_blocks(model, settings.cache_type_k, "--cache-type-k", &HeadSizes::key);
    check_blocks(model, settings.cache_type_v, "--cache-type-v", &HeadSizes::value);
  }
  return flash;
}

// A mean weighs every token of the batch, so ggml's shapes only fit when each one is an output
// (build_pooling, llama-graph.cpp:3644); the engine aborts otherwise.
void check_pooling(const Model& model, const Settings& settings, const Geometry& geometry) {
  const bool mean = settings.pooling == Pooling::mean ||
                    (settings.pooling == Pooling::rank && model.ranks_by_mean);
  if (settings.embeddings && mean && geometry.outputs != geometry.tokens) {
    throw Error(Errc::bad_request, "--pooling",
                fmt::format("the engine stops when {} tokens are averaged but {} are outputs; let "
                            "the slots divide the physical batch, and every token be an output",
                            geometry.tokens, geometry.outputs));
  }
}

// The scheduler keeps every tensor of the graph in a table whose size is fixed by how many tensors
// the model has (llama_context::graph_max_nodes; ggml_hash_size picks the next of these primes).
// A graph that does not fit ends the process. Models of few, fused tensors per layer come close.
void check_scheduler_table(const Model& model, const Settings& settings, const Graph& graph) {
  const bool roomier =
      picks_blocks(model) ||
      std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
        return std::holds_alternative<DeltaNet>(layer.mixer) ||
               std::holds_alternative<CompressedAttention>(layer.mixer);
      });
  if (roomier) {
    return;
  }
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  const std::span<const Tensor> all = model.tensors.all();
  std::int64_t tensors = std::count_if(all.begin(), all.end(), [&](const Tensor& tensor) {
    return TensorTable::layer_of(tensor.name) < layers;
  });
  // A tied output is a tensor of its own where it lies in another buffer than the embedding.
  if (model.output_layer && model.tensors.find("output.weight") == nullptr &&
      settings.backend == Backend::metal) {
    ++tensors;
  }
  constexpr std::int64_t least = 1024;
  const std::int64_t asked = std::max(least, 8 * tensors);
  static constexpr std::array<std::int64_t, 8> primes{1031, 2053, 4099, 8209, 16411, 32771, 65537,
                                                      131101};
  const auto* const room = std::lower_bound(primes.begin(), primes.end(), asked);
  const auto needed = static_cast<std::int64_t>(graph.order().size() + graph.leaves().size());
  if (room != primes.end() && needed > *room) {
    throw Error(Errc::bad_request, "settings",
                fmt::format("the engine would stop: its graph has {} tensors, and there is room "
                            "for {}; use an f16 cache or a unified one",
                            needed, *room));
  }
}

struct Simulation {
  Graph graph;
  Schedule schedule;
  Fusion at_home;  ///< What runs on its layer's device wherever the graph has it.
};

class Run {
 public:
  Run(const Model& model, const Runtime& runtime, const Settings& settings)
      : model_(model),
        runtime_(runtime),
        settings_(settings),
        metal_(settings.backend == Backend::metal),
        asked_flash_(checked_flash(model, settings)),
        geometry_(geometry(settings, model)),
        placement_(place_weights(model, settings)),
        caches_(kv_caches(model, settings, geometry_, placement_,
                          asked_flash_ != FlashAttention::off)),
        state_(recurrent_state(model, geometry_, placement_, settings.kv_offload)) {}

  Footprint run() {
    if (!model_.not_understood.empty()) {
      return bounded();
    }
    check_pooling(model_, settings_, geometry_);
    // An operation stays fused where its layer's device runs it in a probe of one token per slot,
    // one kind after the other (resolve_fused_ops). With all on Metal the number of tokens makes no
    // difference.
    Fusion fusion{.flash = asked_flash_ != FlashAttention::off,
                  .f32_mask = runtime_.llama_cpp.flash_attn_f32_mask};
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
    if (fusion.flash && !geometry_.unified() && picks_blocks(model_)) {
      full_compute_ = compute_when_full(fusion);
    }
    add_parts(result);
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
    const ComputeBound bound = compute_bound(model_, geometry_, caches_);
    result.gpu.compute = metal_ ? bound.gpu : Bytes{};
    result.host.compute = metal_ ? bound.host : bound.host + bound.gpu;
    result.gpu_peak.operation = "unknown";
    add_parts(result);
    return result;
  }

  [[nodiscard]] Basis basis() const {
    return model_.not_understood.empty() ? Basis::formula : Basis::assumed;
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
    const Allocation allocation = allocate(simulation.graph, simulation.schedule, runtime_.llama_cpp);
    return Bytes{metal_ ? allocation.gpu : allocation.host};
  }

  // Of the graphs the engine reserves (sched_reserve) the larger one stays. With all on Metal that
  // is the prompt's, except that for a quantized cache Metal's scratch is laid out by whole cache
  // rows when fewer than 32 tokens attend. Where the CPU computes too, both are cut differently.
  [[nodiscard]] bool generation_may_need_more(const Simulation& prompt) const {
    constexpr std::size_t metal_beside_inputs = 2;
    return metal_ && (!placement_.full_offload || !settings_.kv_offload ||
                      prompt.schedule.splits.size() > metal_beside_inputs ||
                      (runtime_.llama_cpp.flash_attn_kv_scratch &&
                       asked_flash_ != FlashAttention::off &&
                       format_of(settings_.cache_type_k).quantized));
  }

  [[nodiscard]] Simulation scheduled(Fusion fusion, const Geometry& geometry) const {
    Builder builder(model_, settings_, geometry, placement_, caches_, state_, fusion);
    Simulation result{.graph = builder.build(), .schedule = {}, .at_home = fusion};
    check_scheduler_table(model_, settings_, result.graph);
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

  static void add(Footprint& footprint, Part part) {
    if (part.bytes > Bytes{}) {
      footprint.parts.push_back(std::move(part));
    }
  }

  void add_parts(Footprint& result) const {
    const Basis weights = model_.types_assumed                          ? Basis::assumed
                          : model_.source == ModelSource::catalog ? Basis::formula
                                                                  : Basis::file;
    add(result, {.name = PartName::weights, .where = Place::gpu, .bytes = placement_.gpu_model,
                 .basis = weights, .note = weights_note(), .formula = weights_formula()});
    add(result, {.name = PartName::weights, .where = Place::host, .bytes = placement_.host_only + placement_.repacked,
                 .basis = weights, .note = host_weights_note(), .formula = host_weights_formula()});
    Bytes state_gpu = state_.gpu;
    Bytes state_host = state_.host;
    for (const KvCache& cache : caches_) {
      state_gpu += cache.state_gpu;
      state_host += cache.state_host;
    }
    add(result, {.name = PartName::kv_cache, .where = Place::gpu, .bytes = result.gpu.kv - state_gpu,
                 .basis = basis(), .note = cache_note(), .formula = cache_formula()});
    add(result, {.name = PartName::kv_cache, .where = Place::host, .bytes = result.host.kv - state_host,
                 .basis = basis(), .note = cache_note(), .formula = cache_formula()});
    add(result, {.name = PartName::recurrent_state, .where = Place::gpu, .bytes = state_gpu,
                 .basis = basis(), .note = state_note(), .formula = state_formula()});
    add(result, {.name = PartName::recurrent_state, .where = Place::host, .bytes = state_host,
                 .basis = basis(), .note = state_note(), .formula = state_formula()});
    add(result, {.name = PartName::compute, .where = Place::gpu, .bytes = result.gpu.compute,
                 .basis = basis(),
                 .note = compute_note(result),
                 .formula = compute_formula(result)});
    add(result, {.name = PartName::compute, .where = Place::host, .bytes = result.host.compute,
                 .basis = basis(), .note = "graph inputs and the token lookup",
                 .formula = compute_formula(result)});
    // Encoders get room for logits too (llama_context::output_reserve).
    const std::int64_t width = model_.vocabulary + (settings_.embeddings ? model_.embedding : 0);
    add(result, {.name = PartName::output, .where = Place::host,
                 .bytes = Bytes{4} * width * geometry_.sequences, .basis = Basis::formula,
                 .note = settings_.embeddings ? "embeddings, and logits beside them"
                                              : "logits handed to the sampler",
                 .formula = output_formula()});
  }

  [[nodiscard]] std::string weights_note() const {
    return settings_.mmap ? "mapped from the file" : "read into memory";
  }

  [[nodiscard]] std::string host_weights_note() const {
    if (placement_.repacked == Bytes{}) {
      return placement_.full_offload ? "token embedding, always on the CPU" : "weights of the CPU";
    }
    return settings_.mmap ? "rearranged copies for the CPU" : "weights of the CPU";
  }

  [[nodiscard]] std::string host_weights_formula() const {
    if (placement_.repacked == Bytes{}) {
      return "tensors of the input layer";
    }
    return fmt::format("{} rearranged for the CPU's kernels and {} {}", to_text(placement_.repacked),
                       to_text(placement_.host_only),
                       settings_.mmap ? "mapped for the CPU alone" : "as in the file");
  }

  [[nodiscard]] std::string weights_formula() const {
    return fmt::format("{} tensors, {} parameters, {} in all, {}", model_.tensors.all().size(),
                       model_.tensors.parameters(), to_text(model_.tensors.total()),
                       settings_.mmap ? "the range of the file that Metal maps"
                                      : "those of the layers on the GPU");
  }

  [[nodiscard]] std::string cache_note() const {
    std::string note;
    for (const KvCache& cache : caches_) {
      const auto layers = std::count_if(cache.layers.begin(), cache.layers.end(),
                                        [](const CacheLayer& layer) { return layer.present; });
      if (layers == 0) {
        continue;
      }
      note += fmt::format("{}{} {} layers x {} cells{}{}", note.empty() ? "" : ", ", layers,
                          kind_of(cache), cache.cells,
                          cache.ratio > 1 ? fmt::format(" of {} tokens", cache.ratio) : "",
                          cache.streams > 1 ? fmt::format(" x {} slots", cache.streams) : "");
    }
    return note;
  }

  [[nodiscard]] std::string cache_formula() const {
    std::string text;
    for (const KvCache& cache : caches_) {
      if (cache.empty()) {
        continue;
      }
      std::int64_t keys = 0;
      std::int64_t values = 0;
      for (const CacheLayer& layer : cache.layers) {
        keys += layer.present ? layer.key_width : 0;
        values += layer.present ? layer.value_width : 0;
      }
      const auto bytes = [](ElementType type) {
        return static_cast<double>(format_of(type).block_bytes) /
               static_cast<double>(format_of(type).block_elements);
      };
      text += fmt::format("{}{} cells x {} streams x ({} K elements x {:.4g} B + {} V elements x {:.4g} B)",
                          text.empty() ? "" : " + ", cache.cells, cache.streams, keys,
                          bytes(cache.key_type), values, bytes(cache.value_type));
    }
    return text;
  }

  [[nodiscard]] std::string output_formula() const {
    if (settings_.embeddings) {
      return fmt::format("({} tokens of vocabulary + {} of embedding) x 4 B x {} slots",
                         model_.vocabulary, model_.embedding, geometry_.sequences);
    }
    return fmt::format("{} tokens of vocabulary x 4 B x {} slots", model_.vocabulary,
                       geometry_.sequences);
  }

  [[nodiscard]] std::string state_note() const {
    std::int64_t layers = state_.count();
    for (const KvCache& cache : caches_) {
      if (cache.ratio > 1 && !cache.indexer) {
        layers += std::count_if(cache.layers.begin(), cache.layers.end(),
                                [](const CacheLayer& layer) { return layer.present; });
      }
    }
    return fmt::format("{} layers x {} slots, whatever the context", layers, state_.slots);
  }

  [[nodiscard]] std::string state_formula() const {
    std::int64_t tails = 0;
    std::int64_t matrices = 0;
    for (const StateLayer& layer : state_.layers) {
      tails += layer.tail_width;
      matrices += layer.matrix_width;
    }
    std::int64_t waiting = 0;
    for (const KvCache& cache : caches_) {
      for (const CacheLayer& layer : cache.layers) {
        constexpr std::int64_t values_and_scores = 2;
        waiting += layer.present ? values_and_scores * cache.state_rows * cache.state_width : 0;
      }
    }
    if (waiting > 0) {
      return fmt::format("{} slots x {} elements of tokens not yet summarised x 4 B", state_.slots,
                         waiting);
    }
    return fmt::format("{} slots x ({} R elements + {} S elements) x 4 B", state_.slots, tails,
                       matrices);
  }

  [[nodiscard]] std::string compute_note(const Footprint& result) const {
    if (!model_.not_understood.empty()) {
      return "upper bound: " + model_.not_understood;
    }
    return full_compute_ == Bytes{}
               ? fmt::format("peak at {}", result.gpu_peak.operation)
               : fmt::format("peak at {}; grows to {} as the context fills",
                             result.gpu_peak.operation, to_text(full_compute_));
  }

  [[nodiscard]] std::string compute_formula(const Footprint& result) const {
    if (!model_.not_understood.empty()) {
      return "from the widths of the tensors: " + model_.not_understood;
    }
    return fmt::format("graph of {} nodes for {} tokens, {} rows of logits, flash attention {}",
                       result.graph_nodes, geometry_.tokens, geometry_.outputs,
                       result.flash_attention ? "on" : "off");
  }

  const Model& model_;
  const Runtime& runtime_;
  const Settings& settings_;
  bool metal_;
  FlashAttention asked_flash_;
  Geometry geometry_;
  Placement placement_;
  std::vector<KvCache> caches_;
  RecurrentState state_;
  Bytes full_compute_;  // 0 where the context's fill makes no difference
};

}  // namespace

Footprint simulate(const Model& model, const Runtime& runtime, const Settings& settings) {
  return Run(model, runtime, settings).run();
}

}  // namespace membudget::llamacpp
