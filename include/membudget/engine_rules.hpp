// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "membudget/tensor.hpp"
#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What Candle's models of GGUF files allocate on Metal (candle 0.11.0, commit 2a13b0f3); a runtime
/// profile sets it. Sizes are what the source asks for; nobody has published measured peaks.
struct CandleRules {
  /// How a layer remembers keys and values.
  enum class Cache : std::uint8_t {
    concatenated,  ///< A new buffer with every token (Tensor::cat).
    stepwise,      ///< Grown by `step` tokens (candle-nn/src/kv_cache.rs, Cache::append).
    whole,         ///< The trained context when the first token comes.
  };
  /// One file of candle-transformers/src/models/.
  struct Architecture {
    std::string name;  ///< As GGUF `general.architecture`.
    Cache cache = Cache::concatenated;
    std::int64_t step = 0;  ///< Tokens that a stepwise cache grows by.
    /// Tokens that the rotary tables compiled in have; 0 = as many as the model was trained for.
    std::int64_t longest = 0;
    /// Score matrices of one layer that are alive at once while a prompt is computed.
    std::int64_t scores = 0;
    /// It takes heads for embedding / heads wide, whatever the file says.
    bool plain_heads = false;
  };
  std::vector<Architecture> architectures;
  std::vector<ElementType> types;  ///< Tensor types it reads.
  Bytes process;                   ///< The program and Metal's own, beside the buffers.
};

/// MLC-LLM's own estimate of what it will use, from which it chooses its cache
/// (mlc-llm 79d603f0, cpp/serve/config.cc, EstimateMemoryUsageOnMode).
struct MlcRules {
  /// EngineMode: how much the engine grants itself.
  enum class Mode : std::uint8_t {
    local,        ///< Few sequences, a small cache: the default.
    interactive,  ///< One sequence, as long as may be.
    server,       ///< As many sequences as the model was compiled for.
  };
  /// A model definition that ships with MLC-LLM.
  struct Architecture {
    std::string name;                ///< As GGUF `general.architecture`.
    std::int64_t prefill_chunk = 0;  ///< Tokens of a prompt it is compiled for at once.
    std::int64_t context = 0;  ///< Tokens it is compiled for; 0 = as many as it was trained for.
    /// The size of its vocabulary is compiled in, so that memory planning counts the logits of a
    /// whole chunk.
    bool logits = false;
  };
  Mode mode = Mode::local;
  std::vector<Architecture> architectures;
  std::int64_t utilization_percent = 0;  ///< gpu_memory_utilization, of Metal's working set.
  std::int64_t metal_tokens = 0;         ///< The most its cache is given on Metal.
  std::int64_t local_tokens = 0;         ///< ... in local mode.
  Bytes cache_workspace;                 ///< The constant among the cache's workspaces.
};

/// What a language model converted with coremltools holds; everything is fixed when it is
/// converted.
struct CoreMlRules {
  Bytes program;               ///< Weights that one program of the Neural Engine takes.
  std::int64_t dimension = 0;  ///< The longest side a tensor may have there.
  Bytes process;               ///< The program and Metal's own, beside the buffers.
};

}  // namespace membudget
#pragma GCC visibility pop
