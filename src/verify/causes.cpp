// SPDX-License-Identifier: MIT
#include "verify/causes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <variant>

#include "engine/llamacpp/geometry.hpp"
#include "engine/llamacpp/kv_cache.hpp"
#include "engine/llamacpp/placement.hpp"

// The history of llama.cpp's memory, as far as real logs show it. Builds are numbered by commits;
// each was looked up in the repository. What a rule of the engine's profile covers
// (flash_attn_kv_scratch, since b10532) is not repeated here.

namespace membudget::logs {
namespace {

constexpr std::int64_t latent_cache_from = 5137;       // pull request 12801, April 2025
constexpr std::int64_t cache_rows_from = 6071;         // 14959, August 2025
constexpr std::int64_t metal_order_from = 6501;        // 15995, September 2025
constexpr std::int64_t no_padding_from = 6868;         // 16812, October 2025
constexpr std::int64_t padding_from = 6975;            // 17046, November 2025
constexpr std::int64_t embedding_input_from = 7819;    // January 2026
constexpr std::int64_t rotation_from = 8619;           // 21038, April 2026
constexpr std::int64_t all_hidden_states_from = 9180;  // 22673, May 2026
constexpr std::int64_t f16_mask_from = 9410;           // 23764, May 2026
constexpr std::int64_t kv_scratch_from = 10532;        // August 2026

constexpr std::array steps{latent_cache_from,    cache_rows_from,        metal_order_from,
                           no_padding_from,      padding_from,           embedding_input_from,
                           rotation_from,        all_hidden_states_from, f16_mask_from,
                           limited_outputs_from, kv_scratch_from};

constexpr std::int64_t index_bytes = 8;
constexpr std::int64_t f32_bytes = 4;
/// A buffer that is mapped starts in this page (ggml-metal.m, newBufferWithBytesNoCopy).
constexpr Bytes page{16384};

std::string until(std::string_view what, std::int64_t build) {
  return fmt::format("{} before b{}", what, build);
}

const Settings& settings(const PlannedLoad& run) {
  return run.footprint.settings;
}

llamacpp::Geometry geometry(const PlannedLoad& run) {
  return llamacpp::geometry(settings(run), run.model);
}

std::vector<llamacpp::KvCache> caches(const PlannedLoad& run) {
  return llamacpp::kv_caches(
      run.model, settings(run), geometry(run), llamacpp::place_weights(run.model, settings(run)),
      run.runtime.llama_cpp, settings(run).flash_attention != FlashAttention::off);
}

bool quantized_cache(const PlannedLoad& run) {
  return format_of(settings(run).cache_type_k).quantized ||
         format_of(settings(run).cache_type_v).quantized;
}

bool latent(const Model& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
    return std::holds_alternative<LatentAttention>(layer.mixer);
  });
}

/// A run whose graph is changed step by step: changes do not add up where one moves the peak that
/// another had set.
class ChangedRun {
 public:
  explicit ChangedRun(const PlannedLoad& run)
      : model_(run.model),
        runtime_(run.runtime),
        workload_(run.workload),
        footprint_(run.footprint) {}

  /// What the compute buffer of `where` takes more than before this change.
  template <class Change>
  Bytes more(Place where, const Change& change) {
    const Bytes before = compute(where);
    change(model_, runtime_, workload_);
    footprint_ = estimate(model_, runtime_, workload_);
    return compute(where) - before;
  }

 private:
  [[nodiscard]] Bytes compute(Place where) const {
    return where == Place::gpu ? footprint_.gpu.compute : footprint_.host.compute;
  }

  Model model_;
  Runtime runtime_;
  Workload workload_;
  Footprint footprint_;
};

/// Flash attention was handed the mask as F32 and cast it itself.
void with_f32_mask(Model& /*model*/, Runtime& runtime, Workload& /*workload*/) {
  runtime.llama_cpp.half_precision_mask = false;
}

/// A quantized cache was not rotated: its graph has the inputs of a plain one.
void without_rotation(Model& /*model*/, Runtime& /*runtime*/, Workload& workload) {
  workload.cache_type_k = workload.cache_type_v = ElementType::f16;
}

/// Rows that nobody wants logits of were dropped in the last layer.
void with_dropped_rows(Model& model, Runtime& /*runtime*/, Workload& /*workload*/) {
  model.outputs_after_norm = false;
}

/// No room was kept for embeddings in place of tokens.
Bytes embedding_input(const PlannedLoad& run) {
  return Bytes{-f32_bytes} * run.model.embedding * geometry(run).tokens;
}

/// No list said where in the cache a token goes: neither one for keys nor one for values, which
/// without flash attention are stored element by element.
Bytes cache_rows(const PlannedLoad& run) {
  Bytes out;
  for (const auto& cache : caches(run)) {
    const std::int64_t per_token = cache.values_transposed ? cache.widest_value : 1;
    const std::int64_t values = cache.keys_only ? 0 : per_token;
    out -= Bytes{index_bytes} * geometry(run).tokens * (1 + values);
  }
  return out;
}

/// The context in cells, before it was rounded up to whole 256.
std::int64_t unpadded(const PlannedLoad& run) {
  const std::int64_t context = *run.workload.context;
  if (run.build >= no_padding_from) return context;
  // get_padding of llama-kv-cache.cpp
  constexpr std::int64_t fused_step = 256;
  constexpr std::int64_t plain_step = 32;
  return round_up(context, run.footprint.flash_attention ? fused_step : plain_step);
}

bool one_plain_cache(const PlannedLoad& run) {
  return caches(run).size() == 1;
}

std::int64_t padding(const PlannedLoad& run) {
  if (!run.workload.context || !one_plain_cache(run)) return 0;
  return geometry(run).context - unpadded(run);
}

Bytes cache_padding(const PlannedLoad& run) {
  const Bytes cache = run.footprint.total(PartName::kv_cache);
  const std::int64_t cells = geometry(run).context;
  return cells == 0 ? Bytes{} : Bytes{-(cache.count() / cells) * padding(run)};
}

Bytes mask_padding(const PlannedLoad& run) {
  constexpr std::int64_t half_bytes = 2;
  const bool f32 = !run.footprint.flash_attention || run.build < f16_mask_from;
  return Bytes{-(f32 ? f32_bytes : half_bytes)} * padding(run) * geometry(run).tokens;
}

void add(std::vector<Effect>& out, std::string name, Bytes bytes) {
  if (bytes != Bytes{}) out.push_back({.cause = {std::move(name), bytes}, .spread = {}});
}

/// What the graph itself had otherwise, on Metal. Only in Metal's order as we simulate it.
void add_metal_graph(std::vector<Effect>& out, const PlannedLoad& run) {
  if (run.build < metal_order_from || run.build >= f16_mask_from) return;
  ChangedRun before(run);
  if (run.build < all_hidden_states_from && run.model.architecture.starts_with("qwen35") &&
      run.model.outputs_after_norm) {
    add(out, until("rows dropped in Qwen3.5's last layer", all_hidden_states_from),
        before.more(Place::gpu, with_dropped_rows));
  }
  if (run.footprint.flash_attention) {
    add(out, until("F32 mask", f16_mask_from), before.more(Place::gpu, with_f32_mask));
  }
}

/// Inputs of the graph, which lie on the host; they do add up.
void add_host_inputs(std::vector<Effect>& out, const PlannedLoad& run) {
  if (run.build < f16_mask_from && run.footprint.flash_attention) {
    add(out, until("F32 mask", f16_mask_from), ChangedRun(run).more(Place::host, with_f32_mask));
  }
  if (run.build < embedding_input_from) {
    add(out, until("no room for embeddings in place of tokens", embedding_input_from),
        embedding_input(run));
  }
  if (run.build < rotation_from && quantized_cache(run)) {
    add(out, until("no rotation of a quantized cache", rotation_from),
        ChangedRun(run).more(Place::host, without_rotation));
  }
  if (run.build < padding_from) {
    add(out, until("no padding of the mask", padding_from), mask_padding(run));
  }
  if (run.build < cache_rows_from) {
    add(out, until("no list of cache rows", cache_rows_from), cache_rows(run));
  }
}

/// States that speculative decoding returns to when a drafted token is refused.
Bytes rollback_states(const PlannedLoad& run) {
  std::int64_t kept = run.load.settings.rollback.value_or(0);
  for (const LoggedCache& cache : run.load.caches) kept = std::max(kept, cache.rollback);
  return run.footprint.total(PartName::recurrent_state) * kept;
}

/// Bytes of the tensors of layers that only drafting uses.
Bytes draft_layers(const Model& model) {
  Bytes out;
  const auto first = static_cast<std::int64_t>(model.layers.size());
  for (const Tensor& tensor : model.tensors.all()) {
    if (TensorTable::layer_of(tensor.name) >= first) out += tensor.size();
  }
  return out;
}

/// Types of tensors that the log counts otherwise than the plan.
bool other_types(const PlannedLoad& run) {
  if (run.load.model.tensors.empty()) return false;
  std::map<ElementType, std::int64_t> planned;
  for (const Tensor& tensor : run.model.tensors.all()) ++planned[tensor.type];
  return std::any_of(run.load.model.tensors.begin(), run.load.model.tensors.end(),
                     [&](const auto& each) {
                       const auto type = element_type_of_name(each.first);
                       const auto known = type ? planned.find(*type) : planned.end();
                       return known == planned.end() || known->second != each.second;
                     });
}

}  // namespace

std::span<const std::int64_t> build_steps() {
  return steps;
}

std::vector<Effect> counted_causes(const PlannedLoad& run, ComparedName name,
                                   std::optional<Place> where) {
  std::vector<Effect> out;
  switch (name) {
    case ComparedName::kv_cache:
    case ComparedName::context:
      if (run.build < padding_from) {
        add(out, until("no padding to 256 cells", padding_from), cache_padding(run));
      }
      if (name == ComparedName::context) {
        add(out, "states to return to (n_rs_seq)", rollback_states(run));
      }
      break;
    case ComparedName::recurrent_state:
      add(out, "states to return to (n_rs_seq)", rollback_states(run));
      break;
    case ComparedName::compute:
      if (where == Place::gpu) {
        add_metal_graph(out, run);
      } else {
        add_host_inputs(out, run);
      }
      break;
    case ComparedName::weights:
      if (where == Place::gpu && run.build < metal_order_from && settings(run).mmap) {
        // The file's header is not in the log, and so not where in its page the data starts.
        out.push_back(
            {.cause = {until("counted from the start of its page", metal_order_from), Bytes{}},
             .spread = page});
      }
      break;
    case ComparedName::repacked_weights:
    case ComparedName::output:
    case ComparedName::peak:
    case ComparedName::total:
      break;
  }
  return out;
}

std::vector<Effect> possible_causes(const PlannedLoad& run, ComparedName name,
                                    std::optional<Place> where) {
  std::vector<Effect> out;
  if (name == ComparedName::weights && where == Place::gpu) {
    if (settings(run).mmap) {
      // What Metal maps reaches from the first of its tensors to the last.
      add(out, "the token embedding is first in the file (earlier converters)",
          Bytes{} - run.footprint.host.model);
    }
    add(out, "next-token layers are loaded as well", draft_layers(run.model));
  }
  if (name == ComparedName::output) {
    add(out, "a hidden state of each token of a batch, for next-token layers",
        Bytes{f32_bytes} * run.model.embedding * geometry(run).batch);
  }
  return out;
}

std::vector<Effect> uncounted_causes(const PlannedLoad& run, ComparedName name,
                                     std::optional<Place> where) {
  std::vector<Effect> out;
  const auto name_it = [&](bool holds, std::string cause) {
    if (holds) out.push_back({.cause = {std::move(cause), std::nullopt}, .spread = {}});
  };
  const EngineLoad& load = run.load;
  const bool graph = name == ComparedName::compute;
  if (graph) {
    name_it(where == Place::gpu && run.build < metal_order_from,
            until("graph in another order", metal_order_from));
    name_it(where == Place::gpu && run.build < rotation_from && quantized_cache(run),
            until("no rotation of a quantized cache", rotation_from));
    name_it(load.settings.adapter, "an adapter (LoRA) takes part in the graph");
    name_it(rollback_states(run) > Bytes{}, "states to return to (n_rs_seq)");
  }
  name_it(latent(run.model) && run.build < latent_cache_from &&
              (graph || name == ComparedName::kv_cache || name == ComparedName::context),
          until("keys and values per head instead of latents", latent_cache_from));
  if (name == ComparedName::weights || name == ComparedName::repacked_weights) {
    name_it(other_types(run), "the file's types are another mix than llama-quantize's");
    name_it(run.model.types_assumed, "the upload's types are not known");
  }
  if (load.build.foreign) {
    out.push_back({.cause = {"not a build of upstream's", std::nullopt}, .spread = {}});
  }
  const bool other_vocabulary =
      load.model.vocabulary && *load.model.vocabulary != run.model.vocabulary;
  name_it(other_vocabulary, fmt::format("{} tokens of vocabulary in the file, {} in the catalog",
                                        load.model.vocabulary.value_or(0), run.model.vocabulary));
  return out;
}

}  // namespace membudget::logs
