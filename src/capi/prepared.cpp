// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "capi/boundary.hpp"
#include "capi/request_model.hpp"
#include "membudget/advise.hpp"
#include "membudget/budget.hpp"
#include "membudget/membudget.h"
#include "membudget/ollama.hpp"
#include "membudget/plan.hpp"
#include "membudget/request.hpp"
#include "membudget/words.hpp"

using membudget::capi::guarded;

struct membudget_prepared {
  membudget::PlanRequest
      request;  ///< Whose settings are varied as words, so that the same rules read them.
  membudget::Model model;
  membudget::Machine machine;
  membudget::Runtime runtime;
  membudget::Budget budget;
  membudget::Workload workload;  ///< As asked for, before Ollama's slots are counted.
  bool largest_context = false;
};

namespace {

using namespace membudget;

// No version of a struct will be larger: who says so did not set the size.
constexpr std::size_t largest_struct = 4096;

bool is_size(std::size_t size) {
  return size >= sizeof size && size <= largest_struct;
}

/// The settings that a caller's struct holds, which may be an older, shorter one; or a newer one,
/// in which nothing may be set that nobody here would heed.
std::optional<membudget_settings> settings_of(const membudget_settings* settings) {
  membudget_settings out = MEMBUDGET_SETTINGS_INIT;
  if (settings == nullptr) return out;
  if (!is_size(settings->size)) return std::nullopt;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(settings);
  if (settings->size > sizeof out && std::any_of(bytes + sizeof out, bytes + settings->size,
                                                 [](unsigned char byte) { return byte != 0; })) {
    return std::nullopt;
  }
  std::memcpy(&out, settings, std::min(settings->size, sizeof out));
  return out;
}

Workload varied(const membudget_prepared& prepared, const membudget_settings& settings) {
  // What a request would say: one rule for what is in range, and one message.
  PlanRequest words;
  if (settings.context != 0) words.context = std::to_string(settings.context);
  if (settings.parallel != 0) words.parallel = std::to_string(settings.parallel);
  if (settings.cache_type_k != nullptr) words.cache_type_k = settings.cache_type_k;
  if (settings.cache_type_v != nullptr) words.cache_type_v = settings.cache_type_v;
  words.depth = settings.context != 0 ? prepared.request.depth : "";
  const auto changed = requested_workload(words);
  auto out = prepared.workload;
  if (changed.context) out.context = changed.context;
  if (changed.parallel) out.parallel = changed.parallel;
  if (changed.cache_type_k) out.cache_type_k = changed.cache_type_k;
  if (changed.cache_type_v) out.cache_type_v = changed.cache_type_v;
  if (prepared.runtime.ollama) {
    out = with_slot_context(std::move(out), prepared.runtime, prepared.model);
  }
  return out;
}

void fill(const Plan& plan, membudget_figures& out) {
  const Footprint& footprint = plan.footprint;
  const auto sum = [&](PartName name) { return footprint.total(name).count(); };
  const std::size_t size = std::min(out.size, sizeof out);
  membudget_figures figures = MEMBUDGET_FIGURES_INIT;
  figures.verdict = static_cast<std::int32_t>(plan.verdict);
  figures.binding = plan.binding == Binding::gpu ? 0 : 1;
  figures.context = footprint.settings.context;
  figures.weights_bytes = sum(PartName::weights);
  figures.kv_cache_bytes = sum(PartName::kv_cache);
  figures.recurrent_state_bytes = sum(PartName::recurrent_state);
  figures.compute_bytes = sum(PartName::compute);
  figures.output_bytes = sum(PartName::output);
  figures.total_bytes = footprint.total().count();
  figures.overhead_bytes = figures.total_bytes - figures.weights_bytes - figures.kv_cache_bytes -
                           figures.recurrent_state_bytes - figures.compute_bytes -
                           figures.output_bytes;
  figures.gpu_bytes = footprint.total(Place::gpu).count();
  figures.host_bytes = footprint.total(Place::host).count();
  figures.gpu_limit_bytes = plan.budget.gpu_limit.count();
  figures.ram_available_bytes = plan.budget.ram_available.count();
  figures.headroom_bytes = plan.headroom.count();
  figures.size = size;
  std::memcpy(&out, &figures, size);
}

static_assert(static_cast<int>(Verdict::comfortable) == MEMBUDGET_COMFORTABLE);
static_assert(static_cast<int>(Verdict::tight) == MEMBUDGET_TIGHT);
static_assert(static_cast<int>(Verdict::crawls) == MEMBUDGET_CRAWLS);
static_assert(static_cast<int>(Verdict::does_not_fit) == MEMBUDGET_DOES_NOT_FIT);

std::int64_t largest_context(const membudget_prepared& prepared, const Workload& workload) {
  return max_context(prepared.model, prepared.machine, prepared.runtime, workload);
}

Plan planned(const membudget_prepared& prepared, const membudget_settings& settings) {
  auto workload = varied(prepared, settings);
  if (prepared.largest_context && !workload.context) {
    workload.context = std::max(largest_context(prepared, workload), smallest_context);
  }
  return plan(prepared.model, prepared.runtime, workload, prepared.budget);
}

}  // namespace

membudget_status membudget_prepare(const membudget_planner* planner, const membudget_model* model,
                                   const char* request, membudget_prepared** out,
                                   char** error_json) {
  if (error_json != nullptr) *error_json = nullptr;
  if (out == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *out = nullptr;
  if (planner == nullptr || request == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  return guarded(error_json, [&] {
    auto asked = plan_request(request);
    auto inputs = model == nullptr
                      ? plan_inputs(asked, planner->profiles)
                      : plan_inputs(asked, planner->profiles, capi::named_for(asked, *model));
    // Slots are counted when the settings are known.
    auto workload = requested_workload(asked);
    workload.backend = inputs.workload.backend;
    workload.draft = inputs.workload.draft;
    auto limits = budget(inputs.machine, inputs.runtime);
    *out = new membudget_prepared{.request = std::move(asked),
                                  .model = std::move(inputs.model),
                                  .machine = std::move(inputs.machine),
                                  .runtime = std::move(inputs.runtime),
                                  .budget = std::move(limits),
                                  .workload = std::move(workload),
                                  .largest_context = inputs.largest_context};
    return MEMBUDGET_OK;
  });
}

void membudget_prepared_destroy(membudget_prepared* prepared) {
  delete prepared;
}

membudget_status membudget_prepared_figures(const membudget_prepared* prepared,
                                            const membudget_settings* settings,
                                            membudget_figures* out, char** error_json) {
  if (error_json != nullptr) *error_json = nullptr;
  const auto wanted = settings_of(settings);
  if (prepared == nullptr || out == nullptr || !is_size(out->size) || !wanted) {
    return MEMBUDGET_BAD_ARGUMENT;
  }
  return guarded(error_json, [&] {
    fill(planned(*prepared, *wanted), *out);
    return MEMBUDGET_OK;
  });
}

membudget_status membudget_prepared_max_context(const membudget_prepared* prepared,
                                                const membudget_settings* settings, int64_t* tokens,
                                                char** error_json) {
  if (error_json != nullptr) *error_json = nullptr;
  if (tokens == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *tokens = 0;
  auto wanted = settings_of(settings);
  if (prepared == nullptr || !wanted) return MEMBUDGET_BAD_ARGUMENT;
  wanted->context = 0;
  return guarded(error_json, [&] {
    *tokens = largest_context(*prepared, varied(*prepared, *wanted));
    return MEMBUDGET_OK;
  });
}

membudget_status membudget_prepared_verdict_json(const membudget_prepared* prepared,
                                                 const membudget_settings* settings,
                                                 char** response) {
  if (response == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *response = nullptr;
  const auto wanted = settings_of(settings);
  if (prepared == nullptr || !wanted) return MEMBUDGET_BAD_ARGUMENT;
  return guarded(response, [&] {
    PlanReport report;
    report.plan = planned(*prepared, *wanted);
    report.model = prepared->model;
    report.machine = prepared->machine;
    report.runtime = prepared->runtime;
    return capi::hand_out(to_verdict_json(report), response);
  });
}
