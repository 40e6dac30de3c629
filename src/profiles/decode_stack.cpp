// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "membudget/nearest.hpp"
#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

// More processes than a Mac can start, more requests than a simulation is worth.
constexpr std::int64_t most_processes = 100'000;
constexpr std::int64_t most_requests = 100'000;
constexpr std::int64_t most_slots = 256;  // LLAMA_MAX_SEQ
constexpr double most_seconds = 1e8;      // Three years.
constexpr std::int64_t most_members = 1000;

/// 1 when there is a fault.
std::int64_t take_count(Fields& fields, std::string_view key, std::int64_t most) {
  const std::int64_t out = fields.whole_or_none(key, 1).value_or(1);
  if (out > most) {
    fields.fail(key, fmt::format("must be at most {}, not {}", most, out));
    return 1;
  }
  return out;
}

StackProfile::Member take_member(Fields& entry) {
  StackProfile::Member out;
  out.model = entry.text("model");
  out.name = entry.text_or_none("name").value_or(out.model);
  out.quantization = entry.text_or_none("quantization").value_or("");
  out.runtime = entry.text_or_none("runtime").value_or("");
  out.role = entry.text_or_none("role").value_or("");
  out.context = entry.whole_or_none("context", 1).value_or(0);
  out.parallel = entry.has_optional("parallel") ? take_count(entry, "parallel", most_slots) : 0;
  out.batch = entry.whole_or_none("batch", 1).value_or(0);
  out.ubatch = entry.whole_or_none("ubatch", 1).value_or(0);
  out.gpu_layers = entry.whole_or_none("gpu_layers", 0);
  if (entry.has_optional("cache_type")) {
    out.cache_type = entry.one_of(
        "cache_type", {"f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"});
  }
  if (entry.has_optional("flash_attention")) {
    out.flash_attention = entry.one_of("flash_attention", {"on", "off", "auto"});
  }
  out.embeddings = entry.has_optional("embeddings") && entry.flag("embeddings");
  out.draft = entry.text_or_none("draft").value_or("");
  out.count = take_count(entry, "count", most_processes);
  if (entry.has_optional("load") &&
      entry.one_of("load", {"resident", "on-demand"}) == "on-demand") {
    out.load = Residency::on_demand;
  }
  if (out.load == Residency::on_demand && out.count > 1) {
    entry.fail("count", "several processes are not loaded on demand; leave out 'load' or 'count'");
  }
  out.keep_alive_s = entry.whole_or_none("keep_alive_s", -1);
  entry.finish();
  return out;
}

/// Names are how requests and claims refer to members, so no two are the same.
void check_names(Fields& fields, const std::vector<StackProfile::Member>& members) {
  std::map<std::string, std::size_t> first;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string& name = members[i].name;
    const auto [known, fresh] = first.try_emplace(name, i);
    if (!fresh && !name.empty()) {
      fields.fail_item("members", i,
                       fmt::format("'{}' is already the name of member {}; give one of them a "
                                   "'name' of its own",
                                   name, known->second + 1));
    }
  }
}

class References {
 public:
  explicit References(const std::vector<StackProfile::Member>& members) {
    for (const StackProfile::Member& member : members) {
      names_.push_back(member.name);
    }
  }

  /// What is wrong with a member's name; empty when nothing is.
  [[nodiscard]] std::string fault(const std::string& name) const {
    if (name.empty() || std::find(names_.begin(), names_.end(), name) != names_.end()) {
      return {};
    }
    const auto near = nearest_names(name, names_, 1);
    return fmt::format("no member is called '{}'; {} '{}'{}", name,
                       near.empty() ? "the first is" : "did you mean",
                       near.empty() ? (names_.empty() ? "" : names_.front()) : near.front(),
                       near.empty() ? "" : "?");
  }

 private:
  std::vector<std::string> names_;
};

StackProfile::Request take_request(Fields& entry, const References& members) {
  StackProfile::Request out;
  out.at_s = entry.number_or_none("at_s", 0, most_seconds).value_or(0);
  out.member = entry.text("member");
  if (const auto fault = members.fault(out.member); !fault.empty()) {
    entry.fail("member", fault);
  }
  out.prompt_tokens = entry.whole("prompt_tokens", 1);
  out.generate_tokens = entry.whole("generate_tokens", 0);
  out.times = take_count(entry, "times", most_requests);
  out.every_s = entry.number_or_none("every_s", 0, most_seconds).value_or(0);
  entry.finish();
  return out;
}

StackProfile::Claim take_claim(Fields& entry, const References& members) {
  StackProfile::Claim out;
  out.says = entry.text("says");
  out.bytes = Bytes(entry.whole("bytes", 1));
  out.members = entry.texts_or_none("members");
  for (std::size_t i = 0; i < out.members.size(); ++i) {
    if (const auto fault = members.fault(out.members[i]); !fault.empty()) {
      entry.fail_item("members", i, fault);
    }
  }
  out.why = entry.text("why");
  out.source = entry.text("source");
  entry.finish();
  return out;
}

}  // namespace

StackProfile decode_stack(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  StackProfile out;
  out.id = take_header(fields, "membudget.stack/1");
  out.name = fields.text("name");
  out.aliases = fields.texts_or_none("aliases");
  out.chip = fields.text_or_none("chip").value_or("");
  out.beside = fields.text_or_none("beside").value_or("");
  out.reserve = Bytes(fields.whole_or_none("reserve_bytes", 0).value_or(0));
  for (Fields& entry : fields.objects("members")) {
    out.members.push_back(take_member(entry));
  }
  if (fields.sound({"members"}) && out.members.empty()) {
    fields.fail("members", "is empty; a stack holds at least one model");
  }
  if (static_cast<std::int64_t>(out.members.size()) > most_members) {
    fields.fail("members",
                fmt::format("are {}; no stack has more than {}", out.members.size(), most_members));
    out.members.resize(most_members);
  }
  check_names(fields, out.members);
  for (Fields& entry : fields.objects_or_none("servers")) {
    StackProfile::Server& server = out.servers.emplace_back();
    server.runtime = entry.text("runtime");
    server.keep_alive_s = entry.whole_or_none("keep_alive_s", -1);
    server.max_loaded = entry.whole_or_none("max_loaded", 1);
    entry.finish();
  }
  const References members(out.members);
  std::int64_t requests = 0;
  for (Fields& entry : fields.objects_or_none("requests")) {
    out.requests.push_back(take_request(entry, members));
    requests += out.requests.back().times;
  }
  if (requests > most_requests) {
    fields.fail("requests",
                fmt::format("are {} in all; at most {} are simulated", requests, most_requests));
  }
  for (Fields& entry : fields.objects_or_none("claims")) {
    out.claims.push_back(take_claim(entry, members));
  }
  static_cast<void>(fields.some_texts("sources"));
  out.notes = fields.texts_or_none("notes");
  fields.finish();
  return out;
}

}  // namespace membudget
