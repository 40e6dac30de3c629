// SPDX-License-Identifier: MIT
#include "report/verification_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/summary.hpp"

namespace membudget::report {
namespace {

struct Unit {
  const char* name;
  double bytes;
  int decimals;
};

Unit unit_of(const PrintedSize& size) {
  constexpr double mib = 1024.0 * 1024.0;
  if (size.text.ends_with(" GB")) return {"GB", 1e9, 3};
  if (size.text.ends_with(" GiB")) return {"GiB", 1024.0 * mib, 2};
  if (size.text.ends_with(" B")) return {"MiB", mib, 2};
  return {"MiB", mib, 2};
}

std::string in_unit(Bytes size, const Unit& unit, bool sign) {
  const double value = static_cast<double>(size.count()) / unit.bytes;
  return sign ? fmt::format("{:+.{}f} {}", value, unit.decimals, unit.name)
              : fmt::format("{:.{}f} {}", value, unit.decimals, unit.name);
}

}  // namespace

std::string label(const ComparedPart& part) {
  std::string out(to_string(part.name));
  std::ranges::replace(out, '_', ' ');
  if (part.where) out += fmt::format(" {}", to_string(*part.where));
  return out;
}

std::string predicted(const ComparedPart& part) {
  return in_unit(part.predicted, unit_of(part.actual), false);
}

std::string actual(const ComparedPart& part) {
  if (part.actual.text.find(" + ") != std::string::npos || part.actual.text.ends_with(" B")) {
    return in_unit(part.actual.middle(), unit_of(part.actual), false);
  }
  return part.actual.text;
}

std::string difference(const ComparedPart& part) {
  if (part.difference == Bytes{}) return "=";
  const double share = 100.0 * static_cast<double>(part.difference.count()) /
                       std::max(1.0, static_cast<double>(part.actual.middle().count()));
  const bool small = std::abs(part.difference.count()) < 10'000;
  const std::string size = small ? fmt::format("{:+} B", part.difference.count())
                                 : in_unit(part.difference, unit_of(part.actual), true);
  return fmt::format("{} ({:+.1f} %)", size, share);
}

std::string words(const KnownCause& cause) {
  if (!cause.bytes) return fmt::format("{}: not counted", cause.name);
  if (*cause.bytes == Bytes{}) return fmt::format("{}: up to 16 KiB", cause.name);
  const Unit unit{"MiB", 1024.0 * 1024.0, 2};
  const bool small = std::abs(cause.bytes->count()) < 10'000;
  return fmt::format(
      "{}: {}", cause.name,
      small ? fmt::format("{:+} B", cause.bytes->count()) : in_unit(*cause.bytes, unit, true));
}

std::string engine_line(const Verification& run) {
  const EngineLoad& load = run.load;
  std::string out;
  switch (load.engine) {
    case LogEngine::llama_cpp:
      out =
          load.program == LogProgram::unknown ? "llama.cpp" : std::string(to_string(load.program));
      break;
    case LogEngine::ollama_engine:
      out = "Ollama's own engine";
      break;
    case LogEngine::mlx:
      out = load.program == LogProgram::ollama ? "Ollama's MLX runner" : "mlx-lm";
      break;
    case LogEngine::ollama_process:
      return "ollama ps";
  }
  if (!load.version.empty()) out += fmt::format(" {}", load.version);
  if (load.engine != LogEngine::llama_cpp) return out;
  if (load.build.number) return fmt::format("{} b{}", out, *load.build.number);
  if (run.build_from == 0) return out;
  if (run.build_to == 0)
    return fmt::format("{}, a build since b{} by its sizes", out, run.build_from);
  return fmt::format("{}, a build before b{} by its sizes", out, run.build_to + 1);
}

std::string settings_line(const Verification& run) {
  if (!run.footprint || run.load.engine == LogEngine::mlx) {
    const auto& generation = run.load.generation;
    if (!generation) return "";
    return fmt::format("{} tokens of prompt, {} generated", generation->prompt_tokens,
                       generation->generated_tokens);
  }
  const Settings& settings = run.footprint->settings;
  std::string out = fmt::format(
      "{} tokens, {} sequence{}{}, batch {}/{}, cache {}, flash attention {}", settings.context,
      settings.parallel, settings.parallel == 1 ? "" : "s",
      settings.parallel > 1 && settings.kv_unified ? " in one cache" : "", settings.batch,
      settings.ubatch, cache_types(settings), run.footprint->flash_attention ? "on" : "off");
  if (run.workload.gpu_layers)
    out += fmt::format(", {} layers on the GPU", *run.workload.gpu_layers);
  return out;
}

std::string machine_line(const Verification& run) {
  if (!run.machine) return "";
  const MatchedMachine& machine = *run.machine;
  std::string out = machine.chip;
  if (!machine.working_set) return out;
  if (!machine.problem.empty()) {
    return fmt::format("{}{}{}", out, out.empty() ? "" : ": ", machine.problem);
  }
  out += fmt::format(", macOS {}: Metal's limit {} as its rule says ({})", machine.macos,
                     machine.working_set->text, machine.rule);
  return out;
}

std::string verdict_line(const Verification& run) {
  const auto all = run.parts.size();
  const auto off = static_cast<std::size_t>(
      std::ranges::count_if(run.parts, [](const ComparedPart& part) { return !part.within; }));
  const auto exact = static_cast<std::size_t>(std::ranges::count_if(
      run.parts, [](const ComparedPart& part) { return part.difference == Bytes{}; }));
  if (off == 0 && exact == all) {
    return fmt::format("All {} parts are as planned, to the last digit printed.", all);
  }
  if (off == 0) return fmt::format("All {} parts are within the tolerance.", all);
  const auto explained = std::ranges::count_if(
      run.parts, [](const ComparedPart& part) { return !part.within && part.explained(); });
  std::string out =
      fmt::format("{} of {} parts {} outside the tolerance", off, all, off == 1 ? "is" : "are");
  if (explained > 0) {
    out += static_cast<std::size_t>(explained) == off
               ? ", for a known cause that cannot be counted"
               : fmt::format(", {} of them for a known cause that cannot be counted", explained);
  }
  return out + ".";
}

}  // namespace membudget::report
