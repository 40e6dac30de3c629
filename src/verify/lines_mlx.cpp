// SPDX-License-Identifier: MIT
#include "verify/lines.hpp"
#include "verify/printed_size.hpp"

namespace membudget::logs {
namespace {

constexpr Bytes one_gb{1'000'000'000};

LoggedGeneration& generation(LoadBuilder& builder) {
  EngineLoad& load = builder.load();
  load.engine = LogEngine::mlx;
  load.program = LogProgram::mlx_lm;
  if (!load.generation) load.generation.emplace();
  return *load.generation;
}

/// A run after one that is complete: another load with the same command.
void begin_run(LoadBuilder& builder) {
  EngineLoad& load = builder.load();
  if (!load.generation || !load.generation->peak) return;
  const LoggedModel model = load.model;
  LoggedGeneration next = *load.generation;
  next.peak.reset();
  next.prompt_tokens = next.generated_tokens = 0;
  builder.begin_program();
  builder.load().model = model;
  generation(builder) = next;
}

/// "Prompt: 512 tokens, 1234.567 tokens-per-sec"
bool read_rate(std::string_view text, std::string_view mark, std::int64_t& tokens, double& rate) {
  const std::string_view rest = after(text, mark);
  const auto count = leading_integer(rest);
  const auto tps = leading_decimal(after(rest, " tokens, "));
  if (!count || !tps) return false;
  tokens = *count;
  rate = *tps;
  return true;
}

}  // namespace

bool read_mlx_line(std::string_view text, LoadBuilder& builder) {
  if (text.find("tokens-per-sec") != std::string_view::npos) {
    std::int64_t tokens = 0;
    double rate = 0;
    if (read_rate(text, "Prompt: ", tokens, rate)) {
      begin_run(builder);
      generation(builder).prompt_tokens = tokens;
      generation(builder).prompt_tps = rate;
      return true;
    }
    if (read_rate(text, "Generation: ", tokens, rate)) {
      begin_run(builder);
      generation(builder).generated_tokens = tokens;
      generation(builder).generation_tps = rate;
      return true;
    }
    return false;
  }
  if (const auto rest = after(text, "Peak memory: "); !rest.empty()) {
    if (const auto size = printed_size(leading_number(rest), one_gb, "GB")) {
      begin_run(builder);
      generation(builder).peak = *size;
      return true;
    }
    return false;
  }
  // mlx_lm.benchmark
  if (const auto rest = after(text, "Timing with prompt_tokens="); !rest.empty()) {
    begin_run(builder);
    LoggedGeneration& run = generation(builder);
    run.prompt_tokens = leading_integer(rest).value_or(0);
    run.generated_tokens = leading_integer(after(rest, "generation_tokens=")).value_or(0);
    run.sequences = leading_integer(after(rest, "batch_size=")).value_or(1);
    return true;
  }
  if (const auto rest = after(text, "Averages: prompt_tps="); !rest.empty()) {
    LoggedGeneration& run = generation(builder);
    run.prompt_tps = leading_decimal(rest).value_or(0);
    run.generation_tps = leading_decimal(after(rest, "generation_tps=")).value_or(0);
    run.peak = printed_size(leading_number(after(rest, "peak_memory=")), one_gb, "GB");
    return true;
  }
  return false;
}

}  // namespace membudget::logs
