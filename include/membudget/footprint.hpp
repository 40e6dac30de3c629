// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What memory is taken for.
enum class PartName : std::uint8_t {
  weights,
  kv_cache,
  recurrent_state,
  compute,
  output,
  projector,
  adapter,
  draft,
  prompt_cache,
  runtime,
};

/// Which pool a part counts against. On Apple Silicon both are the same RAM, but only `gpu`
/// counts against Metal's working set.
enum class Place : std::uint8_t { gpu, host };

/// On what a number rests.
enum class Basis : std::uint8_t {
  file,      ///< Read from the model file.
  formula,   ///< The engine's own deterministic rule; exact where the engine is.
  measured,  ///< Taken from a measurement of the same thing.
  assumed,   ///< An upper bound or a guess; never makes a verdict comfortable.
};

/// One thing that memory is taken for, in one place.
struct Part {
  PartName name = PartName::weights;
  Place where = Place::gpu;
  Bytes bytes;
  Basis basis = Basis::formula;
  std::string note;     ///< One short clause for people; may be empty.
  std::string formula;  ///< The rule with its numbers filled in, for --explain.
};

/// The sizes the engine prints in its log, before what both sides map is counted once.
struct EngineBuffers {
  Bytes model;    ///< "model buffer size"
  Bytes kv;       ///< KV and recurrent buffers together.
  Bytes compute;  ///< "compute buffer size"
};

/// Who is alive when the compute buffer is largest.
struct ComputePeak {
  std::string operation;  ///< The node whose allocation sets the peak: "ffn_gate-3".
  std::vector<std::pair<std::string, Bytes>> alive;  ///< Largest first, the node included.
};

/// What a runtime will allocate or map for a model and a workload.
struct Footprint {
  Settings settings;            ///< As the engine resolved them.
  bool flash_attention = true;  ///< What `auto` became.
  std::vector<Part> parts;      ///< Each name and place at most once; they sum to total().
  EngineBuffers gpu;
  EngineBuffers host;
  Bytes repacked;  ///< "CPU_REPACK model buffer size": weights the CPU rearranged for its kernels.
  ComputePeak gpu_peak;
  /// For engines whose memory grows with use: the most that lives on the GPU at once, which mlx-lm
  /// prints as "Peak memory"; the parts are those of that moment. Nothing where all is reserved
  /// when the model is loaded.
  std::optional<Bytes> peak;
  /// The largest buffer that cannot be split, against Budget::largest_buffer; 0 where the engine
  /// splits its buffers or nobody knows.
  Bytes largest_buffer;
  std::string largest_buffer_name;  ///< "attention scores"
  bool partial_offload = true;      ///< Layers that the GPU has no room for can run on the CPU.
  /// What surprises about this runtime here, a sentence each; most important first.
  std::vector<std::string> remarks;
  std::int64_t graph_nodes = 0;
  /// Of these, what a token has to start on the device one after another: views cost nothing, and
  /// the engine runs a norm with its scale, and sums of sums, as one.
  std::int64_t graph_kernels = 0;
  std::int64_t graph_splits = 0;
  /// Memory that is not taken when the model is loaded and is no part, but that the runtime lets
  /// itself fill as it is used: llama-server's prompt cache and checkpoints. In ordinary memory.
  struct Growth {
    Bytes limit;  ///< 0 = nothing grows; meaningless without a limit.
    bool unlimited = false;
    std::string note;  ///< One sentence: what it is and how to bound it.
  };
  Growth growth;

  /// Sum of all parts, on the GPU and beside it. Throws Error{overflow}, as the next two do.
  [[nodiscard]] Bytes total() const;
  /// Sum of the parts in one place.
  [[nodiscard]] Bytes total(Place where) const;
  /// Sum of the parts of one name, in both places; 0 when there is none.
  [[nodiscard]] Bytes total(PartName name) const;
  /// True when any part is only assumed.
  [[nodiscard]] bool assumed() const;
};

/// Predicts what `runtime` allocates to serve `workload` with `model`.
///
/// Reads no file, clock or host state: equal inputs give equal footprints everywhere.
/// Throws Error{bad_request} when the engine itself would refuse the workload.
[[nodiscard]] Footprint estimate(const Model& model, const Runtime& runtime,
                                 const Workload& workload);

/// As JSON has it: "kv_cache".
[[nodiscard]] std::string_view to_string(PartName name);
/// "gpu" or "host".
[[nodiscard]] std::string_view to_string(Place where);
/// "file", "formula", "measured" or "assumed".
[[nodiscard]] std::string_view to_string(Basis basis);

}  // namespace membudget
#pragma GCC visibility pop
