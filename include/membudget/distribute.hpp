// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/link.hpp"
#include "membudget/machine.hpp"
#include "membudget/plan.hpp"
#include "membudget/runtime.hpp"
#include "membudget/speed.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// How an engine shares one model between several Macs.
enum class Distribution : std::uint8_t {
  llama_rpc,     ///< llama.cpp's RPC backend: whole layers, a `rpc-server` on every other Mac.
  mlx_tensor,    ///< mlx.launch: every matrix cut, every Mac computes its part of every layer.
  mlx_pipeline,  ///< mlx.launch --pipeline: whole layers.
};

/// "llama-rpc", "mlx", "mlx-pipeline".
[[nodiscard]] std::string_view to_string(Distribution how);
/// Nothing for a name that is none of these.
[[nodiscard]] std::optional<Distribution> distribution_of_name(std::string_view name);

/// Repeating layers that one Mac holds, [first, last), and what the whole of them takes there.
struct MachineShare {
  Machine machine;
  std::int64_t first_layer = 0;
  std::int64_t last_layer = 0;  ///< Of a tensor split: all of them.
  bool output = false;          ///< Computes the logits.
  /// Of this Mac alone. What every Mac holds anew, beyond its part of the single plan, is in parts
  /// of its own name whose note says so; bounds are `assumed`.
  Plan plan;
};

/// A model on several Macs.
struct DistributedPlan {
  Distribution how = Distribution::llama_rpc;
  Link link;
  std::vector<MachineShare> shares;  ///< In the order in which the machines were given.
  /// The machines in the engine's order: with llama.cpp its RPC servers before its own GPU.
  std::vector<std::size_t> order;
  std::vector<double> split;  ///< In the engine's order, as --tensor-split takes it; empty for MLX.
  std::size_t binding = 0;    ///< Index of the Mac with the least room.
  Verdict verdict = Verdict::does_not_fit;  ///< The worst of the shares'.
  Plan single;                              ///< The same on the first Mac alone.
  /// Held on more Macs than one: compute buffers, tables, embeddings; bytes beyond the single plan.
  Bytes duplicated;
  Bytes sent_to_load;       ///< Weights that go over the link before the first token.
  Bytes traffic_per_token;  ///< Over the link, for one generated token with the context full.
  std::int64_t messages_per_token = 0;  ///< That wait for one another.
  double link_ms_per_token = 0;
  /// Generation with the link's time; nothing where no speed is known.
  std::optional<double> generation_tps;
  std::vector<std::string> reasons;  ///< Plain sentences, most important first.
};

/// Which machine each layer goes to: by index of the split, the output being layer `layers`;
/// negative stays on the CPU of the first Mac. `layers` counts blocks for drafting too,
/// `gpu_layers` is -ngl (negative: all).
///
/// llama.cpp b10587, src/llama-model.cpp:1332-1390: the split's running sums are normed to 1, in
/// 32-bit floats, and layer i goes to the first whose sum is above i / (offloaded layers).
[[nodiscard]] std::vector<std::int64_t> assigned_machines(std::int64_t layers,
                                                          std::int64_t gpu_layers,
                                                          std::span<const float> split);

/// The first layer and the one after the last for each rank of `ranks`; rank 0 has the last
/// layers. mlx-lm 0.32.0, mlx_lm/models/pipeline.py.
[[nodiscard]] std::vector<std::pair<std::int64_t, std::int64_t>> pipeline_ranges(
    std::int64_t layers, std::int64_t ranks);

/// What a model is to be spread over, and how.
struct DistributionRequest {
  Distribution how = Distribution::llama_rpc;
  std::vector<Machine> machines;  ///< At least two; the first runs the server.
  Link link;
  /// --tensor-split, in the engine's order; empty: by Metal's limits, as llama.cpp does.
  std::vector<double> split;
};

/// Plans one model over several Macs.
///
/// Layers and matrices go where the engine puts them, and weights, caches and states with them, to
/// the byte. The compute buffer of each Mac is at most that of the single plan and is counted so,
/// as `assumed`: the verdict is never comfortable. Without page mapping (an RPC server has none)
/// weights are read into memory on every Mac.
///
/// Throws Error{bad_request} for fewer than two machines, a split of another length, heads that
/// the machines cannot share evenly, or a model that the engine cannot distribute.
[[nodiscard]] DistributedPlan distribute(const Model& model, const Runtime& runtime,
                                         const Workload& workload,
                                         const DistributionRequest& request,
                                         const std::optional<SpeedRules>& speed_rules);

}  // namespace membudget
#pragma GCC visibility pop
