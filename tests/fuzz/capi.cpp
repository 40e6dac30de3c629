// SPDX-License-Identifier: MIT
// The input is a request in JSON and, after lines "%%", a profile that is added before and the
// bytes of a GGUF file that is planned instead of a model of the catalog.
#include <nlohmann/json.hpp>

#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "membudget/membudget.h"

namespace membudget::fuzz {
namespace {

struct FreeString {
  void operator()(char* text) const { membudget_string_free(text); }
};
using Text = std::unique_ptr<char, FreeString>;

/// What is handed out after a failure is an error as the header describes it, after a success none.
void check_failure(membudget_status status, const Text& error) {
  require(status != MEMBUDGET_INTERNAL, "the library has no fault of its own");
  require(status != MEMBUDGET_BAD_ARGUMENT, "the arguments are there");
  if (status == MEMBUDGET_OK) {
    return;
  }
  require(error != nullptr, "a failure is explained");
  const auto json = nlohmann::json::parse(error.get(), nullptr, false);
  require(json.is_object() && json.contains("error"), "an error is JSON");
  for (const char* member : {"code", "where", "message"}) {
    require(json["error"].contains(member) && json["error"][member].is_string(),
            "an error has its members");
  }
  check_printable(json["error"]["message"].get<std::string>(), "an error is printable");
}

std::int64_t bytes_of(const nlohmann::json& plan, const char* member) {
  return plan["memory"][member].get<std::int64_t>();
}

void check_plan(const char* response) {
  const auto plan = nlohmann::json::parse(response, nullptr, false);
  require(plan.is_object(), "a plan is JSON");
  std::int64_t parts = 0;
  for (const auto& part : plan["memory"]["parts"]) {
    parts += part["bytes"].get<std::int64_t>();
  }
  require(parts == bytes_of(plan, "total_bytes"), "the parts of a plan sum to its total");
}

void check_figures(const membudget_prepared* prepared, const membudget_settings* settings) {
  membudget_figures figures = MEMBUDGET_FIGURES_INIT;
  char* error = nullptr;
  const auto status = membudget_prepared_figures(prepared, settings, &figures, &error);
  check_failure(status, Text(error));
  if (status == MEMBUDGET_OK) {
    require(figures.weights_bytes + figures.kv_cache_bytes + figures.recurrent_state_bytes +
                    figures.compute_bytes + figures.output_bytes + figures.overhead_bytes ==
                figures.total_bytes,
            "the members sum to the total");
    require(figures.gpu_bytes + figures.host_bytes == figures.total_bytes,
            "GPU and host sum to the total");
  }
}

}  // namespace

void capi(std::string_view input) {
  const auto parts = parts_of(input);
  // A C string ends at its first zero.
  const std::string request(parts[0].substr(0, parts[0].find('\0')));
  membudget_planner* planner = nullptr;
  require(membudget_planner_create(&planner) == MEMBUDGET_OK, "there is a planner");
  const std::unique_ptr<membudget_planner, decltype(&membudget_planner_destroy)> keep_planner(
      planner, membudget_planner_destroy);
  char* said = nullptr;
  if (parts.size() > 1 && !parts[1].empty()) {
    const auto status =
        membudget_planner_add_profile(planner, parts[1].data(), parts[1].size(), &said);
    check_failure(status, Text(said));
  }
  membudget_model* model = nullptr;
  if (parts.size() > 2) {
    const std::string_view file = parts[2];
    const auto status =
        membudget_model_from_gguf(file.data(), file.size(), file.size(), &model, &said);
    require((status == MEMBUDGET_OK) == (model != nullptr), "a model is there or not");
    check_failure(status, Text(said));
  }
  const std::unique_ptr<membudget_model, decltype(&membudget_model_destroy)> keep_model(
      model, membudget_model_destroy);

  membudget_prepared* prepared = nullptr;
  auto status = membudget_prepare(planner, model, request.c_str(), &prepared, &said);
  require((status == MEMBUDGET_OK) == (prepared != nullptr), "a prepared plan is there or not");
  check_failure(status, Text(said));
  const std::unique_ptr<membudget_prepared, decltype(&membudget_prepared_destroy)> keep_prepared(
      prepared, membudget_prepared_destroy);
  if (prepared != nullptr) {
    check_figures(prepared, nullptr);
    membudget_settings settings = MEMBUDGET_SETTINGS_INIT;
    settings.context = 4096;
    settings.cache_type_k = settings.cache_type_v = "q8_0";
    check_figures(prepared, &settings);
  }
  // Searches for contexts and advice, so only now and then.
  if (hash_of(input) % 8 == 0 || prepared == nullptr) {
    status = membudget_plan_json(planner, model, request.c_str(), &said);
    const Text first(said);
    require(first != nullptr, "there always is a response");
    if (status == MEMBUDGET_OK) {
      check_plan(first.get());
    } else {
      char* again = nullptr;
      static_cast<void>(membudget_plan_json(planner, model, request.c_str(), &again));
      require(std::string_view(again) == first.get(), "equal requests are answered alike");
      check_failure(status, Text(again));
    }
  }
}

}  // namespace membudget::fuzz
