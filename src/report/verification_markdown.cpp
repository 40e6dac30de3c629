// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "membudget/verify_report.hpp"
#include "report/layout.hpp"
#include "report/verification_words.hpp"

namespace membudget {
namespace {

/// A name that cannot end a cell or begin a link.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : report::printable(text)) {
    if (c == '|' || c == '<' || c == '>' || c == '[' || c == '*' || c == '`') out += '\\';
    out += c;
  }
  return out;
}

std::string table(const Verification& run) {
  std::string out =
      "| part | predicted | in the log | difference | known causes |\n"
      "|---|---:|---:|---:|---|\n";
  for (const ComparedPart& part : run.parts) {
    std::string causes;
    for (const KnownCause& cause : part.causes) {
      causes += (causes.empty() ? "" : "; ") + report::words(cause);
    }
    out += fmt::format("| {} | {} | {} | {}{} | {} |\n", report::label(part),
                       report::predicted(part), report::actual(part), report::difference(part),
                       part.within ? "" : " **outside**", cell(causes));
  }
  return out;
}

/// Apple's name of a chip, which is the only free text of a log that may be shown to others.
std::string chip_name(const std::string& gpu) {
  constexpr std::size_t longest = 24;
  const bool known = gpu.starts_with("Apple ") && gpu.size() <= longest &&
                     std::ranges::all_of(gpu, [](unsigned char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == ' ';
                     });
  return known ? gpu : "";
}

std::string optional_number(std::string_view name, std::optional<std::int64_t> value) {
  return value ? fmt::format(" {}={}", name, *value) : "";
}

std::string shape_line(const Verification& run) {
  const LoggedModel& model = run.load.model;
  return optional_number("n_layer", model.layers) + optional_number("n_embd", model.embedding) +
         optional_number("n_head", model.heads) + optional_number("n_head_kv", model.kv_heads) +
         optional_number("n_ff", model.feed_forward) + optional_number("n_expert", model.experts) +
         optional_number("n_vocab", model.vocabulary);
}

/// Types are names of ours; what the log calls otherwise is left out.
std::string types_line(const LoggedModel& model) {
  std::string out;
  for (const auto& [name, count] : model.tensors) {
    if (const auto type = element_type_of_name(name)) {
      out += fmt::format(" {}={}", format_of(*type).name, count);
    }
  }
  return out;
}

/// A user's file keeps its name to itself.
std::string model_name(const Verification& run) {
  return run.model_id.empty() ? "a file of the reporter's" : run.model_id;
}

}  // namespace

std::string to_markdown(const VerifyReport& report) {
  std::string out;
  for (const Verification& run : report.runs) {
    out += fmt::format("### {} {}\n\n", cell(run.model_id.empty() ? run.model.id : run.model_id),
                       cell(run.model.quantization));
    out +=
        fmt::format("{}. {}\n", cell(report::engine_line(run)), cell(report::settings_line(run)));
    if (const auto machine = report::machine_line(run); !machine.empty()) {
      out += fmt::format("{}.\n", cell(machine));
    }
    out += "\n";
    if (!run.not_planned.empty())
      out += fmt::format("Not compared: {}.\n\n", cell(run.not_planned));
    if (!run.parts.empty()) out += table(run) + "\n" + report::verdict_line(run) + "\n\n";
    for (const std::string& lack : run.lacks) out += fmt::format("- lacks {}\n", cell(lack));
    for (const std::string& note : run.notes) out += fmt::format("- {}\n", cell(note));
  }
  return out;
}

std::string bug_report(const VerifyReport& report) {
  std::string out = "```text\nmembudget verify\n";
  for (const Verification& run : report.runs) {
    const EngineLoad& load = run.load;
    out += fmt::format("\nengine {} {}{}\n", to_string(load.engine), to_string(load.program),
                       load.build.number    ? fmt::format(" b{}", *load.build.number)
                       : load.build.foreign ? " of a fork"
                                            : " of a build that is not printed");
    out += fmt::format("model {} {} {}\n", model_name(run), run.model.architecture,
                       run.model.quantization);
    if (const auto shape = shape_line(run); !shape.empty()) out += fmt::format("shape{}\n", shape);
    if (const auto types = types_line(load.model); !types.empty()) {
      out += fmt::format("tensors{}\n", types);
    }
    if (const auto settings = report::settings_line(run); !settings.empty()) {
      out += fmt::format("settings {}\n", settings);
    }
    if (run.footprint) {
      out += fmt::format("planned with {} {}\n", run.runtime.id, run.runtime.version);
    }
    if (const auto chip = chip_name(load.machine.gpu); !chip.empty()) {
      out += fmt::format(
          "chip {}{}\n", chip,
          load.machine.working_set ? ", working set " + load.machine.working_set->text : "");
    }
    for (const ComparedPart& part : run.parts) {
      out += fmt::format("{:<22} predicted {:>14} B  logged {:>14} to {:>14} B{}\n",
                         report::label(part), part.predicted.count(), part.actual.low.count(),
                         part.actual.high.count(), part.within ? "" : "  OUTSIDE");
      for (const KnownCause& cause : part.causes) {
        out += fmt::format("    {}\n", report::words(cause));
      }
    }
    if (run.parts.empty()) out += "nothing compared\n";
  }
  return out + "```\n";
}

}  // namespace membudget
