// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "membudget/nearest.hpp"
#include "membudget/request.hpp"
#include "profiles/json_positions.hpp"
#include "request/options.hpp"

namespace membudget {
namespace {

using TextMember = std::string PlanRequest::*;
using FlagMember = bool PlanRequest::*;
using ListMember = std::vector<std::string> PlanRequest::*;

/// A key of a request, and the member that it fills.
struct RequestKey {
  std::string_view name;
  std::variant<TextMember, FlagMember, ListMember> member;
};

// The names of the command line's long options; those that it knows twice, too.
constexpr auto request_keys = std::to_array<RequestKey>({
    {"model", &PlanRequest::model},
    {"chip", &PlanRequest::chip},
    {"macos", &PlanRequest::macos},
    {"wired-limit-mb", &PlanRequest::wired_limit_mb},
    {"reserve", &PlanRequest::reserve},
    {"runtime", &PlanRequest::runtime},
    {"quant", &PlanRequest::quantization},
    {"ctx-size", &PlanRequest::context},
    {"depth", &PlanRequest::depth},
    {"prompt-tokens", &PlanRequest::prompt_tokens},
    {"generate-tokens", &PlanRequest::generate_tokens},
    {"cache-type", &PlanRequest::cache_type},
    {"cache-type-k", &PlanRequest::cache_type_k},
    {"cache-type-v", &PlanRequest::cache_type_v},
    {"flash-attn", &PlanRequest::flash_attention},
    {"batch-size", &PlanRequest::batch},
    {"ubatch-size", &PlanRequest::ubatch},
    {"parallel", &PlanRequest::parallel},
    {"gpu-layers", &PlanRequest::gpu_layers},
    {"n-gpu-layers", &PlanRequest::gpu_layers},
    {"kv-unified", &PlanRequest::kv_unified},
    {"swa-full", &PlanRequest::swa_full},
    {"no-mmap", &PlanRequest::no_mmap},
    {"load-mode", &PlanRequest::load_mode},
    {"cpu-moe", &PlanRequest::cpu_moe},
    {"n-cpu-moe", &PlanRequest::n_cpu_moe},
    {"override-tensor", &PlanRequest::override_tensor},
    {"no-kv-offload", &PlanRequest::no_kv_offload},
    {"no-repack", &PlanRequest::no_repack},
    {"no-op-offload", &PlanRequest::no_op_offload},
    {"prefill-step-size", &PlanRequest::prefill_step},
    {"kv-bits", &PlanRequest::kv_bits},
    {"draft", &PlanRequest::draft},
    {"model-draft", &PlanRequest::draft},
    {"embeddings", &PlanRequest::embeddings},
    {"embedding", &PlanRequest::embeddings},
    {"pooling", &PlanRequest::pooling},
    {"spec-type", &PlanRequest::spec_type},
    {"spec-draft-n-max", &PlanRequest::draft_max},
    {"draft-max", &PlanRequest::draft_max},
    {"cache-type-k-draft", &PlanRequest::draft_cache_type_k},
    {"cache-type-v-draft", &PlanRequest::draft_cache_type_v},
    {"cache-ram", &PlanRequest::cache_ram},
    {"ctx-checkpoints", &PlanRequest::checkpoints},
    {"explain", &PlanRequest::explain},
});

/// Options of the program that a request cannot have, and why.
struct RefusedKey {
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view reads_file = "names a file, and no file is read for a request";
constexpr std::string_view this_machine =
    "is about the machine at hand, of which a request knows nothing; name a Mac with chip";
constexpr std::string_view several_macs =
    "plans several Macs, which a request cannot; use the program";
constexpr std::string_view programs_own = "is the program's alone; leave it out";

constexpr auto refused_keys = std::to_array<RefusedKey>({
    {"lora", reads_file},
    {"lora-scaled", reads_file},
    {"control-vector", reads_file},
    {"mmproj", reads_file},
    {"modelfile", reads_file},
    {"readings", reads_file},
    {"profiles", "names a folder, and no file is read for a request; add profiles one by one"},
    {"remote", "reads over the network, and nothing is read for a request"},
    {"no-cache", "reads over the network, and nothing is read for a request"},
    {"from-env", "reads the environment, of which a request knows nothing"},
    {"now", this_machine},
    {"no-calibration", this_machine},
    {"format", programs_own},
    {"json", programs_own},
    {"plain", programs_own},
    {"output", programs_own},
    {"strict", programs_own},
    {"distribute", several_macs},
    {"link", several_macs},
    {"tensor-split", several_macs},
});

/// More than any request; the text is somebody else's.
constexpr std::size_t longest_request = std::size_t{1} << 20;
constexpr std::size_t longest_key = 64;
constexpr std::size_t longest_value = std::size_t{1} << 16;

[[noreturn]] void fault(const std::string& pointer, const std::string& message) {
  request::wrong(pointer, message);
}

[[noreturn]] void unknown_key(const std::string& key) {
  if (key.size() > longest_key) {
    fault("", fmt::format("a key of {} bytes is no option of plan; leave it out", key.size()));
  }
  const auto pointer = pointer_step(key);
  const auto refused = std::ranges::find(refused_keys, key, &RefusedKey::name);
  if (refused != refused_keys.end()) {
    throw RequestError(Errc::unsupported, pointer, std::string(refused->why));
  }
  std::vector<std::string> names;
  names.reserve(std::size(request_keys));
  for (const auto& known : request_keys) names.emplace_back(known.name);
  const auto near = nearest_names(key, names, 1);
  fault(pointer, near.empty()
                     ? "is no option of plan; see membudget plan --help, without the dashes"
                     : fmt::format("is no option of plan; did you mean {}?", near.front()));
}

/// Takes a request's members one after another, so that nothing is kept but the request, whatever
/// the text holds.
class RequestReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  [[nodiscard]] PlanRequest take() { return std::move(request_); }

  bool start_object(std::size_t /*size*/) override {
    if (open_) fault(pointer(), expected());
    return open_ = true;
  }
  bool end_object() override { return true; }

  bool key(string_t& name) override {
    const auto found = std::ranges::find(request_keys, name, &RequestKey::name);
    if (found == request_keys.end()) unknown_key(name);
    key_ = &*found;
    if (!seen_.insert(key_->name).second) fault(pointer(), "stands twice; leave one of them out");
    return true;
  }

  bool start_array(std::size_t /*size*/) override {
    if (key_ == nullptr || list() == nullptr || in_list_) fault(pointer(), expected());
    return in_list_ = true;
  }
  bool end_array() override {
    in_list_ = false;
    return true;
  }

  bool string(string_t& value) override {
    if (key_ == nullptr || flag() != nullptr) fault(pointer(), expected());
    if (value.size() > longest_value) {
      fault(pointer(),
            fmt::format("has {} bytes; no value has more than {}", value.size(), longest_value));
    }
    if (value.find('\0') != string_t::npos) {
      fault(pointer(), "holds a zero byte; leave it out");
    }
    if (list() != nullptr) {
      (request_.*(*list())).push_back(std::move(value));
    } else {
      request_.*std::get<TextMember>(key_->member) = std::move(value);
    }
    return true;
  }
  bool number_integer(number_integer_t value) override { return digits(fmt::format("{}", value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return digits(fmt::format("{}", value));
  }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    fault(pointer(), fmt::format("{} is no whole number; write it as text",
                                 text.size() > longest_key ? "this" : text));
  }
  bool boolean(bool value) override {
    if (key_ == nullptr || flag() == nullptr) fault(pointer(), expected());
    request_.*(*flag()) = value;
    return true;
  }
  bool null() override {
    if (key_ == nullptr || in_list_) fault(pointer(), expected());
    return true;
  }
  bool binary(binary_t& /*value*/) override { fault(pointer(), expected()); }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    const bool utf8 = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    fault("", fmt::format("{} at byte {}; give one JSON object such as {}",
                          utf8 ? "the request is not UTF-8" : "the request is not JSON", position,
                          R"({"model": "qwen2.5-coder:32b", "chip": "m1-max-32gb"})"));
  }

 private:
  bool digits(std::string text) {
    if (key_ == nullptr || !std::holds_alternative<TextMember>(key_->member) ||
        key_->name == "model") {
      fault(pointer(), expected());
    }
    request_.*std::get<TextMember>(key_->member) = std::move(text);
    return true;
  }

  [[nodiscard]] std::string pointer() const {
    return key_ == nullptr ? "" : pointer_step(key_->name);
  }
  [[nodiscard]] const FlagMember* flag() const { return std::get_if<FlagMember>(&key_->member); }
  [[nodiscard]] const ListMember* list() const { return std::get_if<ListMember>(&key_->member); }
  [[nodiscard]] std::string expected() const {
    if (key_ == nullptr) return "the request must be a JSON object";
    if (flag() != nullptr) return "must be true or false";
    if (list() != nullptr) return "must be a string or an array of strings";
    return key_->name == "model" ? "must be a string" : "must be a string or a whole number";
  }

  PlanRequest request_;
  const RequestKey* key_ = nullptr;
  std::set<std::string_view> seen_;
  bool open_ = false;
  bool in_list_ = false;
};

}  // namespace

PlanRequest plan_request(std::string_view json) {
  if (json.size() > longest_request) {
    fault("", fmt::format("the request has {} bytes; none has more than {}", json.size(),
                          longest_request));
  }
  RequestReader reader;
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  return reader.take();
}

RequestError in_json_request(const RequestError& error) {
  return RequestError(in_json_request(static_cast<const Error&>(error)));
}

Error in_json_request(const Error& error) {
  constexpr std::string_view dashes = "--";
  std::string_view where = error.where();
  if (where == "MODEL") return {error.code(), "/model", problem(error)};
  if (!where.starts_with(dashes)) return error;
  where.remove_prefix(dashes.size());
  return {error.code(), pointer_step(where), problem(error)};
}

}  // namespace membudget
