// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "membudget/rank.hpp"

namespace membudget {
namespace {

// Less than this is within what the ranking knows.
constexpr double noticeable = 1.15;

double generation(const RankedModel& model) {
  return model.speed ? model.speed->generation.tps : 0;
}

}  // namespace

std::vector<std::string> advantages(const RankedModel& one, const RankedModel& other) {
  std::vector<std::string> out;
  constexpr double billion = 1e9;
  if (one.worth.parameters >= noticeable * other.worth.parameters) {
    out.push_back(fmt::format("counts as a larger model ({:.3g}B against {:.3g}B)",
                              one.worth.parameters / billion, other.worth.parameters / billion));
  }
  if (generation(one) >= noticeable * generation(other) && generation(other) > 0) {
    out.push_back(fmt::format("generates {:.1f} times as fast ({:.0f} against {:.0f} tokens/s)",
                              generation(one) / generation(other), generation(one),
                              generation(other)));
  }
  const auto own = static_cast<double>(one.plan.footprint.total().count());
  const auto others = static_cast<double>(other.plan.footprint.total().count());
  if (noticeable * own <= others) {
    out.push_back(fmt::format("takes {} less memory",
                              to_text(other.plan.footprint.total() - one.plan.footprint.total())));
  }
  constexpr double percent = 0.01;
  if (one.quantization != other.quantization &&
      one.factors.quality >= other.factors.quality + percent) {
    out.push_back(fmt::format("loses less to its quantization ({} against {})", one.quantization,
                              other.quantization));
  }
  if (one.entry.trained_context >= 2 * other.entry.trained_context) {
    out.push_back(fmt::format("was trained for {} tokens, not {}", one.entry.trained_context,
                              other.entry.trained_context));
  }
  if (one.entry.modality == "vision" && other.entry.modality != "vision") {
    out.emplace_back("reads images too, with a projector beside it");
  }
  if (one.plan.verdict < other.plan.verdict) {
    out.push_back(fmt::format("is {}, not only {}", to_string(one.plan.verdict),
                              to_string(other.plan.verdict)));
  }
  return out;
}

}  // namespace membudget
