// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "verify/lines.hpp"
#include "verify/printed_size.hpp"

namespace membudget::logs {
namespace {

/// Words as a shell parts them; quotes hold blanks together. `\"` is how Ollama's log has a quote.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  bool begun = false;
  char quote = '\0';
  for (std::size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '\\' && at + 1 < text.size()) {
      c = text[++at];
      if (c != '"' && c != '\'') {
        word += c;
        begun = true;
        continue;
      }
    }
    if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      begun = true;
    } else if (c == ' ' || c == '\t') {
      if (begun) out.push_back(std::exchange(word, {}));
      begun = false;
    } else {
      word += c;
      begun = true;
    }
  }
  if (begun) out.push_back(word);
  return out;
}

std::optional<LogProgram> program_of(std::string_view word) {
  const std::string_view name = file_name(word);
  if (name == "llama-server" || name == "llama-server.exe" || name == "ollama_llama_server") {
    return LogProgram::llama_server;
  }
  if (name == "llama-cli" || name == "llama-bench" || name == "llama-completion" ||
      name == "llama-fit-params" || name == "llama-perplexity") {
    return LogProgram::llama_cli;
  }
  if (name == "mlx_lm" || name.starts_with("mlx_lm.")) return LogProgram::mlx_lm;
  if (name == "ollama") return LogProgram::ollama;
  return std::nullopt;
}

/// The options of one command, by name; a value is the word behind, or behind '='.
class Words {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {}

  template <class... Names>
  [[nodiscard]] std::optional<std::string> value(Names... names) const {
    std::optional<std::string> out;
    for (std::size_t at = 0; at < words_.size(); ++at) {
      for (const std::string_view name : {std::string_view(names)...}) {
        if (words_[at] == name && at + 1 < words_.size()) out = words_[at + 1];
        if (words_[at].starts_with(std::string(name) + "="))
          out = words_[at].substr(name.size() + 1);
      }
    }
    return out;  // The last one holds, as for the program.
  }
  template <class... Names>
  [[nodiscard]] std::optional<std::int64_t> number(Names... names) const {
    const auto text = value(names...);
    return text ? leading_integer(*text) : std::nullopt;
  }
  template <class... Names>
  [[nodiscard]] bool has(Names... names) const {
    return std::any_of(words_.begin(), words_.end(), [&](const std::string& word) {
      return ((word == std::string_view(names)) || ...);
    });
  }

 private:
  std::vector<std::string> words_;
};

void read_llama_options(const Words& words, EngineLoad& load) {
  LoggedSettings& settings = load.settings;
  const auto set = [](std::optional<std::int64_t>& target, std::optional<std::int64_t> value) {
    if (value) target = *value;
  };
  if (const auto path = words.value("-m", "--model")) load.model.path = kept(*path);
  // 0 asks for the trained context; what it became is printed later.
  if (const auto context = words.number("-c", "--ctx-size"); context && *context > 0) {
    settings.context = *context;
  }
  set(settings.batch, words.number("-b", "--batch-size"));
  set(settings.ubatch, words.number("-ub", "--ubatch-size"));
  set(settings.parallel, words.number("-np", "--parallel"));
  if (const auto type = words.value("-ctk", "--cache-type-k")) settings.cache_type_k = kept(*type);
  if (const auto type = words.value("-ctv", "--cache-type-v")) settings.cache_type_v = kept(*type);
  if (words.has("-fa", "--flash-attn")) {
    // A switch until August 2025, since then with a value.
    const auto value = words.value("-fa", "--flash-attn").value_or("on");
    settings.flash_attention = value == "off" || value == "auto" ? value : "on";
  } else if (const auto value = words.value("--flash-attn")) {
    settings.flash_attention = kept(*value);
  }
  if (words.has("-kvu", "--kv-unified")) settings.kv_unified = true;
  if (words.has("--swa-full")) settings.swa_full = true;
  if (words.has("--no-mmap") || words.value("--load-mode") == "none") settings.mmap = false;
  if (words.has("-nkvo", "--no-kv-offload")) settings.kv_offload = false;
  if (words.has("--embedding", "--embeddings")) settings.embeddings = true;
  if (words.has("--mmproj")) settings.projector = true;
  if (words.has("--lora", "--lora-scaled")) settings.adapter = true;
  if (words.has("-md", "--model-draft")) settings.draft = true;
}

void read_mlx_options(const Words& words, EngineLoad& load) {
  load.engine = LogEngine::mlx;
  if (const auto model = words.value("--model", "-m")) load.model.name = kept(*model);
  if (!load.generation) load.generation.emplace();
  load.generation->prefill_step = words.number("--prefill-step-size").value_or(0);
  load.generation->kv_bits = words.number("--kv-bits").value_or(0);
}

}  // namespace

bool read_command(std::string_view text, LoadBuilder& builder) {
  auto words = words_of(text);
  // A prompt, `time`, `sudo`, variables and `python -m` may stand in front.
  constexpr std::size_t furthest = 12;
  for (std::size_t at = 0; at < std::min(words.size(), furthest); ++at) {
    const auto program = program_of(words[at]);
    if (!program) continue;
    if (*program == LogProgram::ollama) {
      // `ollama runner --model ...` is how Ollama starts its own engines.
      if (at + 1 >= words.size() || words[at + 1] != "runner") return false;
    }
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    const Words options(std::move(words));
    if (builder.has_sizes()) builder.begin_program();
    EngineLoad& load = builder.load();
    load.program = *program;
    if (*program == LogProgram::mlx_lm) {
      read_mlx_options(options, load);
    } else {
      read_llama_options(options, load);
    }
    return true;
  }
  return false;
}

}  // namespace membudget::logs
