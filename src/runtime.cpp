// SPDX-License-Identifier: MIT
#include "membudget/runtime.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "context_limit.hpp"
#include "membudget/error.hpp"
#include "tensor_pattern.hpp"

namespace membudget {
namespace {

// llama.cpp holds these in 32 bits; slots are limited by LLAMA_MAX_SEQ (llama-cparams.h).
constexpr std::int64_t max_tokens = most_context;
constexpr std::int64_t max_slots = 256;

// --spec-draft-n-max beyond which the engine gives up (LLAMA_MAX_SEQ aside, a batch holds no more).
constexpr std::int64_t max_drafted = 1024;
constexpr std::int64_t max_checkpoints = 1 << 16;
constexpr std::int64_t max_mib = std::int64_t{1} << 30;

std::int64_t within(std::int64_t value, std::int64_t least, std::int64_t most,
                    std::string_view option) {
  if (value < least || value > most) {
    throw Error(Errc::bad_request, std::string(option),
                fmt::format("{} is out of range; give {} to {}", value, least, most));
  }
  return value;
}

// The types llama-server takes for its cache (common/arg.cpp, kv_cache_types).
ElementType cache_type(ElementType type, std::string_view option) {
  switch (type) {
    case ElementType::f32:
    case ElementType::f16:
    case ElementType::bf16:
    case ElementType::q8_0:
    case ElementType::q4_0:
    case ElementType::q4_1:
    case ElementType::iq4_nl:
    case ElementType::q5_0:
    case ElementType::q5_1:
      return type;
    default:
      throw Error(Errc::bad_request, std::string(option),
                  fmt::format("{} is not a cache type; use f16, bf16, f32, q8_0, q5_1, q5_0, "
                              "q4_1, q4_0 or iq4_nl",
                              format_of(type).name));
  }
}

// Everything that is attached to the model.
void resolve_attachments(const Workload& workload, const Model& model, Settings& result) {
  result.predict = workload.predict.value_or(false);
  if (result.predict && model.draft_layers == 0) {
    throw Error(
        Errc::bad_request, "--spec-type",
        fmt::format("{} holds no layers for drafting (nextn_predict_layers); give a file that "
                    "was converted with them, or a model for --draft",
                    model.id));
  }
  if (result.predict && !model.drafts) {
    throw Error(Errc::bad_request, "--spec-type",
                fmt::format("the engine has no graph for the drafting layers of {}; leave it out",
                            model.architecture));
  }
  if (result.predict && workload.draft != nullptr) {
    throw Error(Errc::bad_request, "--spec-type",
                "drafts with the model's own layers, so a model for --draft has no place");
  }
  result.draft_max =
      within(workload.draft_max.value_or(result.draft_max), 1, max_drafted, "--spec-draft-n-max");
  result.draft_cache_type_k = cache_type(
      workload.draft_cache_type_k.value_or(result.draft_cache_type_k), "--cache-type-k-draft");
  result.draft_cache_type_v = cache_type(
      workload.draft_cache_type_v.value_or(result.draft_cache_type_v), "--cache-type-v-draft");
  const std::int64_t needed = result.predict ? result.draft_max : 0;
  result.rollback = within(workload.rollback.value_or(needed), 0, max_drafted, "n_rs_seq");
  if (!model.rolls_back) {
    result.rollback = 0;
  }
  for (const Companion& companion : model.companions) {
    if (companion.adapter != nullptr) {
      result.adapters.push_back(companion.adapter);
    } else if (companion.projector != nullptr) {
      result.projector = companion.projector;
    }
  }
  result.adapters.insert(result.adapters.end(), workload.adapters.begin(), workload.adapters.end());
  result.control_vector = workload.control_vector;
  if (workload.projector != nullptr) {
    result.projector = workload.projector;
  }
  result.prompt_cache_counted = workload.prompt_cache_mib.has_value();
  result.prompt_cache_mib = within(workload.prompt_cache_mib.value_or(result.prompt_cache_mib), -1,
                                   max_mib, "--cache-ram");
  result.checkpoints_counted = workload.checkpoints.has_value();
  result.checkpoints = within(workload.checkpoints.value_or(result.checkpoints), 0, max_checkpoints,
                              "--ctx-checkpoints");
}

void refuse_attachments(const Workload& workload) {
  for (const auto& [asked, option] : {std::pair{!workload.adapters.empty(), "--lora"},
                                      {workload.control_vector != nullptr, "--control-vector"},
                                      {workload.projector != nullptr, "--mmproj"},
                                      {workload.predict.value_or(false), "--spec-type"},
                                      {workload.prompt_cache_mib.has_value(), "--cache-ram"},
                                      {workload.checkpoints.has_value(), "--ctx-checkpoints"}}) {
    if (asked) {
      throw Error(Errc::bad_request, option,
                  "is planned for llama.cpp and what wraps it; give --runtime llama.cpp");
    }
  }
}

void take_context(const Workload& workload, const Model& model, Settings& out) {
  const std::int64_t unasked = model.default_context > 0 ? model.default_context : out.context;
  out.context = within(workload.context.value_or(unasked), 0, max_tokens, "--ctx-size");
  if (out.context == 0) {
    out.context = model.trained_context;
  }
  if (out.context == 0) {
    throw Error(Errc::bad_request, "--ctx-size",
                "the model does not state its trained context; give a number of tokens");
  }
}

void refuse_mlx_settings(const Workload& workload, Engine engine) {
  for (const auto& [value, option] :
       {std::pair{workload.prefill_step, "--prefill-step-size"}, {workload.kv_bits, "--kv-bits"}}) {
    // MLC-LLM is compiled for chunks of a prompt.
    const bool chunk = engine == Engine::mlc && option == std::string_view("--prefill-step-size");
    if (value && !chunk) {
      throw Error(
          Errc::bad_request, option,
          "is a setting of MLX; give --runtime mlx, or here --ubatch-size and --cache-type");
    }
  }
}

void refuse_llama_cpp_settings(const Workload& workload) {
  const auto refuse = [](bool given, std::string_view option, std::string_view remedy) {
    if (given) {
      throw Error(Errc::bad_request, std::string(option),
                  fmt::format("is a setting of llama.cpp, which MLX does not have; {}", remedy));
    }
  };
  refuse(workload.cache_type_k.has_value(), "--cache-type-k", "give --kv-bits, or leave it out");
  refuse(workload.cache_type_v.has_value(), "--cache-type-v", "give --kv-bits, or leave it out");
  refuse(workload.batch.has_value(), "--batch-size", "give --prefill-step-size");
  refuse(workload.ubatch.has_value(), "--ubatch-size", "give --prefill-step-size");
  refuse(workload.gpu_layers.value_or(-1) >= 0, "--gpu-layers", "it keeps all layers on the GPU");
  refuse(workload.cpu_moe.value_or(false) || workload.n_cpu_moe.value_or(0) > 0, "--n-cpu-moe",
         "it keeps all experts on the GPU");
  refuse(workload.draft != nullptr, "--draft", "plan the models one by one");
}

/// Engines with one kind of cache would ignore another type.
void refuse_cache_types(const Workload& workload, const Runtime& runtime) {
  for (const auto& [type, option, own] :
       {std::tuple{workload.cache_type_k, "--cache-type-k", runtime.defaults.cache_type_k},
        {workload.cache_type_v, "--cache-type-v", runtime.defaults.cache_type_v}}) {
    if (type && *type != own) {
      throw Error(
          Errc::bad_request, option,
          fmt::format("{} keeps its cache in {} whatever is asked for; leave the option out",
                      runtime.id, format_of(own).name));
    }
  }
}

/// What is in use at the end: all of a context that is given, unless the prompt is given too.
void take_use(const Workload& workload, Settings& out) {
  out.depth = within(workload.depth.value_or(0), 0, max_tokens, "--depth");
  out.generate_tokens = within(workload.generate_tokens.value_or(out.generate_tokens), 1,
                               max_tokens, "--generate-tokens");
  out.prefill_step = within(workload.prefill_step.value_or(out.prefill_step), 1, max_tokens,
                            "--prefill-step-size");
  out.kv_bits = within(workload.kv_bits.value_or(out.kv_bits), 0, 8, "--kv-bits");
  if (out.kv_bits == 1 || out.kv_bits == 7) {
    throw Error(Errc::bad_request, "--kv-bits",
                fmt::format("MLX has no {}-bit cache; use 8 or 4", out.kv_bits));
  }
  out.buffer_ops = within(workload.buffer_ops.value_or(0), 0, max_tokens, "MLX_MAX_OPS_PER_BUFFER");
  out.context_limit = within(workload.context_limit.value_or(0), 0, max_tokens, "--ctx-size");
  if (workload.prompt_tokens) {
    out.prompt_tokens = within(*workload.prompt_tokens, 1, max_tokens, "--prompt-tokens");
  } else if (workload.context.value_or(0) > 0) {
    const std::int64_t room = within(*workload.context, 2, max_tokens, "--ctx-size") - out.depth;
    if (room < 2) {
      throw Error(Errc::bad_request, "--depth",
                  fmt::format("{} tokens leave no room for a prompt in a context of {}; raise "
                              "--ctx-size",
                              out.depth, *workload.context));
    }
    out.generate_tokens = std::min(out.generate_tokens, room - 1);
    out.prompt_tokens = room - out.generate_tokens;
  }
  out.context = out.depth + out.prompt_tokens + out.generate_tokens;
}

}  // namespace

std::string_view to_string(Engine engine) {
  switch (engine) {
    case Engine::llama_cpp:
      return "llama.cpp";
    case Engine::mlx:
      return "mlx";
    case Engine::candle:
      return "candle";
    case Engine::mlc:
      return "mlc";
    case Engine::coreml:
      return "coreml";
  }
  return "";
}

bool grows_with_use(Engine engine) {
  return engine == Engine::mlx || engine == Engine::candle;
}

std::int64_t trained_tokens(const Model& model, Engine engine, const Settings& settings) {
  // MLX's tokens are those of one request, however many run at once.
  const bool own_caches = !settings.kv_unified && settings.parallel > 1 && !grows_with_use(engine);
  return checked_multiply(model.trained_context, own_caches ? settings.parallel : 1);
}

std::string rope_scaling_options(std::int64_t tokens, std::int64_t covered, std::int64_t trained) {
  return fmt::format("--rope-scaling yarn --rope-scale {:.4g} --yarn-orig-ctx {}",
                     static_cast<double>(tokens) / static_cast<double>(covered), trained);
}

std::int64_t longest_context(const Runtime& runtime, const Model& model) {
  const auto own = [&](const auto& architectures) {
    return std::find_if(architectures.begin(), architectures.end(),
                        [&](const auto& each) { return each.name == model.architecture; });
  };
  if (runtime.engine == Engine::candle) {
    const auto found = own(runtime.candle.architectures);
    return found == runtime.candle.architectures.end() ? 0 : found->longest;
  }
  if (runtime.engine == Engine::mlc) {
    const auto found = own(runtime.mlc.architectures);
    const bool compiled = found != runtime.mlc.architectures.end() && found->context > 0;
    return compiled ? std::min(found->context, runtime.mlc.metal_tokens) : runtime.mlc.metal_tokens;
  }
  return 0;
}

Settings resolve(const Workload& workload, const Runtime& runtime, const Model& model) {
  Settings result = runtime.defaults;
  // A runtime without a GPU (Docker on macOS) has none, whoever asks.
  result.backend = runtime.defaults.backend == Backend::cpu ? Backend::cpu : workload.backend;
  if (grows_with_use(runtime.engine)) {
    take_use(workload, result);
  } else {
    take_context(workload, model, result);
  }
  if (runtime.engine != Engine::mlx) {
    refuse_mlx_settings(workload, runtime.engine);
  } else {
    refuse_llama_cpp_settings(workload);
    if (workload.prefill_step && !runtime.mlx.chosen_step) {
      throw Error(Errc::bad_request, "--prefill-step-size",
                  fmt::format("{} always computes {} tokens of a prompt at once; leave it out, or "
                              "use --runtime mlx",
                              runtime.id, runtime.defaults.prefill_step));
    }
  }
  if (runtime.engine == Engine::candle || runtime.engine == Engine::mlc ||
      runtime.engine == Engine::coreml) {
    refuse_cache_types(workload, runtime);
  }
  if (runtime.engine == Engine::mlc) {
    result.prefill_step =
        within(workload.prefill_step.value_or(0), 0, max_tokens, "--prefill-step-size");
  }
  result.batch = within(workload.batch.value_or(result.batch), 1, max_tokens, "--batch-size");
  result.ubatch = within(workload.ubatch.value_or(result.ubatch), 1, max_tokens, "--ubatch-size");
  result.parallel = within(workload.parallel.value_or(result.parallel), 1, max_slots, "--parallel");
  const bool unified_by_default =
      runtime.unified_when_slots_unset ? !workload.parallel.has_value() : result.kv_unified;
  // MLC-LLM's sequences share the pages of one cache.
  result.kv_unified =
      runtime.engine == Engine::mlc || workload.kv_unified.value_or(unified_by_default);
  result.cache_type_k =
      cache_type(workload.cache_type_k.value_or(result.cache_type_k), "--cache-type-k");
  result.cache_type_v =
      cache_type(workload.cache_type_v.value_or(result.cache_type_v), "--cache-type-v");
  result.flash_attention = workload.flash_attention.value_or(result.flash_attention);
  result.gpu_layers = workload.gpu_layers.value_or(result.gpu_layers);
  result.swa_full = workload.swa_full.value_or(result.swa_full);
  // Ollama's loader has the last word (llama-model-loader.cpp as patched by its llama/compat).
  result.mmap = workload.mmap.value_or(result.mmap) &&
                !(runtime.ollama.has_value() && model.ollama_transforms);
  result.cpu_moe = workload.cpu_moe.value_or(result.cpu_moe);
  result.n_cpu_moe =
      within(workload.n_cpu_moe.value_or(result.n_cpu_moe), 0, max_tokens, "--n-cpu-moe");
  if (!workload.tensor_overrides.empty()) {
    result.tensor_overrides = workload.tensor_overrides;
  }
  for (const TensorOverride& override : result.tensor_overrides) {
    // The engine compiles the pattern while it loads the model and gives up there.
    static_cast<void>(TensorPattern(override.pattern));
  }
  result.kv_offload = workload.kv_offload.value_or(result.kv_offload);
  result.repack = workload.repack.value_or(result.repack);
  result.op_offload = workload.op_offload.value_or(result.op_offload);
  result.embeddings = workload.embeddings.value_or(result.embeddings || !model.logits);
  result.pooling = workload.pooling.value_or(model.pooling);
  if (runtime.engine == Engine::llama_cpp) {
    resolve_attachments(workload, model, result);
  } else {
    refuse_attachments(workload);
  }
  const bool server = runtime.outputs == OutputRule::slots;
  if (server && result.embeddings) {
    // A text's tokens must be in one physical batch (server.cpp:146); every row is an output
    // (server-context.cpp:41).
    result.batch = std::min(result.batch, result.ubatch);
  }
  if (runtime.engine == Engine::llama_cpp) {
    // src/llama-context.cpp:247 of b10587: no physical batch is larger than the logical one.
    result.ubatch = std::min(result.ubatch, result.batch);
  }
  // A slot wants logits for its last token, and for each that is drafted (server-context.cpp:41).
  const bool drafting = workload.draft != nullptr || result.predict;
  const std::int64_t rows = result.parallel * (drafting ? 1 + result.draft_max : 1);
  result.outputs =
      workload.outputs.value_or(server && !result.embeddings ? std::min(result.batch, rows) : 0);
  if (!runtime.llama_cpp.limited_outputs) {
    result.outputs = 0;
  }
  return result;
}

}  // namespace membudget
