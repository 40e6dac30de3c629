// SPDX-License-Identifier: MIT
// llama.cpp b10587, common/fit.cpp: common_params_fit_impl.
#include "plan/fit.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace membudget {
namespace {

// "round down context for CUDA backend", per stream.
constexpr std::int64_t cells_per_step = 256;

/// What it counts: the model's own buffers and its cache and graph, a draft model's, and the vision
/// tower's, which llama-server adds to what must stay free (tools/server/server-context.cpp).
Bytes counted(const Footprint& footprint, Place where) {
  Bytes sum;
  for (const Part& part : footprint.parts) {
    switch (part.name) {
      case PartName::weights:
      case PartName::kv_cache:
      case PartName::recurrent_state:
      case PartName::compute:
      case PartName::draft:
      case PartName::projector:
        sum = part.where == where ? sum + part.bytes : sum;
        break;
      case PartName::output:
      case PartName::adapter:
      case PartName::prompt_cache:
      case PartName::runtime:
        break;
    }
  }
  return sum;
}

/// What one device has and how much of it a context would take. Without a GPU that is the RAM.
class Device {
 public:
  Device(const Workload& workload, const Runtime& runtime, const Model& model, const Budget& budget)
      : workload_(workload), runtime_(runtime), model_(model) {
    // It looks at a model that is read, not mapped (load_mode NONE).
    workload_.mmap = false;
    const bool gpu = budget.metal && resolve(workload_, runtime, model).backend == Backend::metal;
    where_ = gpu ? Place::gpu : Place::host;
    free_ = gpu ? budget.gpu_limit : budget.ram;
  }

  /// Beyond the margin; negative when the margin is not kept.
  [[nodiscard]] std::int64_t surplus(std::int64_t context) {
    workload_.context = context;
    return (free_ - runtime_.fit->margin - counted(estimate(model_, runtime_, workload_), where_))
        .count();
  }

 private:
  Workload workload_;
  const Runtime& runtime_;
  const Model& model_;
  Place where_ = Place::gpu;
  Bytes free_;
};

}  // namespace

std::optional<std::int64_t> fitted_context(const Workload& workload, const Runtime& runtime,
                                           const Model& model, const Budget& budget) {
  const bool chosen = workload.context || model.default_context > 0 || runtime.defaults.context > 0;
  if (!runtime.fit || chosen || model.trained_context <= 0) {
    return std::nullopt;
  }
  const Settings settings = resolve(workload, runtime, model);
  const std::int64_t streams =
      settings.kv_unified ? 1 : std::max<std::int64_t>(settings.parallel, 1);
  const std::int64_t most = checked_multiply(model.trained_context, streams);
  const std::int64_t least = checked_multiply(runtime.fit->least_context, streams);
  if (most <= least) {
    return most;
  }
  Device device(workload, runtime, model, budget);
  const std::int64_t at_most = device.surplus(most);
  if (at_most >= 0) {
    return most;
  }
  const std::int64_t at_least = device.surplus(least);
  if (at_least <= 0) {
    return least;
  }
  const std::int64_t context =
      least + checked_multiply(most - least, at_least) / (at_least - at_most);
  return std::max(context - context % (cells_per_step * streams), least);
}

bool fit_moves_layers(const Footprint& footprint, const Runtime& runtime, const Budget& budget) {
  if (!runtime.fit || !budget.metal || footprint.settings.backend != Backend::metal ||
      footprint.settings.gpu_layers >= 0) {
    return false;
  }
  const Bytes left = budget.gpu_limit - counted(footprint, Place::gpu);
  return left >= Bytes{} && left < runtime.fit->margin;
}

std::string fit_remark(const Workload& asked, const Model& model, const Runtime& runtime,
                       const Footprint& footprint, const Budget& budget) {
  if (!runtime.fit) {
    return {};
  }
  const std::string margin = to_text(runtime.fit->margin);
  const std::int64_t context = footprint.settings.context;
  const std::int64_t trained = trained_tokens(model, runtime.engine, footprint.settings);
  if (!asked.context && model.default_context == 0 && context < trained && !runtime.ollama) {
    const std::int64_t streams = footprint.settings.kv_unified ? 1 : footprint.settings.parallel;
    return fmt::format(
        "Without -c llama.cpp takes {} of the {} tokens that the model was trained for: {}.",
        context, trained,
        context > runtime.fit->least_context * streams
            ? fmt::format("by --fit's own count that leaves {} of the GPU free", margin)
            : std::string("--fit goes down to no fewer"));
  }
  if (fit_moves_layers(footprint, runtime, budget)) {
    return fmt::format(
        "Less than {} would stay free on the GPU, so llama.cpp moves layers to the CPU by itself "
        "(--fit) unless {}; the settings here say so.",
        margin, runtime.ollama ? "num_gpu is set" : "it is switched off or -ngl given");
  }
  return {};
}

}  // namespace membudget
