// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "membudget/footprint.hpp"
#include "membudget/machine.hpp"
#include "membudget/model.hpp"
#include "membudget/speed_rules.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What is prompted and generated.
struct SpeedRequest {
  std::int64_t depth = 0;              ///< --depth: tokens in the context before the prompt.
  std::int64_t prompt_tokens = 512;    ///< --prompt-tokens
  std::int64_t generate_tokens = 128;  ///< --generate-tokens
  /// What is generated follows the prompt; else both are measured alone, as llama-bench does.
  bool after_prompt = false;

  /// Tokens in the context where generation begins.
  [[nodiscard]] std::int64_t generated_from() const {
    return depth + (after_prompt ? prompt_tokens : 0);
  }
};

/// Tokens per second, with the range that holds four in five published measurements.
struct Rate {
  double tps = 0;
  double low = 0;
  double high = 0;
};

/// Where the time of one generated token goes, in milliseconds.
struct TokenTime {
  double weights = 0;   ///< Reading and unpacking them on the GPU.
  double cache = 0;     ///< Keys and values at this depth.
  double state = 0;     ///< Recurrent layers.
  double kernels = 0;   ///< Starting them.
  double sampling = 0;  ///< And what else the runtime does per token.
  double cpu = 0;       ///< Layers and experts that stay on the CPU.

  /// Milliseconds of the whole token.
  [[nodiscard]] double total() const { return weights + cache + state + kernels + sampling + cpu; }
};

/// How generation feels (model-size analysis for an M1 16 GB: abandoned, ... seamless).
enum class Experience : std::uint8_t {
  unusable,     ///< Below 5 tokens per second.
  frustrating,  ///< Below 10.
  acceptable,   ///< Below 15.
  good,         ///< Below 20.
  seamless,
};

/// How the wait for the first token feels (research notes for an M1 Max).
enum class FirstToken : std::uint8_t {
  instant,     ///< Below 300 ms.
  fast,        ///< Below 1 s.
  noticeable,  ///< Up to 3 s.
  slow,
};

/// How fast a model that lies in memory as planned answers one user.
struct Speed {
  SpeedRequest request;
  Rate generation;  ///< All 0 for models that give no logits, or run for embeddings.
  Rate prompt;
  double first_token_ms = 0;
  TokenTime token;
  double bytes_per_token = 0;  ///< Weights, cache and state that one token reads at this depth.
  double bound_tps = 0;        ///< Published bandwidth / bytes_per_token: nothing can be faster.
  Experience experience = Experience::unusable;
  FirstToken first_token = FirstToken::slow;
  /// `measured` where rows of this GPU generation and these types were published; else `assumed`,
  /// with a wider range and the reason in `note`.
  Basis basis = Basis::measured;
  std::string note;
  /// What the rates were multiplied with; nothing: they are as published benchmarks say.
  std::optional<SpeedCalibration> calibration = std::nullopt;
};

/// Predicts generation and prompt speed from what one token makes the machine do.
///
/// A token reads the weights it passes (of the experts those used, of the embedding one row) in
/// their own types, the keys and values at its depth (as far as a window reaches), and starts the
/// graph's kernels one after another. Weights take the time of the slower of memory and unpacking
/// (root of the sum of squares, for both are partly hidden); the rest adds up. A prompt takes its
/// FLOPs at the share of the peak that its types reach, and once per batch the weights.
///
/// `footprint` is estimate()'s of the same model: its settings, its kernels, its state. A draft
/// model's gain is not counted. With rules.calibration all rates are times its factors; the ranges
/// keep their shares. Nothing is rounded; nothing is read but the arguments.
[[nodiscard]] Speed speed(const Model& model, const Machine& machine, const Footprint& footprint,
                          const SpeedRules& rules, const SpeedRequest& request);

/// The word for a rate or a wait.
[[nodiscard]] Experience experience_of(double generation_tps);
/// As experience_of(), for the wait before the first token.
[[nodiscard]] FirstToken first_token_of(double milliseconds);

/// What takes most of a token's time, in words: "reading the weights".
[[nodiscard]] std::string_view bottleneck(const Speed& speed);

/// As JSON has it: "good".
[[nodiscard]] std::string_view to_string(Experience experience);
/// As JSON has it.
[[nodiscard]] std::string_view to_string(FirstToken first_token);

}  // namespace membudget
#pragma GCC visibility pop
