// SPDX-License-Identifier: MIT
#include "capi/boundary.hpp"

#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "membudget/model_bytes.hpp"
#include "membudget/request.hpp"

namespace membudget::capi {
namespace {

membudget_status status_of(const Error& error) {
  if (dynamic_cast<const RequestError*>(&error) != nullptr) return MEMBUDGET_BAD_REQUEST;
  return error.code() == Errc::bad_request ? MEMBUDGET_BAD_REQUEST : MEMBUDGET_UNREADABLE;
}

void tell(char** error_json, std::string_view text) noexcept {
  if (error_json != nullptr) *error_json = handed_out(text);
}

/// `{"error": {...}, "needs_bytes": N}`
std::string text_of(const HeaderCut& cut) {
  auto out = nlohmann::ordered_json::parse(to_json(cut));
  out["needs_bytes"] = cut.needed();
  return out.dump(2) + "\n";
}

std::string internal(const char* message) {
  const nlohmann::ordered_json error{{"code", "internal"}, {"where", ""}, {"message", message}};
  const auto replace = nlohmann::ordered_json::error_handler_t::replace;
  return nlohmann::ordered_json{{"error", error}}.dump(2, ' ', false, replace) + "\n";
}

}  // namespace

char* handed_out(std::string_view text) noexcept {
  auto* const out = static_cast<char*>(std::malloc(text.size() + 1));
  if (out == nullptr) return nullptr;
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return out;
}

membudget_status hand_out(std::string_view text, char** response) noexcept {
  *response = handed_out(text);
  return *response == nullptr ? MEMBUDGET_NO_MEMORY : MEMBUDGET_OK;
}

membudget_status fail(char** error_json) noexcept {
  try {
    try {
      throw;
    } catch (const HeaderCut& cut) {
      tell(error_json, text_of(cut));
      return MEMBUDGET_NEEDS_BYTES;
    } catch (const Error& error) {
      tell(error_json, to_json(in_json_request(error)));
      return status_of(error);
    } catch (const std::bad_alloc&) {
      return MEMBUDGET_NO_MEMORY;
    } catch (const std::exception& error) {
      tell(error_json, internal(error.what()));
      return MEMBUDGET_INTERNAL;
    }
  } catch (const std::bad_alloc&) {
    return MEMBUDGET_NO_MEMORY;
  } catch (...) {
    return MEMBUDGET_INTERNAL;
  }
}

}  // namespace membudget::capi
