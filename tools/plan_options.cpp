// SPDX-License-Identifier: MIT
#include "plan_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

#include "calibration_option.hpp"
#include "ollama_options.hpp"
#include "output.hpp"
#include "this_machine.hpp"

namespace {

using namespace membudget;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// What is asked of this machine must be about this one.
void check_this_machine(const PlanOptions& options) {
  const bool named = !names_this_machine(options.chip);
  if (named && (options.now || !options.readings.empty())) {
    refuse_option(
        options.now ? "--now" : "--readings",
        fmt::format("is about this machine, not about {}; leave it or --chip out", options.chip));
  }
  if (options.now && !options.reserve.empty() &&
      std::isalpha(static_cast<unsigned char>(options.reserve.front())) == 0) {
    refuse_option("--reserve",
                  "--now takes what others hold instead of a reserve; leave one of them out");
  }
}

Machine machine_of(const PlanOptions& options, const Profiles& profiles) {
  check_this_machine(options);
  if (!names_this_machine(options.chip)) return requested_machine(options, profiles);
  return requested_machine(options, profiles,
                           machine_at_hand(options.readings, options.now, profiles));
}

/// Modelfiles and the variables are Ollama's, so they ask for Ollama.
Runtime runtime_of(const PlanOptions& options, const Profiles& profiles, bool modelfile) {
  const bool ollamas = modelfile || options.from_env;
  auto out = requested_runtime(options, profiles, ollamas ? "ollama" : "llama.cpp");
  if (ollamas && !out.ollama) {
    refuse_option(
        modelfile ? "--modelfile" : "--from-env",
        fmt::format("has settings of Ollama, which {} does not read; leave out --runtime, or give "
                    "--runtime ollama",
                    out.id));
  }
  return options.from_env ? with_environment(std::move(out)) : out;
}

MachineInputs read_around(const PlanOptions& options, bool modelfile) {
  // Slips on the command line first: they cost nothing to find.
  options.attachments.check();
  auto workload = requested_workload(options);
  auto profiles = Profiles::embedded();
  if (!options.profiles.empty()) profiles = profiles.overlaid_with(options.profiles);
  auto machine = machine_of(options, profiles);
  auto runtime = runtime_of(options, profiles, modelfile);
  return machine_inputs(std::move(profiles), std::move(machine), std::move(runtime),
                        std::move(workload));
}

}  // namespace

void PlanOptions::add_to(CLI::App& command) {
  const auto last = [](CLI::Option* option) {
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    return option;
  };
  auto* const named =
      command
          .add_option("MODEL", model,
                      "Catalog name (qwen2.5-coder:32b), .gguf, folder, ollama:NAME[:TAG], "
                      "hf:ORG/REPO[:QUANT|:FILE] or https://.../x.gguf")
          ->required();
  source.add_to(command);

  command.get_formatter()->column_width(36);
  const auto option = [&](const char* names, std::string& value, const char* help, const char* type,
                          const char* group) {
    last(command.add_option(names, value, help))->type_name(type)->group(group);
  };
  option("--chip", chip, "Hardware profile, e.g. m1-max-32gb; default: this machine", "ID",
         "Machine");
  option("--readings", readings, "A machine recorded with detect --record, instead of this one",
         "FILE", "Machine");
  option("--macos", macos, "macOS version, e.g. 15 or 26; default: this Mac's, else 26", "VERSION",
         "Machine");
  option("--wired-limit-mb", wired_limit_mb, "As sysctl iogpu.wired_limit_mb; 0 = automatic", "N",
         "Machine");
  option("--reserve", reserve, "What the rest needs: 4GiB, or docker-postgres-qdrant", "SIZE|NAME",
         "Machine");
  option("--profiles", profiles, "Folder whose profiles add to the built-in ones", "DIR",
         "Machine");
  command.add_flag("--no-calibration", no_calibration, "Leave out what this Mac's records say")
      ->group("Machine");

  option("--runtime", runtime, "As `list runtimes` names them; @BUILD picks a build", "ID[@BUILD]",
         "Runtime");
  option("--quant", quantization, "Q4_K_M, ...; default: the model's usual", "NAME", "Runtime");
  option("--cache-type", cache_type, "Of K and V: f16 bf16 f32 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl",
         "TYPE", "Runtime");
  option("--cache-type-k", cache_type_k, "-ctk; of K alone", "TYPE", "Runtime");
  option("--cache-type-v", cache_type_v, "-ctv; of V alone", "TYPE", "Runtime");
  option("--flash-attn", flash_attention, "-fa; on, off or auto", "WHEN", "Runtime");
  option("-b,--batch-size", batch, "Logical batch", "N", "Runtime");
  option("--ubatch-size", ubatch, "-ub; physical batch", "N", "Runtime");
  option("--parallel", parallel, "-np; slots", "N", "Runtime");
  option("--gpu-layers,--n-gpu-layers", gpu_layers, "-ngl; layers on the GPU, or all", "N",
         "Runtime");
  command.add_flag("--kv-unified", kv_unified, "-kvu; one cache shared by all slots")
      ->group("Runtime");
  command.add_flag("--swa-full", swa_full, "Sliding-window layers keep the whole context")
      ->group("Runtime");
  command.add_flag("--no-mmap", no_mmap, "Read the weights instead of mapping them")
      ->group("Runtime");
  option("--load-mode", load_mode, "-lm; auto mmap mmap+mlock none mlock dio", "MODE", "Runtime");
  command.add_flag("--cpu-moe", cpu_moe, "-cmoe; all experts stay on the CPU")->group("Runtime");
  option("--n-cpu-moe", n_cpu_moe, "-ncmoe; experts of the first N layers on the CPU", "N",
         "Runtime");
  command
      .add_option("--override-tensor", override_tensor,
                  "-ot; PATTERN=CPU or PATTERN=MTL0 for weights by name")
      ->type_name("LIST")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group("Runtime");
  command.add_flag("--no-kv-offload", no_kv_offload, "-nkvo; the cache stays on the CPU")
      ->group("Runtime");
  command.add_flag("--no-repack", no_repack, "-nr; the CPU uses weights as they are in the file")
      ->group("Runtime");
  command.add_flag("--no-op-offload", no_op_offload, "Metal leaves the CPU's weights to the CPU")
      ->group("Runtime");
  option("--prefill-step-size", prefill_step, "MLX: tokens of a prompt computed at once", "N",
         "Runtime");
  option("--kv-bits", kv_bits, "MLX: bits of the cache, 2 to 8; default: as computed", "N",
         "Runtime");
  option("--modelfile", modelfile, "Ollama: its FROM (unless MODEL is given) and its parameters",
         "FILE", "Runtime");
  command.get_option("--modelfile")->each([named](const std::string&) { named->required(false); });
  command.add_flag("--from-env", from_env, "Ollama: what OLLAMA_* in the environment set")
      ->group("Runtime");
  option("--draft,--model-draft", draft,
         "-md; model that drafts tokens for this one: name or .gguf", "MODEL", "Runtime");
  command.add_flag("--embeddings,--embedding", embeddings, "Serve embeddings instead of text")
      ->group("Runtime");
  option("--pooling", pooling, "Of embeddings: none mean cls last rank; default: the model's",
         "KIND", "Runtime");

  attachments.add_to(command, *this);

  option("--format", format, "text, json or markdown", "FORMAT", "Output");
  command.add_flag("--json", json, "Same as --format json")->group("Output");
  command.add_flag("--explain", explain, "The formula of each part with its numbers")
      ->group("Output");
  command.add_flag("--plain", plain, "No colour, ASCII only")->group("Output");
  option("-o,--output", output, "Write to FILE instead of standard output", "FILE", "Output");
}

void PlanOptions::add_context_to(CLI::App& command) {
  command
      .add_option("-c,--ctx-size", context,
                  "Tokens of context: 8192, 8k, max; default: the runtime's")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("N")
      ->group("Runtime");
}

void PlanOptions::add_speed_to(CLI::App& command) {
  const auto option = [&](const char* names, std::string& value, const char* help) {
    command.add_option(names, value, help)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name("N")
        ->group("Speed");
  };
  option("--depth", depth, "Tokens in the context before the prompt; default: 0");
  option("--prompt-tokens", prompt_tokens,
         "Tokens that are prompted, and stand in the context when generation begins; "
         "default: 512, each measured alone");
  option("--generate-tokens", generate_tokens, "Tokens that are generated; default: 128");
}

void PlanOptions::add_now_to(CLI::App& command) {
  command.add_flag("--now", now, "What is free at this moment instead of what usually is")
      ->group("Machine");
}

Format PlanOptions::output_format() const {
  if (json || format == "json") return Format::json;
  if (format == "markdown" || format == "md") return Format::markdown;
  if (format == "text") return Format::text;
  refuse_option("--format", fmt::format("'{}' is not known; use text, json or markdown", format));
}

TextStyle PlanOptions::style() const {
  auto out = terminal_style(!output.empty() && output != "-", plain);
  out.explain = explain;
  return out;
}

std::string cache_type_name(ElementType type) {
  return lower(format_of(type).name);
}

PlanInputs read(const PlanOptions& options) {
  const Format format = options.output_format();
  const auto modelfile = modelfile_of(options.modelfile);
  const auto name = model_name(options.model, options.modelfile, modelfile);
  auto around = read_around(options, modelfile.has_value());
  const auto reader = [&options, profiles = around.profiles](const std::string& model,
                                                             const std::string& quantization) {
    return read_model(model, quantization, profiles, options.source);
  };
  auto model = requested_model(options, name, around.profiles, reader, around.runtime);
  around.workload = with_modelfiles_own(std::move(around.workload), modelfile, around.runtime);
  auto names = names_of(name, model, around.profiles);
  auto out = plan_inputs(options, std::move(around), std::move(model), std::move(names));
  if (!options.no_calibration) apply_calibration(out.machine, out.speed_rules);
  options.attachments.read(out.workload);
  add_draft(out, options, reader);
  // What text shows of them.
  if (format == Format::text) {
    out.commands_for.clear();
    if (out.runtime.settings_for) out.commands_for.push_back(*out.runtime.settings_for);
  }
  return out;
}

MachineInputs read_machine(const PlanOptions& options) {
  auto out = read_around(options, false);
  out.speed_rules = speed_rules_of(out.machine, out.runtime, out.profiles);
  if (!options.no_calibration) apply_calibration(out.machine, out.speed_rules);
  return out;
}

std::string rendered(const PlanReport& report, const PlanOptions& options) {
  switch (options.output_format()) {
    case Format::json:
      return to_json(report);
    case Format::markdown:
      return to_markdown(report, options.explain, options.plain);
    case Format::text:
      break;
  }
  return to_text(report, options.style());
}

std::span<const ShortOption> short_options() {
  static constexpr std::array<ShortOption, 20> all{{{"-ctk", "--cache-type-k"},
                                                    {"-ctv", "--cache-type-v"},
                                                    {"-fa", "--flash-attn"},
                                                    {"-ub", "--ubatch-size"},
                                                    {"-np", "--parallel"},
                                                    {"-ngl", "--gpu-layers"},
                                                    {"-kvu", "--kv-unified"},
                                                    {"-lm", "--load-mode"},
                                                    {"-cmoe", "--cpu-moe"},
                                                    {"-ncmoe", "--n-cpu-moe"},
                                                    {"-ot", "--override-tensor"},
                                                    {"-nkvo", "--no-kv-offload"},
                                                    {"-nr", "--no-repack"},
                                                    {"-md", "--draft"},
                                                    {"-mm", "--mmproj"},
                                                    {"-ctkd", "--cache-type-k-draft"},
                                                    {"-ctvd", "--cache-type-v-draft"},
                                                    {"-cram", "--cache-ram"},
                                                    {"-ctxcp", "--ctx-checkpoints"},
                                                    {"-ts", "--tensor-split"}}};
  return all;
}

std::vector<std::string> with_long_options(int argc, const char* const* argv) {
  const auto names = short_options();
  std::vector<std::string> out;
  bool options = true;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    options = options && argument != "--";
    const auto known = std::ranges::find(names, std::string_view(argument), &ShortOption::name);
    out.push_back(options && known != names.end() ? std::string(known->option) : argument);
  }
  return out;
}
