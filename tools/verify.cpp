// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "command.hpp"
#include "membudget/membudget.hpp"
#include "model_argument.hpp"

namespace {

using namespace membudget;

struct VerifyCommandOptions {
  std::string log;
  std::string model;
  std::string quantization;
  ModelOptions source;
  std::string chip;
  std::string macos;
  std::string context;
  std::string batch;
  std::string ubatch;
  std::string parallel;
  std::string tolerance;
  bool bug_report = false;
  std::string profiles;
  std::string format = "text";
  bool json = false;
  std::string output;
};

/// A file that is read from its start to its end once, or standard input.
class Input {
 public:
  explicit Input(const std::string& name) : name_(name == "-" ? "standard input" : name) {
    if (name != "-") file_ = open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) fail();
  }
  ~Input() {
    if (file_ != STDIN_FILENO) close(file_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// The next piece; empty at the end.
  std::string_view next() {
    for (;;) {
      const auto count = ::read(file_, buffer_.data(), buffer_.size());
      if (count >= 0) return {buffer_.data(), static_cast<std::size_t>(count)};
      if (errno != EINTR) fail();
    }
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(Errc::io, name_,
                fmt::format("cannot be read: {}; check the path", std::strerror(errno)));
  }

  static constexpr std::size_t buffer_size = std::size_t{1} << 18;
  std::string name_;
  int file_ = STDIN_FILENO;
  std::vector<char> buffer_ = std::vector<char>(buffer_size);
};

EngineLog read_log(const std::string& name) {
  Input input(name);
  EngineLogReader reader;
  try {
    for (auto piece = input.next(); !piece.empty(); piece = input.next()) reader.read(piece);
    return reader.finish();
  } catch (const Error& error) {
    throw Error(error.code(), name, problem(error));
  }
}

std::optional<std::int64_t> tokens(const std::string& text, std::string_view option) {
  if (text.empty()) return std::nullopt;
  return parse_tokens(text, option);
}

VerifyOptions options_of(const VerifyCommandOptions& options) {
  VerifyOptions out;
  out.settings.context = tokens(options.context, "--ctx-size");
  out.settings.batch = tokens(options.batch, "--batch-size");
  out.settings.ubatch = tokens(options.ubatch, "--ubatch-size");
  out.settings.parallel = tokens(options.parallel, "--parallel");
  if (!options.tolerance.empty()) out.tolerance = parse_tolerance(options.tolerance, "--tolerance");
  return out;
}

/// Each load with the model that the user named, in the types that the log names.
class Planner {
 public:
  Planner(const VerifyCommandOptions& options, const Profiles& profiles)
      : options_(options), profiles_(profiles), verify_(options_of(options)) {
    if (!options.chip.empty()) chip_ = named_chip();
    if (!options.macos.empty()) macos_ = parse_tokens(options.macos, "--macos");
  }

  Verification plan(const EngineLoad& load) {
    Verification out = options_.model.empty() ? verify(load, profiles_, verify_) : with_model(load);
    out.machine = match_machine(load, profiles_, chip_ ? &*chip_ : nullptr, macos_);
    return out;
  }

 private:
  [[nodiscard]] Chip named_chip() const {
    try {
      return profiles_.chip(options_.chip);
    } catch (const Error& error) {
      throw UsageError(error.code(), "--chip", problem(error));
    }
  }

  Verification with_model(const EngineLoad& load) {
    const std::string quantization =
        options_.quantization.empty() ? quantization_in(load, profiles_) : options_.quantization;
    const Model& model = read(quantization);
    Verification out = verify(load, model, profiles_, verify_);
    if (model.source == ModelSource::catalog) out.model_id = model.id;
    return out;
  }

  const Model& read(const std::string& quantization) {
    if (const auto known = models_.find(quantization); known != models_.end()) return known->second;
    // A file is what it is, whatever the log says of its types; the catalog is asked for them.
    Model model = read_model(options_.model, options_.quantization, profiles_, options_.source);
    if (model.source == ModelSource::catalog && options_.quantization.empty()) {
      if (quantization.empty()) {
        model.quantization.clear();
      } else {
        model = read_model(options_.model, quantization, profiles_, options_.source);
      }
    }
    return models_.emplace(quantization, std::move(model)).first->second;
  }

  const VerifyCommandOptions& options_;
  const Profiles& profiles_;
  VerifyOptions verify_;
  std::optional<Chip> chip_;
  std::int64_t macos_ = 0;
  std::map<std::string, Model> models_;
};

/// Why nothing could be compared: the one reason that all loads share, or the last one's.
std::string reason(const EngineLog& log, const VerifyReport& report) {
  if (report.runs.empty()) {
    return fmt::format(
        "holds no sizes of an engine in {} lines; give the log of llama.cpp, Ollama or mlx-lm{}",
        log.lines, log.quiet ? ": llama-server since May 2026 prints them with -lv 4" : "");
  }
  const Verification& last = report.runs.back();
  return last.lacks.empty()
             ? last.not_planned
             : fmt::format("{}; the log lacks {}", last.not_planned, last.lacks.front());
}

std::string rendered(const VerifyReport& report, const VerifyCommandOptions& options) {
  if (options.bug_report) return bug_report(report);
  if (options.json || options.format == "json") return to_json(report);
  if (options.format == "markdown") return to_markdown(report);
  const bool to_file = !options.output.empty() && options.output != "-";
  return to_text(report, terminal_style(to_file, false));
}

Exit run(const VerifyCommandOptions& options) {
  auto profiles = Profiles::embedded();
  if (!options.profiles.empty()) profiles = profiles.overlaid_with(options.profiles);
  Planner planner(options, profiles);
  const EngineLog log = read_log(options.log);
  VerifyReport report;
  report.forgotten = log.forgotten;
  report.cut_lines = log.cut_lines;
  bool compared = false;
  bool agrees = true;
  for (const EngineLoad& load : log.loads) {
    report.runs.push_back(planner.plan(load));
    const Verification& last = report.runs.back();
    compared = compared || !last.parts.empty();
    agrees = agrees && (last.parts.empty() || last.agrees());
  }
  if (!report.runs.empty()) write_result(rendered(report, options), options.output);
  if (!compared) {
    const Error error(Errc::unsupported, options.log, reason(log, report));
    // What was understood stands on standard output, as JSON too.
    return fail(error, report.runs.empty() && (options.json || options.format == "json"));
  }
  return agrees ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_verify(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand(
      "verify", "The log of an engine beside a plan of the same, part by part");
  auto options = std::make_shared<VerifyCommandOptions>();
  command
      ->add_option("LOG", options->log,
                   "Log of llama.cpp, Ollama or mlx-lm, or `ollama ps`; - reads standard input")
      ->required();
  command->add_option("--model", options->model, "As in plan; default: what the log names")
      ->type_name("MODEL")
      ->group("Model");
  command->add_option("--quant", options->quantization, "Q4_K_M, ...; default: what the log names")
      ->type_name("NAME")
      ->group("Model");
  options->source.add_to(*command);
  const auto setting = [&](const char* names, std::string& value, const char* help) {
    command->add_option(names, value, help)->type_name("N")->group("Settings the log lacks");
  };
  setting("-c,--ctx-size", options->context, "Tokens: 8192, 8k");
  setting("-b,--batch-size", options->batch, "Logical batch");
  setting("--ubatch-size", options->ubatch, "Physical batch (-ub)");
  setting("--parallel", options->parallel, "Sequences (-np)");
  command->add_option("--chip", options->chip, "Hold Metal's limit in the log against this Mac's")
      ->type_name("ID")
      ->group("Machine");
  command->add_option("--macos", options->macos, "Under this version only")
      ->type_name("VERSION")
      ->group("Machine");
  command
      ->add_option("--tolerance", options->tolerance,
                   "Of each part: 1% or 16MiB; default: what is printed, for MLX's peak 5%")
      ->type_name("SIZE|%")
      ->group("Output");
  command
      ->add_flag("--bug-report", options->bug_report,
                 "A block to paste, without paths and names of yours")
      ->group("Output");
  command->add_option("--profiles", options->profiles, "Folder that adds to the built-in profiles")
      ->type_name("DIR");
  command->add_option("--format", options->format, "text, json or markdown")
      ->check(CLI::IsMember({"text", "json", "markdown"}))
      ->group("Output");
  command->add_flag("--json", options->json, "The same as --format json")->group("Output");
  command->add_option("-o,--output", options->output, "Write to FILE instead of standard output")
      ->type_name("FILE")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
