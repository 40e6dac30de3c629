// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// What one use of a model on one machine was like: what the notes for an M1 Max want recorded of
/// each deployment. What is not known is empty.
struct Record {
  std::string time;          ///< UTC, "2026-01-31T12:00:00Z".
  std::string model;         ///< As `plan` takes it; never empty.
  std::string quantization;  ///< "Q4_K_M"
  std::string runtime;       ///< "llama.cpp", "ollama"
  std::string version;       ///< Of the runtime: "b10488".
  std::string chip;          ///< "m1-max-32gb"
  std::string macos;         ///< "26"

  std::optional<std::int64_t> context;  ///< Tokens there is room for.
  std::optional<std::int64_t> batch;
  std::optional<std::int64_t> ubatch;
  std::optional<std::int64_t> parallel;
  std::optional<std::int64_t> gpu_layers;
  std::string cache_type_k;  ///< "f16"
  std::string cache_type_v;
  std::optional<bool> flash_attention;
  bool draft = false;  ///< Tokens were drafted: rates are not the model's alone.

  /// What the engine allocated or mapped, GPU and host together: plan's total_bytes.
  std::optional<Bytes> memory;
  std::optional<double> generation_tps;
  std::optional<double> prompt_tps;
  std::optional<double> first_token_ms;
  std::optional<std::int64_t> context_used;   ///< Tokens in the context at the end.
  std::optional<std::int64_t> prompt_tokens;  ///< That were read, those in a cache not counted.
  std::optional<std::int64_t> generated_tokens;
  std::optional<double> temperature;  ///< Of sampling.
  std::optional<double> top_p;

  std::string use_case;                ///< In the user's words: "coding".
  std::optional<std::int64_t> rating;  ///< 1 to 5.
  std::string note;
  std::string
      source;  ///< Who measured: "llama-bench", "llama.cpp log", "Ollama", empty = the user.
};

/// One line of JSON without its end, by profiles/schema/record.schema.json.
[[nodiscard]] std::string to_json_line(const Record& record);

/// Reads a line. Members it does not know are passed over: newer programs may have written them.
/// Throws Error{invalid_profile} with `where#/json/pointer` for what is no record, or one whose
/// figures cannot be.
[[nodiscard]] Record read_record(std::string_view line, const std::string& where);

/// A line of a record file that is none.
struct UnreadableLine {
  std::int64_t line = 1;  ///< From 1.
  std::string problem;    ///< One line.
};

/// What a file of records holds.
struct RecordList {
  std::vector<Record> records;
  std::vector<UnreadableLine> unreadable;
};

/// Records in JSON Lines. Programs may append at the same time: a record is written whole, by one
/// write under a lock, and is on the disk when append() returns. What a crash cut off stays in the
/// file, spoils no other record, and is told by read().
class RecordFile {
 public:
  /// Names the file; nothing is opened before append() or read().
  explicit RecordFile(std::filesystem::path path) : path_(std::move(path)) {}

  /// All of `records` or, when there is an Error{io} (a full disk), none; what the file held before
  /// stays. Makes the file and its folders.
  void append(std::span<const Record> records) const;
  /// Empty when there is no file. Throws Error{io} when it cannot be read.
  [[nodiscard]] RecordList read() const;

  /// As it was named.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Records that were found in a program's output.
struct RecordImport {
  std::vector<Record> records;
  std::vector<std::string> notes;  ///< What was passed over, and why.
};

/// Reads `llama-bench -o json` or `-o jsonl`, answers of Ollama's API, or a log with llama.cpp's
/// timings (llama-server, llama-cli, Ollama's server). `known` gives what the text does not say:
/// the model of a log, chip, settings, use case; what the text says of a measured run stands
/// before it, except a model named in `known`. Logs are read line by line and never held whole.
/// Throws Error{unsupported} when nothing of the kind is found; `where` names the text.
[[nodiscard]] RecordImport import_records(std::istream& text, const std::string& where,
                                          const Record& known);

/// The records of one model, quantization and Mac.
struct RecordGroup {
  std::string model;
  std::string quantization;
  std::string chip;
  std::int64_t records = 0;
  /// Medians of those that have the figure.
  std::optional<double> generation_tps;
  std::optional<double> prompt_tps;
  std::optional<double> first_token_ms;
  std::optional<Bytes> memory;
  std::optional<double> rating;  ///< Mean.
  std::string last;              ///< The newest time.
};

/// By model, quantization and chip.
[[nodiscard]] std::vector<RecordGroup> summarize(std::span<const Record> records);

/// The middle of `values`, the mean of the two middle ones where they are even; 0 for none.
[[nodiscard]] double median(std::vector<double> values);

}  // namespace membudget
#pragma GCC visibility pop
