// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <istream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/record.hpp"
#include "records/limits.hpp"
#include "records/timing_log.hpp"

namespace membudget {
namespace {

using nlohmann::json;

// An array of llama-bench has about a KiB per row.
constexpr std::size_t largest_document = std::size_t{64} << 20;
constexpr std::size_t most_notes = 20;
// Beyond any run, and small enough to be added up; durations are nanoseconds.
constexpr std::int64_t most_count = std::int64_t{1} << 60;

void note(RecordImport& out, std::string text) {
  if (out.notes.size() < most_notes) {
    out.notes.push_back(std::move(text));
  } else if (out.notes.size() == most_notes) {
    out.notes.emplace_back("more of the same is not shown");
  }
}

/// A member as text, number or whole number; nothing where it is something else.
std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<double> number_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

std::optional<std::int64_t> count_of(const json& object, const char* key,
                                     std::int64_t most = most_tokens) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() && found->get<std::int64_t>() >= 0 &&
                 found->get<std::int64_t>() <= most
             ? std::optional(found->get<std::int64_t>())
             : std::nullopt;
}

std::optional<std::int64_t> positive_count(const json& object, const char* key,
                                           std::int64_t most = most_tokens) {
  const auto count = count_of(object, key, most);
  return count.value_or(0) > 0 ? count : std::nullopt;
}

std::string file_name(const std::string& path) {
  return path.substr(path.find_last_of("/\\") + 1);
}

/// Keeps a record that its file would be read back with; `what` names the text it comes from.
void keep(Record record, std::string_view what, RecordImport& out) {
  try {
    static_cast<void>(read_record(to_json_line(record), ""));
  } catch (const Error& error) {
    note(out, fmt::format("{} is passed over: {}", what, error.what()));
    return;
  }
  out.records.push_back(std::move(record));
}

bool is_bench_row(const json& value) {
  return value.is_object() && value.contains("avg_ts") && value.contains("n_prompt") &&
         value.contains("n_gen");
}

bool is_ollama_answer(const json& value) {
  return value.is_object() && value.contains("model") &&
         (value.contains("eval_duration") || value.contains("prompt_eval_duration") ||
          value.contains("done"));
}

/// One row of llama-bench: a prompt is read, or tokens are generated.
void take_bench_row(const json& row, const Record& known, RecordImport& out) {
  const auto tps = number_of(row, "avg_ts");
  const auto prompted = count_of(row, "n_prompt");
  const auto generated = count_of(row, "n_gen");
  if (!tps || *tps <= 0 || !prompted || !generated) {
    note(out, "a row of llama-bench without a rate is passed over");
    return;
  }
  if ((*prompted > 0) == (*generated > 0)) {
    // One rate over both says nothing about either.
    note(out, fmt::format("a row that reads {} and generates {} tokens in one is passed over",
                          *prompted, *generated));
    return;
  }
  Record record = known;
  const std::string file = file_name(text_of(row, "model_filename"));
  record.model = known.model.empty() ? file : known.model;
  if (record.quantization.empty()) {
    record.quantization = quantization_of_description(text_of(row, "model_type"));
  }
  record.runtime = known.runtime.empty() ? "llama.cpp" : known.runtime;
  if (const auto build = positive_count(row, "build_number")) {
    record.version = fmt::format("b{}", *build);
  }
  if (std::string time = text_of(row, "test_time"); !time.empty()) {
    record.time = std::move(time);
  }
  const std::int64_t depth = count_of(row, "n_depth").value_or(0);
  record.batch = positive_count(row, "n_batch");
  record.ubatch = positive_count(row, "n_ubatch");
  record.parallel = 1;
  if (const auto layers = number_of(row, "n_gpu_layers")) {
    record.gpu_layers = static_cast<std::int64_t>(std::clamp(*layers, -1.0, 1e6));
  }
  record.cache_type_k = text_of(row, "type_k");
  record.cache_type_v = text_of(row, "type_v");
  if (const auto flash = row.find("flash_attn"); flash != row.end()) {
    // A bool in older builds; -1 is "auto", which a row does not resolve.
    if (flash->is_boolean()) record.flash_attention = flash->get<bool>();
    if (flash->is_number_integer() && flash->get<std::int64_t>() >= 0) {
      record.flash_attention = flash->get<std::int64_t>() != 0;
    }
  }
  record.context = depth + *prompted + *generated;
  record.context_used = record.context;
  (*prompted > 0 ? record.prompt_tps : record.generation_tps) = tps;
  if (*prompted > 0) {
    record.prompt_tokens = prompted;
  } else {
    record.generated_tokens = generated;
  }
  record.source = "llama-bench";
  if (record.model.empty()) {
    note(out, "a row without a file name is passed over; name the model with --model");
    return;
  }
  keep(std::move(record), "a row of llama-bench", out);
}

/// An answer of /api/generate or /api/chat: only the last part of a stream has the times.
void take_ollama_answer(const json& answer, const Record& known, RecordImport& out) {
  constexpr double nano = 1e-9;
  const auto generated = positive_count(answer, "eval_count");
  const auto eval = positive_count(answer, "eval_duration", most_count);
  if (!generated || !eval) {
    return;
  }
  Record record = known;
  record.model = known.model.empty() ? text_of(answer, "model") : known.model;
  record.runtime = known.runtime.empty() ? "ollama" : known.runtime;
  if (std::string time = text_of(answer, "created_at"); !time.empty()) {
    record.time = std::move(time);
  }
  const double seconds = static_cast<double>(*eval) * nano;
  record.generated_tokens = generated;
  record.generation_tps = static_cast<double>(*generated) / seconds;
  const auto prompted = positive_count(answer, "prompt_eval_count");
  const auto prompt_eval = positive_count(answer, "prompt_eval_duration", most_count);
  if (prompted && prompt_eval) {
    const double reading = static_cast<double>(*prompt_eval) * nano;
    record.prompt_tokens = prompted;
    record.prompt_tps = static_cast<double>(*prompted) / reading;
    record.first_token_ms = 1e3 * (reading + seconds / static_cast<double>(*generated));
    record.context_used = *prompted + *generated;
  }
  record.source = "Ollama";
  if (!record.model.empty()) {
    keep(std::move(record), "an answer of Ollama", out);
  }
}

/// Whether it was one of the two.
bool take(const json& value, const Record& known, RecordImport& out) {
  if (is_bench_row(value)) {
    take_bench_row(value, known, out);
    return true;
  }
  if (is_ollama_answer(value)) {
    take_ollama_answer(value, known, out);
    return true;
  }
  return false;
}

std::string whole_text(std::istream& text, std::string head, const std::string& where) {
  std::array<char, 64 << 10> block{};
  while (text.read(block.data(), block.size()) || text.gcount() > 0) {
    head.append(block.data(), static_cast<std::size_t>(text.gcount()));
    if (head.size() > largest_document) {
      throw Error(Errc::unsupported, where,
                  "is larger than 64 MiB, which no array of llama-bench is; use -o jsonl");
    }
  }
  return head;
}

bool take_document(const std::string& document, const Record& known, RecordImport& out) {
  const json value = json::parse(document, nullptr, false);
  if (!value.is_array()) {
    return take(value, known, out);
  }
  bool any = false;
  for (const json& entry : value) {
    any = take(entry, known, out) || any;
  }
  return any;
}

/// A line without its end, its rest passed over when it is too long; false at the end.
bool next_line(std::istream& text, std::string& line) {
  line.clear();
  std::streambuf& bytes = *text.rdbuf();
  for (;;) {
    const int c = bytes.sbumpc();
    if (c == std::char_traits<char>::eof()) {
      return !line.empty();
    }
    if (c == '\n') {
      return true;
    }
    if (line.size() < longest_line) {
      line += static_cast<char>(c);
    }
  }
}

/// The first character that is no space.
char first_of(std::string_view line) {
  const auto at = line.find_first_not_of(" \t\r\xEF\xBB\xBF");
  return at == std::string_view::npos ? '\0' : line[at];
}

}  // namespace

std::string quantization_of_description(std::string_view description) {
  // "qwen2 7B Q4_K - Medium": the type is what follows the size.
  std::string_view mix;
  if (const auto dash = description.find(" - "); dash != std::string_view::npos) {
    mix = description.substr(dash + 3);
    description = description.substr(0, dash);
    if (description.ends_with(" mix")) {
      description.remove_suffix(4);
      mix = "Medium";
    }
  }
  if (description.ends_with("MXFP4 MoE")) {
    return "MXFP4_MOE";
  }
  std::string out(description.substr(description.rfind(' ') + 1));
  const bool known = out.starts_with('Q') || out.starts_with("IQ") || out.starts_with("TQ") ||
                     out == "F16" || out == "BF16" || out == "F32" || out == "NVFP4";
  if (!known) {
    return "";
  }
  if (mix == "Small") return out + "_S";
  if (mix == "Large") return out + "_L";
  // llama-quantize calls the medium mix of two bits just Q2_K.
  if (mix == "Medium") return out == "Q2_K" ? out : out == "IQ3_S" ? "IQ3_M" : out + "_M";
  return out;
}

RecordImport import_records(std::istream& text, const std::string& where, const Record& known) {
  RecordImport out;
  std::string line;
  bool any = false;
  bool start = true;
  TimingLog log(known);
  while (next_line(text, line)) {
    const char first = first_of(line);
    if (first == '\0') {
      continue;
    }
    if (start && first == '[') {
      any = take_document(whole_text(text, line + "\n", where), known, out);
      break;
    }
    if (first == '{') {
      const json value = json::parse(line, nullptr, false);
      if (start && value.is_discarded()) {
        any = take_document(whole_text(text, line + "\n", where), known, out);
        break;
      }
      any = take(value, known, out) || any;
    } else {
      any = log.take(line, out) || any;
    }
    start = false;
  }
  if (!any) {
    throw Error(Errc::unsupported, where,
                "holds neither llama-bench's JSON (-o json), answers of Ollama's API, nor "
                "llama.cpp's timing lines (eval time = ...)");
  }
  if (log.without_model()) {
    throw Error(Errc::unsupported, where, "does not say which model ran; name it with --model");
  }
  return out;
}

}  // namespace membudget
