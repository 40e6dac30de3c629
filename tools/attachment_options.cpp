// SPDX-License-Identifier: MIT
#include "attachment_options.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "output.hpp"

namespace {

using namespace membudget;

/// "FILE:SCALE": the scale follows the last colon (common/arg.cpp, --lora-scaled).
std::filesystem::path scaled_file(const std::string& argument) {
  const auto colon = argument.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    refuse_option("--lora-scaled", fmt::format("'{}' is not FILE:SCALE", argument));
  }
  return argument.substr(0, colon);
}

}  // namespace

void AttachmentOptions::add_to(CLI::App& command, PlanRequest& request) {
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
  option("--spec-type", request.spec_type, "draft-mtp drafts with layers that the file holds",
         "TYPE");
  option("--spec-draft-n-max,--draft-max", request.draft_max, "Tokens drafted at once; default: 3",
         "N");
  option("--cache-type-k-draft", request.draft_cache_type_k, "-ctkd; of the draft's K", "TYPE");
  option("--cache-type-v-draft", request.draft_cache_type_v, "-ctvd; of the draft's V", "TYPE");
  option("--cache-ram", request.cache_ram,
         "-cram; count the server's prompt cache, full; -1 = no limit", "MIB");
  option("--ctx-checkpoints", request.checkpoints,
         "-ctxcp; count that many context checkpoints per slot", "N");
}

void AttachmentOptions::check() const {
  for (const auto& argument : lora_scaled) static_cast<void>(scaled_file(argument));
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
