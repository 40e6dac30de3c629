// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "membudget/advise.hpp"
#include "membudget/plan.hpp"
#include "membudget/serving_rules.hpp"
#include "membudget/speed.hpp"
#include "membudget/stack_profile.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// A model of a stack, looked up and read.
struct StackMember {
  std::string name;  ///< Unique in its stack.
  std::string role;
  std::shared_ptr<const Model> model;
  Runtime runtime;
  Workload workload;
  std::int64_t count = 1;  ///< Processes that each hold it, all busy at once.
  Residency residency = Residency::resident;
  std::optional<std::int64_t> keep_alive_s;  ///< Instead of its server's; negative = for ever.
  ServerRules server;                        ///< Of its runtime.
  std::optional<SpeedRules> speed_rules;
  /// What each process takes besides what estimate() knows: a vision projector, adapters.
  std::vector<Part> extra;
};

/// Models that share the memory of one machine.
struct Stack {
  std::string id;
  std::string name;
  Machine machine;
  std::vector<StackMember> members;
  SpeedRequest speed;  ///< At which speeds are predicted.
  std::optional<StorageSpeed> storage;
};

/// One member of a plan for a stack.
struct MemberPlan {
  Footprint one;  ///< Of one process, all of it.
  Bytes gpu;      ///< Of all its processes.
  Bytes total;
  Bytes idle_gpu;  ///< While it is loaded and nobody asks; engines that grow with use take less.
  Bytes idle_total;
  Bytes same_pages;  ///< Of `total`, further mappings of one file: RAM may hold them once.
  std::optional<Speed> alone;    ///< With the machine to itself.
  double shared_tps = 0;         ///< Of each process at least, when all that are loaded generate.
  std::optional<double> load_s;  ///< From the SSD, at best; nothing where its speed is not known.
  bool at_peak = false;          ///< Counts in StackPlan::peak.
};

/// How a stack will sit in the memory of a machine.
struct StackPlan {
  std::vector<MemberPlan> members;  ///< As in the stack.
  Plan all;                         ///< Everything loaded and busy, on-demand members too.
  /// What has to fit at once by its servers' own rules: everything resident and, of each server, as
  /// many on-demand models as it keeps. Ollama looks at memory and unloads others first, so of its
  /// on-demand models only the largest has to; with room to spare it keeps more. This one is
  /// judged.
  Plan peak;
  Bytes idle_gpu;  ///< Of what is resident, while nobody asks.
  Bytes idle_total;
  Bytes counted_once;              ///< Left out of the sums because it was counted already.
  std::int64_t busy = 0;           ///< Processes that generate at once at the peak.
  std::vector<std::string> notes;  ///< What a reader must know, one sentence each.
};

/// Estimates every member and judges them together: memory is one pool, the system's reserve is
/// kept once, what a server program takes by itself counts once, and everything else counts for
/// each process. A stack of one member is its plan().
///
/// Speeds: bandwidth and GPU are shared, so N processes that generate at once get at least 1/N of
/// what each gets alone; one that pauses leaves its part to the others.
///
/// Throws Error{bad_request}, naming the member, for settings its engine refuses, and for two
/// processes of a model that its server holds once.
[[nodiscard]] StackPlan plan_stack(const Stack& stack);

/// The most processes of a member for which the whole still fits, up to `most`; 0 when not even
/// one does. Its own `count` does not matter.
[[nodiscard]] std::int64_t max_count(const Stack& stack, std::size_t member,
                                     std::int64_t most = 1'000'000);

/// The most slots of a member, each with `context` tokens of its own, for which the whole still
/// fits: 0 when one slot does not. llama-server serves at most 256.
[[nodiscard]] std::int64_t max_parallel(const Stack& stack, std::size_t member,
                                        std::int64_t context);

/// The member with `slots` slots of `context` tokens each.
void set_slots(StackMember& member, std::int64_t slots, std::int64_t context);

/// One thing to change about one member.
struct StackStep {
  std::size_t member = 0;
  Change change;                       ///< `saves` is of the whole, on the limit that binds.
  std::shared_ptr<const Model> model;  ///< Instead of the member's; nullptr: the same.
  Workload workload;                   ///< Of the member from then on.
  std::int64_t regret = 0;             ///< Points; see LeverCost.
  std::string speed_cost;              ///< In words; may be empty.
  std::string quality_cost;
  Plan plan;  ///< Of the whole: StackPlan::peak afterwards.

  /// Bytes per point: what is worth doing first.
  [[nodiscard]] double worth() const;
};

/// What to shrink.
struct StackLadder {
  /// Each step alone: those that reach a better verdict first, then by bytes per point.
  std::vector<StackStep> singles;
  /// Steps one after another, each the one most worth it after those before, until the whole fits
  /// comfortably, or as well as it can; without those that turned out not to be needed. Each
  /// step's plan is that of all up to it. Empty when nothing helps or nothing has to.
  std::vector<StackStep> together;
};

/// `alternatives` holds, for each member, what could be planned instead of its model.
[[nodiscard]] StackLadder ladder(const Stack& stack, const AdviceRules& rules,
                                 const QualityTable& quality,
                                 std::span<const std::vector<Alternative>> alternatives);

}  // namespace membudget
#pragma GCC visibility pop
