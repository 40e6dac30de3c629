// SPDX-License-Identifier: MIT
#include "attachment_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include "output.hpp"

namespace {

using namespace membudget;

[[noreturn]] void wrong(const std::string& option, const std::string& message) {
  throw UsageError(Errc::bad_request, option, message);
}

std::int64_t integer(const std::string& text, const std::string& option, std::int64_t least,
                     std::int64_t most) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < least || value > most) {
    wrong(option, fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
  }
  return value;
}

std::optional<ElementType> cache_type(const std::string& text, const std::string& option) {
  if (text.empty()) return std::nullopt;
  const auto type = element_type_of_name(text);
  if (!type) wrong(option, fmt::format("'{}' is not a cache type such as f16 or q8_0", text));
  return type;
}

/// "FILE:SCALE": the scale follows the last colon (common/arg.cpp, --lora-scaled).
std::filesystem::path scaled_file(const std::string& argument) {
  const auto colon = argument.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    wrong("--lora-scaled", fmt::format("'{}' is not FILE:SCALE", argument));
  }
  return argument.substr(0, colon);
}

/// What drafts, by llama.cpp's names; several may be named.
bool drafts_with_own_layers(const std::string& types) {
  bool own = false;
  for (std::size_t begin = 0; begin <= types.size();) {
    const auto end = std::min(types.find(',', begin), types.size());
    const auto type = types.substr(begin, end - begin);
    begin = end + 1;
    if (type == "draft-mtp") {
      own = true;
    } else if (type != "none" && type != "draft-simple" && !type.starts_with("ngram-")) {
      wrong("--spec-type",
            fmt::format("'{}' is not planned; use draft-mtp, draft-simple with --draft, an ngram "
                        "type or none",
                        type));
    }
  }
  return own;
}

}  // namespace

void AttachmentOptions::add_to(CLI::App& command) {
  constexpr const char* group = "Attached";
  const auto option = [&](const char* names, std::string& value, const char* help,
                          const char* type) {
    command.add_option(names, value, help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(type)
        ->group(group);
  };
  const auto repeated = [&](const char* names, std::vector<std::string>& value, const char* help,
                            const char* type) {
    command.add_option(names, value, help)
        ->type_name(type)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group(group);
  };
  repeated("--lora", lora, "LoRA adapter; may be repeated", "FILE");
  repeated("--lora-scaled", lora_scaled, "The same with a scale; it takes no less memory",
           "FILE:SCALE");
  option("--control-vector", control_vector, "Direction added to the hidden state", "FILE");
  option("--mmproj", mmproj, "-mm; projector for images or sound", "FILE");
  option("--spec-type", spec_type, "draft-mtp drafts with layers that the file holds", "TYPE");
  option("--spec-draft-n-max,--draft-max", draft_max, "Tokens drafted at once; default: 3", "N");
  option("--cache-type-k-draft", draft_cache_type_k, "-ctkd; of the draft's K", "TYPE");
  option("--cache-type-v-draft", draft_cache_type_v, "-ctvd; of the draft's V", "TYPE");
  option("--cache-ram", cache_ram, "-cram; count the server's prompt cache, full; -1 = no limit",
         "MIB");
  option("--ctx-checkpoints", checkpoints, "-ctxcp; count that many context checkpoints per slot",
         "N");
}

void AttachmentOptions::check(Workload& workload) const {
  for (const auto& argument : lora_scaled) static_cast<void>(scaled_file(argument));
  if (!spec_type.empty()) workload.predict = drafts_with_own_layers(spec_type);
  if (!draft_max.empty()) {
    workload.draft_max = integer(draft_max, "--spec-draft-n-max", 1, 1024);
  }
  workload.draft_cache_type_k = cache_type(draft_cache_type_k, "--cache-type-k-draft");
  workload.draft_cache_type_v = cache_type(draft_cache_type_v, "--cache-type-v-draft");
  if (!cache_ram.empty()) {
    workload.prompt_cache_mib = integer(cache_ram, "--cache-ram", -1, std::int64_t{1} << 30);
  }
  if (!checkpoints.empty()) {
    workload.checkpoints = integer(checkpoints, "--ctx-checkpoints", 0, 1 << 16);
  }
}

void AttachmentOptions::read(Workload& workload) const {
  for (const auto& file : lora) {
    workload.adapters.push_back(std::make_shared<const Adapter>(load_adapter(file)));
  }
  for (const auto& argument : lora_scaled) {
    workload.adapters.push_back(
        std::make_shared<const Adapter>(load_adapter(scaled_file(argument))));
  }
  if (!control_vector.empty()) {
    workload.control_vector =
        std::make_shared<const ControlVector>(load_control_vector(control_vector));
  }
  if (!mmproj.empty()) {
    workload.projector = std::make_shared<const Projector>(load_projector(mmproj));
  }
}
