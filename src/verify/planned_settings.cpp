// SPDX-License-Identifier: MIT
#include "verify/planned_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "membudget/error.hpp"
#include "verify/causes.hpp"

namespace membudget::logs {
namespace {

constexpr std::int64_t oldest_measured = 10488;      // profiles/runtimes/llama.cpp.json
constexpr std::int64_t automatic_flash_from = 6325;  // pull request 15434, August 2025
constexpr std::int64_t mapped_names_from = 3990;     // 10026, October 2024

bool is_metal(std::string_view device) {
  return device.starts_with("MTL") || device.starts_with("Metal");
}

bool any_device(const EngineLoad& load, bool (*holds)(std::string_view)) {
  return std::ranges::any_of(load.buffers,
                             [&](const LoggedBuffer& each) { return holds(each.device); }) ||
         std::ranges::any_of(load.breakdown,
                             [&](const LoggedBreakdown& each) { return holds(each.device); });
}

/// All builds that it can be of are older.
bool older_than(const EngineLoad& load, std::int64_t build) {
  return load.build.to != 0 && load.build.to < build;
}

ElementType cache_type(const std::string& name, PlannedSettings& out) {
  if (name.empty()) return ElementType::f16;
  const auto type = element_type_of_name(name);
  if (!type) {
    out.plain_cache = false;
    out.notes.emplace_back(
        "its cache has a type that is none of llama.cpp's, so that is not compared");
    return ElementType::f16;
  }
  return *type;
}

FlashAttention flash_attention(const EngineLoad& load) {
  const std::string& asked = load.settings.flash_attention;
  if (asked == "on") return FlashAttention::on;
  if (asked == "off") return FlashAttention::off;
  if (asked.empty() && older_than(load, automatic_flash_from)) return FlashAttention::off;
  return FlashAttention::automatic;
}

bool mapped(const EngineLoad& load, const Model& /*model*/) {
  if (load.settings.mmap) return *load.settings.mmap;
  if (load.engine == LogEngine::ollama_engine || has_foreign_device(load)) return false;
  const auto of_model = [&](bool (*named)(std::string_view)) {
    return std::ranges::any_of(load.buffers, [&](const LoggedBuffer& each) {
      return each.kind == BufferKind::model && is_gpu_device(each.device) && named(each.device);
    });
  };
  if (of_model([](std::string_view name) { return name.ends_with("_Mapped"); })) return true;
  // Before buffers were named so nothing tells, and mapping is the default.
  const bool plain = of_model([](std::string_view name) { return is_metal(name); });
  return !plain || older_than(load, mapped_names_from);
}

/// Sequences by the size of the output buffer, which has a row of logits for each, where nothing
/// else says so; with embeddings when a row holds one as well.
void conclude_sequences(const EngineLoad& load, const Model& model, PlannedSettings& out) {
  const auto buffer = std::ranges::find(load.buffers, BufferKind::output, &LoggedBuffer::kind);
  if (buffer == load.buffers.end()) return;
  constexpr std::int64_t most = 64;
  constexpr std::int64_t element = 4;
  const std::int64_t given = load.settings.parallel.value_or(0);
  for (const bool embeddings : {false, true}) {
    const Bytes row = Bytes{element} * (model.vocabulary + (embeddings ? model.embedding : 0));
    for (std::int64_t count = 1; count <= most; ++count) {
      if ((given != 0 && count != given) || !buffer->size.holds(row * count)) continue;
      out.workload.parallel = count;
      out.workload.embeddings = embeddings;
      if (given == 0 && count > 1) {
        out.notes.push_back(fmt::format("{} sequences, by the size of the output buffer", count));
      }
      if (embeddings) {
        out.notes.emplace_back("embeddings as well as logits, by the size of the output buffer");
      }
      return;
    }
  }
}

/// What Ollama chooses when nobody sets num_batch (server/sched.go, 0.30).
std::int64_t batch_of_ollama(std::int64_t context) {
  constexpr std::int64_t small_context = 4096;
  constexpr std::int64_t large_context = 32768;
  constexpr std::int64_t small_batch = 512;
  if (context <= small_context) return small_batch;
  return context <= large_context ? 2 * small_batch : 4 * small_batch;
}

}  // namespace

bool has_foreign_device(const EngineLoad& load) {
  return any_device(load, [](std::string_view name) {
    return is_gpu_device(name) && !is_metal(name) && name != "self";
  });
}

PlannedSettings settings_of(const EngineLoad& load, const Model& model) {
  PlannedSettings out;
  const LoggedSettings& logged = load.settings;
  Workload& workload = out.workload;
  workload.context = logged.context;
  if (!workload.context && load.caches.size() == 1) {
    workload.context = load.caches.front().cells * load.caches.front().streams;
  }
  workload.batch = logged.batch;
  workload.ubatch = logged.ubatch;
  workload.parallel = logged.parallel.value_or(1);
  // Slots had one cache together before they could have one each.
  workload.kv_unified = logged.kv_unified.value_or(older_than(load, 5913));
  if (!logged.kv_unified && !load.caches.empty() && load.caches.front().streams == 1 &&
      load.caches.front().sequences > 1) {
    workload.kv_unified = true;
  }
  workload.swa_full = logged.swa_full.value_or(false);
  workload.cache_type_k = cache_type(logged.cache_type_k, out);
  workload.cache_type_v = cache_type(logged.cache_type_v, out);
  workload.flash_attention = flash_attention(load);
  workload.mmap = mapped(load, model);
  workload.kv_offload = logged.kv_offload;
  workload.embeddings = logged.embeddings;
  workload.outputs = logged.outputs;
  if (logged.gpu_layers && logged.layers_of_model && *logged.gpu_layers < *logged.layers_of_model) {
    workload.gpu_layers = *logged.gpu_layers;
  }
  const bool devices = !load.buffers.empty() || !load.breakdown.empty();
  if (devices && !any_device(load, is_gpu_device) && load.machine.gpu.empty()) {
    workload.backend = Backend::cpu;
  }
  if (!logged.parallel || !logged.embeddings) conclude_sequences(load, model, out);
  if (load.engine == LogEngine::ollama_process && workload.context) {
    workload.batch = workload.ubatch = batch_of_ollama(*workload.context);
  }
  return out;
}

Runtime runtime_of(const EngineLoad& load, const Profiles& profiles, std::int64_t build) {
  // Before b9460 every token of a batch could ask for logits, in the server too.
  const bool server =
      load.program == LogProgram::llama_server || load.program == LogProgram::ollama;
  const std::string id = server && build >= limited_outputs_from ? "llama.cpp" : "llama-cli";
  if (build >= oldest_measured) {
    return profiles.runtime(fmt::format("{}@b{}", id, build));
  }
  // Older builds are planned by the oldest rules that were measured row by row, and
  // src/verify/causes.cpp names each difference with its bytes: a reader then sees why.
  Runtime runtime = profiles.runtime(fmt::format("{}@b{}", id, oldest_measured));
  runtime.version = fmt::format("b{}", build);
  return runtime;
}

}  // namespace membudget::logs
