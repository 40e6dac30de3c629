// SPDX-License-Identifier: MIT
// Ollama 0.30 and later start llama-server for every GGUF model. What it chooses by itself is
// configured()'s to say; here is what it can be told.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "plan/fit.hpp"
#include "settings/format.hpp"
#include "settings/ollama.hpp"

namespace membudget::settings {
namespace {

/// llama-server of the plan's build with what Ollama loads beside a model.
Runtime ollama_of(const PlannedRun& run) {
  Runtime out = run.ollama;
  out.llama_cpp = run.server.llama_cpp;
  return out;
}

void take_slots(const PlannedRun& run, const Settings& planned, OllamaRun& out) {
  if (planned.kv_unified && planned.parallel > 1) {
    out.notes.push_back(fmt::format(
        "Ollama's slots do not share a cache: one slot with all {} tokens, where {} shared them.",
        planned.context, planned.parallel));
    out.num_ctx = planned.context;
    return;
  }
  if (planned.parallel > 1 && ollama_single_slot(run.model, *run.ollama.ollama)) {
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

namespace {

/// Leaves out what Ollama does on that machine by itself. Every question goes to the rule that
/// plans for Ollama follow.
void find_defaults(const PlannedRun& run, OllamaRun& out) {
  const auto chosen = [&](const Workload& workload) {
    return configured(workload, run.ollama, run.model, run.plan.budget);
  };
  Workload asked;
  asked.parallel = out.slots;
  if (out.num_gpu >= 0) asked.gpu_layers = out.num_gpu;
  out.context_is_default = chosen(asked).context == out.num_ctx * out.slots;
  if (!out.context_is_default) asked.context = out.num_ctx * out.slots;
  out.batch_is_default = chosen(asked).batch == out.num_batch;
  if (!out.batch_is_default) asked.batch = asked.ubatch = out.num_batch;
  // Of a file that it transforms Ollama maps nothing, whatever it is told.
  out.mmap_is_default = run.model.ollama_transforms || chosen(asked).mmap == out.mmap;
}

/// Beyond what the model was trained for Ollama does not go, and models that see need some room.
void fit_context(const PlannedRun& run, OllamaRun& out) {
  Workload asked;
  asked.parallel = out.slots;
  asked.context = out.num_ctx * out.slots;
  const std::int64_t taken =
      *configured(asked, run.ollama, run.model, run.plan.budget).context / out.slots;
  if (taken != out.num_ctx) {
    out.notes.push_back(fmt::format("Ollama makes a context of {} tokens one of {} for this model.",
                                    out.num_ctx, taken));
    out.num_ctx = taken;
  }
}

}  // namespace

OllamaRun ollama_run(const PlannedRun& run) {
  const Settings& planned = run.plan.footprint.settings;
  OllamaRun out;
  take_slots(run, planned, out);
  fit_context(run, out);
  take_cache_type(planned, out);
  out.num_batch = planned.ubatch;
  if (planned.batch < planned.ubatch) out.num_batch = planned.batch;
  out.flash_attention = planned.flash_attention;
  out.num_gpu = chosen_gpu_layers(run).value_or(-1);
  if (out.num_gpu < 0 &&
      fit_moves_layers(run.plan.footprint, run.workload, run.ollama, run.model, run.plan.budget)) {
    out.num_gpu = static_cast<std::int64_t>(run.model.layers.size()) + run.model.draft_layers + 1;
  }
  out.mmap = planned.mmap;
  find_defaults(run, out);
  auto missing = server_only(run, true);
  if (run.workload.draft != nullptr) missing.push_back("--model-draft " + run.workload.draft->id);
  if (!planned.kv_offload) missing.emplace_back("--no-kv-offload");
  if (!missing.empty()) {
    out.notes.push_back(fmt::format("Ollama has no setting for {}.", fmt::join(missing, ", ")));
  }
  Workload workload = out.workload();
  workload.embeddings = planned.embeddings;
  if (const std::string note = memory_note(run, ollama_of(run), workload); !note.empty()) {
    out.notes.push_back(note);
  }
  return out;
}

}  // namespace membudget::settings
