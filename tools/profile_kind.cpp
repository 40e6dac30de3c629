// SPDX-License-Identifier: MIT
#include "profile_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "output.hpp"

namespace {

using membudget::ProfileKind;

struct Words {
  ProfileKind kind;
  std::string_view plural;
  std::array<std::string_view, 3> others;
};

constexpr std::array<Words, 5> words{
    {{ProfileKind::chip, "chips", {"chip", "macs", "mac"}},
     {ProfileKind::model, "models", {"model", "", ""}},
     {ProfileKind::quantization, "quants", {"quant", "quantizations", "quantization"}},
     {ProfileKind::runtime, "runtimes", {"runtime", "", ""}},
     {ProfileKind::stack, "stacks", {"stack", "", ""}}}};

}  // namespace

ProfileKind kind_named(std::string_view word) {
  for (const Words& known : words) {
    if (!word.empty() && (word == known.plural || std::ranges::find(known.others, word) !=
                                                      known.others.end())) {
      return known.kind;
    }
  }
  throw UsageError(membudget::Errc::bad_request, "KIND",
                   fmt::format("'{}' is not known; use chips, models, quants, runtimes or stacks",
                               word));
}

std::string_view plural_of(ProfileKind kind) {
  return words[static_cast<std::size_t>(kind)].plural;
}

membudget::Profiles profiles_with(const std::string& folder) {
  auto out = membudget::Profiles::embedded();
  return folder.empty() ? out : out.overlaid_with(folder);
}
