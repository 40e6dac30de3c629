// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "membudget/verify_report.hpp"
#include "report/layout.hpp"
#include "report/verification_words.hpp"

namespace membudget {
namespace {

using report::left;
using report::printable;
using report::right;

/// A label and lines of text behind it.
void add_entry(std::string& out, std::string_view label, const std::string& text,
               const TextStyle& style) {
  if (text.empty()) return;
  constexpr int indent = 10;
  bool first = true;
  for (const auto& line : report::wrapped(printable(text, style.unicode), style.width - indent)) {
    out += left(first ? label : "", indent) + line + "\n";
    first = false;
  }
}

std::string coloured(std::string text, bool good, const TextStyle& style) {
  return style.colour ? fmt::format("\x1b[{}m{}\x1b[0m", good ? 32 : 31, text) : text;
}

std::string table(const Verification& run, const TextStyle& style) {
  constexpr int name = 22;
  constexpr int size = 15;
  std::string out = fmt::format("{}{}{}  {}\n", left("part", name), right("predicted", size),
                                right("in the log", size), "difference");
  for (const ComparedPart& part : run.parts) {
    out += left(report::label(part), name) + right(report::predicted(part), size) +
           right(report::actual(part), size) + "  " +
           coloured(report::difference(part), part.within, style) + "\n";
    for (const KnownCause& cause : part.causes) {
      for (const auto& line : report::wrapped(report::words(cause), style.width - 4)) {
        out += "    " + line + "\n";
      }
    }
  }
  return out;
}

std::string model_line(const Verification& run) {
  std::string out = run.model_id.empty() ? run.model.id : run.model_id;
  if (!run.model.quantization.empty()) out += " " + run.model.quantization;
  if (!run.why.empty()) out += fmt::format(", by {}", run.why);
  if (!run.alike.empty()) {
    constexpr std::size_t most = 3;
    const auto shown = std::min(most, run.alike.size());
    out += fmt::format(
        "; {}{} would take the same",
        fmt::join(run.alike.begin(), run.alike.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
        run.alike.size() > shown ? fmt::format(" and {} more", run.alike.size() - shown) : "");
  }
  return out;
}

/// What is not compared but worth seeing beside it.
std::string others_line(const Verification& run) {
  const EngineLoad& load = run.load;
  std::vector<std::string> out;
  if (load.fit) {
    out.push_back(fmt::format("--fit expected {} of the GPU and found {} free",
                              load.fit->projected.text, load.fit->free.text));
  }
  if (load.estimate && load.estimate->required) {
    out.push_back(fmt::format("Ollama expected {} in all", load.estimate->required->text));
  }
  if (load.generation && load.generation->peak && run.parts.empty()) {
    out.push_back(fmt::format("peak memory {}", load.generation->peak->text));
  }
  return fmt::format("{}", fmt::join(out, "; "));
}

}  // namespace

std::string to_text(const VerifyReport& report, const TextStyle& style) {
  std::string out;
  for (const Verification& run : report.runs) {
    if (!out.empty()) out += "\n";
    const EngineLoad& load = run.load;
    add_entry(out, "engine",
              report.runs.size() > 1 ? fmt::format("{} (lines {} to {})", report::engine_line(run),
                                                   load.first_line, load.last_line)
                                     : report::engine_line(run),
              style);
    add_entry(out, "model", model_line(run), style);
    add_entry(out, "settings", report::settings_line(run), style);
    add_entry(out, "machine", report::machine_line(run), style);
    add_entry(out, "", others_line(run), style);
    if (!run.not_planned.empty()) {
      add_entry(out, "", fmt::format("Not compared: {}.", run.not_planned), style);
    }
    if (!run.parts.empty()) out += "\n" + table(run, style) + "\n";
    for (const std::string& lack : run.lacks) {
      add_entry(out, "lacks", lack, style);
    }
    for (const std::string& note : run.notes) add_entry(out, "note", note, style);
    if (!run.parts.empty()) {
      for (const auto& line : report::wrapped(report::verdict_line(run), style.width)) {
        out += coloured(line, run.agrees(), style) + "\n";
      }
    }
  }
  if (report.forgotten > 0) {
    out += fmt::format("\n{} earlier loads of this log were passed over.\n", report.forgotten);
  }
  return out;
}

}  // namespace membudget
