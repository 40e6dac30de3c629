// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <span>
#include <string>
#include <utility>

#include "capi/boundary.hpp"
#include "capi/request_model.hpp"
#include "membudget/membudget.h"
#include "membudget/model_bytes.hpp"
#include "membudget/profile_list.hpp"
#include "membudget/request.hpp"
#include "membudget/words.hpp"

using membudget::capi::guarded;
using membudget::capi::hand_out;

namespace {

/// As a file is called of which nobody says more.
constexpr const char* nameless = "model.gguf";

membudget::Model read_gguf_bytes(const void* bytes, size_t size, uint64_t file_size) {
  return membudget::model_of_gguf({static_cast<const std::byte*>(bytes), size}, file_size,
                                  nameless);
}

membudget::PlanReport report_of(const membudget_planner& planner, const membudget_model* model,
                                const char* request) {
  const auto asked = membudget::plan_request(request);
  return model == nullptr
             ? plan_report(asked, planner.profiles)
             : plan_report(asked, planner.profiles, membudget::capi::named_for(asked, *model));
}

}  // namespace

namespace membudget::capi {

Model named_for(const PlanRequest& request, const membudget_model& model) {
  Model out = model.model;
  const auto& path = request.model;
  if (!path.empty()) out.id = path.substr(path.find_last_of('/') + 1);
  return out;
}

}  // namespace membudget::capi

void membudget_string_free(char* string) {
  std::free(string);
}

membudget_status membudget_planner_create(membudget_planner** out) {
  if (out == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *out = nullptr;
  return guarded(nullptr, [&] {
    *out = new membudget_planner{membudget::Profiles::embedded()};
    return MEMBUDGET_OK;
  });
}

membudget_status membudget_planner_add_profile(membudget_planner* planner, const char* json,
                                               size_t size, char** error_json) {
  if (error_json != nullptr) *error_json = nullptr;
  if (planner == nullptr || (json == nullptr && size > 0)) return MEMBUDGET_BAD_ARGUMENT;
  return guarded(error_json, [&] {
    planner->profiles =
        planner->profiles.overlaid_with_profile(size == 0 ? "" : std::string_view(json, size));
    return MEMBUDGET_OK;
  });
}

void membudget_planner_destroy(membudget_planner* planner) {
  delete planner;
}

membudget_status membudget_model_from_gguf(const void* bytes, size_t size, uint64_t file_size,
                                           membudget_model** out, char** error_json) {
  if (error_json != nullptr) *error_json = nullptr;
  if (out == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *out = nullptr;
  if (bytes == nullptr && size > 0) return MEMBUDGET_BAD_ARGUMENT;
  return guarded(error_json, [&] {
    *out = new membudget_model{read_gguf_bytes(bytes, size, file_size)};
    return MEMBUDGET_OK;
  });
}

membudget_status membudget_gguf_needs_bytes(const void* bytes, size_t size, uint64_t file_size,
                                            uint64_t* needs_bytes) {
  if (needs_bytes == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *needs_bytes = 0;
  if (bytes == nullptr && size > 0) return MEMBUDGET_BAD_ARGUMENT;
  return guarded(nullptr, [&] {
    try {
      static_cast<void>(read_gguf_bytes(bytes, size, file_size));
    } catch (const membudget::HeaderCut& cut) {
      *needs_bytes = static_cast<uint64_t>(cut.needed());
    } catch (const membudget::Error&) {
      // More bytes would not help, which is the answer.
    }
    return MEMBUDGET_OK;
  });
}

void membudget_model_destroy(membudget_model* model) {
  delete model;
}

membudget_status membudget_plan_json(const membudget_planner* planner, const membudget_model* model,
                                     const char* request, char** response) {
  if (response == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *response = nullptr;
  if (planner == nullptr || request == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  return guarded(response,
                 [&] { return hand_out(to_json(report_of(*planner, model, request)), response); });
}

membudget_status membudget_page_json(const membudget_planner* planner, const membudget_model* model,
                                     const char* request, char** response) {
  if (response == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *response = nullptr;
  if (planner == nullptr || request == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  return guarded(response, [&] {
    const auto report = report_of(*planner, model, request);
    return hand_out(
        "{\"plan\": " + to_json(report) + ", \"words\": " + to_words_json(report) + "}\n",
        response);
  });
}

membudget_status membudget_list_json(const membudget_planner* planner, const char* kind,
                                     char** response) {
  if (response == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  *response = nullptr;
  if (planner == nullptr || kind == nullptr) return MEMBUDGET_BAD_ARGUMENT;
  return guarded(response, [&] {
    return hand_out(list_json(planner->profiles, membudget::kind_named(kind)), response);
  });
}
