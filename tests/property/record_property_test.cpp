// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/record.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::record_property_test {
namespace {

template <class Value>
std::optional<Value> maybe(Value value) {
  return *rc::gen::arbitrary<bool>() ? std::optional<Value>(value) : std::nullopt;
}

double rate() {
  return *rc::gen::inRange(1, 1'000'000) / 997.0;
}

/// Text of any code points below 128, line ends and quotes included.
std::string text() {
  return *rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
}

Record any_record() {
  Record out;
  out.time = text();
  out.model = "m" + text();
  out.quantization = text();
  out.chip = text();
  out.note = text();
  out.context = maybe<std::int64_t>(*rc::gen::inRange(1, 1 << 20));
  out.gpu_layers = maybe<std::int64_t>(*rc::gen::inRange(-1, 100));
  out.flash_attention = maybe(*rc::gen::arbitrary<bool>());
  out.draft = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>())
    out.memory = Bytes(*rc::gen::inRange<std::int64_t>(1, 1LL << 50));
  out.generation_tps = maybe(rate());
  out.prompt_tps = maybe(rate());
  out.first_token_ms = maybe(rate());
  out.prompt_tokens = maybe<std::int64_t>(*rc::gen::inRange(0, 1 << 20));
  out.rating = maybe<std::int64_t>(*rc::gen::inRange(1, 6));
  return out;
}

RC_GTEST_PROP(RecordProperty, IsReadAsItWasWritten, ()) {
  const Record record = any_record();
  const std::string line = to_json_line(record);
  RC_ASSERT(line.find('\n') == std::string::npos);
  const Record read = read_record(line, "x");
  RC_ASSERT(to_json_line(read) == line);
  RC_ASSERT(read.generation_tps == record.generation_tps);
}

RC_GTEST_PROP(RecordProperty, WhereverAFileIsCutOffOnlyOneRecordIsLost, ()) {
  const test::ScratchFolder folder;
  const RecordFile file(folder / "records.jsonl");
  std::vector<Record> records;
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) records.push_back(any_record());
  file.append(records);
  std::string bytes;
  {
    std::ifstream in(file.path(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto cut =
      static_cast<std::size_t>(*rc::gen::inRange<int>(0, static_cast<int>(bytes.size())));
  std::ofstream(file.path(), std::ios::binary | std::ios::trunc) << bytes.substr(0, cut);
  file.append({&records[0], 1});
  const RecordList list = file.read();
  // Whole lines before the cut, a line that lacks only its end, and the one that was added.
  const auto head = bytes.substr(0, cut);
  const auto whole = static_cast<std::size_t>(std::count(head.begin(), head.end(), '\n'));
  const bool lacks_only_its_end = bytes[cut] == '\n' && !head.empty() && head.back() != '\n';
  RC_ASSERT(list.records.size() == whole + (lacks_only_its_end ? 1 : 0) + 1);
  RC_ASSERT(list.unreadable.size() <= 1U);
  RC_ASSERT(to_json_line(list.records.back()) == to_json_line(records[0]));
}

RC_GTEST_PROP(RecordProperty, AnyTextIsReadOrRefused, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "eval time", "prompt eval time", " = ", "12.5", " ms / ", "7 tokens", " runs", "\n", "{", "}",
      "[", "]", "\"model\":", "\"avg_ts\":", "\"n_prompt\":", "\"n_gen\":", "1", "-1", ",", "1e999",
      "\"eval_count\":", "\"eval_duration\":", "null", "id 3 | task 4 | ", "stop processing: n_",
      "draft acceptance", std::string(1, '\0'), "\xFF"));
  std::string text;
  for (const auto& piece : pieces) text += piece;
  try {
    static_cast<void>(read_record(text, "x"));
  } catch (const Error&) {
  }
  try {
    std::istringstream in(text);
    Record known;
    known.model = "m";
    for (const Record& record : import_records(in, "x", known).records) {
      static_cast<void>(read_record(to_json_line(record), "imported"));
    }
  } catch (const Error& error) {
    RC_ASSERT(error.where() == "x");
  }
}

}  // namespace
}  // namespace membudget::record_property_test
