// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "command.hpp"
#include "plan_options.hpp"
#include "profile_kind.hpp"
#include "unknown_word.hpp"

namespace {

using namespace membudget;

struct StackOptions : PlanOptions {
  std::vector<std::string> models;
  std::string count;
  bool strict = false;
};

constexpr std::int64_t most_processes = 100'000;

/// What was asked for with a stack's profile or on the command line.
struct Asked {
  Stack stack;
  std::vector<StackRequest> requests;
  std::vector<StackProfile::Claim> claims;
  std::vector<std::string> notes;
  Profiles profiles;
};

bool is_file(const std::string& name) {
  return name.ends_with(".json");
}

/// The stack of a file, with the first fault as `check` would list it.
StackProfile checked_file(const std::string& file, const std::string& profiles) {
  std::vector<std::filesystem::path> paths{file};
  if (!profiles.empty()) paths.emplace_back(profiles);
  const auto name = std::filesystem::path(file).lexically_normal().generic_string();
  std::vector<ProfileFault> faults;
  for (auto& fault : check_profiles(paths).faults) {
    if (fault.file == name) faults.push_back(std::move(fault));
  }
  if (faults.empty()) return read_stack(file);
  const auto& first = faults.front();
  throw Error(
      Errc::invalid_profile, fmt::format("{}:{}:{}", first.file, first.line, first.column),
      fmt::format("{}{}{}", first.pointer.empty() ? "" : first.pointer + ": ", first.problem,
                  faults.size() == 1 ? std::string()
                                     : fmt::format("; and {} more, see membudget check {}",
                                                   faults.size() - 1, file)));
}

/// The profile that the arguments name; nothing when they name models.
std::optional<StackProfile> profile_of(const StackOptions& options, const Profiles& profiles) {
  const std::string& first = options.models.front();
  if (is_file(first)) return checked_file(first, options.profiles);
  if (options.models.size() > 1) return std::nullopt;
  try {
    return profiles.stack(first);
  } catch (const Error& error) {
    if (error.code() != Errc::unknown_name) throw;
    return std::nullopt;
  }
}

/// What a stack's profile says of its members is not said again on the command line.
void refuse_model_options(const StackOptions& options) {
  const std::initializer_list<std::pair<const char*, bool>> given{
      {"MODEL", options.models.size() > 1},
      {"--count", !options.count.empty()},
      {"--runtime", options.runtime != StackOptions().runtime},
      {"--quant", !options.quantization.empty()},
      {"--ctx-size", !options.context.empty()},
      {"--parallel", !options.parallel.empty()},
      {"--cache-type", !options.cache_type.empty() || !options.cache_type_k.empty() ||
                           !options.cache_type_v.empty()},
      {"--draft", !options.draft.empty()}};
  for (const auto& [name, any] : given) {
    if (any) {
      throw UsageError(Errc::bad_request, name,
                       fmt::format("says nothing beside '{}', which names its models and their "
                                   "settings; write them there",
                                   options.models.front()));
    }
  }
}

/// Where nothing but the CPU computes.
void without_metal(Stack& stack) {
  if (stack.machine.metal) return;
  for (StackMember& member : stack.members) {
    member.workload.backend = Backend::cpu;
    member.speed_rules.reset();
  }
}

Asked from_profile(StackOptions options, const StackProfile& profile) {
  refuse_model_options(options);
  if (options.chip.empty()) options.chip = profile.chip;
  StackProfile own = profile;
  // What was asked for stands instead of what the profile says runs beside it.
  if (!options.reserve.empty()) {
    own.beside.clear();
    own.reserve = Bytes();
  }
  auto inputs = read_machine(options);
  const auto read = [&](const std::string& name, const std::string& quantization) {
    return read_model(name, quantization, inputs.profiles, options.source);
  };
  Asked out{.stack = stack_of(own, std::move(inputs.machine), inputs.profiles, read),
            .requests = requests_of(own),
            .claims = own.claims,
            .notes = own.notes,
            .profiles = inputs.profiles};
  out.stack.speed = inputs.speed;
  without_metal(out.stack);
  return out;
}

/// A name that stands alone is a stack's or a model's; `error` says that no model has it.
[[noreturn]] void fail_alone(const std::string& name, const Profiles& profiles,
                             const Error& error) {
  const std::string near = nearest_word(name, profiles.ids(ProfileKind::stack));
  if (!near.empty()) {
    throw Error(error.code(), "", fmt::format("unknown stack '{}'; did you mean {}?", name, near));
  }
  const std::string no_model = problem(error);
  throw Error(error.code(), "",
              fmt::format("{} stacks see membudget list stacks",
                          no_model + (no_model.ends_with('?') ? " For" : "; for")));
}

/// Reads the members of a stack that is made of models.
ReadMember member_reader(const StackOptions& options, const Profiles& profiles) {
  return [&](const std::string& name, const std::string& quantization) {
    try {
      return read_model(name, quantization, profiles, options.source);
    } catch (const Error& error) {
      // What has a place is another fault: a model that Ollama lacks, a quantization of nobody.
      if (error.code() != Errc::unknown_name || !error.where().empty()) throw;
      if (options.models.size() > 1) throw;
      fail_alone(name, profiles, error);
    }
  };
}

Asked from_models(StackOptions options) {
  // `max` is searched for afterwards.
  if (options.parallel == "max") options.parallel.clear();
  auto inputs = read_machine(options);
  StackProfile profile;
  std::map<std::string, int> seen;
  for (const std::string& model : options.models) {
    StackProfile::Member& member = profile.members.emplace_back();
    const int n = ++seen[model];
    member.name = n == 1 ? model : fmt::format("{} #{}", model, n);
    member.model = model;
    member.quantization = options.quantization;
    member.runtime = options.runtime;
  }
  profile.name = options.models.size() == 1 ? options.models.front()
                                            : fmt::format("{} models", options.models.size());
  Asked out{.stack = stack_of(profile, std::move(inputs.machine), inputs.profiles,
                              member_reader(options, inputs.profiles)),
            .requests = {},
            .claims = {},
            .notes = {},
            .profiles = inputs.profiles};
  for (StackMember& member : out.stack.members) {
    member.workload = inputs.workload;
    if (member.runtime.ollama) {
      member.workload = with_slot_context(member.workload, member.runtime, *member.model);
    }
  }
  if (!options.draft.empty()) {
    out.stack.members.front().workload.draft = std::make_shared<const Model>(
        read_model(options.draft, {}, inputs.profiles, options.source));
  }
  out.stack.speed = inputs.speed;
  without_metal(out.stack);
  return out;
}

std::int64_t copies_of(const std::string& text) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < 1 || value > most_processes) {
    throw UsageError(
        Errc::bad_request, "--count",
        fmt::format("'{}' is neither max nor a whole number from 1 to {}", text, most_processes));
  }
  return value;
}

/// Sets the last model to the most processes or slots that fit.
void search(StackReport& report, const StackOptions& options) {
  const std::size_t last = report.stack.members.size() - 1;
  StackMember& member = report.stack.members[last];
  if (options.count == "max") {
    report.max_count = max_count(report.stack, last);
    member.count = std::max<std::int64_t>(*report.max_count, 1);
  } else if (!options.count.empty()) {
    member.count = copies_of(options.count);
  }
  if (options.parallel == "max") {
    const auto open = configured(member.workload, member.runtime, *member.model,
                                 budget(report.stack.machine, member.runtime));
    const auto each = resolve(open, member.runtime, *member.model).context;
    report.max_parallel = max_parallel(report.stack, last, each);
    set_slots(member, std::max<std::int64_t>(*report.max_parallel, 1), each);
  }
}

/// What the plan says of the members that a claim is about.
Bytes ours(const StackPlan& plan, const Stack& stack, const StackProfile::Claim& claim) {
  if (claim.members.empty()) return plan.all.footprint.total();
  Bytes out;
  for (std::size_t i = 0; i < stack.members.size(); ++i) {
    const auto& names = claim.members;
    if (std::ranges::find(names, stack.members[i].name) != names.end()) {
      out += plan.members[i].total;
    }
  }
  return out;
}

std::vector<std::vector<Alternative>> alternatives_of(const Stack& stack, const Profiles& profiles,
                                                      const AdviceRules& rules) {
  std::vector<std::vector<Alternative>> out;
  for (const StackMember& member : stack.members) {
    out.push_back(quantizations_of(*member.model, profiles, rules.finer_to_coarser));
    auto relatives = relatives_of(*member.model, profiles);
    std::move(relatives.begin(), relatives.end(), std::back_inserter(out.back()));
  }
  return out;
}

StackReport report_of(Asked asked, const StackOptions& options) {
  StackReport report;
  report.stack = std::move(asked.stack);
  report.notes = std::move(asked.notes);
  search(report, options);
  report.plan = plan_stack(report.stack);
  // How many fit was the question; what else could be done is another one.
  if (!report.max_count && !report.max_parallel) {
    const AdviceRules rules = asked.profiles.advice_rules();
    report.ladder = ladder(report.stack, rules, asked.profiles.quality_table(),
                           alternatives_of(report.stack, asked.profiles, rules));
    report.wired_limit_mib = wired_limit_for(report.plan.peak);
  }
  if (!asked.requests.empty()) {
    report.schedule = simulate(report.stack, report.plan, asked.requests);
  }
  for (auto& claim : asked.claims) {
    const Bytes of_plan = ours(report.plan, report.stack, claim);
    report.claims.push_back({std::move(claim), of_plan});
  }
  return report;
}

std::string rendered_stack(const StackReport& report, const StackOptions& options) {
  switch (options.output_format()) {
    case Format::json:
      return to_json(report);
    case Format::markdown:
      return to_markdown(report);
    case Format::text:
      break;
  }
  return to_text(report, options.style());
}

Exit run(const StackOptions& options) {
  static_cast<void>(options.output_format());
  if (options.count == "max" && options.parallel == "max") {
    throw UsageError(Errc::bad_request, "--count",
                     "either --count or --parallel can be max, not both; give one a number");
  }
  if (options.context == "max") {
    throw UsageError(Errc::bad_request, "--ctx-size",
                     "must be a number of tokens: several models share what is left");
  }
  const auto profile = profile_of(options, profiles_with(options.profiles));
  const auto report =
      report_of(profile ? from_profile(options, *profile) : from_models(options), options);
  write_result(rendered_stack(report, options), options.output);
  const Verdict verdict = report.plan.peak.verdict;
  const bool served = !report.schedule || report.schedule->failed == 0;
  const bool none = report.max_count.value_or(1) == 0 || report.max_parallel.value_or(1) == 0;
  const bool good = options.strict ? verdict == Verdict::comfortable : fits(verdict);
  return good && served && !none ? exit_fits : exit_does_not_fit;
}

}  // namespace

void add_stack(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand(
      "stack", "Several models at once: a stack's file or name, or two or more MODELs");
  auto options = std::make_shared<StackOptions>();
  options->add_to(*command);
  options->add_context_to(*command);
  options->add_speed_to(*command);
  command->remove_option(command->get_option("MODEL"));
  command
      ->add_option(
          "MODEL", options->models,
          "A stack's file.json, the name of a ready one (membudget list stacks), or models")
      ->required();
  command
      ->add_option("--count", options->count,
                   "Processes of the last MODEL: a number, or max for how many fit")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->type_name("N")
      ->group("Stack");
  command->get_option("--parallel")
      ->description(
          "-np; slots, or max for how many of -c tokens each the last MODEL has room for");
  command->add_flag("--strict", options->strict, "Exit 1 unless the fit is comfortable")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
