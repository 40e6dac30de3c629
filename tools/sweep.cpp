// SPDX-License-Identifier: MIT
#include "membudget/sweep.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <utility>

#include "command.hpp"
#include "membudget/chart.hpp"
#include "membudget/sweep_report.hpp"
#include "plan_options.hpp"
#include "progress_line.hpp"
#include "sweep_subject.hpp"

namespace {

using namespace membudget;

// Ten minutes of planning for the slowest models, and a table nobody reads.
constexpr std::size_t most_plans = 100'000;

struct SweepOptions : PlanOptions {
  // Lists, each as often as it was given.
  std::vector<std::string> chips;
  std::vector<std::string> runtimes;
  std::vector<std::string> quantizations;
  std::vector<std::string> cache_types;
  std::vector<std::string> contexts;
  std::string threads;
  bool no_chart = false;
};

enum class SweepFormat { text, csv, json, markdown, svg, html };

SweepFormat format_of(const SweepOptions& options) {
  if (options.json) return SweepFormat::json;
  using Pair = std::pair<std::string_view, SweepFormat>;
  constexpr std::array<Pair, 7> known{{{"text", SweepFormat::text},
                                       {"csv", SweepFormat::csv},
                                       {"json", SweepFormat::json},
                                       {"markdown", SweepFormat::markdown},
                                       {"md", SweepFormat::markdown},
                                       {"svg", SweepFormat::svg},
                                       {"html", SweepFormat::html}}};
  const auto named = std::ranges::find(known, std::string_view(options.format), &Pair::first);
  if (named != known.end()) return named->second;
  throw UsageError(
      Errc::bad_request, "--format",
      fmt::format("'{}' is not known; use text, csv, json, markdown, svg or html", options.format));
}

/// What the library finds wrong with an axis is wrong usage here.
template <class Parse>
auto parsed(const Parse& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw UsageError(error);
  }
}

std::vector<std::string> list_of(const std::vector<std::string>& texts, const std::string& option) {
  // One empty item: the default.
  if (texts.empty()) return {""};
  return parsed([&] { return list_axis(fmt::format("{}", fmt::join(texts, ",")), option); });
}

/// The combinations of chips, runtimes and quantizations, in this order. When there is none at all,
/// the reason of the first is the command's.
std::vector<SweepSubject> subjects_of(const SweepOptions& options, std::size_t& plans) {
  PlanOptions one = static_cast<const PlanOptions&>(options);
  one.format = "text";
  one.json = false;
  std::vector<SweepSubject> out;
  std::exception_ptr first_refusal;
  const auto chips = list_of(options.chips, "--chip");
  const auto runtimes = list_of(options.runtimes, "--runtime");
  const auto quantizations = list_of(options.quantizations, "--quant");
  plans = chips.size() * runtimes.size() * quantizations.size();
  if (plans > most_plans) return out;
  bool any = false;
  for (const auto& chip : chips) {
    for (const auto& runtime : runtimes) {
      for (const auto& quantization : quantizations) {
        one.chip = chip;
        one.runtime = runtime;
        one.quantization = quantization;
        try {
          out.push_back(subject_of(read(one)));
          out.back().quantization = quantization;
          any = true;
        } catch (const Error& error) {
          if (!is_refusal(error)) throw;
          if (!first_refusal) first_refusal = std::current_exception();
          auto machine = read_machine(one);
          auto& refused = out.emplace_back();
          refused.quantization = quantization;
          refused.refusal = problem(error);
          refused.machine = std::move(machine.machine);
          refused.runtime = std::move(machine.runtime);
        }
      }
    }
  }
  if (!any && first_refusal) std::rethrow_exception(first_refusal);
  return out;
}

/// As --cache-type names them. Where nothing but the context varies otherwise, the three that
/// people choose between.
std::vector<CacheTypes> cache_axis(const SweepOptions& options,
                                   const std::vector<SweepSubject>& subjects) {
  std::vector<std::string> names = list_of(options.cache_types, "--cache-type");
  const bool chosen = !options.cache_types.empty() || !options.cache_type_k.empty() ||
                      !options.cache_type_v.empty() || !options.kv_bits.empty();
  const auto& first = subjects.front();
  const bool one = std::ranges::all_of(subjects, [&](const SweepSubject& subject) {
    return subject.runtime.id == first.runtime.id && subject.quantization == first.quantization;
  });
  const auto engine = first.runtime.engine;
  if (!chosen && one && (engine == Engine::llama_cpp || engine == Engine::mlx)) {
    names = {"f16", "q8_0", "q4_0"};
  }
  std::vector<CacheTypes> out;
  for (const auto& name : names) {
    PlanRequest typed;
    typed.cache_type = name;
    typed.cache_type_k = options.cache_type_k;
    typed.cache_type_v = options.cache_type_v;
    const auto workload = requested_workload(typed);
    out.push_back({.k = workload.cache_type_k, .v = workload.cache_type_v});
  }
  return out;
}

std::vector<std::int64_t> contexts_of(const SweepOptions& options, std::int64_t trained) {
  return parsed([&] {
    if (!options.contexts.empty()) {
      return context_axis(fmt::format("{}", fmt::join(options.contexts, ",")), trained, "--ctx");
    }
    return context_axis(trained > 0 ? "2k.." : "2k..32k", trained, "--ctx");
  });
}

std::int64_t trained_context(const std::vector<SweepSubject>& subjects) {
  for (const SweepSubject& subject : subjects) {
    if (subject.model != nullptr) return subject.model->trained_context;
  }
  return 0;
}

unsigned threads_of(const SweepOptions& options) {
  if (options.threads.empty()) return 0;
  constexpr std::int64_t most = 1024;
  const auto count = parsed([&] { return parse_tokens(options.threads, "--threads"); });
  if (count > most) {
    throw UsageError(Errc::bad_request, "--threads",
                     fmt::format("'{}' is not a whole number from 0 to {}", options.threads, most));
  }
  return static_cast<unsigned>(count);
}

std::string rendered_sweep(const Sweep& swept, const SweepOptions& options) {
  switch (format_of(options)) {
    case SweepFormat::csv:
      return to_csv(swept);
    case SweepFormat::json:
      return to_json(swept);
    case SweepFormat::markdown:
      return to_markdown(swept);
    case SweepFormat::svg:
      return to_svg(swept, ChartStyle{});
    case SweepFormat::html:
      return to_html(swept);
    case SweepFormat::text:
      break;
  }
  auto style = options.style();
  style.bar = !options.no_chart;
  return to_text(swept, style);
}

Exit run(const SweepOptions& options) {
  // Slips on the command line first: they cost nothing to find.
  static_cast<void>(format_of(options));
  const auto threads = threads_of(options);
  static_cast<void>(contexts_of(options, 1 << 20));
  SweepRequest request;
  request.model = options.model;
  std::size_t plans = 0;
  request.subjects = subjects_of(options, plans);
  if (!request.subjects.empty()) {
    request.cache_types = cache_axis(options, request.subjects);
    request.contexts = contexts_of(options, trained_context(request.subjects));
    plans *= request.cache_types.size() * request.contexts.size();
  }
  if (plans > most_plans) {
    throw UsageError(Errc::bad_request, "usage",
                     fmt::format("{} plans are more than the {} of one sweep; leave some out",
                                 plans, most_plans));
  }
  Sweep swept;
  {
    ProgressLine line;
    swept = sweep(request, threads, [&](std::size_t done, std::size_t all) {
      line.show([&] { return fmt::format("planned {} of {}", done, all); });
    });
  }
  // As plan does: nothing was found out that a table could show.
  if (std::ranges::none_of(swept.series, &std::string::empty, &SweepSeries::refusal)) {
    throw UsageError(Errc::bad_request, "sweep", swept.series.front().refusal);
  }
  write_result(rendered_sweep(swept, options), options.output);
  return any_fits(swept) ? exit_fits : exit_does_not_fit;
}

}  // namespace

SweepSubject subject_of(const PlanInputs& inputs) {
  return {.quantization = inputs.model.quantization,
          .model = std::make_shared<const Model>(inputs.model),
          .refusal = {},
          .machine = inputs.machine,
          .runtime = inputs.runtime,
          .workload = inputs.workload,
          .speed_rules = inputs.speed_rules,
          .speed = inputs.speed};
}

void add_sweep(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand(
      "sweep", "Memory of MODEL over contexts, quantizations, cache types, Macs and runtimes");
  auto options = std::make_shared<SweepOptions>();
  options->add_to(*command);
  options->add_now_to(*command);
  options->add_speed_to(*command);
  for (const char* name :
       {"--chip", "--runtime", "--quant", "--cache-type", "--format", "--explain"}) {
    command->remove_option(command->get_option(name));
  }
  const auto list = [&](const char* names, std::vector<std::string>& values, const char* help,
                        const char* group) {
    command->add_option(names, values, help)
        ->type_name("LIST")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->group(group);
  };
  list("--chip", options->chips,
       "Hardware profiles, e.g. m1-max-32gb,m4-max-36gb; default: this machine", "Machine");
  list("-c,--ctx,--ctx-size", options->contexts,
       "4k,8k or 2k..128k (doubling), 2k..32k+2k (steps), 2k.. (to what it was trained for); "
       "default: 2k..",
       "Runtime");
  list("--runtime", options->runtimes, "As `list runtimes` names them; default: llama.cpp",
       "Runtime");
  list("--quant", options->quantizations, "Q4_K_M,Q8_0,...; default: the model's usual", "Runtime");
  list("--cache-type", options->cache_types,
       "Of K and V: f16,q8_0,...; default: f16,q8_0,q4_0 unless --quant or --runtime vary",
       "Runtime");
  command->add_option("--format", options->format, "text, csv, json, markdown, svg or html")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("FORMAT")
      ->group("Output");
  command->add_flag("--no-chart", options->no_chart, "Tables alone, no chart below them")
      ->group("Output");
  command
      ->add_option("--threads", options->threads,
                   "Plans at once; default: as many as there are cores")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("N")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
