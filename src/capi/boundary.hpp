// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "membudget/membudget.h"
#include "membudget/model.hpp"
#include "membudget/profiles.hpp"

// What the C interface hands out.
struct membudget_planner {
  membudget::Profiles profiles;
};

struct membudget_model {
  membudget::Model model;
};

// What stands between the C interface and the library.
namespace membudget::capi {

/// A copy that membudget_string_free() frees; nullptr where no memory is left.
[[nodiscard]] char* handed_out(std::string_view text) noexcept;
/// The same into `response`.
[[nodiscard]] membudget_status hand_out(std::string_view text, char** response) noexcept;

/// The exception that is being handled as a status and, unless `error_json` is nullptr, as text.
membudget_status fail(char** error_json) noexcept;

/// Does `work`, of which no exception leaves.
template <class Work>
membudget_status guarded(char** error_json, const Work& work) noexcept {
  if (error_json != nullptr) *error_json = nullptr;
  try {
    return work();
  } catch (...) {
    return fail(error_json);
  }
}

}  // namespace membudget::capi
