// SPDX-License-Identifier: MIT
#include "plan/grant.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/mlc/estimate.hpp"

namespace membudget {

void hold_to_grant(Plan& plan, const Runtime& runtime) {
  if (runtime.engine != Engine::mlc) {
    return;
  }
  const Bytes granted = mlc::granted(runtime, plan.budget.gpu_limit);
  const Bytes fixed = plan.footprint.total() - plan.footprint.total(PartName::kv_cache);
  if (fixed < granted) {
    return;
  }
  plan.verdict = Verdict::does_not_fit;
  plan.headroom = std::min(plan.headroom, granted - fixed - Bytes(1));
  plan.reasons.insert(
      plan.reasons.begin(),
      fmt::format(
          "MLC-LLM refuses to load it: weights and workspaces need {}, and it takes {} % of "
          "Metal's working set, {}; gpu_memory_utilization raises that.",
          to_text(fixed), runtime.mlc.utilization_percent, to_text(granted)));
}

}  // namespace membudget
