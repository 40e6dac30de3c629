// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/engine_rules.hpp"
#include "membudget/model.hpp"
#include "membudget/settings_format.hpp"
#include "membudget/units.hpp"
#include "membudget/workload.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What computes and allocates; several runtimes are the same engine with other defaults.
enum class Engine : std::uint8_t { llama_cpp, mlx, candle, mlc, coreml };

/// "llama.cpp", "mlx", "candle", "mlc", "coreml".
[[nodiscard]] std::string_view to_string(Engine engine);

/// Memory follows the tokens in use (MLX, Candle); the others reserve a context when they load.
[[nodiscard]] bool grows_with_use(Engine engine);

/// How llama.cpp's memory rules differ between builds; a runtime profile sets them per range
/// of builds, so that no code asks for a build number.
struct LlamaCppRules {
  /// Metal's FLASH_ATTN_EXT reserves an F16 copy of one layer's cache
  /// (since b10532; ggml-metal-ops.cpp, ggml_metal_op_flash_attn_ext_extra_kv_f16).
  bool flash_attn_kv_scratch = true;
  /// A batch reserves logits for as many rows as the program may ask for (n_outputs_max, since
  /// b9460; llama-context.cpp); before, for every token, in the server too.
  bool limited_outputs = true;
  /// Flash attention is handed an F16 mask (since b9410; llama-graph.cpp, build_attn_inp_kq_mask);
  /// before, an F32 one, which the device copied to F16.
  bool half_precision_mask = true;
  /// Every row of the last layer is kept for a block that drafts the next token, by models that may
  /// have one, Qwen 3.5 and the like (since May 2026; pull request 22673).
  bool rows_kept_for_drafting = true;
  /// Quantized caches are rotated (since b8619; llama-kv-cache.cpp, attn_rot_k and attn_rot_v).
  bool cache_rotation = true;
  /// Gated delta nets run as one operation (since March 2026; ggml_gated_delta_net); before, as a
  /// graph of small ones that is not simulated.
  bool fused_delta_net = true;
  /// Room for embeddings in place of tokens is always reserved (since b7819; llama-graph.cpp,
  /// build_inp_embd).
  bool embedding_input = true;
  /// Built with Accelerate, as every build for macOS is by default: large matrix multiplications
  /// of the CPU then belong to the BLAS backend and are not offloaded to Metal.
  bool accelerate = true;
};

/// A model file of mlx-lm, and what it does otherwise than the layers say.
struct MlxArchitecture {
  std::string architecture;  ///< As GGUF names it: "gemma2".
  std::string file;          ///< Below mlx_lm/models: "gemma2.py".
  /// Only where experts are chosen this way; empty = always. GGUF has one architecture where
  /// mlx-lm has two files (deepseek_v2.py, deepseek_v3.py).
  std::optional<Routing> routing;
  bool windows = true;  ///< False: layers with a window cache the whole context all the same.
  bool latents = true;  ///< False: latent attention caches the keys and values of every head.
  // Over several Macs (mlx.launch): what the model file has a function for.
  bool shards = false;     ///< `shard()`: every matrix cut.
  bool pipelines = false;  ///< `pipeline()`: whole layers.
};

/// LM Studio's own choice of a context length for an MLX model
/// (mlx-engine, mlx_engine/model_kit/batched_vision/context_fit.py).
struct ContextFit {
  Bytes reserve;                           ///< Kept free below the working set, ...
  std::int64_t reserve_part = 20;          ///< ... or this part of it, if that is more.
  std::int64_t least = 4096;               ///< Tokens; never less, whatever is left.
  std::int64_t step = 2048;                ///< Prefill step that it is computed for.
  std::vector<std::string> architectures;  ///< Others get their trained context.
};

/// How MLX's memory follows from the tokens in use; a runtime profile gives every number with its
/// source (profiles/runtimes/mlx.json).
struct MlxRules {
  Bytes page{16384};              ///< Larger allocations are whole pages (mlx allocator.cpp:123).
  std::int64_t cache_step = 256;  ///< Tokens that caches grow by (mlx_lm/models/cache.py:325).
  std::int64_t cache_group = 64;  ///< Elements per scale and bias of a quantized cache.
  std::vector<std::int64_t> fused_head_dims;  ///< Others compute attention's scores into memory.
  /// Arrays of commands that are under way at once, for prompt steps of `in_flight_tokens` or more.
  Bytes in_flight;
  std::int64_t in_flight_tokens = 1024;
  double in_flight_power = 1;    ///< Of the step's share of `in_flight_tokens`.
  double beside_scores = 1;      ///< Share of `in_flight` that is left beside scores in memory.
  std::int64_t buffer_ops = 50;  ///< Operations per command buffer that `in_flight` is for.
  std::int64_t base_buffer_ops = 40;  ///< Of a chip that is neither Max nor Ultra.
  double quantized_scores = 1;        ///< Copies of the scores with a quantized cache.
  /// Layers whose largest arrays live at once: of latent attention, of Mamba-2's scan.
  std::int64_t layers_at_once = 1;
  std::int64_t scan_step = 256;  ///< Tokens per block of that scan (mlx_lm/models/ssm.py:127).
  std::int64_t scan_arrays = 1;  ///< Of 32 bits, block x block for each head, that a block makes.
  Bytes decoding;                ///< Arrays while tokens are generated.
  Bytes process;                 ///< Of the process beside its arrays.
  std::vector<std::string> dropped;            ///< Parts of names of tensors that are never loaded.
  std::vector<std::string> towers;             ///< The same of vision and audio towers.
  std::vector<MlxArchitecture> architectures;  ///< The first that matches counts.
  std::string usual_quantization;              ///< What mlx-community mostly publishes: "4bit".

  // Of the program around it.
  std::int64_t kept_caches = 0;  ///< Finished requests whose caches stay in memory.
  Bytes kept_bytes;              ///< ... and what they may take together; nothing = no limit.
  bool loads_towers = false;
  bool chosen_step = true;  ///< --prefill-step-size can be given.
  /// It quantizes by rules of its own, so catalog weights are an estimate.
  bool own_quantization = false;
  std::optional<ContextFit> context_fit;
};

/// How many rows of logits the runtime lets one batch ask for (n_outputs_max).
enum class OutputRule : std::uint8_t {
  batch,  ///< n_batch: llama-cli, llama-bench and programs that link the library.
  slots,  ///< One per slot: llama-server (server-context.cpp:40).
};

/// What Ollama chooses by looking at model and machine where the user left it open. The figures
/// stand in the runtime's profile, with the lines of its source they were read from.
struct OllamaRules {
  /// The context of a slot, by what Metal grants in total.
  struct ContextTier {
    Bytes from;
    std::int64_t tokens = 0;
  };
  /// -b and -ub, by the context of all slots and by what the model is believed to need.
  struct BatchTier {
    std::int64_t above = 0;  ///< Contexts longer than this.
    std::int64_t batch = 0;
    std::int64_t percent = 100;  ///< Of the memory that is available the belief may take this much.
    Bytes surcharge;             ///< What the batch is believed to cost on top.
  };
  /// Names of the variables that the server reads; empty where it knows none.
  struct Variables {
    std::string context;
    std::string parallel;
    std::string cache_type;
    std::string flash_attention;
    std::string gpu_overhead;
    std::string loaded_models;
    std::string keep_alive;
    std::string fit_target;
  };
  std::vector<ContextTier> contexts;  ///< Largest first; the last is for every machine.
  std::vector<BatchTier> batches;     ///< Largest first; the last has no condition.
  /// Of the memory that is available belief and surcharge may take this much: beyond it a batch is
  /// not enlarged, and another model is unloaded.
  std::int64_t fit_percent = 80;
  std::int64_t loaded_models = 3;       ///< At most so many at once; one more, and one is unloaded.
  std::int64_t embedding_batch = 2048;  ///< Of embedding models, at most the context.
  std::int64_t least_context = 4;
  std::int64_t least_vision_context = 2048;
  /// Architectures that get one slot whatever is asked for.
  std::vector<std::string> single_slot;
  /// Architectures whose vision tower is loaded from the model's own file.
  std::vector<std::string> inline_projectors;
  Bytes projector_headroom = gib(1);  ///< Left free beside a projector (LLAMA_ARG_FIT_TARGET).
  Bytes gpu_overhead;  ///< OLLAMA_GPU_OVERHEAD: taken off the total that picks the context.
  Variables variables;
};

/// What llama.cpp adjusts to the room it finds, unless --fit is off (common/fit.cpp).
struct FitRules {
  Bytes margin = gib(1);              ///< Of every GPU it leaves so much free (--fit-target).
  std::int64_t least_context = 4096;  ///< Tokens per stream it does not go below (--fit-ctx).
};

/// An engine, a version and the defaults it is run with.
struct Runtime {
  std::string id;       ///< "llama.cpp"
  std::string name;     ///< In words: "llama.cpp server (llama-server)"
  std::string version;  ///< The build or version whose rules hold: "b10587", "0.32.0".
  /// Of the engine inside, where the runtime numbers its own releases: Ollama 0.33.0 brings
  /// "b10488".
  std::string engine_version;
  Engine engine = Engine::llama_cpp;
  LlamaCppRules llama_cpp;
  MlxRules mlx;
  /// The runtime of the same program for MLX's models, by id; empty = there is none.
  std::string for_safetensors;
  CandleRules candle;  ///< Set where `engine` says so, like those below.
  MlcRules mlc;
  CoreMlRules core_ml;
  /// What a reader must know about these rules, one sentence each: a build that nobody measured.
  std::vector<std::string> notes;
  OutputRule outputs = OutputRule::slots;
  Settings defaults;  ///< A context of 0 means the trained one, or what `fit` makes of it.
  /// Slots share one cache when the user did not ask for a number of slots (llama-server).
  bool unified_when_slots_unset = false;
  /// It lowers an unset context, then moves layers to the CPU, to leave room; nothing for builds
  /// before b7407, and for programs that do not use it.
  std::optional<FitRules> fit;
  std::optional<OllamaRules> ollama;  ///< Of Ollama only; configured() follows them.
  /// Of the machine's RAM what the virtual machine has that the runtime lives in; 0 = it lives in
  /// none.
  std::int64_t vm_ram_percent = 0;
  std::string vm_source;
  /// How it is told a plan; empty = what could be written for it is not known.
  std::optional<SettingsFormat> settings_for;
  std::vector<std::string> remarks;  ///< What every plan says of it, a sentence each.
};

/// Tokens beyond which the runtime cannot go, or does not unless it is told to: Candle's rotary
/// tables, what MLC-LLM grants its cache on Metal. 0 = nothing but the model limits it.
[[nodiscard]] std::int64_t longest_context(const Runtime& runtime, const Model& model);

/// How many tokens a context may have, all slots together, with none longer than the model was
/// trained for; 0 where that is not known.
[[nodiscard]] std::int64_t trained_tokens(const Model& model, Engine engine,
                                          const Settings& settings);

/// llama.cpp's options that stretch rotary positions over a longer context of `tokens` than the
/// `covered` ones: "--rope-scaling yarn --rope-scale 2 --yarn-orig-ctx 32768" (b10587,
/// common/arg.cpp).
[[nodiscard]] std::string rope_scaling_options(std::int64_t tokens, std::int64_t covered,
                                               std::int64_t trained);

/// The workload with the runtime's defaults filled in for this model, as the runtime does it.
/// Throws Error{bad_request} for settings the engine refuses: negative sizes, cache rows that
/// are not whole blocks, a quantized V cache without flash attention.
/// Knows no machine: what a runtime chooses by looking at one is configured()'s.
[[nodiscard]] Settings resolve(const Workload& workload, const Runtime& runtime,
                               const Model& model);

}  // namespace membudget
#pragma GCC visibility pop
