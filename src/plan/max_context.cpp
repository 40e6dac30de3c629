// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "context_limit.hpp"
#include "membudget/advise.hpp"
#include "membudget/error.hpp"

namespace membudget {
namespace {

// llama.cpp's cache grows in steps of 256 cells per stream (llama-context.cpp:288, b10587).
constexpr std::int64_t cells_per_step = 256;

class Search {
 public:
  Search(const Model& model, const Machine& machine, const Runtime& runtime,
         const Workload& workload, Bytes target, std::int64_t stretched)
      : model_(model),
        runtime_(runtime),
        workload_(workload),
        target_(target),
        budget_(budget(machine, runtime)),
        settings_(resolve(configured(small(workload), runtime, model, budget_), runtime, model)) {
    // MLX's tokens are those of one request, however many run at once.
    const bool own_caches =
        !settings_.kv_unified && settings_.parallel > 1 && !grows_with_use(runtime.engine);
    step_ = own_caches ? cells_per_step * settings_.parallel : cells_per_step;
    const std::int64_t trained = checked_multiply(std::max<std::int64_t>(model.trained_context, 1),
                                                  std::max<std::int64_t>(stretched, 1));
    most_ = own_caches ? trained * settings_.parallel : trained;
    most_ = std::min(most_, most_context / step_ * step_);
    if (settings_.context_limit > 0) {
      most_ = std::min(most_, settings_.context_limit);
    }
    if (const auto longest = longest_context(runtime, model); longest > 0) {
      most_ = std::min(most_, longest);
    }
  }

  std::int64_t run() {
    // Every candidate is a whole number of steps, or the trained context itself.
    std::int64_t high = (most_ + step_ - 1) / step_;  // steps still to be tried
    Bytes high_room = headroom(high);
    if (high_room >= Bytes{}) {
      return tokens(high);
    }
    std::int64_t low = 1;  // steps known to fit
    Bytes low_room = high > 1 ? headroom(low) : high_room;
    if (low_room < Bytes{}) {
      return 0;
    }
    // Bisection on the real rule. Memory is nearly linear in the context, so the first guess is
    // where a straight line crosses zero; every step still halves or better what is left.
    bool guess = true;
    while (high - low > 1) {
      std::int64_t middle = low + (high - low) / 2;
      if (guess) {
        const double share = static_cast<double>(low_room.count()) /
                             static_cast<double>((low_room - high_room).count());
        const auto crossing =
            low + static_cast<std::int64_t>(share * static_cast<double>(high - low));
        middle = std::clamp(crossing, low + 1, high - 1);
      }
      const std::int64_t before = high - low;
      const Bytes room_now = headroom(middle);
      if (room_now >= Bytes{}) {
        low = middle;
        low_room = room_now;
      } else {
        high = middle;
        high_room = room_now;
      }
      guess = 2 * (high - low) <= before || !guess;
    }
    return tokens(low);
  }

 private:
  static Workload small(Workload workload) {
    workload.context = cells_per_step;
    workload.depth = workload.prompt_tokens = std::nullopt;
    return workload;
  }

  [[nodiscard]] std::int64_t tokens(std::int64_t steps) const {
    return std::min(steps * step_, most_);
  }

  /// What stays beyond the headroom that is wanted; negative when that is not reached.
  Bytes headroom(std::int64_t steps) {
    Workload workload = workload_;
    workload.context = tokens(steps);
    // The context is to be full, whatever is prompted otherwise.
    workload.depth = workload.prompt_tokens = std::nullopt;
    return plan(model_, runtime_, workload, budget_).headroom - target_;
  }

  const Model& model_;
  const Runtime& runtime_;
  const Workload& workload_;
  Bytes target_;
  Budget budget_;
  Settings settings_;
  std::int64_t step_ = cells_per_step;
  std::int64_t most_ = 0;
};

}  // namespace

std::int64_t max_context(const Model& model, const Machine& machine, const Runtime& runtime,
                         const Workload& workload, Bytes headroom, std::int64_t stretched) {
  return Search(model, machine, runtime, workload, headroom, stretched).run();
}

std::vector<ContextByCacheType> max_context_by_cache_type(const Model& model,
                                                          const Machine& machine,
                                                          const Runtime& runtime,
                                                          const Workload& workload,
                                                          Bytes headroom) {
  std::vector<ContextByCacheType> result;
  for (const ElementType type : {ElementType::f16, ElementType::q8_0, ElementType::q4_0}) {
    Workload variant = workload;
    if (runtime.engine == Engine::mlx) {
      variant.kv_bits = type == ElementType::f16 ? 0 : type == ElementType::q8_0 ? 8 : 4;
    } else {
      variant.cache_type_k = variant.cache_type_v = type;
    }
    std::int64_t tokens = 0;
    std::string refusal;
    try {
      tokens = max_context(model, machine, runtime, variant, headroom);
    } catch (const Error& error) {
      // The engine refuses this type for this model or these settings; that is an answer.
      if (error.code() != Errc::bad_request) {
        throw;
      }
      // Neither the option nor the remedy: nobody gave it.
      refusal = error.what();
      if (const std::string place = error.where() + ": "; refusal.starts_with(place)) {
        refusal.erase(0, place.size());
      }
      refusal.resize(std::min(refusal.find(';'), refusal.size()));
    }
    result.push_back({.type = type, .tokens = tokens, .refusal = std::move(refusal)});
  }
  return result;
}

}  // namespace membudget
