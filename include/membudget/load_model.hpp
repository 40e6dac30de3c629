// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string_view>

#include "membudget/model.hpp"
#include "membudget/model_names.hpp"
#include "membudget/profiles.hpp"

namespace membudget {

/// Reads the header of a GGUF file (version 2 or 3): metadata and tensor table, never tensor
/// data. Throws Error{io} when the file cannot be read, Error{truncated}, Error{invalid_model}
/// or Error{unsupported} with `file@0x<offset>` as where().
[[nodiscard]] Model load_gguf(const std::filesystem::path& file);

/// A path to a .gguf, or a name of the catalog. A path is what exists, ends in .gguf or holds a
/// directory separator that no catalog name has. `quantization` must be empty or the file's own
/// for a path: a file is what it is.
[[nodiscard]] Model load_model(std::string_view model, std::string_view quantization,
                               const Profiles& profiles);

/// What runtimes call the model that load_model() read for `argument`.
[[nodiscard]] ModelNames names_of(std::string_view argument, const Model& model,
                                  const Profiles& profiles);

}  // namespace membudget
