// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "membudget/runtimes_report.hpp"
#include "report/layout.hpp"
#include "report/summary.hpp"

namespace membudget {
namespace {

using namespace report;

std::string short_words(Verdict verdict) {
  std::string out(to_string(verdict));
  std::replace(out.begin(), out.end(), '-', ' ');
  return out;
}

std::string speed_of(const RuntimePlan& plan) {
  // What does not fit runs on no GPU at this speed.
  const bool known = plan.speed && plan.speed->generation.tps > 0 && fits(plan.plan.verdict);
  return known ? fmt::format("{:.1f}", plan.speed->generation.tps) : "-";
}

struct Column {
  std::string_view title;
  bool number = false;
  bool wide = false;  ///< Only where there are a hundred columns.
  std::string (*cell)(const RuntimePlan&) = nullptr;
};

const std::vector<Column>& all_columns() {
  static const std::vector<Column> out{
      {"runtime", false, false, [](const RuntimePlan& plan) { return plan.runtime.id; }},
      {"version", false, true, [](const RuntimePlan& plan) { return plan.runtime.version; }},
      {"weights", false, false, [](const RuntimePlan& plan) { return plan.quantization; }},
      {"context", true, false,
       [](const RuntimePlan& plan) {
         return fmt::format("{}", plan.plan.footprint.settings.context);
       }},
      {"total", true, false,
       [](const RuntimePlan& plan) { return to_text(plan.plan.footprint.total()); }},
      {"GPU", true, true,
       [](const RuntimePlan& plan) { return to_text(plan.plan.footprint.total(Place::gpu)); }},
      {"largest", true, false,
       [](const RuntimePlan& plan) { return fmt::format("{}", plan.max_context); }},
      {"tok/s", true, false, speed_of},
      {"verdict", false, false,
       [](const RuntimePlan& plan) { return short_words(plan.plan.verdict); }},
  };
  return out;
}

std::vector<Column> columns_of(int width) {
  constexpr int wide = 100;
  std::vector<Column> out;
  for (const Column& column : all_columns()) {
    if (width >= wide || !column.wide) out.push_back(column);
  }
  return out;
}

std::string title_of(const RuntimesReport& report) {
  const Chip& chip = report.machine.chip;
  return fmt::format("{} on {}, {} RAM, {}: {}", report.model,
                     chip.name.empty() ? chip.id : chip.name, to_text(chip.ram),
                     report::system_words(report.machine),
                     report.context ? fmt::format("{} tokens", *report.context)
                                    : std::string("each runtime's own defaults"));
}

/// What stands below a row: the version where it has no column, the peak, and what surprises.
std::string below(const RuntimePlan& plan, const RuntimesReport& report, bool version) {
  std::vector<std::string> parts;
  if (version) parts.push_back(plan.runtime.version);
  if (plan.plan.footprint.peak) {
    parts.push_back(fmt::format("peak {}", to_text(*plan.plan.footprint.peak)));
  }
  if (auto text = surprise(plan, report.trained_context); !text.empty()) {
    parts.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string without_stop(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// "mlc: does not run ...": most reasons begin with the name that stands before them here.
std::string refusal_line(const RuntimeRefusal& refusal) {
  std::string_view reason = refusal.reason;
  const std::string& id = refusal.runtime.id;
  if (reason.starts_with(id + " ")) reason.remove_prefix(id.size() + 1);
  return fmt::format("{}: {}", id, reason);
}

void add_wrapped(std::string& out, std::string_view text, int indent, const TextStyle& style) {
  for (const auto& line : wrapped(printable(text, style.unicode), style.width - indent)) {
    out += left("", indent) + line + '\n';
  }
}

}  // namespace

void sort(RuntimesReport& report) {
  const auto key = [](const RuntimePlan& plan) {
    return std::tuple(plan.plan.verdict, plan.plan.footprint.total(), plan.runtime.id);
  };
  std::sort(report.plans.begin(), report.plans.end(),
            [&](const RuntimePlan& a, const RuntimePlan& b) { return key(a) < key(b); });
  std::sort(
      report.refusals.begin(), report.refusals.end(),
      [](const RuntimeRefusal& a, const RuntimeRefusal& b) { return a.runtime.id < b.runtime.id; });
}

std::string surprise(const RuntimePlan& plan, std::int64_t trained_context) {
  const Footprint& footprint = plan.plan.footprint;
  const std::int64_t context = footprint.settings.context;
  Model model;  // Nothing else of it is asked for.
  model.trained_context = trained_context;
  const std::int64_t trained = trained_tokens(model, plan.runtime.engine, footprint.settings);
  if (trained > 0 && context > trained) {
    return fmt::format("{} tokens are more than the {} it was trained for", context, trained);
  }
  if (!footprint.remarks.empty()) {
    return without_stop(footprint.remarks.front());
  }
  if (grows_with_use(plan.runtime.engine)) {
    return {};
  }
  return context == trained ? fmt::format("reserves the whole {}-token context up front", context)
                            : fmt::format("reserves {} tokens up front", context);
}

std::string to_text(const RuntimesReport& report, const TextStyle& style) {
  const auto columns = columns_of(style.width);
  const bool version = std::none_of(columns.begin(), columns.end(),
                                    [](const Column& column) { return column.title == "version"; });
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : columns) rows.front().emplace_back(column.title);
  for (const RuntimePlan& plan : report.plans) {
    auto& row = rows.emplace_back();
    for (const Column& column : columns) row.push_back(column.cell(plan));
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  add_wrapped(out, title_of(report), 0, style);
  out += '\n';
  for (std::size_t at = 0; at < rows.size(); ++at) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const int width = static_cast<int>(widths[i]);
      line += (columns[i].number ? right(rows[at][i], width) : left(rows[at][i], width)) + "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += printable(line, style.unicode) + '\n';
    if (at > 0) add_wrapped(out, below(report.plans[at - 1], report, version), 4, style);
  }
  if (!report.refusals.empty()) {
    out += "\ndo not run it\n";
    for (const RuntimeRefusal& refusal : report.refusals) {
      add_wrapped(out, refusal_line(refusal), 2, style);
    }
  }
  return out;
}

std::string to_markdown(const RuntimesReport& report) {
  std::string out = fmt::format("## {}\n\n|", title_of(report));
  for (const Column& column : all_columns()) out += fmt::format(" {} |", column.title);
  out += " what surprises |\n|";
  for (const Column& column : all_columns()) out += column.number ? "---:|" : "---|";
  out += "---|\n";
  for (const RuntimePlan& plan : report.plans) {
    out += "|";
    for (const Column& column : all_columns()) out += fmt::format(" {} |", column.cell(plan));
    out += fmt::format(" {} |\n", below(plan, report, false));
  }
  for (const RuntimeRefusal& refusal : report.refusals) {
    out += fmt::format("{}- {}\n", &refusal == report.refusals.data() ? "\n" : "",
                       refusal_line(refusal));
  }
  return out;
}

}  // namespace membudget
