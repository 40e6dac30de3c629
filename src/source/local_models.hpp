// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "membudget/load_model.hpp"
#include "source/model_files.hpp"

namespace membudget {

/// `ORG/REPO[:QUANTIZATION|:FILE]`
struct HubName {
  std::string organisation;
  std::string repository;
  std::string wanted;  ///< A quantization or a file; empty = the usual one.

  [[nodiscard]] std::string shown() const { return organisation + "/" + repository; }
};

/// Throws Error{unknown_name} for what is no repository's name.
[[nodiscard]] HubName parse_hub_name(std::string_view text);

/// The files of a repository that the caches of Hugging Face or LM Studio hold, with what is
/// wanted among them; nullptr when none does.
[[nodiscard]] std::unique_ptr<ModelFiles> find_in_caches(const ModelPlaces& places,
                                                         const HubName& name);

/// The same by a shorter name, in any case: REPO, or the name of a file without ".gguf"; `name`'s
/// `wanted` becomes that file.
[[nodiscard]] std::unique_ptr<ModelFiles> find_in_caches_by_part(const ModelPlaces& places,
                                                                 std::string_view text,
                                                                 HubName& name);

}  // namespace membudget
