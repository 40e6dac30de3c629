// SPDX-License-Identifier: MIT
// The input is a log: of llama.cpp, Ollama's server, mlx-lm or `ollama ps`.
#include <algorithm>

#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "membudget/engine_log.hpp"
#include "membudget/verify.hpp"
#include "membudget/verify_report.hpp"

namespace membudget::fuzz {
namespace {

constexpr std::size_t most_loads = 32;

EngineLog read_in_pieces(std::string_view text, std::size_t piece) {
  EngineLogReader reader;
  while (!text.empty()) {
    const std::size_t size = std::min(piece, text.size());
    reader.read(text.substr(0, size));
    text.remove_prefix(size);
  }
  return reader.finish();
}

std::string log_text(const EngineLog& log) {
  std::string out = std::to_string(log.lines) + " " + std::to_string(log.cut_lines) + " " +
                    std::to_string(log.forgotten);
  for (const EngineLoad& load : log.loads) {
    out += " " + std::to_string(load.first_line) + "-" + std::to_string(load.last_line) + ":" +
           load.model.architecture + ":" + load.model.file_type;
    for (const LoggedBuffer& buffer : load.buffers) {
      require(buffer.size.low <= buffer.size.high, "a printed size is a range");
      out += " " + buffer.device + " " + buffer.size.text;
    }
  }
  return out;
}

}  // namespace

void log(std::string_view input) {
  const std::size_t salt = hash_of(input);
  const auto whole = read_twice([&] { return read_engine_log(input); }, log_text);
  const auto pieces = read_or_refuse([&] { return read_in_pieces(input, 1 + salt % 97); });
  require(whole.has_value() == pieces.has_value(), "pieces are read as the whole is");
  if (!whole) {
    return;
  }
  require(log_text(*whole) == log_text(*pieces), "pieces read as the whole does");
  require(whole->loads.size() <= most_loads, "no more loads are kept than promised");
  require(whole->lines <= 1 + std::count(input.begin(), input.end(), '\n'), "lines are counted");
  VerifyReport report;
  // Planning takes forty times as long as reading, and looking through the catalog a thousand
  // times.
  for (const EngineLoad& load : whole->loads) {
    if (salt % 8 == 0 && load.has_sizes() && report.runs.size() < 2) {
      static const Model model = profiles().model("qwen2.5-0.5b", "Q4_K_M");
      report.runs.push_back(verify(load, model, profiles(), {}));
      if (salt % 256 == 0) {
        report.runs.push_back(verify(load, profiles(), {}));
      }
    }
  }
  check_printable(to_text(report, {}), "a comparison is fit for a terminal");
  check_printable(to_markdown(report), "a comparison's markdown is fit for a terminal");
  check_printable(bug_report(report), "a bug report is fit for a terminal");
  require(to_json(report) == to_json(report), "equal comparisons print alike");
}

}  // namespace membudget::fuzz
