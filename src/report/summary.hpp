// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "membudget/report.hpp"

namespace membudget::report {

// What text and markdown both say, in words. Nothing here is escaped for either.

/// "macOS 26", "Linux"
[[nodiscard]] std::string system_words(const Machine& machine);
/// "Ollama", "Modelfiles": who is told.
[[nodiscard]] std::string_view title(SettingsFormat format);
/// "qwen2.5-coder:32b Q4_K_M on Apple M1 Max, 32.00 GiB RAM, macOS 26"
[[nodiscard]] std::string headline(const PlanReport& report);
/// "llama.cpp b10587: 8192 tokens, f16 cache, flash attention, 40 of 65 layers on the GPU"
[[nodiscard]] std::string settings_line(const PlanReport& report);

/// "Fits comfortably", "Does not fit"
[[nodiscard]] std::string_view words(Verdict verdict);
/// "20.41 GiB of Metal's 24.96 GiB, 4.55 GiB left"
[[nodiscard]] std::string verdict_detail(const Plan& plan);

/// A label and what is to be said under it.
struct Entry {
  std::string label;
  std::string text;
  bool binds = false;
};

/// The limits with their rules; one of them binds.
[[nodiscard]] std::vector<Entry> limits(const PlanReport& report);
[[nodiscard]] std::vector<Entry> limits(const Plan& plan);

/// "1.25 GiB" with "Safari, 12 processes", as many as there are.
[[nodiscard]] std::vector<Entry> program_rows(const std::vector<Program>& programs);
/// The first of those that hold memory now; empty for a plan that did not look.
[[nodiscard]] std::vector<Entry> holders(const Budget& budget);

/// "f16" with "24832", "32768, as far as it was trained" or "none fits".
[[nodiscard]] std::vector<Entry> contexts(const PlanReport& report);

/// How it feels: what does not fit is unusable whatever its speed would be. Needs a speed.
[[nodiscard]] Experience experience(const PlanReport& report);
/// "generation" with "46.2 tokens/s (40.7 to 50.8): seamless; ..."; empty without a speed.
[[nodiscard]] std::vector<Entry> speeds(const PlanReport& report);
/// Where a token's time goes, and what bounds it, for --explain.
[[nodiscard]] std::vector<Entry> speed_formulas(const PlanReport& report);

/// "q8_0 cache instead of f16 and 16384 tokens instead of 32768"
[[nodiscard]] std::string words(const std::vector<Change>& changes);
/// "saves 3.75 GiB, then fits comfortably with 2.02 GiB left"
[[nodiscard]] std::string effect(const StepReport& row, const Plan& asked);
/// Speed and quality: "about 9.4 tokens/s; LLaMA-3-8B's perplexity ..."; may be empty.
/// With `all` the words about speed too, where a rate is predicted.
[[nodiscard]] std::string costs(const StepReport& row, bool all);
/// Whether a step brings a better verdict that fits.
[[nodiscard]] bool reaches(const StepReport& row, const Plan& asked);
/// The longest context that training covers, of all slots together.
[[nodiscard]] std::int64_t longest_trained(const PlanReport& report);
/// A step that is about the whole model on two processors: how slow a crawling plan is; nullptr
/// when there is none.
[[nodiscard]] const StepReport* offloaded(const PlanReport& report);
/// "What to change" or "What there is room for"; empty when there is nothing to say.
[[nodiscard]] std::string advice_title(const PlanReport& report);
/// The best changes, or what could be afforded, as many as are worth a glance: label and costs.
[[nodiscard]] std::vector<Entry> advice(const PlanReport& report);
/// All of them with points and sources, for --explain.
[[nodiscard]] std::vector<Entry> whole_ladder(const PlanReport& report);
/// The recommendation's settings in one sentence, and what it looked at before.
[[nodiscard]] std::string recommended(const PlanReport& report);
[[nodiscard]] std::vector<Entry> considered(const Recommendation& recommendation);
/// What a context beyond the trained one needs; empty when none was looked for.
[[nodiscard]] std::string rope_note(const PlanReport& report);

/// Each part with its size as label and its formula as text, for --explain.
[[nodiscard]] std::vector<Entry> formulas(const Plan& plan);

/// What people say about plans like this one, as the label, and what is true of it, for --explain.
[[nodiscard]] std::vector<Entry> folklore(const PlanReport& report);

/// What is alive at the compute peak, largest first, the small ones summed up.
[[nodiscard]] std::vector<Entry> peak(const Footprint& footprint);

/// "KV cache", "weights"
[[nodiscard]] std::string_view title(PartName name);
/// "GPU", "host"
[[nodiscard]] std::string_view title(Place where);
/// "q8_0": cache types go by their lower-case names on every command line.
[[nodiscard]] std::string cache_type(ElementType type);
/// "f16", or "K q8_0, V f16" where they differ.
[[nodiscard]] std::string cache_types(const Settings& settings);

/// Layers on the GPU as `-ngl` counts them, the output layer included.
[[nodiscard]] std::int64_t gpu_layers(const PlanReport& report);
[[nodiscard]] std::int64_t gpu_layers(const Model& model, const Settings& settings);
/// Parameters one token passes: of the experts only those that are used.
[[nodiscard]] std::int64_t active_parameters(const Model& model);
/// "32.8 B", "494 M"
[[nodiscard]] std::string parameters(std::int64_t count);

}  // namespace membudget::report
