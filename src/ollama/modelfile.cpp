// SPDX-License-Identifier: MIT
// parser/parser.go at fb30760996871fa9460115c753afd2c60d4ab0f7: the states of ParseFile (lines
// 400-620) and the types of api.FormatParams.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "membudget/ollama.hpp"

namespace membudget {
namespace {

constexpr std::array<std::string_view, 11> instructions{
    "from",     "license", "template",  "system",  "adapter", "draft",
    "renderer", "parser",  "parameter", "message", "requires"};

/// Options of a request that change nothing about memory (api/types.go).
constexpr std::array<std::string_view, 16> sampling{
    "num_keep",    "seed",           "num_predict",      "top_k",
    "top_p",       "min_p",          "typical_p",        "repeat_last_n",
    "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty",
    "stop",        "num_thread",     "main_gpu",         "draft_num_predict"};

/// Taken once and without effect since (parser/parser.go, deprecatedParameters).
constexpr std::array<std::string_view, 9> gone{"penalize_newline", "low_vram",     "f16_kv",
                                               "logits_all",       "vocab_only",   "use_mlock",
                                               "mirostat",         "mirostat_tau", "mirostat_eta"};

template <std::size_t Count>
bool is_in(const std::array<std::string_view, Count>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
bool is_newline(char c) {
  return c == '\n' || c == '\r';
}

class Reader {
 public:
  Reader(const std::string& file, std::string_view text) : file_(file), text_(text) {
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    if (text_.starts_with(mark)) {
      text_.remove_prefix(mark.size());
    }
  }

  Modelfile read() {
    Modelfile out;
    bool from = false;
    while (skip_to_instruction()) {
      const std::int64_t line = line_;
      const std::string name = lower(word("an instruction"));
      if (!is_in(instructions, name)) {
        fail(line, fmt::format("'{}' is no instruction; use FROM, PARAMETER, TEMPLATE, SYSTEM, "
                               "ADAPTER, LICENSE, MESSAGE, DRAFT, RENDERER, PARSER or REQUIRES",
                               name));
      }
      std::string parameter;
      if (name == "parameter") {
        parameter = word("a parameter's name");
      } else if (name == "message") {
        static_cast<void>(word("a role"));
      }
      const std::string value = quoted_value(line);
      if (name == "from") {
        from = true;
        out.from = value;
      } else if (name == "parameter") {
        take(parameter, value, line, out);
      } else if (name == "adapter" || name == "draft") {
        out.warnings.push_back(
            fmt::format("{}:{}: the {} is not planned for; {}", file_, line, name,
                        name == "draft" ? "give it with --draft" : "its weights come on top"));
      }
    }
    if (!from) {
      fail(line_, "has no FROM line; write e.g. FROM llama3.1:8b");
    }
    if (out.from.empty()) {
      fail(line_, "FROM names nothing; write e.g. FROM llama3.1:8b");
    }
    return out;
  }

 private:
  [[noreturn]] void fail(std::int64_t line, const std::string& problem) const {
    throw Error(Errc::bad_request, fmt::format("{}:{}", file_, line), problem);
  }

  [[nodiscard]] bool ended() const { return at_ == text_.size(); }

  char next() {
    const char c = text_[at_++];
    line_ += c == '\n' ? 1 : 0;
    return c;
  }

  bool skip_to_instruction() {
    while (!ended()) {
      if (text_[at_] == '#') {
        while (!ended() && !is_newline(text_[at_])) next();
      } else if (is_blank(text_[at_]) || is_newline(text_[at_])) {
        next();
      } else {
        return true;
      }
    }
    return false;
  }

  /// Letters, digits and _ up to a blank: nothing longer names anything here.
  std::string word(std::string_view what) {
    std::string out;
    const std::int64_t line = line_;
    while (!ended() && !is_blank(text_[at_]) && !is_newline(text_[at_])) {
      const auto c = static_cast<unsigned char>(next());
      if (std::isalnum(c) == 0 && c != '_') {
        fail(line, fmt::format("expected {}, letters and then a blank", what));
      }
      out += static_cast<char>(c);
    }
    while (!ended() && is_blank(text_[at_])) next();
    if (ended() || is_newline(text_[at_])) {
      fail(line, fmt::format("'{}' has no value", out));
    }
    return out;
  }

  /// Without its quotes, one or three; nothing where they are not closed yet (unquote()).
  static std::optional<std::string> unquoted(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    text = first == std::string_view::npos ? "" : text.substr(first);
    text = text.substr(0, text.find_last_not_of(blanks) + 1);
    for (const std::string_view quote : {std::string_view(R"(""")"), std::string_view("\"")}) {
      if (!text.starts_with(quote)) continue;
      if (text.size() < 2 * quote.size() || !text.ends_with(quote)) return std::nullopt;
      return std::string(text.substr(quote.size(), text.size() - 2 * quote.size()));
    }
    return std::string(text);
  }

  /// A line, or as many as it takes until one ends in the quotes that the value began with.
  std::string quoted_value(std::int64_t line) {
    std::string out;
    while (true) {
      while (!ended() && text_[at_] != '\n') out += next();
      if (auto value = unquoted(out)) {
        return *std::move(value);
      }
      if (ended()) {
        fail(line, "the quote is never closed");
      }
      out += next();
    }
  }

  [[nodiscard]] std::int64_t number(const std::string& name, const std::string& value,
                                    std::int64_t line, std::int64_t least) const {
    constexpr std::int64_t most = (std::int64_t{1} << 31) - 1;
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
    if (error != std::errc() || end != value.data() + value.size() || out < least || out > most) {
      fail(line, fmt::format("{} is '{}', which is no whole number from {} to {}", name, value,
                             least, most));
    }
    return out;
  }

  void take(const std::string& name, const std::string& value, std::int64_t line,
            Modelfile& out) const {
    if (name == "num_ctx") {
      out.num_ctx = number(name, value, line, 1);
    } else if (name == "num_batch") {
      out.num_batch = number(name, value, line, 1);
    } else if (name == "num_gpu") {
      out.num_gpu = number(name, value, line, -1);
    } else if (name == "use_mmap") {
      if (value != "true" && value != "false") {
        fail(line, fmt::format("use_mmap is '{}', which is neither true nor false", value));
      }
      out.use_mmap = value == "true";
    } else if (is_in(gone, name)) {
      out.warnings.push_back(fmt::format("{}:{}: Ollama no longer reads {}", file_, line, name));
    } else if (!is_in(sampling, name)) {
      fail(line, fmt::format("'{}' is no parameter of Ollama; of memory there are num_ctx, "
                             "num_batch, num_gpu and use_mmap",
                             name));
    }
  }

  const std::string& file_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace

Modelfile read_modelfile(const std::string& file, std::string_view text) {
  return Reader(file, text).read();
}

Workload with_modelfile(Workload workload, const Modelfile& modelfile) {
  if (!workload.context) workload.context = modelfile.num_ctx;
  if (!workload.batch && !workload.ubatch) workload.batch = modelfile.num_batch;
  if (!workload.gpu_layers) workload.gpu_layers = modelfile.num_gpu;
  if (!workload.mmap) workload.mmap = modelfile.use_mmap;
  return workload;
}

Workload with_slot_context(Workload workload, const Runtime& runtime, const Model& model) {
  if (workload.context && runtime.ollama && !ollama_single_slot(model, *runtime.ollama)) {
    workload.context =
        checked_multiply(*workload.context, workload.parallel.value_or(runtime.defaults.parallel));
  }
  return workload;
}

}  // namespace membudget
