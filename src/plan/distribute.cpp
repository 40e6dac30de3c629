// SPDX-License-Identifier: MIT
#include "membudget/distribute.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/llamacpp/layer_memory.hpp"
#include "membudget/error.hpp"
#include "plan/mlx_shards.hpp"

namespace membudget {
namespace {

constexpr std::array names{std::pair{Distribution::llama_rpc, std::string_view("llama-rpc")},
                           std::pair{Distribution::mlx_tensor, std::string_view("mlx")},
                           std::pair{Distribution::mlx_pipeline, std::string_view("mlx-pipeline")}};

constexpr double milli = 1e3;
constexpr double micro = 1e-6;
constexpr double bits = 8;

/// What one Mac holds of the model, before it is set against that Mac's budget.
struct Held {
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool output = false;
  double work = 0;  // Share of a token's bytes that this Mac reads.
  Bytes weights;
  Bytes cache;
  Bytes state;
};

Part part(PartName name, Place where, Bytes bytes, Basis basis, std::string note,
          std::string formula) {
  return {.name = name,
          .where = where,
          .bytes = bytes,
          .basis = basis,
          .note = std::move(note),
          .formula = std::move(formula)};
}

Basis basis_of(const Footprint& footprint, PartName name) {
  for (const Part& each : footprint.parts) {
    if (each.name == name) return each.basis;
  }
  return Basis::formula;
}

Bytes total(const Footprint& footprint, PartName name, Place where) {
  Bytes out;
  for (const Part& each : footprint.parts) {
    if (each.name == name && each.where == where) out += each.bytes;
  }
  return out;
}

class Sharing {
 public:
  Sharing(const Model& model, const Runtime& runtime, const Workload& workload,
          const DistributionRequest& request, const std::optional<SpeedRules>& speed_rules)
      : model_(model),
        runtime_(runtime),
        workload_(workload),
        request_(request),
        speed_rules_(speed_rules) {
    if (request.machines.size() < 2) {
      throw Error(Errc::bad_request, "--distribute", "needs --chip twice or more");
    }
    for (const Machine& machine : request.machines) {
      budgets_.push_back(budget(machine, runtime));
    }
  }

  DistributedPlan run() {
    if (request_.how == Distribution::llama_rpc) {
      with_rpc();
    } else {
      with_mlx();
    }
    judge_all();
    link_time();
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::size_t count() const { return request_.machines.size(); }

  void with_rpc() {
    if (runtime_.engine != Engine::llama_cpp) {
      throw Error(Errc::bad_request, "--distribute",
                  fmt::format("llama-rpc is llama.cpp's; {} has no such backend", runtime_.id));
    }
    Workload whole = workload_;
    // The loader maps nothing when a device cannot use mapped pages (load_tensors).
    whole.mmap = false;
    out_.single = plan(model_, runtime_, whole, budgets_.front());
    const Footprint& single = out_.single.footprint;
    const Settings& settings = single.settings;
    if (!settings.tensor_overrides.empty() || settings.cpu_moe || settings.n_cpu_moe > 0) {
      throw Error(Errc::bad_request, "--distribute",
                  "experts or tensors on the CPU are not planned over several Macs; leave out "
                  "--cpu-moe, --n-cpu-moe and --override-tensor");
    }
    // RPC servers stand before the own GPU (llama.cpp b10587, llama_prepare_model_devices).
    for (std::size_t i = 1; i < count(); ++i) out_.order.push_back(i);
    out_.order.push_back(0);
    out_.split = request_.split;
    if (out_.split.empty()) {
      for (const std::size_t at : out_.order) {
        out_.split.push_back(static_cast<double>(budgets_[at].gpu_limit.count()));
      }
    } else if (out_.split.size() != count()) {
      throw Error(Errc::bad_request, "--tensor-split",
                  fmt::format("{} numbers for {} machines; give one for each, the RPC servers' "
                              "before the first Mac's",
                              out_.split.size(), count()));
    }
    const std::vector<float> split(out_.split.begin(), out_.split.end());
    const auto layers = static_cast<std::int64_t>(model_.layers.size()) + model_.draft_layers;
    const auto assigned = assigned_machines(layers, settings.gpu_layers, split);
    const auto memory =
        llamacpp::layer_memory(model_, runtime_.llama_cpp, settings, single.flash_attention);
    std::vector<Held> held(count());
    Held host;
    std::vector<bool> has_layer(count());
    for (std::int64_t i = 0; i < layers; ++i) {
      const auto at = assigned[static_cast<std::size_t>(i)];
      const auto machine = at < 0 ? 0 : out_.order[static_cast<std::size_t>(at)];
      Held& own = at < 0 ? host : held[machine];
      const auto& layer = memory.layers[static_cast<std::size_t>(i)];
      own.weights += layer.weights;
      own.cache += layer.cache;
      own.state += layer.state;
      if (at >= 0) {
        if (!has_layer[machine]) own.first = i;
        own.last = i + 1;
        has_layer[machine] = true;
      }
    }
    const auto at_output = assigned.back();
    Held& last = at_output < 0 ? host : held[out_.order[static_cast<std::size_t>(at_output)]];
    last.output = true;
    last.weights += memory.output;
    const Bytes loaded = total(single, PartName::weights, Place::gpu);
    for (std::size_t i = 0; i < count(); ++i) {
      if (has_layer[i]) held[i].weights += memory.tables;
      if (i > 0) out_.sent_to_load += held[i].weights;
      held[i].work = loaded == Bytes{} ? 0
                                       : static_cast<double>(held[i].weights.count()) /
                                             static_cast<double>(loaded.count());
    }
    for (std::size_t i = 0; i < count(); ++i) {
      out_.shares.push_back(rpc_share(i, held[i], has_layer[i]));
    }
    // In and out of every server; between two of them all goes through the first Mac, because the
    // backend copies only within one server (ggml_backend_rpc_buffer_cpy_tensor).
    const auto servers = std::count(has_layer.begin() + 1, has_layer.end(), true);
    const std::int64_t hidden = 4 * model_.embedding * model_.hidden_states;
    const std::int64_t mask = settings.context * (single.flash_attention ? 2 : 4);
    out_.traffic_per_token = Bytes{servers * (2 * hidden + mask)};
    out_.messages_per_token = 2 * servers;
  }

  [[nodiscard]] MachineShare rpc_share(std::size_t at, const Held& held, bool used) const {
    const Footprint& single = out_.single.footprint;
    Footprint own = single;
    own.parts.clear();
    own.gpu_peak = {};
    const auto add = [&](Part each) {
      if (each.bytes > Bytes{}) own.parts.push_back(std::move(each));
    };
    const std::string which = layers_text(held);
    add(part(PartName::weights, Place::gpu, held.weights, basis_of(single, PartName::weights),
             which, "tensors of the layers, read into memory"));
    add(part(PartName::kv_cache, Place::gpu, held.cache, basis_of(single, PartName::kv_cache),
             which, "keys and values of the layers"));
    add(part(PartName::recurrent_state, Place::gpu, held.state,
             basis_of(single, PartName::recurrent_state), which, "states of the layers"));
    if (used) {
      add(part(PartName::compute, Place::gpu, total(single, PartName::compute, Place::gpu),
               Basis::assumed, "at most what one Mac needs for the whole model",
               "compute buffer of the single plan; a part of its graph needs no more"));
    }
    if (at == 0) {
      for (const Part& each : single.parts) {
        if (each.where == Place::host) add(each);
      }
    }
    own.partial_offload = false;  // What one Mac lacks is not moved to its CPU.
    return {.machine = request_.machines[at],
            .first_layer = held.first,
            .last_layer = held.last,
            .output = held.output,
            .plan = judge(std::move(own), budgets_[at])};
  }

  void with_mlx() {
    if (runtime_.engine != Engine::mlx) {
      throw Error(Errc::bad_request, "--distribute",
                  fmt::format("'{}' is MLX's; give --runtime mlx", to_string(request_.how)));
    }
    if (!request_.split.empty()) {
      throw Error(Errc::bad_request, "--tensor-split",
                  "is llama.cpp's; MLX gives every Mac the same share");
    }
    check_mlx();
    out_.single = plan(model_, runtime_, workload_, budgets_.front());
    for (std::size_t i = 0; i < count(); ++i) out_.order.push_back(i);
    const auto ranks = static_cast<std::int64_t>(count());
    const auto layers = static_cast<std::int64_t>(model_.layers.size());
    const bool by_tensor = request_.how == Distribution::mlx_tensor;
    const auto ranges = pipeline_ranges(layers, ranks);
    for (std::size_t i = 0; i < count(); ++i) {
      const auto range = by_tensor ? std::pair<std::int64_t, std::int64_t>(0, layers) : ranges[i];
      const Model shard =
          by_tensor ? mlx_tensor_shard(model_, ranks) : mlx_pipeline_shard(model_, range);
      out_.shares.push_back({.machine = request_.machines[i],
                             .first_layer = range.first,
                             .last_layer = range.second,
                             .output = true,
                             .plan = mlx_share(shard, range, i)});
    }
    if (!by_tensor) say_what_is_lost(ranges, layers);
    const std::int64_t hidden = 2 * model_.embedding;  // Activations have 16 bits.
    if (by_tensor) {
      // Two sums over all ranks in every layer; a ring sends 2 (n - 1) / n of the vector each time.
      out_.traffic_per_token = Bytes{2 * layers * hidden * 2 * (ranks - 1) / ranks};
      out_.messages_per_token = 2 * layers * (request_.link.rdma ? 1 : 2 * (ranks - 1));
    } else {
      // From stage to stage, then the result to all.
      out_.traffic_per_token = Bytes{2 * (ranks - 1) * hidden};
      out_.messages_per_token = 2 * (ranks - 1);
    }
  }

  /// mlx_lm/utils.py, sharded_load().
  void check_mlx() const {
    const bool by_tensor = request_.how == Distribution::mlx_tensor;
    const auto& known = runtime_.mlx.architectures;
    const bool able = std::any_of(known.begin(), known.end(), [&](const MlxArchitecture& each) {
      return each.architecture == model_.architecture && (by_tensor ? each.shards : each.pipelines);
    });
    if (!able) {
      throw Error(
          Errc::bad_request, "--distribute",
          fmt::format("mlx-lm {} cannot {} {} over several Macs; use --distribute llama-rpc",
                      runtime_.version, by_tensor ? "share the matrices of" : "pipeline",
                      model_.architecture));
    }
  }

  [[nodiscard]] Plan mlx_share(const Model& shard, std::pair<std::int64_t, std::int64_t> range,
                               std::size_t at) const {
    Plan out = plan(shard, runtime_, workload_, budgets_[at]);
    const std::string which = request_.how == Distribution::mlx_tensor
                                  ? fmt::format("1/{} of every layer", count())
                                  : fmt::format("layers {} to {}", range.first, range.second - 1);
    for (Part& each : out.footprint.parts) {
      if (each.name == PartName::weights) each.note = which + "; " + each.note;
      // What was measured was one Mac.
      if (each.name == PartName::compute) each.basis = Basis::assumed;
    }
    out.footprint.remarks.clear();
    return judge(std::move(out.footprint), budgets_[at]);
  }

  /// The rule of mlx-lm 0.32.0 counts a longer rank's layers for the ranks before it too.
  void say_what_is_lost(const std::vector<std::pair<std::int64_t, std::int64_t>>& ranges,
                        std::int64_t layers) {
    std::int64_t held = 0;
    for (const auto& [first, last] : ranges) held += last - first;
    if (held < layers) {
      lost_ = fmt::format(
          "mlx-lm {} gives {} of the {} layers to nobody when {} Macs cannot share "
          "them evenly; its answers then are wrong. Use a number that divides {}.",
          runtime_.version, layers - held, layers, count(), layers);
    }
  }

  static std::string layers_text(const Held& held) {
    std::string out = held.last > held.first
                          ? fmt::format("layers {} to {}", held.first, held.last - 1)
                          : "no layer";
    return held.output ? out + " and the output" : out;
  }

  /// Why what fits is not called comfortable, as the end of a sentence; empty where it is.
  [[nodiscard]] std::string why_tight() const {
    if (out_.verdict != Verdict::tight) return "";
    for (const MachineShare& share : out_.shares) {
      const Bytes margin = share.plan.budget.safety_margin;
      if (share.plan.headroom < margin) {
        return fmt::format("; {} keeps less than its safety margin of {}", share.machine.chip.id,
                           to_text(margin));
      }
    }
    return fmt::format("; the {} are assumed, so it is not called comfortable",
                       fmt::join(assumed_parts(), " and "));
  }

  /// The parts of any share that are only assumed, each once.
  [[nodiscard]] std::vector<std::string> assumed_parts() const {
    std::vector<std::string> out;
    for (const MachineShare& share : out_.shares) {
      for (const Part& each : share.plan.footprint.parts) {
        if (each.basis != Basis::assumed) continue;
        std::string name = words_of(each.name);
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
      }
    }
    return out;
  }

  /// Nobody measured what a Mac computes in when others compute too.
  [[nodiscard]] std::string words_of(PartName name) const {
    if (name == PartName::compute) {
      return request_.how == Distribution::llama_rpc
                 ? "compute buffers (as large as for the whole model on one Mac)"
                 : "compute buffers (measured on one Mac alone)";
    }
    std::string out(to_string(name));
    std::replace(out.begin(), out.end(), '_', ' ');
    return out;
  }

  void judge_all() {
    out_.how = request_.how;
    out_.link = request_.link;
    Bytes sum;
    for (std::size_t i = 0; i < count(); ++i) {
      const Plan& own = out_.shares[i].plan;
      sum += own.footprint.total();
      if (own.headroom < out_.shares[out_.binding].plan.headroom) out_.binding = i;
      out_.verdict = i == 0 ? own.verdict : std::max(out_.verdict, own.verdict);
    }
    out_.duplicated = sum - out_.single.footprint.total();
    const MachineShare& binds = out_.shares[out_.binding];
    out_.reasons.push_back(fits(out_.verdict)
                               ? fmt::format("Every Mac has room; {} has the least, {} left{}.",
                                             binds.machine.chip.id, to_text(binds.plan.headroom),
                                             why_tight())
                               : fmt::format("{} lacks {}.", binds.machine.chip.id,
                                             to_text(Bytes{} - binds.plan.headroom)));
    out_.reasons.push_back(
        fmt::format("The Macs together take {} more than one would: what each has anew.",
                    to_text(out_.duplicated)));
    if (!lost_.empty()) out_.reasons.push_back(lost_);
    if (fits(out_.single.verdict)) {
      out_.reasons.push_back(fmt::format("{} alone holds it too, without the link.",
                                         request_.machines.front().chip.id));
    }
  }

  void link_time() {
    const double seconds =
        static_cast<double>(out_.traffic_per_token.count()) * bits /
            (out_.link.gigabits_per_second * 1e9) +
        static_cast<double>(out_.messages_per_token) * out_.link.message_us * micro;
    out_.link_ms_per_token = seconds * milli;
    if (!speed_rules_) return;
    double token = 0;
    for (std::size_t i = 0; i < count(); ++i) {
      const MachineShare& share = out_.shares[i];
      const double work =
          static_cast<double>(share.plan.footprint.total(PartName::weights).count()) /
          static_cast<double>(
              std::max<std::int64_t>(out_.single.footprint.total(PartName::weights).count(), 1));
      const Speed alone =
          speed(model_, request_.machines[i], out_.single.footprint, *speed_rules_, {});
      const double own = alone.token.total() * work;
      // One after the other where each has layers of its own; at the same time where all have a
      // part of every layer.
      token = request_.how == Distribution::mlx_tensor ? std::max(token, own) : token + own;
    }
    if (token > 0) out_.generation_tps = milli / (token + out_.link_ms_per_token);
    out_.reasons.push_back(
        fmt::format("A token sends {} over the link in {} messages that wait for one another: "
                    "{:.1f} ms with {}.",
                    to_text(out_.traffic_per_token), out_.messages_per_token,
                    out_.link_ms_per_token, out_.link.name));
  }

  const Model& model_;
  const Runtime& runtime_;
  const Workload& workload_;
  const DistributionRequest& request_;
  const std::optional<SpeedRules>& speed_rules_;
  std::vector<Budget> budgets_;
  std::string lost_;
  DistributedPlan out_;
};

}  // namespace

std::string_view to_string(Distribution how) {
  for (const auto& [value, name] : names) {
    if (value == how) return name;
  }
  return "";
}

std::optional<Distribution> distribution_of_name(std::string_view name) {
  for (const auto& [value, known] : names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::vector<std::int64_t> assigned_machines(std::int64_t layers, std::int64_t gpu_layers,
                                            std::span<const float> split) {
  // In float and in this order, as the engine does it: a layer at a boundary must not move.
  std::vector<float> points(split.begin(), split.end());
  std::partial_sum(points.begin(), points.end(), points.begin());
  const float sum = points.empty() ? 0 : points.back();
  if (!(sum > 0)) {
    throw Error(Errc::bad_request, "--tensor-split", "needs a number above 0");
  }
  for (float& point : points) point /= sum;
  const std::int64_t all = layers + 1;
  const std::int64_t offloaded = gpu_layers < 0 ? all : std::min(gpu_layers, all);
  const std::int64_t start = all - offloaded;
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < all; ++i) {
    if (i < start) {
      out.push_back(-1);
      continue;
    }
    const float at = static_cast<float>(i - start) / static_cast<float>(offloaded);
    out.push_back(std::upper_bound(points.begin(), points.end(), at) - points.begin());
  }
  return out;
}

std::vector<std::pair<std::int64_t, std::int64_t>> pipeline_ranges(std::int64_t layers,
                                                                   std::int64_t ranks) {
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    std::int64_t own = layers / ranks;
    if (rank < layers % ranks) ++own;
    const std::int64_t first = (ranks - rank - 1) * own;
    out.emplace_back(first, std::min(first + own, layers));
  }
  return out;
}

DistributedPlan distribute(const Model& model, const Runtime& runtime, const Workload& workload,
                           const DistributionRequest& request,
                           const std::optional<SpeedRules>& speed_rules) {
  return Sharing(model, runtime, workload, request, speed_rules).run();
}

}  // namespace membudget
