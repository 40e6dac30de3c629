// SPDX-License-Identifier: MIT
// llama.cpp b10587, common/fit.cpp: common_params_fit_impl.
#include "plan/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "context_limit.hpp"

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
  // Weights rearranged for the CPU's kernels lie in buffers that say of no device that it is theirs
  // (ggml-cpu/repack.cpp).
  return where == Place::host ? sum - footprint.repacked : sum;
}

Bytes weights_on_gpu(const Footprint& footprint) {
  Bytes sum;
  for (const Part& part : footprint.parts) {
    if (part.name == PartName::weights && part.where == Place::gpu) {
      sum += part.bytes;
    }
  }
  return sum;
}

/// What one device has and how much of it a context would take. Without a GPU that is the RAM.
class Device {
 public:
  Device(Workload workload, const Runtime& runtime, const Model& model, const Budget& budget)
      : workload_(std::move(workload)), runtime_(runtime), model_(model) {
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

/// tokens * part / whole, rounded down, for 0 <= part < whole: bit by bit, for tokens times bytes
/// may need more than 64 of them.
std::int64_t share_of(std::int64_t tokens, std::int64_t part, std::int64_t whole) {
  std::int64_t result = 0;
  std::int64_t rest = 0;
  const auto carry = [&] {
    if (rest >= whole) {
      rest -= whole;
      ++result;
    }
  };
  for (int bit = 31; bit >= 0; --bit) {
    result *= 2;
    rest *= 2;
    carry();
    if ((tokens >> bit & 1) != 0) {
      rest += part;
      carry();
    }
  }
  return result;
}

std::int64_t streams_of(const Settings& settings) {
  return settings.kv_unified ? 1 : std::max<std::int64_t>(settings.parallel, 1);
}

/// What it wants free of the GPU. Ollama asks for the vision tower's bytes too, which the server
/// adds once more (ollama llm/llama_server.go, mmprojFitTargetMiB).
Bytes margin_of(const Runtime& runtime, const Footprint& footprint) {
  return runtime.ollama ? runtime.fit->margin + footprint.total(PartName::projector)
                        : runtime.fit->margin;
}

}  // namespace

std::optional<std::int64_t> fitted_context(const Workload& workload, const Runtime& runtime,
                                           const Model& model, const Budget& budget) {
  const bool chosen = workload.context || model.default_context > 0 || runtime.defaults.context > 0;
  if (!runtime.fit || chosen || model.trained_context <= 0) {
    return std::nullopt;
  }
  const std::int64_t streams = streams_of(resolve(workload, runtime, model));
  const auto of_all = [&](std::int64_t tokens) {
    return tokens > most_context / streams ? most_context : tokens * streams;
  };
  const std::int64_t most = of_all(model.trained_context);
  const std::int64_t least = of_all(runtime.fit->least_context);
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
  const std::int64_t context = least + share_of(most - least, at_least, at_least - at_most);
  return std::max(context - context % (cells_per_step * streams), least);
}

std::string fitted_context_remark(const Workload& asked, const Runtime& runtime, const Model& model,
                                  const Footprint& footprint) {
  const Settings& settings = footprint.settings;
  const std::int64_t trained = trained_tokens(model, runtime.engine, settings);
  if (!runtime.fit || runtime.ollama || asked.context || model.default_context > 0 ||
      settings.context >= trained) {
    return {};
  }
  const bool lowest = settings.context <= runtime.fit->least_context * streams_of(settings);
  return fmt::format(
      "Without -c llama.cpp takes {} of the {} tokens that the model was trained for: {}.",
      settings.context, trained,
      lowest ? std::string("--fit goes down to no fewer")
             : fmt::format("by --fit's own count that leaves {} of the {} free",
                           to_text(runtime.fit->margin),
                           settings.backend == Backend::metal ? "GPU" : "RAM"));
}

bool fit_moves_layers(const Footprint& footprint, const Workload& workload, const Runtime& runtime,
                      const Model& model, const Budget& budget) {
  const Settings& settings = footprint.settings;
  // It leaves alone what somebody chose: layers, experts, tensors.
  const bool chosen = settings.gpu_layers >= 0 || settings.cpu_moe || settings.n_cpu_moe > 0 ||
                      !settings.tensor_overrides.empty();
  if (!runtime.fit || chosen || !budget.metal || settings.backend != Backend::metal) {
    return false;
  }
  const Bytes margin = margin_of(runtime, footprint);
  const Bytes left = budget.gpu_limit - counted(footprint, Place::gpu);
  if (left < Bytes{} || left >= margin) {
    return false;
  }
  if (!settings.mmap) {
    return true;
  }
  Workload read = workload;
  read.context = settings.context;
  read.mmap = false;
  const Bytes saved = weights_on_gpu(footprint) - weights_on_gpu(estimate(model, runtime, read));
  return left + saved < margin;
}

std::string moved_layers_remark(const Plan& plan, const Workload& workload, const Runtime& runtime,
                                const Model& model) {
  if (!fit_moves_layers(plan.footprint, workload, runtime, model, plan.budget)) {
    return {};
  }
  return fmt::format(
      "By its own count (--fit) less than {} stays free on the GPU, so llama.cpp moves layers to "
      "the CPU unless {}; the settings here say so.",
      to_text(margin_of(runtime, plan.footprint)),
      runtime.ollama ? "num_gpu is set" : "it is switched off or -ngl given");
}

}  // namespace membudget
