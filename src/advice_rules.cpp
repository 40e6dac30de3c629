// SPDX-License-Identifier: MIT
#include "membudget/advice_rules.hpp"

#include <algorithm>

#include "membudget/error.hpp"

namespace membudget {

const AdviceRule* AdviceRules::rule(std::string_view id) const {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const AdviceRule& each) { return each.id == id; });
  return found == rules.end() ? nullptr : &*found;
}

const LeverCost& AdviceRules::cost(Lever lever, std::string_view to) const {
  const LeverCost* general = nullptr;
  for (const LeverCost& each : levers) {
    if (each.lever != lever) {
      continue;
    }
    if (!each.to.empty() && each.to == to) {
      return each;
    }
    if (each.to.empty()) {
      general = &each;
    }
  }
  if (general == nullptr) {
    throw Error(Errc::invalid_profile, "profiles/advice.json",
                "has no cost for " + std::string(to_string(lever)));
  }
  return *general;
}

std::string_view to_string(Lever lever) {
  switch (lever) {
    case Lever::flash_attention:
      return "flash_attention";
    case Lever::swa_full:
      return "swa_full";
    case Lever::ubatch:
      return "ubatch";
    case Lever::prefill_step:
      return "prefill_step_size";
    case Lever::parallel:
      return "parallel";
    case Lever::cache_type:
      return "cache_type";
    case Lever::context:
      return "context";
    case Lever::wired_limit:
      return "wired_limit_mb";
    case Lever::quantization:
      return "quantization";
    case Lever::n_cpu_moe:
      return "n_cpu_moe";
    case Lever::gpu_layers:
      return "gpu_layers";
    case Lever::mmap:
      return "mmap";
    case Lever::model:
      return "model";
  }
  return "";
}

}  // namespace membudget
