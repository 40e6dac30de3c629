// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "membudget/model.hpp"
#include "membudget/workload.hpp"

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
  /// Built with Accelerate, as every build for macOS is by default: large matrix multiplications
  /// of the CPU then belong to the BLAS backend and are not offloaded to Metal.
  bool accelerate = true;
};

/// How many rows of logits the runtime lets one batch ask for (n_outputs_max).
enum class OutputRule : std::uint8_t {
  batch,  ///< n_batch: llama-cli, llama-bench and programs that link the library.
  slots,  ///< One per slot: llama-server (server-context.cpp:40).
};

/// An engine, a version and the defaults it is run with.
struct Runtime {
  std::string id;       ///< "llama.cpp"
  std::string name;     ///< In words: "llama.cpp server (llama-server)"
  std::string version;  ///< The build or version whose rules hold: "b10587", "0.32.0".
  /// Of the engine inside, where the runtime numbers its own releases: Ollama 0.33.0 brings "b10488".
  std::string engine_version;
  Engine engine = Engine::llama_cpp;
  LlamaCppRules llama_cpp;
  OutputRule outputs = OutputRule::slots;
  Settings defaults;  ///< A context of 0 means the trained context.
  /// Slots share one cache when the user did not ask for a number of slots (llama-server).
  bool unified_when_slots_unset = false;
};

/// The workload with the runtime's defaults filled in for this model, as the runtime does it.
/// Throws Error{bad_request} for settings the engine refuses: negative sizes, cache rows that
/// are not whole blocks, a quantized V cache without flash attention.
/// Knows no machine: what a runtime chooses by looking at one is configured()'s.
[[nodiscard]] Settings resolve(const Workload& workload, const Runtime& runtime,
                               const Model& model);

}  // namespace membudget
