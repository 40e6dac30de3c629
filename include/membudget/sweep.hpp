// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/plan.hpp"
#include "membudget/speed.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What is planned, but for its context and its cache types: a chip, a runtime and a quantization.
struct SweepSubject {
  std::string quantization;  ///< As asked for; empty = the model's usual.
  /// nullptr: there is no such combination, and `refusal` says why in one sentence.
  std::shared_ptr<const Model> model;
  std::string refusal;
  Machine machine;
  Runtime runtime;
  Workload workload;  ///< Its context and cache types are what the axes say, where they say any.
  std::optional<SpeedRules> speed_rules;  ///< Nothing: no speed is known.
  SpeedRequest speed;
};

/// Types of the cache; nothing = the workload's own, else the runtime's. For MLX f16, q8_0 and q4_0
/// stand for --kv-bits 0, 8 and 4, as in max_context_by_cache_type().
struct CacheTypes {
  std::optional<ElementType> k;
  std::optional<ElementType> v;
};

/// The product of its axes, in this order: subjects, then cache types, then contexts.
struct SweepRequest {
  std::string model;  ///< What was asked for, for people.
  std::vector<SweepSubject> subjects;
  std::vector<CacheTypes> cache_types;  ///< Empty: the workloads' own.
  std::vector<std::int64_t> contexts;   ///< In tokens; ascending.
};

/// A part of a footprint without its words.
struct PartSize {
  PartName name = PartName::weights;
  Place where = Place::gpu;
  Bytes bytes;
  Basis basis = Basis::formula;
};

/// The numbers of a Plan.
struct PlanFigures {
  std::int64_t context = 0;  ///< As the engine resolved it.
  std::vector<PartSize> parts;
  Bytes gpu;
  Bytes host;
  std::optional<Bytes> peak;
  Binding binding = Binding::gpu;
  Bytes headroom;
  Verdict verdict = Verdict::does_not_fit;
  std::optional<Speed> speed;

  /// On the GPU and beside it. Throws Error{overflow}.
  [[nodiscard]] Bytes total() const { return gpu + host; }
  /// Of the parts of one name; 0 when there is none.
  [[nodiscard]] Bytes total(PartName name) const;
};

/// The figures of `plan`, without what explains them; `speed` stays empty.
[[nodiscard]] PlanFigures figures_of(const Plan& plan);

/// One context of a series.
struct SweepPoint {
  std::int64_t asked = 0;           ///< Tokens, as on the axis.
  std::optional<PlanFigures> plan;  ///< Nothing: it cannot be planned, and `refusal` says why.
  std::string refusal;
};

/// A subject with one cache type at every context.
struct SweepSeries {
  std::string chip;
  std::string chip_name;  ///< "Apple M1 Max"; empty = not known.
  std::string system;     ///< "macOS 26", "Linux"
  std::string runtime;
  std::string runtime_version;
  std::string engine;
  std::string quantization;  ///< The model's; what was asked for where there is none.
  /// "f16", "K q8_0, V f16"; of MLX "16-bit", "8-bit", "4-bit". What was asked for where nothing
  /// could be planned.
  std::string cache_type;
  std::string cache_type_k;  ///< "f16"; empty with MLX, and where nothing could be planned.
  std::string cache_type_v;
  std::optional<std::int64_t> kv_bits;  ///< Of MLX; 0 = as computed.
  bool grows_with_use = false;          ///< Tokens are those in use, not those that are reserved.
  Bytes ram;
  // The limits are the machine's and the runtime's; the context does not change them.
  bool metal = true;  ///< False: RAM alone binds.
  Bytes gpu_limit;
  std::string gpu_limit_rule;
  Bytes ram_available;
  Bytes safety_margin;
  std::vector<SweepPoint> points;  ///< One per context of the axis, in its order.
  std::int64_t max_context = 0;  ///< max_context(): exact, whatever the axis holds; 0 = none fits.
  std::optional<PlanFigures> at_max;  ///< The plan of that context.
  std::string refusal;  ///< Why nothing of it can be planned; empty where a point can.
};

/// A model over contexts, machines, runtimes and cache types.
struct Sweep {
  std::string model;  ///< Its id, or what was asked for where it could not be read.
  std::string architecture;
  std::int64_t trained_context = 0;  ///< 0 = not known.
  std::vector<std::int64_t> contexts;
  std::vector<SweepSeries> series;  ///< Subjects, then cache types.
};

/// Called after each series or point that is done, from one thread at a time; `done` only grows.
using SweepProgress = std::function<void(std::size_t done, std::size_t all)>;

/// Plans every combination, on `threads` threads (0 = as many as the machine has cores, 1 = none
/// but the caller's). The result does not depend on their number. What plan() refuses with an Error
/// is a point with its reason; other exceptions, those of `progress` too, end the sweep and are
/// thrown.
[[nodiscard]] Sweep sweep(const SweepRequest& request, unsigned threads = 0,
                          const SweepProgress& progress = {});

/// Whether any point of it fits.
[[nodiscard]] bool any_fits(const Sweep& sweep);

/// The last point of a series that fits; nullptr when none does.
[[nodiscard]] const SweepPoint* largest_fitting(const SweepSeries& series);

/// Reads a list of contexts, ascending and each once. Its items, divided by commas, are
///   - `8k`: a number of tokens as parse_tokens() reads it;
///   - `2k..128k`: doubling from the first to the last, which always belongs to it;
///   - `2k..32k+2k`: the same in steps;
///   - `2k..`: to `trained`, the context the model was trained for.
/// Throws Error{bad_request} naming `option` for anything else, and for more than 1024 contexts.
[[nodiscard]] std::vector<std::int64_t> context_axis(std::string_view text, std::int64_t trained,
                                                     std::string_view option);

/// "a,b" as items, each once, in the order in which they stand. Throws Error{bad_request} naming
/// `option` for an empty one.
[[nodiscard]] std::vector<std::string> list_axis(std::string_view text, std::string_view option);

}  // namespace membudget
#pragma GCC visibility pop
