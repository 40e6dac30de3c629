// SPDX-License-Identifier: MIT
#include "plan_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "advice.hpp"
#include "calibration_option.hpp"
#include "ollama_options.hpp"
#include "output.hpp"
#include "this_machine.hpp"
#include "weights.hpp"

namespace {

using namespace membudget;

/// Smallest context llama.cpp allocates; shown when not even that fits.
constexpr std::int64_t smallest_context = 256;

[[noreturn]] void wrong(const std::string& option, const std::string& message) {
  throw UsageError(Errc::bad_request, option, message);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// Decimal digits only: what `0x10` or `010` would mean is left to nobody's guess.
std::int64_t integer(const std::string& text, const std::string& option, std::int64_t least,
                     std::int64_t most) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < least || value > most) {
    wrong(option, fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
  }
  return value;
}

std::optional<ElementType> cache_type(const std::string& text, const std::string& option) {
  if (text.empty()) return std::nullopt;
  constexpr std::array<std::string_view, 9> known{"f32",  "f16",    "bf16", "q8_0", "q4_0",
                                                  "q4_1", "iq4_nl", "q5_0", "q5_1"};
  const auto name = lower(text);
  if (std::ranges::find(known, name) == known.end()) {
    wrong(option,
          fmt::format("'{}' is not a cache type; use one of {}", text, fmt::join(known, ", ")));
  }
  return element_type_of_name(name);
}

std::optional<FlashAttention> flash_attention(const std::string& text) {
  // llama.cpp's own synonyms.
  const auto word = lower(text);
  const auto any = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
  };
  if (word.empty()) return std::nullopt;
  if (any({"on", "enabled", "true", "1"})) return FlashAttention::on;
  if (any({"off", "disabled", "false", "0"})) return FlashAttention::off;
  if (any({"auto", "-1"})) return FlashAttention::automatic;
  wrong("--flash-attn", fmt::format("'{}' is not known; use on, off or auto", text));
}

std::optional<Pooling> pooling(const std::string& text) {
  if (text.empty()) return std::nullopt;
  for (const auto kind :
       {Pooling::none, Pooling::mean, Pooling::first, Pooling::last, Pooling::rank}) {
    if (to_string(kind) == lower(text)) return kind;
  }
  wrong("--pooling", fmt::format("'{}' is not known; use none, mean, cls, last or rank", text));
}

std::int64_t positive_tokens(const std::string& text, const std::string& option) {
  const auto value = parse_tokens(text, option);
  if (value < 1) wrong(option, fmt::format("'{}' is too small; use at least 1", text));
  return value;
}

/// Whether the weights are mapped, by llama.cpp's name of the way they are loaded.
bool maps_file(const std::string& mode) {
  const auto word = lower(mode);
  if (word == "auto" || word == "mmap" || word == "mmap+mlock") return true;
  if (word == "none" || word == "mlock" || word == "dio") return false;
  wrong("--load-mode",
        fmt::format("'{}' is not known; use auto, mmap, mmap+mlock, none, mlock or dio", mode));
}

/// "PATTERN=BUFFER,...": the buffers are those a Mac has, by llama.cpp's names.
std::vector<TensorOverride> tensor_overrides(const std::vector<std::string>& arguments) {
  std::vector<TensorOverride> out;
  for (const auto& argument : arguments) {
    for (std::size_t begin = 0; begin <= argument.size();) {
      const auto end = std::min(argument.find(',', begin), argument.size());
      const auto item = argument.substr(begin, end - begin);
      begin = end + 1;
      const auto equals = item.find('=');
      const auto buffer = equals == std::string::npos ? "" : item.substr(equals + 1);
      if (equals == 0 || (buffer != "CPU" && buffer != "MTL0")) {
        wrong("--override-tensor",
              fmt::format("'{}' is not PATTERN=BUFFER; the buffers are CPU and MTL0", item));
      }
      out.push_back({.pattern = item.substr(0, equals),
                     .buffer = buffer == "CPU" ? Backend::cpu : Backend::metal});
    }
  }
  return out;
}

Workload workload_of(const PlanOptions& options) {
  Workload out;
  const auto k = options.cache_type_k.empty() ? options.cache_type : options.cache_type_k;
  const auto v = options.cache_type_v.empty() ? options.cache_type : options.cache_type_v;
  out.cache_type_k =
      cache_type(k, options.cache_type_k.empty() ? "--cache-type" : "--cache-type-k");
  out.cache_type_v =
      cache_type(v, options.cache_type_v.empty() ? "--cache-type" : "--cache-type-v");
  out.flash_attention = flash_attention(options.flash_attention);
  if (!options.batch.empty()) out.batch = positive_tokens(options.batch, "--batch-size");
  if (!options.ubatch.empty()) out.ubatch = positive_tokens(options.ubatch, "--ubatch-size");
  // 256 is LLAMA_MAX_SEQ, beyond which llama.cpp refuses.
  if (!options.parallel.empty()) out.parallel = integer(options.parallel, "--parallel", 1, 256);
  if (!options.gpu_layers.empty()) {
    const auto word = lower(options.gpu_layers);
    out.gpu_layers = word == "all" || word == "auto"
                         ? -1
                         : integer(options.gpu_layers, "--gpu-layers", -1, 1'000'000);
  }
  if (options.kv_unified) out.kv_unified = true;
  if (options.swa_full) out.swa_full = true;
  if (!options.load_mode.empty()) out.mmap = maps_file(options.load_mode);
  if (options.no_mmap) out.mmap = false;
  if (options.cpu_moe) out.cpu_moe = true;
  if (!options.n_cpu_moe.empty()) {
    out.n_cpu_moe = integer(options.n_cpu_moe, "--n-cpu-moe", 0, 1'000'000);
  }
  out.tensor_overrides = tensor_overrides(options.override_tensor);
  if (options.no_kv_offload) out.kv_offload = false;
  if (options.no_repack) out.repack = false;
  if (options.no_op_offload) out.op_offload = false;
  if (options.embeddings) out.embeddings = true;
  out.pooling = pooling(options.pooling);
  options.attachments.check(out);
  if (!options.prefill_step.empty()) {
    out.prefill_step = positive_tokens(options.prefill_step, "--prefill-step-size");
  }
  if (!options.kv_bits.empty()) out.kv_bits = integer(options.kv_bits, "--kv-bits", 0, 8);
  if (!options.depth.empty()) out.depth = parse_tokens(options.depth, "--depth");
  if (!options.prompt_tokens.empty()) {
    out.prompt_tokens = positive_tokens(options.prompt_tokens, "--prompt-tokens");
  }
  if (!options.generate_tokens.empty()) {
    out.generate_tokens = positive_tokens(options.generate_tokens, "--generate-tokens");
  }
  if (!options.context.empty() && lower(options.context) != "max") {
    out.context = parse_tokens(options.context, "--ctx-size");
  }
  return out;
}

SpeedRequest speed_of(const Workload& workload) {
  SpeedRequest out;
  out.depth = workload.depth.value_or(out.depth);
  out.prompt_tokens = workload.prompt_tokens.value_or(out.prompt_tokens);
  out.generate_tokens = workload.generate_tokens.value_or(out.generate_tokens);
  return out;
}

/// What was told to stand in the context must have room there.
void check_depth(const PlanOptions& options, const Workload& workload, const SpeedRequest& speed) {
  if (workload.context.value_or(0) > 0 && speed.depth > *workload.context) {
    wrong("--depth", fmt::format("{} tokens do not stand in a context of {}; raise --ctx-size",
                                 options.depth, *workload.context));
  }
}

/// Looks up what an option says: what is unknown or impossible there is wrong usage.
template <class Lookup>
auto asked_for(const std::string& option, const Lookup& lookup) {
  try {
    return lookup();
  } catch (const Error& error) {
    if (error.code() != Errc::unknown_name && error.code() != Errc::unsupported) throw;
    throw UsageError(error.code(), error.where().empty() ? option : error.where(), problem(error));
  }
}

/// What is asked of this machine, or of a Mac, must be about one.
void check_this_machine(const PlanOptions& options, const Machine& machine) {
  const bool named = !names_this_machine(options.chip);
  if (named && (options.now || !options.readings.empty())) {
    wrong(options.now ? "--now" : "--readings",
          fmt::format("is about this machine, not about {}; leave it or --chip out", options.chip));
  }
  if (options.now && !options.reserve.empty() &&
      std::isalpha(static_cast<unsigned char>(options.reserve.front())) == 0) {
    wrong("--reserve", "--now takes what others hold instead of a reserve; leave one of them out");
  }
  if (!machine.metal && !(options.macos.empty() && options.wired_limit_mb.empty())) {
    wrong(options.macos.empty() ? "--wired-limit-mb" : "--macos",
          "this machine has no Metal; name a Mac with --chip, such as m1-max-32gb");
  }
}

Machine machine_of(const PlanOptions& options, const Profiles& profiles) {
  auto out = names_this_machine(options.chip)
                 ? machine_at_hand(options.readings, options.now, profiles)
                 : machine(asked_for("--chip", [&] { return profiles.chip(options.chip); }));
  check_this_machine(options, out);
  // What Metal reports here holds for this macOS and this limit only.
  if (!options.macos.empty() || !options.wired_limit_mb.empty()) {
    out.working_set.reset();
    out.largest_buffer.reset();
  }
  if (!options.macos.empty()) {
    // "26.1" too: only the major version decides a rule.
    const auto major = options.macos.substr(0, options.macos.find('.'));
    if (options.macos.find_first_not_of("0123456789.") != std::string::npos || major.empty()) {
      wrong("--macos", fmt::format("'{}' is not a version such as 15 or 26.1", options.macos));
    }
    out.macos = integer(major, "--macos", 11, 99);
  }
  if (!options.wired_limit_mb.empty()) {
    out.wired_limit_mib = integer(options.wired_limit_mb, "--wired-limit-mb", 0, 1 << 24);
  }
  if (!options.reserve.empty()) {
    // Sizes begin with a digit; parse_size() says what is wrong with one that begins with a sign.
    const bool named = std::isalpha(static_cast<unsigned char>(options.reserve.front())) != 0;
    if (named) {
      out.beside = asked_for("--reserve", [&] { return profiles.reserve(options.reserve); }).parts;
    } else {
      out.reserve = parse_size(options.reserve, "--reserve");
    }
  }
  return out;
}

/// The type under which max_context_by_cache_type() lists these settings; nothing when it does not.
std::optional<ElementType> listed_type(const Settings& settings, const Runtime& runtime) {
  if (runtime.engine == Engine::mlx) {
    if (settings.kv_bits == 0) return ElementType::f16;
    if (settings.kv_bits == 8) return ElementType::q8_0;
    if (settings.kv_bits == 4) return ElementType::q4_0;
    return std::nullopt;
  }
  if (settings.cache_type_k != settings.cache_type_v) return std::nullopt;
  return settings.cache_type_k;
}

/// Modelfiles and the variables are Ollama's, so they ask for Ollama.
Runtime runtime_of(const PlanOptions& options, const Profiles& profiles, bool modelfile) {
  const bool ollamas = modelfile || options.from_env;
  const auto id = options.runtime.empty() ? (ollamas ? "ollama" : "llama.cpp") : options.runtime;
  auto out = asked_for("--runtime", [&] { return profiles.runtime(id); });
  if (ollamas && !out.ollama) {
    wrong(modelfile ? "--modelfile" : "--from-env",
          fmt::format("has settings of Ollama, which {} does not read; leave out --runtime, or give "
                      "--runtime ollama",
                      out.id));
  }
  return options.from_env ? with_environment(std::move(out)) : out;
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
  command
      .add_flag("--no-op-offload", no_op_offload, "Metal leaves the CPU's weights to the CPU")
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
  option("--draft,--model-draft", draft, "-md; model that drafts tokens for this one: name or .gguf",
         "MODEL", "Runtime");
  command.add_flag("--embeddings,--embedding", embeddings, "Serve embeddings instead of text")
      ->group("Runtime");
  option("--pooling", pooling, "Of embeddings: none mean cls last rank; default: the model's",
         "KIND", "Runtime");

  attachments.add_to(command);

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
  option("--prompt-tokens", prompt_tokens, "Tokens that are prompted; default: 512");
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
  wrong("--format", fmt::format("'{}' is not known; use text, json or markdown", format));
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
  // Slips on the command line first: they cost nothing to find.
  static_cast<void>(options.output_format());
  const auto modelfile = modelfile_of(options.modelfile);
  const auto name = model_name(options.model, options.modelfile, modelfile);
  auto workload = workload_of(options);
  const auto speed = speed_of(workload);
  check_depth(options, workload, speed);
  auto profiles = Profiles::embedded();
  if (!options.profiles.empty()) profiles = profiles.overlaid_with(options.profiles);
  auto machine = machine_of(options, profiles);
  auto runtime = runtime_of(options, profiles, modelfile.has_value());
  // Before the model is read, because it is quick and says what is wrong with --macos or --reserve.
  static_cast<void>(asked_for("--macos", [&] { return budget(machine, runtime); }));
  auto model = read_for(runtime, name, options, profiles);
  workload = with_ollamas_own(std::move(workload), modelfile, runtime, model);
  if (!machine.metal) workload.backend = Backend::cpu;
  auto speed_rules = speed_rules_of(machine, runtime, profiles);
  if (!options.no_calibration) apply_calibration(machine, speed_rules);
  options.attachments.read(workload);
  ModelNames draft_names;
  if (!options.draft.empty()) {
    workload.draft =
        std::make_shared<const Model>(read_model(options.draft, {}, profiles, options.source));
    draft_names = names_of(options.draft, *workload.draft, profiles);
  }
  auto names = names_of(name, model, profiles);
  auto server = runtime.id == "llama.cpp" ? runtime
                : runtime.engine == Engine::llama_cpp
                    ? profiles.runtime("llama.cpp@" + runtime.engine_version)
                    : profiles.runtime("llama.cpp");
  const auto ollama =
      runtime.ollama ? fmt::format("{}@{}", runtime.id, runtime.version) : std::string("ollama");
  return {.model = std::move(model),
          .machine = std::move(machine),
          .runtime = std::move(runtime),
          .workload = std::move(workload),
          .server = std::move(server),
          .ollama = profiles.runtime(ollama),
          .lmstudio = profiles.runtime("lmstudio"),
          .names = std::move(names),
          .draft_names = std::move(draft_names),
          .speed_rules = std::move(speed_rules),
          .speed = speed,
          .profiles = profiles,
          .target_headroom = {},
          .stretch = options.explain,
          .advise = true,
          .largest_context = lower(options.context) == "max"};
}

MachineInputs read_machine(const PlanOptions& options) {
  auto workload = workload_of(options);
  const auto speed = speed_of(workload);
  check_depth(options, workload, speed);
  auto profiles = Profiles::embedded();
  if (!options.profiles.empty()) profiles = profiles.overlaid_with(options.profiles);
  auto machine = machine_of(options, profiles);
  auto runtime = runtime_of(options, profiles, false);
  static_cast<void>(asked_for("--macos", [&] { return budget(machine, runtime); }));
  if (!machine.metal) workload.backend = Backend::cpu;
  auto speed_rules = speed_rules_of(machine, runtime, profiles);
  if (!options.no_calibration) apply_calibration(machine, speed_rules);
  return {.profiles = std::move(profiles),
          .machine = std::move(machine),
          .runtime = std::move(runtime),
          .workload = std::move(workload),
          .speed_rules = std::move(speed_rules),
          .speed = speed};
}

PlanReport report_of(PlanInputs inputs) {
  PlanReport out;
  out.by_cache_type =
      max_context_by_cache_type(inputs.model, inputs.machine, inputs.runtime, inputs.workload,
                                inputs.target_headroom);
  // The workload's own types are mostly among these; each search costs several plans.
  const auto settings =
      resolve(configured(inputs.workload, inputs.runtime, inputs.model,
                         budget(inputs.machine, inputs.runtime)),
              inputs.runtime, inputs.model);
  const auto own = std::ranges::find_if(out.by_cache_type, [&](const ContextByCacheType& each) {
    return each.type == listed_type(settings, inputs.runtime);
  });
  out.max_context =
      own != out.by_cache_type.end()
          ? own->tokens
          : max_context(inputs.model, inputs.machine, inputs.runtime, inputs.workload,
                        inputs.target_headroom);
  const bool own_caches = !settings.kv_unified && settings.parallel > 1 &&
                          !grows_with_use(inputs.runtime.engine);
  const auto trained = inputs.model.trained_context * (own_caches ? settings.parallel : 1);
  if (inputs.stretch && trained > 0 && out.max_context >= trained) {
    out.stretched_context =
        max_context(inputs.model, inputs.machine, inputs.runtime, inputs.workload,
                    inputs.target_headroom, inputs.profiles.advice_rules().most_rope_factor);
  }
  if (inputs.largest_context) {
    inputs.workload.context = std::max(out.max_context, smallest_context);
  }
  out.plan = plan(inputs.model, inputs.machine, inputs.runtime, inputs.workload);
  if (inputs.speed_rules) {
    out.speed = speed(inputs.model, inputs.machine, out.plan.footprint, *inputs.speed_rules,
                      inputs.speed);
  }
  if (inputs.advise) add_advice(out, inputs);
  // What the runtime chose is what others must be told.
  inputs.workload = configured(inputs.workload, inputs.runtime, inputs.model, out.plan.budget);
  PlannedRun run{
      .model = std::move(inputs.model),
      .machine = std::move(inputs.machine),
      .server = std::move(inputs.server),
      .ollama = std::move(inputs.ollama),
      .lmstudio = std::move(inputs.lmstudio),
      .workload = std::move(inputs.workload),
      .plan = std::move(out.plan),
      .names = std::move(inputs.names),
      .draft_names = std::move(inputs.draft_names),
      .engine = inputs.runtime.engine,
  };
  // The others read other weights, or are told nothing that this knows to write.
  if (inputs.runtime.engine == Engine::llama_cpp || inputs.runtime.engine == Engine::mlx) {
    out.commands = runtime_commands(run);
  }
  out.plan = std::move(run.plan);
  out.model = std::move(run.model);
  out.machine = std::move(run.machine);
  out.runtime = std::move(inputs.runtime);
  return out;
}

std::string rendered(const PlanReport& report, const PlanOptions& options) {
  switch (options.output_format()) {
    case Format::json: return to_json(report);
    case Format::markdown: return to_markdown(report, options.explain);
    case Format::text: break;
  }
  return to_text(report, options.style());
}

std::vector<std::string> with_long_options(int argc, const char* const* argv) {
  using Pair = std::pair<std::string_view, std::string_view>;
  constexpr std::array<Pair, 20> names{{{"-ctk", "--cache-type-k"},
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
  std::vector<std::string> out;
  bool options = true;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    options = options && argument != "--";
    const auto known = std::ranges::find(names, std::string_view(argument), &Pair::first);
    out.push_back(options && known != names.end() ? std::string(known->second) : argument);
  }
  return out;
}
