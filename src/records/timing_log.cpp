// SPDX-License-Identifier: MIT
#include "records/timing_log.hpp"

#include <algorithm>
#include <utility>

#include "ascii.hpp"

namespace membudget {
namespace {

// More requests at once than any server has slots; names in a damaged log must not pile up.
constexpr std::size_t most_open = 1024;
constexpr double most_timed_tokens = 1e12;  // Below what a record may hold.

void skip_spaces(std::string_view& text) {
  const auto at = text.find_first_not_of(' ');
  text.remove_prefix(at == std::string_view::npos ? text.size() : at);
}

/// A plain number of at most 20 characters, as logs print them.
bool take_number(std::string_view& text, double& out) {
  skip_spaces(text);
  const auto length = std::min(text.find_first_not_of("0123456789."), text.size());
  if (length == 0 || length > 20) {
    return false;
  }
  const auto number = decimal(text.substr(0, length));
  text.remove_prefix(length);
  out = number.value_or(out);
  return number.has_value();
}

bool take_word(std::string_view& text, std::string_view word) {
  skip_spaces(text);
  if (!text.starts_with(word)) {
    return false;
  }
  text.remove_prefix(word.size());
  return true;
}

/// "id  0 | task 12": what tells requests apart; empty where a line has no name.
std::string request_of(std::string_view line) {
  const auto id = line.find("id ");
  const auto task = line.find("| task ");
  if (id == std::string_view::npos || task == std::string_view::npos || task < id) {
    return "";
  }
  const auto end = line.find_first_not_of("0123456789", task + 7);
  return std::string(line.substr(id, std::min(end, line.size()) - id));
}

}  // namespace

bool TimingLog::read_timing(std::string_view text, Timing& out) {
  double tokens = 0;
  if (!take_word(text, "=") || !take_number(text, out.milliseconds) || !take_word(text, "ms") ||
      !take_word(text, "/") || !take_number(text, tokens) || tokens > most_timed_tokens) {
    return false;
  }
  out.tokens = static_cast<std::int64_t>(tokens);
  return take_word(text, "tokens") || take_word(text, "token") || take_word(text, "runs");
}

bool TimingLog::take(std::string_view line, RecordImport& out) {
  constexpr std::string_view prompt = "prompt eval time";
  constexpr std::string_view eval = "eval time";
  constexpr std::string_view draft = "draft acceptance";
  constexpr std::string_view release = "stop processing: n_";  // n_tokens; n_past in older builds.
  Timing timing;
  if (const auto at = line.find(prompt); at != std::string_view::npos) {
    if (!read_timing(line.substr(at + prompt.size()), timing)) {
      return false;
    }
    if (prompts_.size() >= most_open) {
      prompts_.clear();
    }
    prompts_[request_of(line.substr(0, at))] = timing;
    return true;
  }
  if (const auto at = line.find(eval); at != std::string_view::npos) {
    if (!read_timing(line.substr(at + eval.size()), timing)) {
      return false;
    }
    finish(request_of(line.substr(0, at)), timing, out);
    return true;
  }
  if (const auto at = line.find(release); at != std::string_view::npos) {
    const auto equals = line.find('=', at);
    std::string_view rest = line.substr(std::min(equals, line.size() - 1) + 1);
    double tokens = 0;
    const auto done = done_.find(request_of(line.substr(0, at)));
    if (done != done_.end() && take_number(rest, tokens) && tokens < most_timed_tokens) {
      out.records[done->second].context_used = static_cast<std::int64_t>(tokens);
    }
  }
  if (const auto at = line.find(draft); at != std::string_view::npos) {
    // It follows the timings of its request.
    if (const auto done = done_.find(request_of(line.substr(0, at))); done != done_.end()) {
      out.records[done->second].draft = true;
    }
  }
  return false;
}

void TimingLog::finish(const std::string& request, const Timing& eval, RecordImport& out) {
  Record record = *known_;
  record.source = "llama.cpp log";
  record.runtime = known_->runtime.empty() ? "llama.cpp" : known_->runtime;
  if (eval.tokens > 0 && eval.milliseconds > 0) {
    record.generated_tokens = eval.tokens;
    record.generation_tps = 1e3 * static_cast<double>(eval.tokens) / eval.milliseconds;
  }
  const auto found = prompts_.find(request);
  if (found != prompts_.end()) {
    const Timing& prompt = found->second;
    if (prompt.tokens > 0 && prompt.milliseconds > 0) {
      record.prompt_tokens = prompt.tokens;
      record.prompt_tps = 1e3 * static_cast<double>(prompt.tokens) / prompt.milliseconds;
      if (record.generation_tps) {
        record.first_token_ms = prompt.milliseconds + 1e3 / *record.generation_tps;
      }
    }
    prompts_.erase(found);
  }
  if (!record.generation_tps && !record.prompt_tps) {
    return;
  }
  if (record.model.empty()) {
    without_model_ = true;
    return;
  }
  if (done_.size() >= most_open) {
    done_.clear();
  }
  done_[request] = out.records.size();
  out.records.push_back(std::move(record));
}

}  // namespace membudget
