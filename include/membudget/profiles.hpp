// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/machine.hpp"
#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "membudget/speed_rules.hpp"

namespace membudget {

/// The facts under profiles/: chips, runtimes and catalog models, looked up by id.
///
/// Files are decoded when they are asked for, so that starting a program costs nothing.
class Profiles {
 public:
  /// The set compiled into the library.
  [[nodiscard]] static Profiles embedded();

  /// This set plus every chips/, models/ and runtimes/ *.json under `folder`; a file whose id
  /// is known replaces that entry. Throws Error{io} when the folder cannot be read and
  /// Error{invalid_profile} whose where() is `file#/json/pointer`.
  [[nodiscard]] Profiles overlaid_with(const std::filesystem::path& folder) const;

  /// Each throws Error{unknown_name} that lists the nearest known names.
  [[nodiscard]] Chip chip(std::string_view id) const;
  /// "llama.cpp" (newest known build) or "llama.cpp@b10488" (the rules of that build).
  [[nodiscard]] Runtime runtime(std::string_view id) const;
  /// How fast the runtime's engine is; a runtime nobody measured is taken for its engine.
  [[nodiscard]] SpeedRules speed_rules(const Runtime& runtime) const;
  /// By id, Ollama tag, Hugging Face repository or alias, case-insensitive. `quantization` is a
  /// name as llama-quantize takes it; empty means the model's usual upload.
  [[nodiscard]] Model model(std::string_view name, std::string_view quantization = {}) const;

  [[nodiscard]] std::vector<std::string> chip_ids() const;
  [[nodiscard]] std::vector<std::string> runtime_ids() const;
  [[nodiscard]] std::vector<std::string> model_ids() const;

 private:
  struct Store;
  explicit Profiles(std::shared_ptr<const Store> store);
  std::shared_ptr<const Store> store_;
};

}  // namespace membudget
