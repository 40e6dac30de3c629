// SPDX-License-Identifier: MIT
#include "membudget/record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "membudget/error.hpp"
#include "records/limits.hpp"

namespace membudget {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view record_schema = "membudget.record/1";

// Beyond anything that runs, and small enough that sums of a few cannot overflow.
constexpr std::int64_t most_memory = std::int64_t{1} << 50;
constexpr std::int64_t most_settings = 1'000'000'000;

/// The members of one JSON object; what nobody asks for is passed over.
class Members {
 public:
  Members(const json& value, std::string where) : value_(&value), where_(std::move(where)) {}

  void text(const char* key, std::string& out) const {
    if (const json* member = find(key)) {
      if (!member->is_string()) {
        fail(key, "must be text");
      }
      out = member->get<std::string>();
    }
  }
  void whole(const char* key, std::optional<std::int64_t>& out, std::int64_t least,
             std::int64_t most) const {
    if (const json* member = find(key)) {
      const bool fits = member->is_number_integer() &&
                        !(member->is_number_unsigned() &&
                          member->get<std::uint64_t>() >
                              static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
      if (!fits || member->get<std::int64_t>() < least || member->get<std::int64_t>() > most) {
        fail(key, fmt::format("must be a whole number from {} to {}", least, most));
      }
      out = member->get<std::int64_t>();
    }
  }
  void positive(const char* key, std::optional<double>& out) const {
    number(
        key, out, [](double value) { return value > 0; }, "must be a number above 0");
  }
  void not_negative(const char* key, std::optional<double>& out) const {
    number(
        key, out, [](double value) { return value >= 0; }, "must be a number of at least 0");
  }
  void flag(const char* key, std::optional<bool>& out) const {
    if (const json* member = find(key)) {
      if (!member->is_boolean()) {
        fail(key, "must be true or false");
      }
      out = member->get<bool>();
    }
  }
  [[nodiscard]] std::optional<Members> object(const char* key) const {
    const json* member = find(key);
    if (member == nullptr) {
      return std::nullopt;
    }
    if (!member->is_object()) {
      fail(key, "must be an object");
    }
    return Members(*member, fmt::format("{}/{}", where_, key));
  }
  [[noreturn]] void fail(const char* key, const std::string& problem) const {
    throw Error(Errc::invalid_profile, fmt::format("{}/{}", where_, key), problem);
  }

 private:
  [[nodiscard]] const json* find(const char* key) const {
    const auto found = value_->find(key);
    return found == value_->end() || found->is_null() ? nullptr : &*found;
  }
  template <class Good>
  void number(const char* key, std::optional<double>& out, const Good& good,
              const char* problem) const {
    if (const json* member = find(key)) {
      if (!member->is_number() || !good(member->get<double>()) ||
          !std::isfinite(member->get<double>())) {
        fail(key, problem);
      }
      out = member->get<double>();
    }
  }

  const json* value_;
  std::string where_;
};

template <class Value>
void put(ordered_json& out, const char* key, const std::optional<Value>& value) {
  if (value) {
    out[key] = *value;
  }
}

void put(ordered_json& out, const char* key, const std::string& value) {
  if (!value.empty()) {
    out[key] = value;
  }
}

ordered_json settings_of(const Record& record) {
  ordered_json out = ordered_json::object();
  put(out, "context", record.context);
  put(out, "batch", record.batch);
  put(out, "ubatch", record.ubatch);
  put(out, "parallel", record.parallel);
  put(out, "cache_type_k", record.cache_type_k);
  put(out, "cache_type_v", record.cache_type_v);
  put(out, "flash_attention", record.flash_attention);
  put(out, "gpu_layers", record.gpu_layers);
  if (record.draft) {
    out["draft"] = true;
  }
  return out;
}

void read_settings(const Members& members, Record& out) {
  members.whole("context", out.context, 1, most_tokens);
  members.whole("batch", out.batch, 1, most_settings);
  members.whole("ubatch", out.ubatch, 1, most_settings);
  members.whole("parallel", out.parallel, 1, most_settings);
  members.whole("gpu_layers", out.gpu_layers, -1, most_settings);
  members.text("cache_type_k", out.cache_type_k);
  members.text("cache_type_v", out.cache_type_v);
  members.flag("flash_attention", out.flash_attention);
  std::optional<bool> draft;
  members.flag("draft", draft);
  out.draft = draft.value_or(false);
}

}  // namespace

std::string to_json_line(const Record& record) {
  ordered_json out;
  out["schema"] = record_schema;
  put(out, "time", record.time);
  out["model"] = record.model;
  put(out, "quantization", record.quantization);
  put(out, "runtime", record.runtime);
  put(out, "version", record.version);
  put(out, "chip", record.chip);
  put(out, "macos", record.macos);
  if (auto settings = settings_of(record); !settings.empty()) {
    out["settings"] = std::move(settings);
  }
  if (record.memory) {
    out["memory_bytes"] = record.memory->count();
  }
  put(out, "generation_tps", record.generation_tps);
  put(out, "prompt_tps", record.prompt_tps);
  put(out, "first_token_ms", record.first_token_ms);
  put(out, "context_used", record.context_used);
  put(out, "prompt_tokens", record.prompt_tokens);
  put(out, "generated_tokens", record.generated_tokens);
  put(out, "temperature", record.temperature);
  put(out, "top_p", record.top_p);
  put(out, "use_case", record.use_case);
  put(out, "rating", record.rating);
  put(out, "note", record.note);
  put(out, "source", record.source);
  // Names from files may hold broken UTF-8; a line end within a text is written as \n.
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Record read_record(std::string_view line, const std::string& where) {
  const json value = json::parse(line, nullptr, false);
  if (value.is_discarded() || !value.is_object()) {
    throw Error(Errc::invalid_profile, where, "is not one JSON object");
  }
  const auto stated = value.find("schema");
  if (stated == value.end() || *stated != record_schema) {
    throw Error(Errc::invalid_profile, where + "#/schema",
                fmt::format("must be \"{}\"; another is of a newer program or none of ours",
                            record_schema));
  }
  const Members members(value, where + "#");
  Record out;
  members.text("time", out.time);
  members.text("model", out.model);
  if (out.model.empty()) {
    members.fail("model", "is missing");
  }
  members.text("quantization", out.quantization);
  members.text("runtime", out.runtime);
  members.text("version", out.version);
  members.text("chip", out.chip);
  members.text("macos", out.macos);
  if (const auto settings = members.object("settings")) {
    read_settings(*settings, out);
  }
  std::optional<std::int64_t> memory;
  members.whole("memory_bytes", memory, 1, most_memory);
  if (memory) {
    out.memory = Bytes(*memory);
  }
  members.positive("generation_tps", out.generation_tps);
  members.positive("prompt_tps", out.prompt_tps);
  members.not_negative("first_token_ms", out.first_token_ms);
  members.whole("context_used", out.context_used, 0, most_tokens);
  members.whole("prompt_tokens", out.prompt_tokens, 0, most_tokens);
  members.whole("generated_tokens", out.generated_tokens, 0, most_tokens);
  members.not_negative("temperature", out.temperature);
  members.not_negative("top_p", out.top_p);
  members.text("use_case", out.use_case);
  members.whole("rating", out.rating, 1, 5);
  members.text("note", out.note);
  members.text("source", out.source);
  return out;
}

double median(std::vector<double> values) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<RecordGroup> summarize(std::span<const Record> records) {
  struct Figures {
    std::int64_t records = 0;
    std::vector<double> generation, prompt, first_token, memory, rating;
    std::string last;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Figures> groups;
  for (const Record& record : records) {
    Figures& group = groups[{record.model, record.quantization, record.chip}];
    ++group.records;
    const auto add = [](std::vector<double>& to, const auto& value) {
      if (value) {
        to.push_back(static_cast<double>(*value));
      }
    };
    add(group.generation, record.generation_tps);
    add(group.prompt, record.prompt_tps);
    add(group.first_token, record.first_token_ms);
    add(group.rating, record.rating);
    if (record.memory) {
      group.memory.push_back(static_cast<double>(record.memory->count()));
    }
    group.last = std::max(group.last, record.time);
  }
  std::vector<RecordGroup> out;
  for (auto& [key, group] : groups) {
    RecordGroup& row = out.emplace_back();
    std::tie(row.model, row.quantization, row.chip) = key;
    row.records = group.records;
    const auto middle = [](const std::vector<double>& values) {
      return values.empty() ? std::nullopt : std::optional(median(values));
    };
    row.generation_tps = middle(group.generation);
    row.prompt_tps = middle(group.prompt);
    row.first_token_ms = middle(group.first_token);
    if (const auto bytes = middle(group.memory)) {
      row.memory = Bytes(static_cast<std::int64_t>(*bytes));
    }
    if (!group.rating.empty()) {
      double sum = 0;
      for (const double value : group.rating) {
        sum += value;
      }
      row.rating = sum / static_cast<double>(group.rating.size());
    }
    row.last = std::move(group.last);
  }
  return out;
}

}  // namespace membudget
