// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/budget.hpp"
#include "membudget/footprint.hpp"
#include "membudget/ollama.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// Whether a machine has the memory that is needed, best first.
enum class Verdict : std::uint8_t {
  comfortable,   ///< Fits with the safety margin to spare.
  tight,         ///< Fits; the margin is used up, or a part is only assumed.
  crawls,        ///< Over Metal's limit but within RAM: loads only in part on the GPU.
  does_not_fit,  ///< More than the RAM that is left.
};

/// The limit with the least room.
enum class Binding : std::uint8_t { gpu, ram };

/// What Ollama's scheduler takes a plan for, beside what is true.
struct OllamaView {
  OllamaBelief belief;
  Bytes taken;                   ///< By the plan on the GPU.
  Bytes evicts_below;            ///< With less than this free, it unloads another model first.
  std::vector<std::string> why;  ///< The belief is off by more than a tenth; a clause each.
};

/// How a model will sit in the memory of a machine.
struct Plan {
  Footprint footprint;
  Budget budget;
  Binding binding = Binding::gpu;
  Bytes headroom;  ///< Under the binding limit; negative is the deficit.
  Verdict verdict = Verdict::does_not_fit;
  std::vector<std::string> reasons;  ///< Plain sentences with numbers, most important first.
  std::optional<OllamaView> ollama;  ///< Of plans for Ollama with a GPU.
};

/// Sets a footprint against a budget; what is binding, what is left, what to call it.
[[nodiscard]] Plan judge(Footprint footprint, Budget budget);

/// The workload with what the runtime chooses by looking at the machine, where the user left it
/// open: the context that llama.cpp's --fit or MLC-LLM takes, Ollama's by Metal's working set and
/// its batch by the room that is left. Every other field stays as it is. Applied twice it changes
/// nothing more. Pure, like everything below it.
/// Throws Error{bad_request} for what the runtime cannot be told, such as two cache types for
/// Ollama.
[[nodiscard]] Workload configured(const Workload& workload, const Runtime& runtime,
                                  const Model& model, const Budget& budget);

/// judge(estimate(model, runtime, configured(workload)), budget), and what the runtime grants
/// itself (MLC-LLM's share of Metal's working set).
[[nodiscard]] Plan plan(const Model& model, const Runtime& runtime, const Workload& workload,
                        const Budget& budget);

/// The same with budget(machine, runtime).
[[nodiscard]] Plan plan(const Model& model, const Machine& machine, const Runtime& runtime,
                        const Workload& workload);

/// comfortable and tight fit; crawls and does_not_fit do not.
[[nodiscard]] bool fits(Verdict verdict);

/// As JSON has it: "comfortable", "tight", "crawls", "does-not-fit".
[[nodiscard]] std::string_view to_string(Verdict verdict);
/// "gpu" or "ram".
[[nodiscard]] std::string_view to_string(Binding binding);

}  // namespace membudget
#pragma GCC visibility pop
