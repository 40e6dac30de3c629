// SPDX-License-Identifier: MIT
// envconfig/config.go at fb30760996871fa9460115c753afd2c60d4ab0f7: how values are read, lines
// 145-170 and 204-273; llm/server.go:118 for the cache type, llm/llama_server.go:596 for flash
// attention.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "membudget/ollama.hpp"

namespace membudget {
namespace {

/// Spaces around it and quotes around what is left do not count.
std::string unquoted(std::string_view text) {
  const auto strip = [&](std::string_view characters) {
    const auto first = text.find_first_not_of(characters);
    text = first == std::string_view::npos
               ? std::string_view()
               : text.substr(first, text.find_last_not_of(characters) - first + 1);
  };
  strip(" \t\r\n\v\f");
  strip("\"'");
  return std::string(text);
}

/// The variables that are set, read one by one.
class Environment {
 public:
  Environment(const std::map<std::string, std::string>& variables,
              std::vector<std::string>& warnings)
      : variables_(variables), warnings_(warnings) {}

  /// Empty where it is not set, or set to nothing.
  [[nodiscard]] std::string text(const std::string& name) const {
    const auto found = name.empty() ? variables_.end() : variables_.find(name);
    return found == variables_.end() ? "" : unquoted(found->second);
  }

  /// What is no number is as if it were not set, as there.
  [[nodiscard]] std::optional<std::int64_t> number(const std::string& name) {
    const std::string value = text(name);
    if (value.empty()) {
      return std::nullopt;
    }
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
    if (error != std::errc() || end != value.data() + value.size() || out < 0) {
      warnings_.push_back(fmt::format("Ollama cannot read {}={} and goes by its default", name,
                                      one_line(value, 80)));
      return std::nullopt;
    }
    return out;
  }

  /// As strconv.ParseBool; what is set to anything else counts as true.
  [[nodiscard]] std::optional<bool> flag(const std::string& name) const {
    const std::string value = text(name);
    if (value.empty()) {
      return std::nullopt;
    }
    for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
      if (value == no) {
        return false;
      }
    }
    return true;
  }

  void warn(std::string sentence) { warnings_.push_back(std::move(sentence)); }

 private:
  const std::map<std::string, std::string>& variables_;
  std::vector<std::string>& warnings_;
};

}  // namespace

Runtime with_ollama_environment(Runtime runtime,
                                const std::map<std::string, std::string>& variables,
                                std::vector<std::string>& warnings) {
  if (!runtime.ollama) {
    throw Error(Errc::bad_request, "--from-env",
                fmt::format("reads the variables of Ollama's server, which {} does not have; give "
                            "--runtime ollama",
                            runtime.id));
  }
  Environment environment(variables, warnings);
  const OllamaRules::Variables& names = runtime.ollama->variables;
  // The limits of llama.cpp's own types: a larger number would not be taken there either.
  constexpr std::int64_t most_tokens = (std::int64_t{1} << 31) - 1;
  constexpr std::int64_t most_slots = 256;
  if (const auto tokens = environment.number(names.context); tokens.value_or(0) > 0) {
    runtime.defaults.context = std::min(*tokens, most_tokens);
  }
  if (const auto slots = environment.number(names.parallel)) {
    runtime.defaults.parallel = std::clamp<std::int64_t>(*slots, 1, most_slots);
  }
  if (const std::string type = lower(environment.text(names.cache_type)); !type.empty()) {
    const auto known = element_type_of_name(type);
    if (!known) {
      throw Error(Errc::bad_request, names.cache_type,
                  fmt::format("'{}' is not a cache type; set f16, q8_0 or q4_0", type));
    }
    runtime.defaults.cache_type_k = runtime.defaults.cache_type_v = *known;
  }
  if (const auto on = environment.flag(names.flash_attention)) {
    runtime.defaults.flash_attention = *on ? FlashAttention::on : FlashAttention::off;
  }
  if (const auto overhead = environment.number(names.gpu_overhead)) {
    runtime.ollama->gpu_overhead = Bytes(*overhead);
    if (*overhead > 0) {
      environment.warn(fmt::format(
          "{} picks a smaller default context, but keeps nothing free: llama.cpp does not see it",
          names.gpu_overhead));
    }
  }
  if (const auto models = environment.number(names.loaded_models); models.value_or(0) > 0) {
    runtime.ollama->loaded_models = *models;
  }
  if (const auto margin = environment.number(names.fit_target); margin && runtime.fit) {
    constexpr std::int64_t most = std::int64_t{1} << 30;
    runtime.fit->margin = mib(std::min(*margin, most));
  }
  return runtime;
}

}  // namespace membudget
