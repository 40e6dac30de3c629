// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "command.hpp"
#include "health_report.hpp"

namespace {

using namespace membudget;
using Clock = std::chrono::steady_clock;

struct HealthOptions : PlanOptions {
  bool from_stdin = false;
  bool watch = false;
  bool exit_code = false;
  std::string memory;
  std::string swap;
  std::string temperature;
  std::string thermal_state;
  std::string tps;
  std::string url;
  std::string fallback;
  double interval = 5;
  std::int64_t count = 0;  ///< 0 = without end.
};

double number(const std::string& text, const char* option, double least, double most) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= least) || !(value <= most)) {
    throw UsageError(Errc::bad_request, option,
                     fmt::format("'{}' is not a number from {:g} to {:g}", text, least, most));
  }
  return value;
}

/// A share of the whole, as such or in percent.
double share(const std::string& text, const char* option) {
  if (text.ends_with('%')) return number(text.substr(0, text.size() - 1), option, 0, 100) / 100;
  char* end = nullptr;
  if (const double value = std::strtod(text.c_str(), &end); *end == '\0' && value > 1) {
    throw UsageError(Errc::bad_request, option,
                     fmt::format("'{}' is more than the whole; write 0.91 or 91%", text));
  }
  return number(text, option, 0, 1);
}

HealthMeasurements typed(const HealthOptions& options) {
  constexpr double most = 1e9;
  HealthMeasurements out;
  if (!options.memory.empty()) out.memory = share(options.memory, "--memory");
  if (!options.swap.empty()) out.swap = number(options.swap, "--swap", 0, most);
  if (!options.temperature.empty()) {
    out.temperature = number(options.temperature, "--temperature", -150, 150);
  }
  if (!options.tps.empty()) out.generation_tps = number(options.tps, "--tps", 0, most);
  if (!options.thermal_state.empty()) {
    out.thermal_state = thermal_state_of_name(options.thermal_state);
    if (!out.thermal_state) {
      throw UsageError(Errc::bad_request, "--thermal-state",
                       fmt::format("'{}' is not known; use nominal, fair, serious or critical",
                                   options.thermal_state));
    }
  }
  return out;
}

/// What is known goes before what was known before.
void overlay(HealthMeasurements& onto, const HealthMeasurements& over) {
  const auto take = [](auto& to, const auto& from) {
    if (from) to = from;
  };
  take(onto.memory, over.memory);
  take(onto.swap, over.swap);
  take(onto.temperature, over.temperature);
  take(onto.thermal_state, over.thermal_state);
  take(onto.generation_tps, over.generation_tps);
}

bool any(const HealthMeasurements& measured) {
  return std::ranges::any_of(vitals, [&](Vital vital) { return measured.knows(vital); });
}

/// Where samples come from, in turn.
class Samples {
 public:
  explicit Samples(const HealthOptions& options, std::optional<Machine> machine)
      : options_(options), typed_(typed(options)), machine_(std::move(machine)) {
    if (!options.url.empty()) {
      NetworkLimits limits;
      // A sample that takes longer than this is no measurement of now.
      limits.connect = limits.stall = std::chrono::milliseconds(3000);
      monitor_ = std::make_unique<ServerMonitor>(options.url, limits);
    }
  }

  /// False at the end.
  bool next(HealthOutcome& out) {
    out.sample = ++taken_;
    if (options_.from_stdin) return next_line(out);
    if (options_.count > 0 && taken_ > options_.count) return false;
    if (!options_.watch && taken_ > 1) return false;
    if (taken_ > 1) {
      std::this_thread::sleep_until(last_ + std::chrono::duration_cast<Clock::duration>(
                                                std::chrono::duration<double>(options_.interval)));
    }
    last_ = Clock::now();
    if (monitor_ == nullptr ? options_.watch : monitor_->on_this_machine()) ask_host(out);
    if (monitor_ != nullptr) ask_server(out);
    overlay(out.measured, typed_);
    return true;
  }

 private:
  bool next_line(HealthOutcome& out) {
    std::string line;
    while (std::getline(std::cin, line)) {
      ++line_;
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      out.measured = read_measurements(line, fmt::format("stdin:{}", line_));
      overlay(out.measured, typed_);
      return true;
    }
    return false;
  }

  void ask_host(HealthOutcome& out) {
    const HostCounters now = host_counters();
    out.measured.memory = now.memory;
    out.measured.thermal_state = now.thermal_state;
    const auto at = Clock::now();
    if (now.swapped_pages && swapped_) {
      const double seconds = std::chrono::duration<double>(at - swapped_at_).count();
      out.measured.swap = std::max(*now.swapped_pages - *swapped_, 0.0) / std::max(seconds, 1e-3);
    }
    swapped_ = now.swapped_pages;
    swapped_at_ = at;
  }

  void ask_server(HealthOutcome& out) {
    try {
      out.server = monitor_->sample();
    } catch (const Error& error) {
      // One answer that is missing does not end a watch that had others.
      if (taken_ == 1) throw;
      out.notes.emplace_back(error.what());
      return;
    }
    out.notes = out.server->notes;
    // Nobody needs to be told to give what was given.
    if (typed_.generation_tps) {
      std::erase_if(out.notes, [](const std::string& note) { return note.ends_with("--tps"); });
    }
    if (out.server->generation_tps) out.measured.generation_tps = out.server->generation_tps;
    if (!out.measured.memory && machine_ && !out.server->models.empty()) estimate_memory(out);
  }

  /// Of a machine that does not tell: what its models hold and what the rest needs.
  void estimate_memory(HealthOutcome& out) const {
    Bytes models;
    for (const ResidentModel& model : out.server->models) models += model.size;
    const Bytes reserve = machine_->reserve.value_or(machine_->chip.reserve);
    const auto ram = static_cast<double>(machine_->chip.ram.count());
    out.measured.memory = std::min(static_cast<double>((models + reserve).count()) / ram, 1.0);
    out.notes.push_back(fmt::format("memory is estimated: {} of models and {} for the rest, of {}",
                                    to_text(models), to_text(reserve),
                                    to_text(machine_->chip.ram)));
  }

  const HealthOptions& options_;
  HealthMeasurements typed_;
  std::optional<Machine> machine_;
  std::unique_ptr<ServerMonitor> monitor_;
  std::int64_t taken_ = 0;
  std::int64_t line_ = 0;
  Clock::time_point last_;
  std::optional<double> swapped_;
  Clock::time_point swapped_at_;
};

Exit exit_of(HealthAdvice advice, bool told_apart) {
  switch (advice) {
    case HealthAdvice::keep:
      return exit_fits;
    case HealthAdvice::downgrade:
      return told_apart ? exit_downgrade : exit_does_not_fit;
    case HealthAdvice::upgrade:
      return told_apart ? exit_upgrade : exit_fits;
  }
  return exit_fits;
}

void check_options(const HealthOptions& options, bool measured) {
  if (options.output_format() == Format::markdown) {
    refuse_option("--format", "health has no markdown; use text or json");
  }
  if (options.from_stdin && !options.url.empty()) {
    refuse_option("--url",
                  "cannot be watched while samples come from standard input; use one of the two");
  }
  if (!(options.interval >= 0.1) || !(options.interval <= 86400)) {
    refuse_option("--interval", "must be from 0.1 to 86400 seconds");
  }
  if (options.count < 0) refuse_option("--count", "must be at least 1");
  if (!options.fallback.empty() && options.model.empty()) {
    refuse_option("--fallback", "needs the model that runs now; give it with --model");
  }
  const bool host = options.watch && host_counters().memory.has_value();
  if (!measured && !options.from_stdin && options.url.empty() && !host) {
    refuse_option(
        "usage",
        "nothing is measured; give --memory, --swap, --temperature or --tps, samples on standard "
        "input with --stdin, or a server with --url; see membudget health --help");
  }
}

Exit run(HealthOptions options) {
  if (options.model == "-") {
    options.from_stdin = true;
    options.model.clear();
  }
  check_options(options, any(typed(options)));
  std::optional<PlanInputs> inputs;
  std::optional<Machine> machine;
  auto profiles = Profiles::embedded();
  if (!options.profiles.empty()) profiles = profiles.overlaid_with(options.profiles);
  if (!options.model.empty()) {
    inputs = read(options);
    machine = inputs->machine;
  } else if (!options.chip.empty()) {
    machine = read_machine(options).machine;
  }
  const HealthRules rules = profiles.health_rules();
  const bool json = options.output_format() == Format::json;
  HealthWatch watch(rules);
  Samples samples(options, machine);
  HealthAdvice shown = HealthAdvice::keep;
  bool any_sample = false;
  HealthOutcome outcome;
  for (; samples.next(outcome); outcome = {}) {
    if (options.watch) {
      outcome.advice = watch.add(outcome.measured);
      outcome.reading = judge_health(watch.merged(), rules);
    } else {
      outcome.reading = judge_health(outcome.measured, rules);
      outcome.advice = outcome.reading.advice;
    }
    const bool changed = !any_sample || outcome.advice != shown;
    any_sample = true;
    shown = outcome.advice;
    // In a watch only when it is news: the search takes longer than a sample.
    if (inputs && outcome.advice != HealthAdvice::keep && (!options.watch || changed)) {
      outcome.instead = substitutes_for(*inputs, outcome.reading,
                                        options.watch ? watch.merged() : outcome.measured,
                                        outcome.advice, options.fallback, options);
    }
    write_result(json                        ? as_json(outcome)
                 : options.watch && !changed ? as_line(outcome)
                 : options.watch             ? as_line(outcome) + as_text(outcome)
                                             : as_text(outcome),
                 "");
  }
  if (!any_sample) {
    throw UsageError(Errc::bad_request, "stdin", "holds no sample; write one JSON object a line");
  }
  return exit_of(shown, options.exit_code);
}

void add_measurements(CLI::App& command, HealthOptions& options) {
  const auto option = [&](const char* name, std::string& value, const char* type,
                          const char* help) {
    command.add_option(name, value, help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(type)
        ->group("Measurements");
  };
  option("--memory", options.memory, "SHARE", "RAM in use: 0.91 or 91%");
  option("--swap", options.swap, "N", "Pages swapped in and out per second");
  option("--temperature", options.temperature, "CELSIUS", "Of the chip");
  option("--thermal-state", options.thermal_state, "STATE",
         "nominal, fair, serious or critical, where there is no temperature");
  option("--tps", options.tps, "N", "Tokens generated per second");
  option("--url", options.url, "URL", "Ask Ollama or llama-server, e.g. 127.0.0.1:11434");
  command.add_flag("--stdin", options.from_stdin, "Samples from standard input, one object a line")
      ->group("Measurements");
  command.add_flag("--watch", options.watch, "Sample again and again; advice does not flap")
      ->group("Measurements");
  command.add_option("--interval", options.interval, "Seconds between samples; default: 5")
      ->type_name("SECONDS")
      ->group("Measurements");
  command.add_option("--count", options.count, "Stop after so many samples")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->group("Measurements");
}

}  // namespace

void add_health(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("health", "Keep, downgrade or upgrade the running model");
  auto options = std::make_shared<HealthOptions>();
  options->add_to(*command);
  options->add_context_to(*command);
  // Samples go to standard output one by one.
  command->remove_option(command->get_option("--output"));
  command->remove_option(command->get_option("--explain"));
  command->get_option("--format")->description("text or json");
  auto* positional = command->get_option("MODEL");
  positional->required(false);
  positional->description("The model that runs, to say what to go to; - reads samples");
  command->add_option("--model", options->model, "Same as MODEL")->type_name("MODEL");
  add_measurements(*command, *options);
  command->add_option("--fallback", options->fallback, "Model to name when nothing else helps")
      ->type_name("MODEL");
  command
      ->add_flag("--exit-code", options->exit_code,
                 "Exit 10 for a downgrade and 11 for an upgrade; else 1 and 0")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
