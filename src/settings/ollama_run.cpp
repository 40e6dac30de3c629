// SPDX-License-Identifier: MIT
// Ollama 0.30 and later start llama-server for every GGUF model; line numbers are those of
// ollama/ollama at fb30760996871fa9460115c753afd2c60d4ab0f7 (0.33).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "settings/format.hpp"
#include "settings/ollama.hpp"

namespace membudget::settings {
namespace {

/// Tokens when nobody asks: by what Metal grants in total, never more than the model was trained
/// for (server/routes.go:2043-2058, server/sched.go:169-177).
std::int64_t default_context(const PlannedRun& run) {
  const Bytes granted = run.plan.budget.gpu_limit;
  const std::int64_t by_memory = granted >= gib(47) ? 262144 : granted >= gib(23) ? 32768 : 4096;
  const std::int64_t trained = run.model.trained_context;
  return trained > 0 ? std::min(by_memory, trained) : by_memory;
}

/// Up to this context the batch is 512 when nobody asks; beyond, Ollama looks at the memory that
/// is free at that moment (server/sched.go:797-915).
constexpr std::int64_t small_context = 4096;
constexpr std::int64_t small_batch = 512;

/// Architectures that get one slot whatever OLLAMA_NUM_PARALLEL says (server/sched.go:507-510).
constexpr std::array<std::string_view, 11> single_slot{
    "mllama", "qwen3vl", "qwen3vlmoe", "qwen35",         "qwen35moe",      "qwen3next",
    "lfm2",   "lfm2moe", "nemotron_h", "nemotron_h_moe", "nemotron_h_omni"};

/// Embedding models too get one slot (server/sched.go, load()).
bool has_one_slot(const Model& model) {
  return !model.logits ||
         std::find(single_slot.begin(), single_slot.end(), model.architecture) != single_slot.end();
}

void take_slots(const Model& model, const Settings& planned, OllamaRun& out) {
  if (planned.kv_unified && planned.parallel > 1) {
    out.notes.push_back(fmt::format(
        "Ollama's slots do not share a cache: one slot with all {} tokens, where {} shared them.",
        planned.context, planned.parallel));
    out.num_ctx = planned.context;
    return;
  }
  if (planned.parallel > 1 && has_one_slot(model)) {
    out.notes.push_back(fmt::format(
        "Ollama gives this model one slot: all {} tokens are its, where {} slots were planned.",
        planned.context, planned.parallel));
    out.num_ctx = planned.context;
    return;
  }
  out.slots = planned.parallel;
  out.num_ctx = (planned.context + planned.parallel - 1) / planned.parallel;
  if (out.num_ctx * out.slots != planned.context) {
    out.notes.push_back(
        fmt::format("Every slot gets as many tokens: {} of {}, where {} were planned.", out.slots,
                    out.num_ctx, planned.context));
  }
}

std::int64_t row_bytes(ElementType type) {
  const ElementFormat& format = format_of(type);
  constexpr std::int64_t elements = 256;  // A multiple of every block.
  return elements / format.block_elements * format.block_bytes;
}

void take_cache_type(const Settings& planned, OllamaRun& out) {
  const ElementType k = planned.cache_type_k;
  const ElementType v = planned.cache_type_v;
  // The finer of the two loses nothing.
  out.cache_type = row_bytes(k) >= row_bytes(v) ? k : v;
  if (k != v) {
    out.notes.push_back(
        fmt::format("Ollama has one cache type: {} for both, where {} was planned "
                    "for K and {} for V.",
                    type_name(out.cache_type), type_name(k), type_name(v)));
  }
}

}  // namespace

Workload OllamaRun::workload() const {
  Workload out;
  out.context = num_ctx * slots;
  out.parallel = slots;
  out.batch = num_batch;
  out.ubatch = num_batch;
  out.cache_type_k = cache_type;
  out.cache_type_v = cache_type;
  out.flash_attention = flash_attention;
  out.gpu_layers = num_gpu;
  out.mmap = mmap;
  return out;
}

OllamaRun ollama_run(const PlannedRun& run) {
  const Settings& planned = run.plan.footprint.settings;
  OllamaRun out;
  take_slots(run.model, planned, out);
  take_cache_type(planned, out);
  out.num_batch = planned.ubatch;
  if (planned.batch < planned.ubatch) out.num_batch = planned.batch;
  out.flash_attention = planned.flash_attention;
  out.num_gpu = chosen_gpu_layers(run).value_or(-1);
  out.mmap = planned.mmap;
  out.context_is_default = out.num_ctx == default_context(run);
  out.batch_is_default = out.num_batch == small_batch && out.num_ctx * out.slots <= small_context;
  auto missing = server_only(run, true);
  if (!planned.kv_offload) missing.emplace_back("--no-kv-offload");
  if (!missing.empty()) {
    out.notes.push_back(fmt::format("Ollama has no setting for {}.", fmt::join(missing, ", ")));
  }
  if (const std::string note = memory_note(run, out.workload()); !note.empty()) {
    out.notes.push_back(note);
  }
  return out;
}

}  // namespace membudget::settings
