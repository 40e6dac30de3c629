// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/capability.hpp"
#include "membudget/plan.hpp"
#include "membudget/quality_table.hpp"
#include "membudget/speed.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What the models are wanted for. Empty optionals mean the task's own wish.
struct RankRequest {
  std::string task = "chat";
  /// Settings for all of them. A context (in tokens) longer than trained leaves a model out.
  Workload workload;
  std::optional<double> min_tps;           ///< Generated tokens per second.
  std::vector<std::string> quantizations;  ///< Best first; empty: the task's.
  double enough_parameters = 0;            ///< Worth beyond this gains nothing; 0: no limit.
  SpeedRequest speed;
  std::size_t count = 10;  ///< Models to rank.
  unsigned threads = 2;
};

/// How much a model can be expected to do for a task, in parameters of a dense model of the
/// reference date that was trained as well as the best and for no task in particular.
struct Worth {
  double parameters = 0;             ///< 0: it cannot do the task.
  double size = 0;                   ///< Parameters as if dense.
  double age = 1;                    ///< Times, for its generation.
  double training = 1;               ///< Times, for its traits.
  std::vector<std::string> traits;   ///< Those that count for the task.
  std::vector<std::string> reasons;  ///< Why; one per statement of the data that was used.
};

/// size x 2^((released - behind - reference) / halving_months) x worth of its traits. Models of
/// families nobody described count as old as the oldest one.
[[nodiscard]] Worth worth_of(const CatalogEntry& entry, std::string_view task,
                             const CapabilityRules& rules);

/// The factors of a model's score, each 1 at best (capability: of a model worth the reference).
struct RankFactors {
  double capability = 0;  ///< (worth / reference)^size_exponent
  double quality = 1;     ///< 1 / (1 + published increase of perplexity)
  double speed = 1;       ///< (generated tokens per second / seamless)^speed_exponent, at most 1
  double room = 1;        ///< Less than 1 for a plan that is only tight.

  /// The product of the factors, by which models are ranked.
  [[nodiscard]] double score() const { return capability * quality * speed * room; }
};

/// A model that fits, at the quantization that was chosen for it.
struct RankedModel {
  CatalogEntry entry;
  Worth worth;
  RankFactors factors;
  std::string quantization;
  /// What `quality` rests on; nothing for a quantization that the model was published in.
  std::optional<QualityFigure> figure;
  Plan plan;
  std::optional<Speed> speed;
};

/// What became of the rest of the catalog.
struct LeftOut {
  std::size_t other_task = 0;     ///< Cannot do the task.
  std::size_t too_weak = 0;       ///< Worth less than the task needs.
  std::size_t short_context = 0;  ///< Trained for less than was asked.
  std::size_t too_large = 0;
  std::size_t too_slow = 0;
  std::size_t not_planned = 0;  ///< Fit perhaps, but could not come among the first.
  std::size_t older = 0;        ///< The same shapes in an older generation.
};

/// What rank() found, and what became of the others.
struct Ranking {
  RankRequest request;              ///< With every wish filled in.
  std::vector<RankedModel> models;  ///< Best first.
  LeftOut left_out;
  bool last_resort = false;  ///< Nothing fits at about 4 bits; these have fewer.
};

/// A catalog model at a quantization. Called from several threads at once.
using ReadModel = std::function<Model(const CatalogEntry& entry, const std::string& quantization)>;

/// The models of `catalog` that fit and are fast enough, by score. One quantization is chosen per
/// model: the first of those wanted with which it fits comfortably and is seamless, else the one
/// with the best score; what the model was published in (MXFP4) stays as it is.
///
/// Exact: a model is left unplanned only when even at full speed and without loss it could not
/// come among the `request.count` first. Throws Error{bad_request} for an unknown task.
[[nodiscard]] Ranking rank(std::span<const CatalogEntry> catalog, const ReadModel& read,
                           const Machine& machine, const Runtime& runtime,
                           const std::optional<SpeedRules>& speed_rules,
                           const CapabilityRules& capability, const QualityTable& quality,
                           const RankRequest& request);

/// Why one is better than another, or what it offers more: clauses such as "twice as fast".
[[nodiscard]] std::vector<std::string> advantages(const RankedModel& one, const RankedModel& other);

/// The request that the documents' selector makes of three words, each of which may be empty.
/// Throws Error{bad_request} for an unknown one.
[[nodiscard]] RankRequest selected(RankRequest request, const CapabilityRules& rules,
                                   std::string_view complexity, std::string_view quality,
                                   std::string_view performance);

/// What the documents choose; nothing when they are silent.
[[nodiscard]] std::optional<SelectorChoice> documents_choice(const CapabilityRules& rules,
                                                             std::string_view complexity,
                                                             std::string_view quality,
                                                             std::string_view performance);

/// The best of a ranking that takes at most half the memory of the first, for when that is short;
/// nullptr when there is none.
[[nodiscard]] const RankedModel* fallback_of(const Ranking& ranking);

}  // namespace membudget
#pragma GCC visibility pop
