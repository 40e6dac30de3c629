// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "membudget/settings.hpp"

namespace membudget::settings {

// One file per runtime; each gives the lines of its format.

struct OllamaLines {
  std::vector<std::string> server;  ///< Sets it.
  std::vector<std::string> run;     ///< Then loads the model.
};
[[nodiscard]] OllamaLines ollama_lines(const PlannedRun& run);
[[nodiscard]] std::vector<std::string> modelfile_lines(const PlannedRun& run);
[[nodiscard]] std::vector<std::string> llama_server_lines(const PlannedRun& run);
[[nodiscard]] std::vector<std::string> lmstudio_lines(const PlannedRun& run);
/// The same for LM Studio's MLX engine.
[[nodiscard]] std::vector<std::string> lmstudio_mlx_lines(const PlannedRun& run);
[[nodiscard]] std::vector<std::string> mlx_lines(const PlannedRun& run);
[[nodiscard]] std::vector<std::string> sysctl_lines(const PlannedRun& run);

/// "q8_0": cache types as every one of these runtimes spells them.
[[nodiscard]] std::string type_name(ElementType type);

/// "qwen2.5-coder-32b Q4_K_M"
[[nodiscard]] std::string title_of(const Model& model);

/// What a GGUF of this name is usually called: "Qwen2.5-Coder-32B-Instruct-Q4_K_M.gguf".
[[nodiscard]] std::string usual_file(const PlannedRun& run);

/// The layers on the GPU when the user chose some; a number that takes all of them counts as not
/// chosen. As -ngl counts: the output layer included.
[[nodiscard]] std::optional<std::int64_t> chosen_gpu_layers(const PlannedRun& run);

/// Options of llama-server, by its own names, that only llama-server has: "--swa-full".
/// `experts`: also those that keep experts on the CPU.
[[nodiscard]] std::vector<std::string> server_only(const PlannedRun& run, bool experts);

/// How the memory that llama-server takes for `workload` differs from the plan's, as a sentence;
/// empty when to the byte it does not, or when only what is on the GPU does by less than is
/// printed.
[[nodiscard]] std::string memory_note(const PlannedRun& run, const Workload& workload);
/// The same of a runtime that starts llama-server with more than it was asked for.
[[nodiscard]] std::string memory_note(const PlannedRun& run, const Runtime& runtime,
                                      const Workload& workload);

}  // namespace membudget::settings
