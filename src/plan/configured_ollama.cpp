// SPDX-License-Identifier: MIT
// The llama-server command that Ollama builds; lines are those of ollama/ollama at
// fb30760996871fa9460115c753afd2c60d4ab0f7 (0.33.0).
#include <fmt/format.h>

#include <algorithm>

#include "membudget/error.hpp"
#include "plan/ollama.hpp"

namespace membudget::ollama {
namespace {

[[noreturn]] void refuse(std::string_view option, const std::string& problem) {
  throw Error(Errc::bad_request, std::string(option), problem);
}

/// What Ollama passes to llama-server on nobody's wish.
void refuse_foreign(const Workload& workload) {
  const auto foreign = [](bool asked, std::string_view option) {
    if (asked) {
      refuse(option,
             "Ollama has no setting for it; leave it out, or plan llama-server with --runtime "
             "llama.cpp");
    }
  };
  foreign(workload.kv_unified.value_or(false), "--kv-unified");
  foreign(workload.swa_full.value_or(false), "--swa-full");
  foreign(workload.cpu_moe.value_or(false), "--cpu-moe");
  foreign(workload.n_cpu_moe.value_or(0) > 0, "--n-cpu-moe");
  foreign(!workload.tensor_overrides.empty(), "--override-tensor");
  foreign(!workload.kv_offload.value_or(true), "--no-kv-offload");
  foreign(!workload.repack.value_or(true), "--no-repack");
  foreign(!workload.op_offload.value_or(true), "--no-op-offload");
}

/// One type for both (llm/llama_server.go:405).
void take_cache_type(const Runtime& runtime, Workload& out) {
  const auto k = out.cache_type_k.value_or(runtime.defaults.cache_type_k);
  const auto v = out.cache_type_v.value_or(runtime.defaults.cache_type_v);
  if (k != v) {
    refuse(out.cache_type_k ? "--cache-type-k" : "--cache-type-v",
           "Ollama has one cache type for keys and values, OLLAMA_KV_CACHE_TYPE; give --cache-type "
           "q8_0, or plan llama-server with --runtime llama.cpp");
  }
}

/// Tokens when neither the user nor the model asks: OLLAMA_CONTEXT_LENGTH, else by Metal's total
/// less OLLAMA_GPU_OVERHEAD (server/routes.go:2043-2057). Without a GPU that total is 0.
std::int64_t unasked_context(const Runtime& runtime, const Budget& budget) {
  if (runtime.defaults.context > 0) {
    return runtime.defaults.context;
  }
  const OllamaRules& rules = *runtime.ollama;
  const bool gpu = runtime.defaults.backend == Backend::metal;
  const Bytes total = gpu ? budget.gpu_limit - rules.gpu_overhead : Bytes{};
  for (const OllamaRules::ContextTier& tier : rules.contexts) {
    if (total >= tier.from) {
      return tier.tokens;
    }
  }
  return rules.contexts.empty() ? rules.least_context : rules.contexts.back().tokens;
}

/// num_ctx as it reaches llama-server: at least 4, of models that see 2048 (server/sched.go:170),
/// at most what the model was trained for (llm/server.go:113).
std::int64_t within_model(std::int64_t num_ctx, const Model& model, const OllamaRules& rules) {
  num_ctx = std::max(num_ctx, rules.least_context);
  if (ollama_projector(model, rules) > Bytes{}) {
    num_ctx = std::max(num_ctx, rules.least_vision_context);
  }
  return model.trained_context > 0 ? std::min(num_ctx, model.trained_context) : num_ctx;
}

void take_context(const Workload& asked, const Runtime& runtime, const Model& model,
                  const Budget& budget, Workload& out) {
  const OllamaRules& rules = *runtime.ollama;
  out.parallel =
      ollama_single_slot(model, rules)
          ? 1
          : std::max<std::int64_t>(asked.parallel.value_or(runtime.defaults.parallel), 1);
  std::int64_t num_ctx = unasked_context(runtime, budget);
  if (asked.context.value_or(0) > 0) {
    num_ctx = (*asked.context + *out.parallel - 1) / *out.parallel;  // Every slot gets as much.
  } else if (asked.context) {
    num_ctx = model.trained_context > 0 ? model.trained_context : num_ctx;
  } else if (model.default_context > 0) {
    num_ctx = model.default_context;
  }
  out.context = checked_multiply(within_model(num_ctx, model, rules), *out.parallel);
}

/// What is free on an idle machine: the lesser of what Metal and the system have
/// (server/sched.go:928-950). Without a GPU Ollama counts 0, and takes that for no limit.
Bytes available(const Runtime& runtime, const Budget& budget) {
  return runtime.defaults.backend == Backend::metal
             ? std::min(budget.gpu_limit, budget.ram_available)
             : Bytes{};
}

/// server/sched.go:869-896.
bool batch_fits(const OllamaRules::BatchTier& tier, Bytes believed, Bytes room,
                const OllamaRules& rules) {
  if (believed == Bytes{} || room == Bytes{}) {
    return true;
  }
  constexpr std::int64_t hundred = 100;
  const auto share = [&](std::int64_t percent) {
    return Bytes((room * percent).count() / hundred);
  };
  const Bytes threshold = share(rules.fit_percent);
  return believed <= threshold && believed <= share(tier.percent) &&
         tier.surcharge <= threshold - believed;
}

/// server/sched.go:827-856: by the context, then smaller ones until one fits; the last always does.
std::int64_t automatic_batch(std::int64_t context, Bytes believed, Bytes room,
                             const OllamaRules& rules) {
  for (const OllamaRules::BatchTier& tier : rules.batches) {
    const bool last = &tier == &rules.batches.back();
    if (last || (context > tier.above && batch_fits(tier, believed, room, rules))) {
      return tier.batch;
    }
  }
  return 512;
}

/// -b and -ub are both num_batch (llm/llama_server.go:575-590).
void take_batch(const Workload& asked, const Runtime& runtime, const Model& model, Bytes believed,
                const Budget& budget, Workload& out) {
  if (asked.batch && asked.ubatch && *asked.batch != *asked.ubatch) {
    refuse("--ubatch-size",
           fmt::format("Ollama's num_batch is both batches; give {} for both, or plan llama-server "
                       "with --runtime llama.cpp",
                       *asked.batch));
  }
  std::int64_t batch = 0;
  if (asked.batch || asked.ubatch) {
    batch = asked.ubatch ? *asked.ubatch : *asked.batch;
  } else if (ollama_embeds(model)) {
    batch = runtime.ollama->embedding_batch;
  } else {
    batch = automatic_batch(*out.context, believed, available(runtime, budget), *runtime.ollama);
  }
  out.batch = out.ubatch = ollama_embeds(model) ? std::min(batch, *out.context) : batch;
}

/// server/sched.go:1158-1177.
bool maps_file(const Runtime& runtime, const Model& model, const Workload& out, Bytes believed,
               const Budget& budget) {
  const std::int64_t layers = out.gpu_layers.value_or(runtime.defaults.gpu_layers);
  if (runtime.defaults.backend == Backend::cpu || layers == 0) {
    return false;
  }
  const auto all = static_cast<std::int64_t>(model.layers.size()) + model.draft_layers + 1;
  if (layers > 0) {
    return layers >= all;
  }
  const Bytes room = available(runtime, budget);
  return room == Bytes{} || believed <= room;
}

}  // namespace

Workload configured(const Workload& workload, const Runtime& runtime, const Model& model,
                    const Budget& budget) {
  refuse_foreign(workload);
  Workload out = workload;
  take_cache_type(runtime, out);
  take_context(workload, runtime, model, budget, out);
  out.kv_unified = false;
  if (ollama_embeds(model)) {
    out.embeddings = true;
  }
  const OllamaBelief belief = ollama_belief(model, *runtime.ollama, *out.context, 0);
  const Bytes believed = belief.file + belief.cache;
  take_batch(workload, runtime, model, believed, budget, out);
  if (!out.mmap) {
    out.mmap = maps_file(runtime, model, out, believed, budget);
  }
  return out;
}

}  // namespace membudget::ollama
