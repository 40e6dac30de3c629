// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <utility>

#include "command.hpp"
#include "membudget/membudget.hpp"
#include "record_options.hpp"

namespace {

using namespace membudget;

/// What is recorded, as it was typed.
struct RecordCommandOptions : RecordOptions {
  std::string model;
  std::string from;  ///< Of `import`.
  Record record;
  std::string context;
  std::string context_used;
  std::string memory;
  std::string generation_tps;
  std::string prompt_tps;
  std::string first_token_ms;
  std::string temperature;
  std::string top_p;
  std::string rating;
  std::string prompt_tokens;
  std::string generated_tokens;
  std::string parallel;
  std::string flash_attention;
  std::string cache_type;
  bool dry_run = false;
};

std::optional<double> number(const std::string& text, const char* option, bool zero) {
  if (text.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !std::isfinite(value) || value < 0 || (value == 0 && !zero)) {
    refuse_option(option,
                  fmt::format("'{}' is not a number {}", text, zero ? "of at least 0" : "above 0"));
  }
  return value;
}

std::optional<std::int64_t> tokens(const std::string& text, const char* option) {
  return text.empty() ? std::nullopt : std::optional(parse_tokens(text, option));
}

std::optional<std::int64_t> whole(const std::string& text, const char* option, std::int64_t most) {
  if (text.empty()) return std::nullopt;
  const auto value = number(text, option, false);
  if (*value != std::floor(*value) || *value > static_cast<double>(most)) {
    refuse_option(option, fmt::format("'{}' is not a whole number from 1 to {}", text, most));
  }
  return static_cast<std::int64_t>(*value);
}

/// Names that a later calibration must find again.
void check_names(Record& record) {
  const auto profiles = Profiles::embedded();
  const auto known = [](const char* option, const auto& lookup) {
    try {
      lookup();
    } catch (const Error& error) {
      throw UsageError(error.code(), option, problem(error));
    }
  };
  if (!record.chip.empty()) {
    known("--chip", [&] { record.chip = profiles.chip(record.chip).id; });
  }
  if (!record.quantization.empty()) {
    known("--quant", [&] { static_cast<void>(profiles.bits_per_weight(record.quantization)); });
  }
}

Record typed(const RecordCommandOptions& options) {
  Record out = options.record;
  out.model = options.model;
  out.context = tokens(options.context, "--ctx-size");
  out.context_used = tokens(options.context_used, "--context-used");
  out.prompt_tokens = tokens(options.prompt_tokens, "--prompt-tokens");
  out.generated_tokens = tokens(options.generated_tokens, "--generated-tokens");
  if (!options.memory.empty()) out.memory = parse_size(options.memory, "--memory", least_bare_size);
  if (out.memory && out.memory->count() < 1) refuse_option("--memory", "must be more than nothing");
  out.generation_tps = number(options.generation_tps, "--tps", false);
  out.prompt_tps = number(options.prompt_tps, "--prompt-tps", false);
  out.first_token_ms = number(options.first_token_ms, "--first-token-ms", true);
  out.temperature = number(options.temperature, "--temperature", true);
  out.top_p = number(options.top_p, "--top-p", true);
  out.rating = whole(options.rating, "--rating", 5);
  out.parallel = whole(options.parallel, "--parallel", 256);
  if (!options.cache_type.empty()) out.cache_type_k = out.cache_type_v = options.cache_type;
  for (const auto* type : {&out.cache_type_k, &out.cache_type_v}) {
    if (!type->empty() && !element_type_of_name(*type)) {
      refuse_option("--cache-type",
                    fmt::format("'{}' is not known; use f16, q8_0, q4_0 ...", *type));
    }
  }
  if (!options.flash_attention.empty()) {
    if (options.flash_attention != "on" && options.flash_attention != "off") {
      refuse_option("--flash-attn",
                    fmt::format("'{}' is not known; use on or off", options.flash_attention));
    }
    out.flash_attention = options.flash_attention == "on";
  }
  // "llama.cpp@b10488" as elsewhere.
  if (const auto at = out.runtime.find('@'); at != std::string::npos) {
    out.version = out.runtime.substr(at + 1);
    out.runtime.resize(at);
  }
  check_names(out);
  return out;
}

std::string plural(std::size_t count) {
  return fmt::format("{} record{}", count, count == 1 ? "" : "s");
}

void keep(std::span<const Record> records, const RecordCommandOptions& options) {
  if (options.dry_run) {
    std::string lines;
    for (const Record& record : records) lines += to_json_line(record) + "\n";
    write_result(lines, "");
    return;
  }
  const RecordFile file = options.records();
  file.append(records);
  fmt::print(stderr, "membudget: {} added to {}\n", plural(records.size()), file.path().string());
}

Exit record_one(const RecordCommandOptions& options) {
  Record record = typed(options);
  if (record.model.empty())
    refuse_option("usage", "MODEL is required; see membudget record --help");
  if (!record.generation_tps && !record.prompt_tps && !record.memory && !record.first_token_ms &&
      !record.rating) {
    refuse_option(
        "usage",
        "nothing was measured; give --tps, --prompt-tps, --first-token-ms, --memory or --rating");
  }
  if (record.time.empty()) record.time = utc_now();
  if (record.runtime.empty()) record.runtime = "llama.cpp";
  keep({&record, 1}, options);
  return exit_fits;
}

Exit record_import(const RecordCommandOptions& options) {
  Record known = typed(options);
  if (known.time.empty()) known.time = utc_now();
  RecordImport found;
  if (options.from == "-") {
    found = import_records(std::cin, "standard input", known);
  } else {
    std::ifstream in(options.from, std::ios::binary);
    // A folder opens, but has nothing to read.
    if (!in || in.peek() == std::ifstream::traits_type::eof()) {
      throw Error(Errc::io, options.from, "cannot be read, or is empty; check the path");
    }
    found = import_records(in, options.from, known);
  }
  for (const auto& note : found.notes)
    fmt::print(stderr, "membudget: {}: {}\n", options.from, note);
  if (found.records.empty()) {
    throw Error(Errc::unsupported, options.from, "holds no measurement that can be recorded");
  }
  keep(found.records, options);
  return exit_fits;
}

void add_known(CLI::App& command, RecordCommandOptions& options) {
  const auto option = [&](const char* names, std::string& value, const char* type, const char* help,
                          const char* group) {
    command.add_option(names, value, help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(type)
        ->group(group);
  };
  Record& record = options.record;
  option("--quant", record.quantization, "NAME", "Q4_K_M, ...", "Deployment");
  option("--chip", record.chip, "ID", "e.g. m1-max-32gb; a calibration needs it", "Deployment");
  option("--macos", record.macos, "VERSION", "e.g. 26", "Deployment");
  option("--runtime", record.runtime, "ID[@BUILD]", "llama.cpp (default), ollama, ...",
         "Deployment");
  option("-c,--ctx-size", options.context, "N", "Tokens of context", "Deployment");
  option("--parallel", options.parallel, "N", "-np; slots", "Deployment");
  option("--cache-type", options.cache_type, "TYPE", "Of K and V", "Deployment");
  option("--flash-attn", options.flash_attention, "WHEN", "-fa; on or off", "Deployment");
  option("--memory", options.memory, "SIZE", "Allocated or mapped, GPU and host: 18.5GiB",
         "Measured");
  option("--temperature", options.temperature, "N", "Of sampling", "Use");
  option("--top-p", options.top_p, "N", "Of sampling", "Use");
  option("--use-case", record.use_case, "TEXT", "coding, chat, ...", "Use");
  option("--rating", options.rating, "N", "How good the answers were, 1 to 5", "Use");
  option("--note", record.note, "TEXT", "Anything else", "Use");
  option("--time", record.time, "TIME", "UTC as 2026-01-31T12:00:00Z; default: now", "Use");
  command.add_flag("--dry-run", options.dry_run, "Print the records and keep none");
  options.add_to(command);
}

}  // namespace

void add_record(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("record", "Keep what a run of MODEL was like");
  auto options = std::make_shared<RecordCommandOptions>();
  command->add_option("MODEL", options->model, "The model that ran, as plan takes it");
  add_known(*command, *options);
  const auto option = [&](const char* name, std::string& value, const char* type,
                          const char* help) {
    command->add_option(name, value, help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(type)
        ->group("Measured");
  };
  option("--tps", options->generation_tps, "N", "Tokens generated per second");
  option("--prompt-tps", options->prompt_tps, "N", "Prompt tokens read per second");
  option("--first-token-ms", options->first_token_ms, "N", "Until the first token");
  option("--context-used", options->context_used, "N", "Tokens in the context at the end");
  option("--prompt-tokens", options->prompt_tokens, "N", "Tokens prompted");
  option("--generated-tokens", options->generated_tokens, "N", "Tokens generated");

  auto imported = std::make_shared<RecordCommandOptions>();
  auto* import = command->add_subcommand(
      "import", "From llama-bench -o json, a server's log or Ollama's answers");
  import->add_option("FILE", imported->from, "File, or - for standard input")->required();
  import->add_option("--model", imported->model, "The model that ran; a log does not say it")
      ->type_name("MODEL");
  add_known(*import, *imported);
  import->callback([imported, &exit] { exit = record_import(*imported);
});
command->callback([options, import, &exit] {
  if (import->count() == 0) exit = record_one(*options);
});
}
