// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/engine_log.hpp"
#include "membudget/footprint.hpp"
#include "membudget/machine.hpp"
#include "membudget/model.hpp"
#include "membudget/profiles.hpp"
#include "membudget/runtime.hpp"
#include "membudget/workload.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// How far a part may be from what the log says, beyond the precision that it is printed with and
/// after the known causes whose bytes can be counted. It is near enough when either holds.
struct Tolerance {
  Bytes bytes;         ///< At most so many more or fewer.
  double percent = 0;  ///< At most so much of what the log says of that part.
  /// Nobody chose: byte for byte for the engine's own buffers, 5 % where the plan rests on
  /// measurements (MLX's peak).
  bool by_default = true;
};

/// "1%", "0.5 %", "16MiB", "0". Throws Error{bad_request} naming `option` for anything else.
[[nodiscard]] Tolerance parse_tolerance(std::string_view text, std::string_view option);

/// Why an engine takes another size than the rules of the newest known build say.
struct KnownCause {
  std::string name;  ///< "F32 mask before b9410"
  /// How many bytes more it makes, from the log's own settings; nothing when that cannot be told:
  /// the graph is another one.
  std::optional<Bytes> bytes;
};

/// What of a load is compared. `context` is cache and recurrent state together, as a memory
/// breakdown has them; `total` the buffers of one server, as `ollama ps` has them.
enum class ComparedName : std::uint8_t {
  weights,
  repacked_weights,
  kv_cache,
  recurrent_state,
  context,
  compute,
  output,
  peak,
  total,
};

/// One part of a load: the plan beside the log.
struct ComparedPart {
  ComparedName name = ComparedName::weights;
  std::optional<Place> where;  ///< Nothing: both sides together.
  Bytes predicted;             ///< With the causes that are counted.
  PrintedSize actual;
  std::vector<KnownCause> causes;
  /// What the log has more than predicted, beyond the precision of either; negative: less.
  Bytes difference;
  bool within = true;  ///< The tolerance.

  /// Its difference has a cause, but none that can be counted.
  [[nodiscard]] bool explained() const;
};

/// The model of a log, and why it is taken for that.
struct MatchedModel {
  std::string id;                  ///< Of the catalog.
  std::string quantization;        ///< "Q4_K_M"; empty: the log does not say.
  std::string why;                 ///< "its name in the log", "the only one of its shape"
  std::vector<std::string> alike;  ///< Others of the same shape, whose memory is the same.
};

/// Finds the model in the catalog by its name in the log, its file's name and its shape.
/// Throws Error{unknown_name} that lists the candidates, when there are several whose memory
/// differs, or says what is missing, when there is none.
[[nodiscard]] MatchedModel match_model(const EngineLoad& load, const Profiles& profiles);

/// The Mac of a log.
struct MatchedMachine {
  std::string chip;                        ///< Id of a profile; empty: not known.
  std::int64_t macos = 0;                  ///< Whose rule gives the limit; 0 = none does.
  std::string rule;                        ///< "0.78 x RAM"
  std::vector<std::string> alike;          ///< Other chips that it may as well be.
  std::optional<PrintedSize> working_set;  ///< As printed.
  std::string problem;  ///< Why no rule gives the printed limit; empty: one does.
};

/// The chip whose working-set rule gives what Metal said in the log. An `expected` chip is held
/// against it instead, under `macos` (0 = any). Nothing when the log names no GPU of Apple's.
[[nodiscard]] std::optional<MatchedMachine> match_machine(const EngineLoad& load,
                                                          const Profiles& profiles,
                                                          const Chip* expected, std::int64_t macos);

/// A load of a log with the same planned beside it.
struct Verification {
  EngineLoad load;
  Model model;
  std::string model_id;  ///< Of the catalog; empty: the user named a file.
  std::string why;       ///< The model is taken for this one.
  std::vector<std::string> alike;
  Runtime runtime;
  Workload workload;
  std::optional<Footprint> footprint;
  /// Of which builds the sizes are, by their number or by what agrees; 0 = no end.
  std::int64_t build_from = 0;
  std::int64_t build_to = 0;
  std::optional<MatchedMachine> machine;
  Tolerance tolerance;
  std::vector<ComparedPart> parts;
  std::vector<std::string> lacks;  ///< Of the log, for a full comparison.
  std::vector<std::string> notes;  ///< What a reader has to know, one sentence each.
  std::string not_planned;         ///< Why nothing could be compared; empty: something was.

  /// Something was compared, and all of it is within the tolerance.
  [[nodiscard]] bool agrees() const;
};

/// What the user knows better than the log, and how exact to be.
struct VerifyOptions {
  Workload settings;  ///< What is set here stands before what the log says.
  Tolerance tolerance;
};

/// Plans the load's model with the load's settings and compares part by part.
///
/// The plan is made for the build that the log names. Where it names none, for the newest of the
/// builds that print such lines with whose rules most parts agree. Differences between builds
/// that follow from the settings are counted (llama.cpp's history, see src/verify/causes.cpp);
/// others are named. What cannot be planned is a Verification with `not_planned`, never an error.
[[nodiscard]] Verification verify(const EngineLoad& load, const Model& model,
                                  const Profiles& profiles, const VerifyOptions& options);

/// The same with the model that match_model() finds in the catalog; what it throws becomes
/// `not_planned`. Weights whose types the log does not name are not compared.
[[nodiscard]] Verification verify(const EngineLoad& load, const Profiles& profiles,
                                  const VerifyOptions& options);

/// The quantization that a log names, by its file type or in the name of the file; empty when it
/// names none that is known.
[[nodiscard]] std::string quantization_in(const EngineLoad& load, const Profiles& profiles);

/// As JSON has it: "weights", "repacked_weights".
[[nodiscard]] std::string_view to_string(ComparedName name);

}  // namespace membudget
#pragma GCC visibility pop
