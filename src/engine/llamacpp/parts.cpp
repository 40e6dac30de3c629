// SPDX-License-Identifier: MIT
#include "engine/llamacpp/parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace membudget::llamacpp {
namespace {

std::string_view kind_of(const KvCache& cache) {
  if (cache.indexer) {
    return "indexer";
  }
  if (cache.ratio > 1) {
    return "summary";
  }
  return cache.sliding ? "sliding" : "full";
}

std::string plural(std::int64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

// A layer of a cache, or of a state, whose memory lies there.
template <class OwnLayer>
bool lies_in(const OwnLayer& layer, Place where) {
  return layer.present && (layer.storage == Storage::gpu) == (where == Place::gpu);
}

template <class OwnLayer>
std::int64_t count_in(const std::vector<OwnLayer>& layers, Place where) {
  return std::count_if(layers.begin(), layers.end(),
                       [&](const OwnLayer& layer) { return lies_in(layer, where); });
}

class Parts {
 public:
  explicit Parts(const Simulated& simulated)
      : model_(simulated.model),
        settings_(simulated.settings),
        geometry_(simulated.geometry),
        placement_(simulated.placement),
        adaptation_(simulated.adaptation),
        caches_(simulated.caches),
        state_(simulated.state),
        control_vector_(simulated.control_vector),
        full_compute_(simulated.full_compute),
        hidden_rows_(simulated.hidden_rows),
        assumed_(simulated.assumed) {}

  void add_all(Footprint& result) const {
    const Basis weights = model_.types_assumed                    ? Basis::assumed
                          : model_.source == ModelSource::catalog ? Basis::formula
                                                                  : Basis::file;
    add(result, {.name = PartName::weights,
                 .where = Place::gpu,
                 .bytes = placement_.gpu_model,
                 .basis = weights,
                 .note = weights_note(),
                 .formula = weights_formula()});
    add(result, {.name = PartName::weights,
                 .where = Place::host,
                 .bytes = placement_.host_only + placement_.repacked,
                 .basis = weights,
                 .note = host_weights_note(),
                 .formula = host_weights_formula()});
    Bytes state_gpu = state_.gpu;
    Bytes state_host = state_.host;
    for (const KvCache& cache : caches_) {
      state_gpu += cache.state_gpu;
      state_host += cache.state_host;
    }
    add(result, {.name = PartName::kv_cache,
                 .where = Place::gpu,
                 .bytes = result.gpu.kv - state_gpu,
                 .basis = basis(),
                 .note = cache_note(Place::gpu),
                 .formula = cache_formula(Place::gpu)});
    add(result, {.name = PartName::kv_cache,
                 .where = Place::host,
                 .bytes = result.host.kv - state_host,
                 .basis = basis(),
                 .note = cache_note(Place::host),
                 .formula = cache_formula(Place::host)});
    add(result, {.name = PartName::recurrent_state,
                 .where = Place::gpu,
                 .bytes = state_gpu,
                 .basis = basis(),
                 .note = state_note(Place::gpu),
                 .formula = state_formula(Place::gpu)});
    add(result, {.name = PartName::recurrent_state,
                 .where = Place::host,
                 .bytes = state_host,
                 .basis = basis(),
                 .note = state_note(Place::host),
                 .formula = state_formula(Place::host)});
    add(result, {.name = PartName::compute,
                 .where = Place::gpu,
                 .bytes = result.gpu.compute,
                 .basis = assumed_ ? Basis::assumed : basis(),
                 .note = compute_note(result),
                 .formula = compute_formula(result)});
    add(result, {.name = PartName::compute,
                 .where = Place::host,
                 .bytes = result.host.compute,
                 .basis = basis(),
                 .note = "graph inputs and the token lookup",
                 .formula = compute_formula(result)});
    add_attached(result);
    // Encoders get room for logits too (llama_context::output_reserve).
    const std::int64_t width = model_.vocabulary + (settings_.embeddings ? model_.embedding : 0);
    add(result, {.name = PartName::output,
                 .where = Place::host,
                 .bytes = Bytes{4} * width * geometry_.sequences +
                          Bytes{4} * model_.embedding * hidden_rows_,
                 .basis = Basis::formula,
                 .note = settings_.embeddings ? "embeddings, and logits beside them"
                         : hidden_rows_ > 0   ? "logits for the sampler, hidden states for drafting"
                                              : "logits handed to the sampler",
                 .formula = output_formula()});
  }

 private:
  static void add(Footprint& footprint, Part part) {
    if (part.bytes > Bytes{}) {
      footprint.parts.push_back(std::move(part));
    }
  }

  [[nodiscard]] Basis basis() const {
    return model_.not_understood.empty() ? Basis::formula : Basis::assumed;
  }

  // LoRA and control vectors; both are read into buffers of their own.
  void add_attached(Footprint& result) const {
    for (const Place where : {Place::gpu, Place::host}) {
      const auto of = [&](const auto& placed) {
        return where == Place::gpu ? placed.gpu : placed.host;
      };
      const Bytes lora = of(adaptation_);
      const Bytes vector = of(control_vector_);
      std::string note;
      const auto mention = [&](Bytes bytes, const std::string& what) {
        if (bytes > Bytes{}) {
          note += fmt::format("{}{}", note.empty() ? "" : ", ", what);
        }
      };
      mention(lora, settings_.adapters.size() == 1
                        ? settings_.adapters.front()->name
                        : fmt::format("{} LoRA adapters", settings_.adapters.size()));
      mention(vector, "control vector");
      add(result, {.name = PartName::adapter,
                   .where = where,
                   .bytes = lora + vector,
                   .basis = Basis::file,
                   .note = note,
                   .formula = fmt::format("{} of {} LoRA tensors + {} of control vector",
                                          to_text(lora), adaptation_.tensors, to_text(vector))});
    }
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
    return fmt::format("{} rearranged for the CPU's kernels and {} {}",
                       to_text(placement_.repacked), to_text(placement_.host_only),
                       settings_.mmap ? "mapped for the CPU alone" : "as in the file");
  }

  [[nodiscard]] std::string weights_formula() const {
    return fmt::format("{} tensors, {} parameters, {} in all, {}", model_.tensors.all().size(),
                       model_.tensors.parameters(), to_text(model_.tensors.total()),
                       settings_.mmap ? "the range of the file that Metal maps"
                                      : "those of the layers on the GPU");
  }

  [[nodiscard]] std::string cache_note(Place where) const {
    std::string note;
    for (const KvCache& cache : caches_) {
      const std::int64_t layers = count_in(cache.layers, where);
      if (layers == 0) {
        continue;
      }
      note += fmt::format("{}{} x {} cells{}{}", note.empty() ? "" : ", ",
                          plural(layers, fmt::format("{} layer", kind_of(cache))), cache.cells,
                          cache.ratio > 1 ? fmt::format(" of {} tokens", cache.ratio) : "",
                          cache.streams > 1 ? fmt::format(" x {} slots", cache.streams) : "");
    }
    return note;
  }

  [[nodiscard]] std::string cache_formula(Place where) const {
    std::string text;
    for (const KvCache& cache : caches_) {
      if (count_in(cache.layers, where) == 0) {
        continue;
      }
      std::int64_t keys = 0;
      std::int64_t values = 0;
      for (const CacheLayer& layer : cache.layers) {
        keys += lies_in(layer, where) ? layer.key_width : 0;
        values += lies_in(layer, where) ? layer.value_width : 0;
      }
      // Five digits tell the bytes per element of every type exactly: q8_0 has 1.0625.
      const auto bytes = [](ElementType type) {
        return static_cast<double>(format_of(type).block_bytes) /
               static_cast<double>(format_of(type).block_elements);
      };
      text += fmt::format("{}{} cells x {} x ({} K elements x {:.5g} B + {} V elements x {:.5g} B)",
                          text.empty() ? "" : " + ", cache.cells, plural(cache.streams, "stream"),
                          keys, bytes(cache.key_type), values, bytes(cache.value_type));
    }
    return text;
  }

  [[nodiscard]] std::string output_formula() const {
    const std::string slots = plural(geometry_.sequences, "slot");
    if (settings_.embeddings) {
      return fmt::format("({} tokens of vocabulary + {} of embedding) x 4 B x {}",
                         model_.vocabulary, model_.embedding, slots);
    }
    const std::string hidden = hidden_rows_ == 0
                                   ? ""
                                   : fmt::format(" + {} of embedding x 4 B x {}", model_.embedding,
                                                 plural(hidden_rows_, "row"));
    return fmt::format("{} tokens of vocabulary x 4 B x {}{}", model_.vocabulary, slots, hidden);
  }

  [[nodiscard]] std::string state_note(Place where) const {
    std::int64_t layers = count_in(state_.layers, where);
    for (const KvCache& cache : caches_) {
      if (cache.ratio > 1 && !cache.indexer) {
        layers += count_in(cache.layers, where);
      }
    }
    return fmt::format("{} x {}, whatever the context", plural(layers, "layer"),
                       plural(state_.slots, "slot"));
  }

  [[nodiscard]] std::string state_formula(Place where) const {
    std::int64_t tails = 0;
    std::int64_t matrices = 0;
    for (const StateLayer& layer : state_.layers) {
      tails += lies_in(layer, where) ? layer.tail_width : 0;
      matrices += lies_in(layer, where) ? layer.matrix_width : 0;
    }
    std::int64_t waiting = 0;
    for (const KvCache& cache : caches_) {
      constexpr std::int64_t values_and_scores = 2;
      waiting +=
          values_and_scores * cache.state_rows * cache.state_width * count_in(cache.layers, where);
    }
    const std::string slots = plural(state_.slots, "slot");
    if (waiting > 0) {
      return fmt::format("{} x {} elements of tokens not yet summarised x 4 B", slots, waiting);
    }
    const std::string kept =
        state_.snapshots == 1 ? "" : fmt::format(" x {} states", state_.snapshots);
    return fmt::format("{}{} x ({} R elements + {} S elements) x 4 B", slots, kept, tails,
                       matrices);
  }

  [[nodiscard]] std::string compute_note(const Footprint& result) const {
    if (!model_.not_understood.empty()) {
      return "upper bound: " + model_.not_understood;
    }
    if (assumed_) {
      return "upper bound: this build runs delta nets as many small operations";
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
    return fmt::format("graph of {} nodes for {}, {} of logits, flash attention {}",
                       result.graph_nodes, plural(geometry_.tokens, "token"),
                       plural(geometry_.outputs, "row"), result.flash_attention ? "on" : "off");
  }

  const Model& model_;
  const Settings& settings_;
  const Geometry& geometry_;
  const Placement& placement_;
  const Adaptation& adaptation_;
  const std::vector<KvCache>& caches_;
  const RecurrentState& state_;
  PlacedBytes control_vector_;
  Bytes full_compute_;
  std::int64_t hidden_rows_;
  bool assumed_;
};

}  // namespace

void add_as_draft(Footprint& whole, std::string_view name, const Footprint& draft) {
  for (const Place where : {Place::gpu, Place::host}) {
    Part part{.name = PartName::draft,
              .where = where,
              .bytes = draft.total(where),
              .basis = draft.assumed() ? Basis::assumed : Basis::formula,
              .note = {},
              .formula = {}};
    for (const Part& own : draft.parts) {
      if (own.where == where) {
        part.note += fmt::format("{}{} {}", part.note.empty() ? "" : ", ", to_string(own.name),
                                 to_text(own.bytes));
        part.formula += fmt::format("{}{}: {}", part.formula.empty() ? "" : "; ",
                                    to_string(own.name), own.formula);
      }
    }
    part.note = fmt::format("{}: {}", name, part.note);
    if (part.bytes > Bytes{}) {
      whole.parts.push_back(std::move(part));
    }
  }
}

void add_parts(Footprint& result, const Simulated& simulated) {
  Parts(simulated).add_all(result);
}

}  // namespace membudget::llamacpp
