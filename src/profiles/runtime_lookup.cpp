// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "profiles/documents.hpp"

namespace membudget {
namespace {

/// The number in "b10488" or "10488".
std::int64_t build_number(std::string_view text, std::string_view id) {
  std::string_view digits = text;
  if (!digits.empty() && (digits.front() == 'b' || digits.front() == 'B')) {
    digits.remove_prefix(1);
  }
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (code != std::errc() || end != digits.data() + digits.size() || number <= 0) {
    throw Error(Errc::unknown_name, "",
                fmt::format("'{}' is not a build of {}; write it as {}@b10587", text, id, id));
  }
  return number;
}

/// `profile` is the one whose builds these are; `fit_from` is the runtime's own.
void take_rules_of_build(const RuntimeProfile& profile, std::int64_t build, std::int64_t fit_from,
                         Runtime& runtime) {
  const auto rules =
      std::find_if(profile.builds.begin(), profile.builds.end(), [&](const auto& builds) {
        return build >= builds.from && (!builds.to || build <= *builds.to);
      });
  if (rules == profile.builds.end()) {
    throw Error(
        Errc::unknown_name, "",
        fmt::format("{} b{} is older than the builds whose memory is known; known are b{} "
                    "and newer; name one of them, or leave the build out for b{}",
                    profile.runtime.id, build, profile.builds.front().from, profile.newest_build));
  }
  runtime.llama_cpp = rules->rules;
  if (build < fit_from) {
    runtime.fit.reset();
  }
  if (!rules->note.empty()) {
    runtime.notes.push_back(rules->note);
  }
  if (build > profile.newest_build) {
    runtime.notes.push_back(fmt::format(
        "b{} is newer than b{}, the newest build whose memory was measured; its rules are taken.",
        build, profile.newest_build));
  }
}

/// The version by its name; the newest when none is asked for.
const RuntimeProfile::Version& version_of(const RuntimeProfile& profile, std::string_view asked,
                                          bool named) {
  if (!named) {
    return profile.versions.front();
  }
  std::string known;
  for (const RuntimeProfile::Version& each : profile.versions) {
    if (each.version == asked || (asked.starts_with('v') && each.version == asked.substr(1))) {
      return each;
    }
    known += known.empty() ? "" : ", ";
    known += each.version;
  }
  throw Error(Errc::unknown_name, "",
              fmt::format("the memory of {} '{}' is not known; known versions are {}",
                          profile.runtime.id, asked, known));
}

}  // namespace

Runtime Profiles::runtime(std::string_view id) const {
  const auto at = id.find('@');
  const std::string_view asked = at == std::string_view::npos ? "" : id.substr(at + 1);
  const auto profile_of = [&](std::string_view name) {
    const Document& document = find(ProfileKind::runtime, store_->of(ProfileKind::runtime), name);
    return decode(decode_runtime, document.file, document.text);
  };
  RuntimeProfile profile = profile_of(id.substr(0, at));
  if (!profile.versions_of.empty()) {
    profile.versions = profile_of(profile.versions_of).versions;
  }
  Runtime runtime = profile.runtime;
  if (!profile.ollama_of.empty()) {
    runtime.ollama = profile_of(profile.ollama_of).runtime.ollama;
  }
  if (profile.versions.empty()) {
    const RuntimeProfile builds =
        profile.builds_of.empty() ? profile : profile_of(profile.builds_of);
    const std::int64_t build =
        at == std::string_view::npos ? builds.newest_build : build_number(asked, runtime.id);
    runtime.version = runtime.engine_version = fmt::format("b{}", build);
    take_rules_of_build(builds, build, profile.fit_from, runtime);
    return runtime;
  }
  const RuntimeProfile::Version& version = version_of(profile, asked, at != std::string_view::npos);
  const auto take_rules = [&](const Runtime& rules) {
    const MlcRules::Mode mode = runtime.mlc.mode;
    runtime.candle = rules.candle;
    runtime.mlc = rules.mlc;
    runtime.mlc.mode = mode;
    runtime.core_ml = rules.core_ml;
  };
  if (runtime.engine == Engine::llama_cpp) {
    take_rules_of_build(profile_of(profile.builds_of), version.build, profile.fit_from, runtime);
    runtime.engine_version = fmt::format("b{}", version.build);
  } else {
    runtime.engine_version = version.version;
    if (!profile.rules_of.empty()) {
      runtime.mlx = profile.mlx_rules_over(profile_of(profile.rules_of).runtime.mlx);
    }
    take_rules(version.rules);
  }
  runtime.version = version.version;
  return runtime;
}

}  // namespace membudget
