// SPDX-License-Identifier: MIT
#include "machine/this_machine_chip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace membudget {
namespace {

constexpr std::string_view virtual_suffix = " (Virtual)";

/// "Apple M4 Pro" in its parts.
struct ChipName {
  char series = 'M';
  std::int64_t generation = 0;
  std::int64_t tier = 0;  ///< 0 plain, 1 Pro, 2 Max, 3 Ultra.
};

std::optional<ChipName> name_of(std::string_view text) {
  constexpr std::string_view maker = "Apple ";
  constexpr std::array<std::string_view, 4> tiers{"", " Pro", " Max", " Ultra"};
  if (!text.starts_with(maker) || text.size() <= maker.size() + 1) {
    return std::nullopt;
  }
  text.remove_prefix(maker.size());
  ChipName out{.series = text.front()};
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + 1, end, out.generation);
  if ((out.series != 'M' && out.series != 'A') || error != std::errc{}) {
    return std::nullopt;
  }
  const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
  const auto tier = std::find(tiers.begin(), tiers.end(), rest);
  out.tier = tier == tiers.end() ? 0 : tier - tiers.begin();
  return out;
}

std::int64_t apart(std::int64_t a, std::int64_t b) {
  return std::abs(a - b);
}

bool sold_as(const Chip& chip, const std::string& model) {
  return std::any_of(chip.macs.begin(), chip.macs.end(), [&](const Mac& mac) {
    return std::find(mac.identifiers.begin(), mac.identifiers.end(), model) !=
           mac.identifiers.end();
  });
}

/// How far a chip's figures are from the Mac's; of equal ones the bin with most cores is first.
auto distance(const Chip& chip, const MacReading& mac) {
  return std::tuple(mac.gpu_cores ? apart(chip.gpu_cores, *mac.gpu_cores) : 0,
                    apart(chip.ram.count(), mac.ram.count()),
                    mac.cpu_cores ? apart(chip.cpu_cores, *mac.cpu_cores) : 0,
                    sold_as(chip, mac.model) ? 0 : 1, -chip.gpu_cores, -chip.cpu_cores);
}

const Chip* closest(const std::vector<const Chip*>& chips, const MacReading& mac) {
  const auto found = std::min_element(
      chips.begin(), chips.end(),
      [&](const Chip* a, const Chip* b) { return distance(*a, mac) < distance(*b, mac); });
  return found == chips.end() ? nullptr : *found;
}

/// What follows from the RAM alone comes from a chip that has as much, or nearly.
void take_memory_rules(Chip& chip, std::span<const Chip> chips) {
  const auto near = std::min_element(chips.begin(), chips.end(), [&](const Chip& a, const Chip& b) {
    return apart(a.ram.count(), chip.ram.count()) < apart(b.ram.count(), chip.ram.count());
  });
  chip.reserve = near->reserve;
  chip.reserve_source = near->reserve_source;
  chip.safety_margin = near->safety_margin;
  chip.working_sets = near->ram == chip.ram ? near->working_sets : std::vector<WorkingSet>();
}

Chip with_figures_of(const MacReading& mac, Chip chip, std::span<const Chip> chips) {
  chip.id = this_machine_id;
  chip.macs.clear();
  chip.ram = mac.ram;
  chip.gpu_cores = mac.gpu_cores.value_or(chip.gpu_cores);
  chip.cpu_cores = mac.cpu_cores.value_or(chip.cpu_cores);
  take_memory_rules(chip, chips);
  return chip;
}

/// No speed follows from these.
void forget_speed(Chip& chip) {
  chip.bandwidth_gbs = 0;
  chip.gpu_family.reset();
  chip.gpu_clock_ghz.reset();
  chip.gpu_fp16_tflops.reset();
  chip.gpu_matrix_fp16_tflops.reset();
}

std::string figures(const MacReading& mac) {
  return mac.gpu_cores ? fmt::format("{} GPU cores and {}", *mac.gpu_cores, to_text(mac.ram))
                       : to_text(mac.ram);
}

MatchedChip match_known(const MacReading& mac, const std::vector<const Chip*>& bins,
                        std::span<const Chip> chips) {
  const Chip& chip = *closest(bins, mac);
  MatchedChip out{ChipMatch::exact, chip, chip.id, ""};
  const bool same_gpu = !mac.gpu_cores || *mac.gpu_cores == chip.gpu_cores;
  const bool same_cpu = !mac.cpu_cores || *mac.cpu_cores == chip.cpu_cores;
  if (same_gpu && same_cpu && mac.ram == chip.ram) {
    std::string others;
    for (const Chip* other : bins) {
      if (!mac.gpu_cores && other->ram == chip.ram && other->gpu_cores != chip.gpu_cores &&
          (!mac.cpu_cores || other->cpu_cores == *mac.cpu_cores)) {
        others += fmt::format("{}{}", others.empty() ? "" : ", ", other->id);
      }
    }
    if (!others.empty()) {
      out.note = fmt::format(
          "How many cores the GPU has cannot be read; it is taken for {}, the "
          "bin with most of them. If it is another, name it with --chip: {}.",
          chip.id, others);
    }
    return out;
  }
  out.match = ChipMatch::bin;
  out.chip = with_figures_of(mac, chip, chips);
  out.note = fmt::format(
      "No profile has this {} with {}; {} stands in, with this Mac's own RAM and "
      "limits{}.",
      chip.name, figures(mac), chip.id, same_gpu ? "" : ", without speeds");
  if (!same_gpu) {
    forget_speed(out.chip);
  }
  return out;
}

MatchedChip match_nearest(const MacReading& mac, const ChipName& name,
                          std::span<const Chip> chips) {
  const auto rank = [&](const Chip& chip) {
    const ChipName other = name_of(chip.name).value_or(ChipName{.series = '?'});
    return std::tuple(apart(other.series, name.series), apart(other.tier, name.tier),
                      apart(other.generation, name.generation), distance(chip, mac));
  };
  const Chip& chip = *std::min_element(
      chips.begin(), chips.end(), [&](const Chip& a, const Chip& b) { return rank(a) < rank(b); });
  MatchedChip out{ChipMatch::nearest, with_figures_of(mac, chip, chips), chip.id, ""};
  out.chip.name = mac.chip;
  forget_speed(out.chip);
  out.note = fmt::format(
      "{} is not known here; {} comes nearest. Memory is planned with this Mac's "
      "own RAM and limits, speeds are left out; a profile of the chip "
      "(--profiles DIR, see profiles/chips) adds them.",
      mac.chip, chip.id);
  return out;
}

}  // namespace

std::optional<MatchedChip> match_chip(const MacReading& mac, std::span<const Chip> chips) {
  if (chips.empty()) {
    return std::nullopt;
  }
  MacReading real = mac;
  const bool guest = real.chip.ends_with(virtual_suffix);
  if (guest) {
    real.chip.resize(real.chip.size() - virtual_suffix.size());
    real.cpu_cores.reset();  // As many as its host lent it.
  }
  std::vector<const Chip*> bins;
  for (const Chip& chip : chips) {
    if (real.chip.empty() ? sold_as(chip, real.model) : chip.name == real.chip) {
      bins.push_back(&chip);
    }
  }
  std::optional<MatchedChip> out;
  if (!bins.empty()) {
    out = match_known(real, bins, chips);
  } else if (const auto name = name_of(real.chip)) {
    out = match_nearest(real, *name, chips);
  }
  if (out && guest) {
    out->note = fmt::format(
        "This is a virtual machine on an {}; what its GPU may use is the "
        "host's decision.{}{}",
        real.chip, out->note.empty() ? "" : " ", out->note);
  }
  return out;
}

}  // namespace membudget
