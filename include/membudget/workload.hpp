// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "membudget/pooling.hpp"
#include "membudget/tensor.hpp"

#pragma GCC visibility push(default)
namespace membudget {

struct Adapter;
struct ControlVector;
struct Model;
struct Projector;

/// -fa: whether attention is one fused kernel; `automatic` lets the engine decide.
enum class FlashAttention : std::uint8_t { off, on, automatic };

/// Which of the engine's backends computes.
enum class Backend : std::uint8_t {
  metal,  ///< Apple's GPU, the CPU beside it for what Metal does not take.
  cpu,    ///< A build or machine without a GPU.
};

/// -ot PATTERN=BUFFER: weights whose name holds a match of the regular expression (ECMAScript, as
/// std::regex searches) go to another buffer than their layer's.
struct TensorOverride {
  std::string pattern;
  Backend buffer = Backend::cpu;  ///< "CPU" or "MTL0".

  friend bool operator==(const TensorOverride&, const TensorOverride&) = default;
};

/// What the user asks a runtime to do. An empty optional means the runtime's own default;
/// names follow llama.cpp's options.
struct Workload {
  Backend backend = Backend::metal;
  /// -c: tokens of all slots together; 0 asks for the trained context, as in llama.cpp.
  std::optional<std::int64_t> context;
  std::optional<std::int64_t> batch;     ///< -b
  std::optional<std::int64_t> ubatch;    ///< -ub
  std::optional<std::int64_t> parallel;  ///< -np: slots.
  std::optional<ElementType> cache_type_k;
  std::optional<ElementType> cache_type_v;
  std::optional<FlashAttention> flash_attention;
  std::optional<std::int64_t> gpu_layers;  ///< -ngl: counts the output layer; negative = all.
  std::optional<bool> kv_unified;
  std::optional<bool> swa_full;
  std::optional<bool> mmap;
  std::optional<bool> cpu_moe;                   ///< --cpu-moe: all experts stay on the CPU.
  std::optional<std::int64_t> n_cpu_moe;         ///< --n-cpu-moe: those of the first N layers.
  std::vector<TensorOverride> tensor_overrides;  ///< -ot; the first match decides.
  std::optional<bool> kv_offload;  ///< --kv-offload: caches live on their layer's device.
  std::optional<bool> repack;      ///< --repack: the CPU rearranges weights for its kernels.
  std::optional<bool> op_offload;  ///< --op-offload: Metal may compute with the CPU's weights.
  /// n_outputs_max: rows of logits one batch may ask for; 0 means n_batch.
  std::optional<std::int64_t> outputs;
  /// --embeddings: the text's embedding is wanted, not the next token. Models without logits are
  /// run this way unless told otherwise.
  std::optional<bool> embeddings;
  std::optional<Pooling> pooling;  ///< --pooling, in embedding mode; default: what the file says.
  // What is in use, for engines whose memory grows with it (MLX, Candle); llama.cpp reserves
  // everything when it loads. Without `prompt_tokens` the prompt fills a `context` that is given,
  // and else has 512 tokens.
  std::optional<std::int64_t> depth;            ///< --depth: tokens cached before the prompt; 0.
  std::optional<std::int64_t> prompt_tokens;    ///< --prompt-tokens
  std::optional<std::int64_t> generate_tokens;  ///< --generate-tokens; 128.
  std::optional<std::int64_t> prefill_step;  ///< --prefill-step-size: tokens MLX prompts at once.
  /// --kv-bits: bits per element of MLX's cache, 2, 3, 4, 6 or 8 in groups of 64; 0 = as computed.
  std::optional<std::int64_t> kv_bits;
  /// MLX_MAX_OPS_PER_BUFFER: operations per command buffer, which MLX chooses by the chip
  /// (mlx/backend/metal/device.cpp); configured() does so too.
  std::optional<std::int64_t> buffer_ops;
  /// The longest context that the runtime allows on this machine; set by configured().
  std::optional<std::int64_t> context_limit;
  /// --model-draft: proposes tokens that the model then checks several at once. The runtime loads
  /// it beside the model, with a context as long and a cache of its own; nullptr: none.
  std::shared_ptr<const Model> draft;

  // What llama.cpp attaches to a model.
  /// --spec-type draft-mtp: the blocks for drafting that the file holds (Model::draft_layers) are
  /// loaded and draft in a context of their own; default: off, they are not loaded.
  std::optional<bool> predict;
  std::optional<std::int64_t>
      draft_max;  ///< --spec-draft-n-max: tokens drafted at once; default 3.
  std::optional<ElementType> draft_cache_type_k;  ///< -ctkd, -ctvd; default f16.
  std::optional<ElementType> draft_cache_type_v;
  /// n_rs_seq: tokens that recurrent states can be taken back by; default: as many as are drafted,
  /// where drafting needs it. Models that cannot be taken back have none whatever is asked.
  std::optional<std::int64_t> rollback;
  std::vector<std::shared_ptr<const Adapter>> adapters;  ///< --lora, --lora-scaled; all are active.
  std::shared_ptr<const ControlVector> control_vector;   ///< --control-vector; nullptr: none.
  std::shared_ptr<const Projector> projector;            ///< --mmproj; nullptr: none.
  /// --cache-ram in MiB: most that llama-server keeps of conversations that left their slots, in
  /// ordinary memory; negative = no limit. Memory that grows with use, so it is counted only when
  /// asked for; else a note says what the runtime's default allows.
  std::optional<std::int64_t> prompt_cache_mib;
  /// --ctx-checkpoints: most snapshots per slot of what cannot be taken back token by token
  /// (sliding windows, recurrent states). Counted only when asked for, like the prompt cache.
  std::optional<std::int64_t> checkpoints;
};

/// The workload with every default filled in, as the engine will use it.
struct Settings {
  Backend backend = Backend::metal;
  std::int64_t context = 0;  ///< n_ctx as asked for, before padding.
  std::int64_t batch = 2048;
  std::int64_t ubatch = 512;
  std::int64_t parallel = 1;
  ElementType cache_type_k = ElementType::f16;
  ElementType cache_type_v = ElementType::f16;
  FlashAttention flash_attention = FlashAttention::automatic;
  std::int64_t gpu_layers = -1;
  bool kv_unified = false;
  bool swa_full = false;
  bool mmap = true;
  bool cpu_moe = false;
  std::int64_t n_cpu_moe = 0;
  std::vector<TensorOverride> tensor_overrides;
  bool kv_offload = true;
  bool repack = true;
  bool op_offload = true;
  std::int64_t outputs = 0;
  bool embeddings = false;
  Pooling pooling = Pooling::none;
  bool predict = false;
  std::int64_t draft_max = 3;
  ElementType draft_cache_type_k = ElementType::f16;
  ElementType draft_cache_type_v = ElementType::f16;
  std::int64_t rollback = 0;
  /// The model's own (Ollama's) first.
  std::vector<std::shared_ptr<const Adapter>> adapters;
  std::shared_ptr<const ControlVector> control_vector;
  std::shared_ptr<const Projector> projector;
  /// What the runtime allows, in MiB, and whether that was asked for; 0 = none, negative = no
  /// limit.
  std::int64_t prompt_cache_mib = 0;
  bool prompt_cache_counted = false;
  std::int64_t checkpoints = 0;  ///< Per slot.
  bool checkpoints_counted = false;
  // Of engines whose memory grows with use; there `context` is what is in use at the end.
  std::int64_t depth = 0;
  std::int64_t prompt_tokens = 512;
  std::int64_t generate_tokens = 128;
  std::int64_t prefill_step = 2048;
  std::int64_t kv_bits = 0;
  std::int64_t buffer_ops = 0;     ///< 0 = the most that MLX takes on any chip.
  std::int64_t context_limit = 0;  ///< 0 = none but the model's.
};

}  // namespace membudget
#pragma GCC visibility pop
