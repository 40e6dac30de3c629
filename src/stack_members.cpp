// SPDX-License-Identifier: MIT
#include "membudget/stack_members.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/ollama.hpp"

namespace membudget {
namespace {

template <class Value>
std::optional<Value> unless_zero(Value value) {
  return value > 0 ? std::optional(value) : std::nullopt;
}

FlashAttention flash_attention_of(const std::string& word) {
  return word == "on"    ? FlashAttention::on
         : word == "off" ? FlashAttention::off
                         : FlashAttention::automatic;
}

Workload workload_of(const StackProfile::Member& member, const ReadMember& read) {
  Workload out;
  out.context = unless_zero(member.context);
  out.parallel = unless_zero(member.parallel);
  out.batch = unless_zero(member.batch);
  out.ubatch = unless_zero(member.ubatch);
  out.gpu_layers = member.gpu_layers;
  if (!member.cache_type.empty()) {
    out.cache_type_k = out.cache_type_v = element_type_of_name(member.cache_type);
  }
  if (!member.flash_attention.empty()) {
    out.flash_attention = flash_attention_of(member.flash_attention);
  }
  if (member.embeddings) {
    out.embeddings = true;
  }
  if (!member.draft.empty()) {
    out.draft = std::make_shared<const Model>(read(member.draft, {}));
  }
  return out;
}

}  // namespace

StackMember member_of(const StackProfile::Member& member, const Profiles& profiles,
                      const ReadMember& read) {
  StackMember out;
  out.name = member.name.empty() ? member.model : member.name;
  out.role = member.role;
  out.runtime = profiles.runtime(member.runtime.empty() ? "llama.cpp" : member.runtime);
  const bool usual = member.quantization.empty() && out.runtime.engine == Engine::mlx;
  out.model = std::make_shared<const Model>(
      read(member.model, usual ? out.runtime.mlx.usual_quantization : member.quantization));
  out.workload = workload_of(member, read);
  if (out.runtime.ollama) {
    out.workload = with_slot_context(std::move(out.workload), out.runtime, *out.model);
  }
  out.count = member.count;
  out.residency = member.load;
  out.keep_alive_s = member.keep_alive_s;
  out.server = profiles.serving_rules().server(out.runtime.id);
  if (out.runtime.ollama) {
    out.server.max_loaded = out.runtime.ollama->loaded_models;
  }
  out.speed_rules = profiles.speed_rules(out.runtime);
  return out;
}

Stack stack_of(const StackProfile& profile, Machine machine, const Profiles& profiles,
               const ReadMember& read) {
  Stack out;
  out.id = profile.id;
  out.name = profile.name;
  if (!profile.beside.empty()) {
    const std::vector<ReservePart> parts = profiles.reserve(profile.beside).parts;
    machine.beside.insert(machine.beside.end(), parts.begin(), parts.end());
  }
  if (profile.reserve > Bytes()) {
    machine.beside.push_back({"what runs beside it", profile.reserve, "the stack's profile"});
  }
  for (const StackProfile::Member& member : profile.members) {
    out.members.push_back(member_of(member, profiles, read));
  }
  // Of a chip that nobody measured no speed is known.
  if (machine.chip.bandwidth_gbs <= 0) {
    for (StackMember& member : out.members) member.speed_rules.reset();
  }
  for (const StackProfile::Server& server : profile.servers) {
    const std::string name = profiles.serving_rules().server(server.runtime).name;
    for (StackMember& member : out.members) {
      if (member.server.name == name) {
        member.server.keep_alive_s = server.keep_alive_s.value_or(member.server.keep_alive_s);
        member.server.max_loaded = server.max_loaded.value_or(member.server.max_loaded);
      }
    }
  }
  const ServingRules rules = profiles.serving_rules();
  if (const StorageSpeed* storage = rules.storage_of(machine.chip.name); storage != nullptr) {
    out.storage = *storage;
  }
  out.machine = std::move(machine);
  return out;
}

std::vector<StackRequest> requests_of(const StackProfile& profile) {
  std::vector<StackRequest> out;
  for (const StackProfile::Request& each : profile.requests) {
    const auto member =
        std::find_if(profile.members.begin(), profile.members.end(),
                     [&](const StackProfile::Member& known) { return known.name == each.member; });
    if (member == profile.members.end()) {
      throw Error(Errc::unknown_name, "", "no member is called '" + each.member + "'");
    }
    for (std::int64_t n = 0; n < each.times; ++n) {
      out.push_back({.at_s = each.at_s + static_cast<double>(n) * each.every_s,
                     .member = static_cast<std::size_t>(member - profile.members.begin()),
                     .prompt_tokens = each.prompt_tokens,
                     .generate_tokens = each.generate_tokens});
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const StackRequest& a, const StackRequest& b) { return a.at_s < b.at_s; });
  return out;
}

}  // namespace membudget
