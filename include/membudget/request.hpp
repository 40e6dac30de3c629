// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/machine.hpp"
#include "membudget/model.hpp"
#include "membudget/model_names.hpp"
#include "membudget/profiles.hpp"
#include "membudget/report.hpp"
#include "membudget/runtime.hpp"
#include "membudget/settings.hpp"
#include "membudget/speed.hpp"
#include "membudget/workload.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What is asked for is wrong by itself, whatever code() calls it: an unknown chip in a request is
/// a slip of who wrote it, an unknown model one that cannot be read. Programs exit with 2 for it.
///
/// where() is the option as the command line spells it ("--ctx-size", "MODEL"), of a fault in JSON
/// the pointer to its key ("/ctx-size").
class RequestError : public Error {
 public:
  using Error::Error;
  /// The same error as one of the request.
  explicit RequestError(const Error& error) : Error(error) {}
};

/// The message of an error without its place.
[[nodiscard]] std::string problem(const Error& error);

/// What a plan is asked for, in words: each member holds what stands behind the option of
/// `membudget plan` that its comment names, as it would be typed there. Empty, or false: the
/// default, which is the runtime's own where nothing else is said.
struct PlanRequest {
  std::string model{};           ///< MODEL: "qwen2.5-coder:32b".
  std::string chip{};            ///< --chip: "m1-max-32gb".
  std::string macos{};           ///< --macos: "15", "26.1"; default: 26.
  std::string wired_limit_mb{};  ///< --wired-limit-mb, in MiB; default: "0", macOS decides.
  std::string reserve{};         ///< --reserve: "4GiB", or a name such as "docker-postgres-qdrant".
  std::string runtime{};         ///< --runtime: "ollama", "llama.cpp@b10488"; default: llama.cpp.
  std::string quantization{};    ///< --quant: "Q4_K_M"; default: the model's usual one.
  std::string context{};         ///< --ctx-size, in tokens: "8192", "8k", "max".
  std::string depth{};           ///< --depth, in tokens; default: 0.
  std::string prompt_tokens{};   ///< --prompt-tokens; default: 512.
  std::string generate_tokens{};               ///< --generate-tokens; default: 128.
  std::string cache_type{};                    ///< --cache-type, of K and V: "q8_0".
  std::string cache_type_k{};                  ///< --cache-type-k; default: `cache_type`.
  std::string cache_type_v{};                  ///< --cache-type-v; default: `cache_type`.
  std::string flash_attention{};               ///< --flash-attn: "on", "off", "auto".
  std::string batch{};                         ///< --batch-size, in tokens.
  std::string ubatch{};                        ///< --ubatch-size, in tokens.
  std::string parallel{};                      ///< --parallel: slots.
  std::string gpu_layers{};                    ///< --gpu-layers: "33", "all".
  bool kv_unified = false;                     ///< --kv-unified
  bool swa_full = false;                       ///< --swa-full
  bool no_mmap = false;                        ///< --no-mmap
  std::string load_mode{};                     ///< --load-mode: "mmap", "none".
  bool cpu_moe = false;                        ///< --cpu-moe
  std::string n_cpu_moe{};                     ///< --n-cpu-moe: layers.
  std::vector<std::string> override_tensor{};  ///< --override-tensor: "PATTERN=CPU".
  bool no_kv_offload = false;                  ///< --no-kv-offload
  bool no_repack = false;                      ///< --no-repack
  bool no_op_offload = false;                  ///< --no-op-offload
  std::string prefill_step{};                  ///< --prefill-step-size, in tokens.
  std::string kv_bits{};                       ///< --kv-bits: "8".
  std::string draft{};                         ///< --draft: a model that drafts for this one.
  bool embeddings = false;                     ///< --embeddings
  std::string pooling{};                       ///< --pooling: "mean".
  std::string spec_type{};                     ///< --spec-type: "draft-mtp".
  std::string draft_max{};                     ///< --spec-draft-n-max, in tokens.
  std::string draft_cache_type_k{};            ///< --cache-type-k-draft
  std::string draft_cache_type_v{};            ///< --cache-type-v-draft
  std::string cache_ram{};                     ///< --cache-ram, in MiB; "-1": no limit.
  std::string checkpoints{};                   ///< --ctx-checkpoints, per slot.
  bool explain = false;  ///< --explain: also how far memory reaches beyond the trained context.

  friend bool operator==(const PlanRequest&, const PlanRequest&) = default;
};

/// The request in one JSON object (RFC 8259) whose keys are the options' long names without their
/// dashes and "model": `{"model": "qwen2.5-coder:32b", "chip": "m1-max-32gb", "ctx-size": "8k"}`.
/// Values are strings as they would be typed; a whole number may stand for one of digits, flags are
/// true or false, "override-tensor" may be an array of strings. null is the same as leaving it out.
/// Throws RequestError{bad_request} for what is no such object: broken JSON or UTF-8, an unknown or
/// repeated key, a value of another type; RequestError{unsupported} for the options that name files
/// or this machine, of which this library's readers of requests know nothing.
[[nodiscard]] PlanRequest plan_request(std::string_view json);

/// `error` as who wrote the request in JSON is told it: the option "--ctx-size" is the key
/// "/ctx-size". Other places stay.
[[nodiscard]] RequestError in_json_request(const RequestError& error);
/// The same of any error.
[[nodiscard]] Error in_json_request(const Error& error);

/// Everything that plan_report() works on, looked up and read.
struct PlanInputs {
  Model model;
  Machine machine;
  Runtime runtime;
  Workload workload;
  Runtime server;  ///< llama-server of the runtime's build.
  Runtime ollama;  ///< Ollama and LM Studio as they start without any setting.
  Runtime lmstudio;
  ModelNames names;
  ModelNames draft_names;
  std::optional<SpeedRules> speed_rules;  ///< Empty where no speed is known.
  SpeedRequest speed;
  Profiles profiles;      ///< Where all of these were looked up.
  Bytes target_headroom;  ///< What the largest contexts leave free.
  bool stretch = false;   ///< Look how far memory reaches beyond the trained context.
  bool advise = true;     ///< Say what to change, or what there is room for.
  /// Whom the plan is told to; each may cost an estimate.
  std::vector<SettingsFormat> commands_for{settings_formats.begin(), settings_formats.end()};
  bool largest_context = false;  ///< "max" was asked for; the workload's context is still empty.
};

/// The same without a model.
struct MachineInputs {
  Profiles profiles;
  Machine machine;
  Runtime runtime;
  Workload workload;
  /// Of speed_rules_of(), for callers that have no model; plan_inputs() looks them up itself, as a
  /// model may change the runtime. machine_inputs() leaves them empty.
  std::optional<SpeedRules> speed_rules;
  SpeedRequest speed;
};

/// Smallest context llama.cpp allocates; planned for a context of "max" when not even that fits.
inline constexpr std::int64_t smallest_context = 256;

// The steps from a request to PlanInputs, for callers that take the machine or the model from
// elsewhere; plan_inputs(request, profiles) takes them all. None does any I/O. Each throws
// RequestError, with the option as where(), for what the request says wrongly.

/// What the request says to an engine. `draft` and a context of "max" stay open.
[[nodiscard]] Workload requested_workload(const PlanRequest& request);

/// The Mac that the request names, with its macOS, wired limit and reserve.
[[nodiscard]] Machine requested_machine(const PlanRequest& request, const Profiles& profiles);
/// The same of a machine that is known, whatever `chip` says.
[[nodiscard]] Machine requested_machine(const PlanRequest& request, const Profiles& profiles,
                                        Machine machine);

/// The runtime that the request names, or `usual`.
[[nodiscard]] Runtime requested_runtime(const PlanRequest& request, const Profiles& profiles,
                                        std::string_view usual = "llama.cpp");

/// nullopt also for a machine whose bandwidth nobody published.
[[nodiscard]] std::optional<SpeedRules> speed_rules_of(const Machine& machine,
                                                       const Runtime& runtime,
                                                       const Profiles& profiles);

/// Joins them. Throws RequestError for a machine without a budget, such as one under a macOS that
/// nobody knows.
[[nodiscard]] MachineInputs machine_inputs(Profiles profiles, Machine machine, Runtime runtime,
                                           Workload workload);

/// Reads a model by name, at a quantization or (empty) its usual one, as load_model() does.
using ModelReader = std::function<Model(const std::string& name, const std::string& quantization)>;

/// Models of the catalog. Throws Error{unsupported} for a name that means a file or an address.
[[nodiscard]] ModelReader catalog_reader(const Profiles& profiles);

/// read(name, quantization), where an unknown quantization is the request's fault (RequestError),
/// an unknown model is not.
[[nodiscard]] Model read_at(const ModelReader& read, const std::string& name,
                            const std::string& quantization);

/// The model called `name` with weights that the runtime reads: of a catalog model, where the
/// request asks for no others, those that its users mostly load, or those nearest in bits to its
/// usual ones. A runtime that has another program for MLX's models becomes that one for such a
/// model.
[[nodiscard]] Model requested_model(const PlanRequest& request, const std::string& name,
                                    const Profiles& profiles, const ModelReader& read,
                                    Runtime& runtime);

/// Joins these too. Where Ollama counts a context by slot, it becomes that of all slots.
[[nodiscard]] PlanInputs plan_inputs(const PlanRequest& request, MachineInputs around, Model model,
                                     ModelNames names);

/// Adds the model that drafts, if the request names one.
void add_draft(PlanInputs& inputs, const PlanRequest& request, const ModelReader& read);

/// The plan with both searches for the largest context, its speed, advice and commands. With
/// `largest_context` the plan is for that context, or for the smallest one when none fits. Throws
/// Error{bad_request} for settings that the engine itself would refuse.
[[nodiscard]] PlanReport plan_report(PlanInputs inputs);

/// A catalog model on a Mac that is named. Throws RequestError, and Error{unknown_name} for the
/// model.
[[nodiscard]] PlanInputs plan_inputs(const PlanRequest& request, const Profiles& profiles);
/// The same of a model that was read already; `request.model` is then what runtimes are told it is
/// called, such as the path of its file. A `draft` is of the catalog here too.
[[nodiscard]] PlanInputs plan_inputs(const PlanRequest& request, const Profiles& profiles,
                                     Model model);

/// What `membudget plan` reports of such inputs: to_json() of it gives the bytes that `--json`
/// prints.
[[nodiscard]] PlanReport plan_report(const PlanRequest& request, const Profiles& profiles);
/// The same of a model that was read already, as plan_inputs() takes it.
[[nodiscard]] PlanReport plan_report(const PlanRequest& request, const Profiles& profiles,
                                     Model model);

}  // namespace membudget
#pragma GCC visibility pop
