// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "membudget/load_model.hpp"
#include "source/http.hpp"
#include "source/local_models.hpp"
#include "source/model_files.hpp"
#include "source/ollama.hpp"

namespace membudget {

/// Reads from servers, with one connection and the options of one load.
class Remote {
 public:
  explicit Remote(const ReadOptions& options);
  /// With another transport, for tests.
  Remote(const ReadOptions& options, std::unique_ptr<Transport> transport);

  /// The model behind an address of a .gguf.
  [[nodiscard]] Model model_at(const std::string& given);
  /// The model of a registry that speaks Ollama's protocol.
  [[nodiscard]] Model ollama_model(const OllamaName& name);
  /// The files of a repository on the hub; they live no longer than this.
  [[nodiscard]] std::unique_ptr<ModelFiles> hub_files(const HubName& name);

 private:
  class HubFiles;

  const ReadOptions& options_;
  std::filesystem::path cache_;
  Http http_;
};

}  // namespace membudget
