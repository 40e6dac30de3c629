// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/sweep_report.hpp"
#include "report/layout.hpp"

namespace membudget {
namespace {

constexpr std::array<std::string_view, 31> header{"model",
                                                  "chip",
                                                  "ram_bytes",
                                                  "system",
                                                  "runtime",
                                                  "runtime_version",
                                                  "quantization",
                                                  "cache_type_k",
                                                  "cache_type_v",
                                                  "kv_bits",
                                                  "context",
                                                  "weights_bytes",
                                                  "kv_cache_bytes",
                                                  "recurrent_state_bytes",
                                                  "compute_bytes",
                                                  "output_bytes",
                                                  "overhead_bytes",
                                                  "gpu_bytes",
                                                  "host_bytes",
                                                  "total_bytes",
                                                  "peak_bytes",
                                                  "gpu_limit_bytes",
                                                  "ram_available_bytes",
                                                  "safety_margin_bytes",
                                                  "binding",
                                                  "headroom_bytes",
                                                  "verdict",
                                                  "max_context",
                                                  "generation_tps",
                                                  "prompt_tps",
                                                  "refusal"};

/// Text of a field: quoted where RFC 4180 wants it, and never a formula.
std::string text_field(std::string_view text) {
  auto out = report::printable(text);
  if (!out.empty() && std::string_view("=+-@").find(out.front()) != std::string_view::npos) {
    out.insert(out.begin(), '\'');
  }
  if (out.find_first_of(",\"\r\n") == std::string::npos) return out;
  std::string quoted = "\"";
  for (const char c : out) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string digits_of(Bytes size) {
  return fmt::format("{}", size.count());
}

/// Between `parts` of a record and its limits.
void add_figures(std::vector<std::string>& out, const PlanFigures& figures) {
  constexpr std::array named{PartName::weights, PartName::kv_cache, PartName::recurrent_state,
                             PartName::compute, PartName::output};
  Bytes rest = figures.total();
  for (const PartName name : named) {
    out.push_back(digits_of(figures.total(name)));
    rest -= figures.total(name);
  }
  out.push_back(digits_of(rest));
  out.push_back(digits_of(figures.gpu));
  out.push_back(digits_of(figures.host));
  out.push_back(digits_of(figures.total()));
  out.push_back(figures.peak ? digits_of(*figures.peak) : "");
}

std::vector<std::string> record_of(const Sweep& sweep, const SweepSeries& series,
                                   const SweepPoint& point) {
  std::vector<std::string> out{text_field(sweep.model),
                               text_field(series.chip),
                               digits_of(series.ram),
                               text_field(series.system),
                               text_field(series.runtime),
                               text_field(series.runtime_version),
                               text_field(series.quantization),
                               series.cache_type_k,
                               series.cache_type_v,
                               series.kv_bits ? fmt::format("{}", *series.kv_bits) : "",
                               fmt::format("{}", point.asked)};
  if (point.plan) {
    add_figures(out, *point.plan);
  } else {
    out.resize(out.size() + 10);
  }
  const bool known = series.ram_available > Bytes{};
  out.push_back(known && series.metal ? digits_of(series.gpu_limit) : "");
  out.push_back(known ? digits_of(series.ram_available) : "");
  out.push_back(known ? digits_of(series.safety_margin) : "");
  if (point.plan) {
    const auto& speed = point.plan->speed;
    out.emplace_back(to_string(point.plan->binding));
    out.push_back(digits_of(point.plan->headroom));
    out.emplace_back(to_string(point.plan->verdict));
    out.push_back(fmt::format("{}", series.max_context));
    out.push_back(speed && speed->generation.tps > 0 ? fmt::format("{}", speed->generation.tps)
                                                     : "");
    out.push_back(speed ? fmt::format("{}", speed->prompt.tps) : "");
  } else {
    out.resize(out.size() + 6);
  }
  out.push_back(text_field(point.refusal));
  return out;
}

template <class Fields>
std::string line_of(const Fields& fields) {
  std::string out;
  for (const auto& field : fields) {
    if (&field != &*fields.begin()) out += ',';
    out += field;
  }
  return out + "\r\n";
}

}  // namespace

std::string to_csv(const Sweep& sweep) {
  std::string out = line_of(header);
  for (const SweepSeries& series : sweep.series) {
    for (const SweepPoint& point : series.points) {
      out += line_of(record_of(sweep, series, point));
    }
  }
  return out;
}

}  // namespace membudget
