// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "calibration_option.hpp"
#include "command.hpp"
#include "membudget/membudget.hpp"
#include "model_argument.hpp"
#include "record_options.hpp"

namespace {

using namespace membudget;
using Kind = CalibrationSample::Kind;

struct CalibrateOptions : RecordOptions {
  std::string profiles;
  bool dry_run = false;
  bool json = false;
};

std::optional<ElementType> cache_type(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const auto type = element_type_of_name(name);
  if (!type) throw Error(Errc::unknown_name, "", fmt::format("unknown cache type '{}'", name));
  return type;
}

Workload workload_of(const Record& record) {
  Workload out;
  out.context = record.context;
  out.batch = record.batch;
  out.ubatch = record.ubatch;
  out.parallel = record.parallel;
  out.gpu_layers = record.gpu_layers;
  out.cache_type_k = cache_type(record.cache_type_k);
  out.cache_type_v = cache_type(record.cache_type_v);
  out.prompt_tokens = record.prompt_tokens;
  out.generate_tokens = record.generated_tokens;
  if (record.flash_attention) {
    out.flash_attention = *record.flash_attention ? FlashAttention::on : FlashAttention::off;
  }
  return out;
}

/// Predicts what was recorded.
class Comparison {
 public:
  explicit Comparison(const Profiles& profiles)
      : profiles_(profiles), rules_(profiles.calibration_rules()) {}

  [[nodiscard]] const CalibrationRules& rules() const { return rules_; }
  [[nodiscard]] const std::vector<CalibrationSample>& samples() const { return samples_; }
  /// Why records were passed over, and how many.
  [[nodiscard]] const std::map<std::string, std::int64_t>& passed_over() const {
    return passed_over_;
  }

  void add(const Record& record) {
    try {
      if (const auto reason = take(record); !reason.empty()) ++passed_over_[reason];
    } catch (const Error& error) {
      ++passed_over_[fmt::format("{}: {}", record.model, error.what())];
    }
  }

 private:
  /// Why nothing came of it; empty when something did.
  std::string take(const Record& record) {
    if (record.chip.empty()) return "it is not said on which Mac (--chip)";
    const Machine mac = machine_of(record);
    const Runtime runtime = runtime_of(record);
    const auto speed_rules = profiles_.speed_rules(runtime);
    if (!speed_rules) return fmt::format("nothing is predicted for {}", runtime.id);
    const Model& model = model_of(record);
    const Footprint footprint = plan(model, mac, runtime, workload_of(record)).footprint;
    const std::size_t before = samples_.size();
    const std::int64_t prompted = record.prompt_tokens.value_or(0);
    const std::int64_t generated = record.generated_tokens.value_or(0);
    const std::int64_t used = record.context_used.value_or(prompted + generated);
    const auto add = [&](Kind kind, double measured, double predicted) {
      if (measured > 0 && predicted > 0) {
        samples_.push_back({mac.chip.id, speed_rules->engine, kind, measured, predicted});
      }
    };
    const auto rate = [&](std::int64_t depth) {
      SpeedRequest request;
      request.depth = std::max<std::int64_t>(depth, 0);
      request.prompt_tokens = std::max<std::int64_t>(prompted, 1);
      request.generate_tokens = std::max<std::int64_t>(generated, 1);
      return speed(model, mac, footprint, *speed_rules, request);
    };
    if (record.generation_tps && !record.draft && generated >= rules_.generated_tokens) {
      add(Kind::generation, *record.generation_tps, rate(used - generated).generation.tps);
    }
    if (record.prompt_tps && !record.draft && prompted >= rules_.prompt_tokens) {
      add(Kind::prompt, *record.prompt_tps, rate(used - generated - prompted).prompt.tps);
    }
    if (record.memory && record.context) {
      add(Kind::memory, static_cast<double>(record.memory->count()),
          static_cast<double>(footprint.total().count()));
    }
    if (samples_.size() > before) return "";
    return record.draft ? "tokens were drafted"
                        : fmt::format(
                              "fewer than {} tokens generated and {} prompted, and no "
                              "memory with --ctx-size",
                              rules_.generated_tokens, rules_.prompt_tokens);
  }

  [[nodiscard]] Machine machine_of(const Record& record) const {
    Machine out = machine(profiles_.chip(record.chip));
    std::int64_t macos = 0;
    const char* const end = record.macos.data() + record.macos.size();
    // The major version of "15.3"; what is no version leaves the default.
    const auto [stop, error] = std::from_chars(record.macos.data(), end, macos);
    if (error == std::errc{} && (stop == end || *stop == '.') && macos > 0) out.macos = macos;
    return out;
  }

  [[nodiscard]] Runtime runtime_of(const Record& record) const {
    const std::string id = record.runtime.empty() ? "llama.cpp" : record.runtime;
    if (record.version.empty()) return profiles_.runtime(id);
    try {
      return profiles_.runtime(id + "@" + record.version);
    } catch (const Error&) {
      return profiles_.runtime(id);  // A build whose memory is not known runs as fast.
    }
  }

  const Model& model_of(const Record& record) {
    auto& model = models_[{record.model, record.quantization}];
    if (model == nullptr) {
      model = std::make_unique<Model>(
          read_model(record.model, record.quantization, profiles_, ModelOptions{}));
    }
    return *model;
  }

  const Profiles& profiles_;
  CalibrationRules rules_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Model>> models_;
  std::vector<CalibrationSample> samples_;
  std::map<std::string, std::int64_t> passed_over_;
};

std::string rate_line(const char* name, const CalibrationFigure& figure) {
  if (figure.records == 0) return fmt::format("  {:<11} no records\n", name);
  return fmt::format("  {:<11} x{:.3f} +- {:.3f} by {} record{}{}\n", name, figure.middle,
                     figure.spread, figure.records, figure.records == 1 ? "" : "s",
                     figure.applied ? "" : fmt::format("; not applied: {}", figure.why_not));
}

std::string memory_line(const CalibrationFigure& figure) {
  if (figure.records == 0) return "  overhead    no records\n";
  const auto bytes = Bytes(static_cast<std::int64_t>(std::abs(figure.middle)));
  return fmt::format("  overhead    {} {} than predicted, +- {}, by {} record{}{}\n",
                     to_text(bytes), figure.middle < 0 ? "less" : "more",
                     to_text(Bytes(static_cast<std::int64_t>(figure.spread))), figure.records,
                     figure.records == 1 ? "" : "s",
                     figure.applied ? "" : fmt::format("; not applied: {}", figure.why_not));
}

std::string as_text(const Calibration& calibration) {
  std::string out;
  for (const EngineCalibration& engine : calibration.engines) {
    out += fmt::format("{} on {}\n", engine.engine, engine.chip);
    out += rate_line("generation", engine.generation);
    out += rate_line("prompt", engine.prompt);
    out += memory_line(engine.memory);
  }
  return out;
}

Exit run(const CalibrateOptions& options) {
  auto profiles = Profiles::embedded();
  if (!options.profiles.empty()) profiles = profiles.overlaid_with(options.profiles);
  const RecordList list = read_records(options);
  Comparison comparison(profiles);
  for (const Record& record : list.records) comparison.add(record);
  for (const auto& [reason, count] : comparison.passed_over()) {
    fmt::print(stderr, "membudget: {} record{} passed over: {}\n", count, count == 1 ? "" : "s",
               reason);
  }
  Calibration calibration = calibrate(comparison.samples(), comparison.rules());
  calibration.time = utc_now();
  if (calibration.engines.empty()) {
    fmt::print(stderr,
               "membudget: {}: nothing to calibrate by; membudget record keeps what a run "
               "was like\n",
               options.records().path().string());
    if (!options.json) return exit_does_not_fit;
  }
  write_result(options.json ? to_json(calibration) : as_text(calibration), "");
  const bool applied = std::ranges::any_of(calibration.engines, [](const auto& engine) {
    return engine.generation.applied || engine.prompt.applied || engine.memory.applied;
  });
  if (!options.dry_run && !calibration.engines.empty()) {
    const auto file = calibration_file();
    if (file.empty()) {
      throw UsageError(Errc::io, "HOME",
                       "neither HOME nor XDG_DATA_HOME says where your data is; set one");
    }
    save_calibration(calibration, file);
    fmt::print(stderr, "membudget: kept in {}; {}\n", file.string(),
               applied ? "plans for these Macs use it, --no-calibration leaves it out"
                       : "nothing in it changes plans yet");
  }
  return applied ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_calibrate(CLI::App& program, Exit& exit) {
  auto* command =
      program.add_subcommand("calibrate", "Fits predictions to what this Mac's records measured");
  auto options = std::make_shared<CalibrateOptions>();
  options->add_to(*command);
  command
      ->add_option("--profiles", options->profiles,
                   "Folder whose profiles add to the built-in ones")
      ->type_name("DIR");
  command->add_flag("--dry-run", options->dry_run, "Only say what would be kept");
  command->add_flag("--json", options->json, "For programs")->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
