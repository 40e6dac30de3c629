// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "membudget/advise.hpp"
#include "plan/levers.hpp"

namespace membudget {

/// Plans changes of what was asked and counts, to the byte, what they save.
class Steps {
 public:
  Steps(const Model& model, const Machine& machine, const Runtime& runtime, Workload workload,
        const AdviceRules& rules);

  [[nodiscard]] const Plan& asked() const { return asked_; }
  [[nodiscard]] const Workload& workload() const { return workload_; }

  /// nullopt when the engine refuses the settings, when other weights cannot fit, or when the
  /// wired limit cannot usefully be raised.
  [[nodiscard]] std::optional<Step> with(const std::vector<const Position*>& changed);
  /// Says how much each of several changes saves, one after the other.
  void attribute(Step& step, const std::vector<const Position*>& changed);
  /// The longest context that fits, comfortably where one of at least `least` tokens does.
  [[nodiscard]] std::optional<Step> with_longest_context(std::int64_t least);
  /// The weights read instead of mapped, where the GPU binds: of a mapped file it takes all that
  /// lies between its tensors, so what the CPU has too (the table of tokens, layers) frees nothing.
  [[nodiscard]] std::optional<Step> with_file_read();
  /// As few as can be on the CPU so that the rest fits, comfortably where it can: the experts of
  /// some layers, or some layers.
  [[nodiscard]] std::optional<Step> with_experts_on_cpu();
  [[nodiscard]] std::optional<Step> with_layers_on_cpu();

 private:
  Step made(std::shared_ptr<const Model> instead, Workload workload, const Machine& machine);
  std::shared_ptr<const Model> read(const Alternative& alternative);
  /// Sets the limit to what the footprint needs, if the RAM has it.
  bool raise_wired_limit(Machine& machine, const Model& model, const Workload& workload) const;
  template <class Apply>
  std::optional<std::int64_t> fewest(std::int64_t most, Apply apply);
  /// Moves so many of what `lever` counts to the CPU.
  using Share = std::function<void(Workload&, std::int64_t)>;
  std::optional<Step> with_part_on_cpu(Lever lever, std::int64_t from, std::int64_t most,
                                       const Share& share);

  const Model& model_;
  const Machine& machine_;
  const Runtime& runtime_;
  const AdviceRules& rules_;
  Workload workload_;
  Plan asked_;
  std::map<const Alternative*, std::shared_ptr<const Model>> read_;
};

}  // namespace membudget
