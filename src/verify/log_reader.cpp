// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "membudget/engine_log.hpp"
#include "membudget/error.hpp"
#include "verify/lines.hpp"
#include "verify/load_builder.hpp"
#include "verify/log_line.hpp"
#include "verify/process_list.hpp"

namespace membudget {
namespace {

using namespace logs;

// Ollama prints the whole placement of a model on one line, so lines are long; no engine's is
// longer.
constexpr std::size_t longest_line = 16'384;
// What may be one JSON document instead of lines.
constexpr std::size_t longest_document = 1 << 20;
constexpr std::size_t most_loads = 32;
constexpr std::size_t most_sources = 64;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Errc::unsupported, "log", what);
}

/// Text is what has no zero byte in its first piece; a broken one further on is passed over.
void check_text(std::string_view start) {
  if (start.starts_with("GGUF")) {
    refuse("is a model, no log; see membudget inspect, or give --model with a log");
  }
  if (start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF")) {
    refuse("is UTF-16; turn it to UTF-8 first: iconv -f UTF-16 -t UTF-8");
  }
  if (start.starts_with("\x1F\x8B"))
    refuse("is compressed; unpack it: gunzip -c FILE | membudget verify -");
  if (start.find('\0') != std::string_view::npos) {
    refuse("is binary; give the text that the engine printed");
  }
}

}  // namespace

class EngineLogReader::Impl {
 public:
  void read(std::string_view piece) {
    if (!checked_) {
      head_ += piece.substr(0, checked_bytes - head_.size());
      if (head_.size() < checked_bytes) {
        waiting_ += piece;
        return;
      }
      start();
      take(std::exchange(waiting_, {}));
    }
    take(piece);
  }

  EngineLog finish() {
    if (!checked_) {
      start();
      take(std::exchange(waiting_, {}));
    }
    if (!line_.empty()) end_line();
    for (auto& [name, builder] : builders_) builder.finish();
    log_.loads.assign(std::make_move_iterator(loads_.begin()),
                      std::make_move_iterator(loads_.end()));
    if (document_) {
      auto processes = processes_of_json(text_);
      log_.loads.insert(log_.loads.end(), std::make_move_iterator(processes.begin()),
                        std::make_move_iterator(processes.end()));
    }
    keep_measured();
    std::stable_sort(
        log_.loads.begin(), log_.loads.end(),
        [](const EngineLoad& a, const EngineLoad& b) { return a.first_line < b.first_line; });
    return std::move(log_);
  }

 private:
  static constexpr std::size_t checked_bytes = 512;

  void start() {
    check_text(head_);
    checked_ = true;
    if (head_.starts_with("\xEF\xBB\xBF")) skip_ = 3;
    const auto first = head_.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    document_ = first != std::string::npos && head_[first] == '{';
  }

  void take(std::string_view piece) {
    const auto skipped = std::min(skip_, piece.size());
    piece.remove_prefix(skipped);
    skip_ -= skipped;
    if (document_) {
      if (text_.size() + piece.size() > longest_document) {
        document_ = false;
        text_.clear();
        text_.shrink_to_fit();
      } else {
        text_ += piece;
      }
    }
    while (!piece.empty()) {
      const auto end = piece.find('\n');
      const std::string_view part = piece.substr(0, end);
      if (line_.empty() && end != std::string_view::npos && part.size() <= longest_line) {
        read_line(part);  // The common case: a whole line, without a copy.
      } else {
        const auto room = longest_line - line_.size();
        if (part.size() > room) cut_ = true;
        line_ += part.substr(0, room);
        if (end != std::string_view::npos) end_line();
      }
      if (end == std::string_view::npos) break;
      piece.remove_prefix(end + 1);
    }
  }

  void end_line() {
    read_line(line_);
    line_.clear();
    if (cut_) ++log_.cut_lines;
    cut_ = false;
  }

  void read_line(std::string_view raw) {
    ++log_.lines;
    const LogLine line = cleaner_.clean(raw);
    if (line.text.empty()) return;
    if (line.text.front() == '{' && line.text.find("\"size_vram\"") != std::string_view::npos) {
      for (EngineLoad& process : processes_of_json(line.text)) {
        document_ = false;  // One object a line; not to be counted twice.
        add_process(std::move(process));
      }
      return;
    }
    std::vector<EngineLoad> processes;
    if (table_.read(line.text, processes)) {
      for (EngineLoad& process : processes) add_process(std::move(process));
      return;
    }
    LoadBuilder& builder = builder_of(line.source);
    builder.at(log_.lines);
    if (line.text.find('=') != std::string_view::npos && read_ollama_line(line.text, builder)) {
      return;
    }
    if (read_llama_line(line.text, builder) || read_mlx_line(line.text, builder)) return;
    static_cast<void>(read_shell(line.text, builder));
    // llama-server since May 2026 prints no sizes unless asked to (common/log.cpp).
    if (line.text.find("listening on http") != std::string_view::npos) log_.quiet = true;
  }

  /// Commands are short lines; "llama-server" in a sentence is none.
  static bool read_shell(std::string_view text, LoadBuilder& builder) {
    for (const std::string_view name :
         {"llama-server ", "llama-cli ", "llama-completion ", "mlx_lm"}) {
      if (text.find(name) != std::string_view::npos && text.find(" -") != std::string_view::npos) {
        return read_command(text, builder);
      }
    }
    return false;
  }

  LoadBuilder& builder_of(std::string_view source) {
    if (const auto known = builders_.find(source); known != builders_.end()) return known->second;
    // A log of more processes than these is read as if the rest were one.
    const std::string name = builders_.size() < most_sources ? kept(source) : std::string();
    return builders_.try_emplace(name, [this](EngineLoad&& load) { add(std::move(load)); })
        .first->second;
  }

  void add_process(EngineLoad&& load) {
    load.first_line = load.last_line = log_.lines;
    add(std::move(load));
  }

  void add(EngineLoad&& load) {
    if (!load.has_sizes() && !load.model.has_shape() && !load.fit && !load.estimate &&
        load.model.path.empty() && load.model.name.empty()) {
      return;
    }
    loads_.push_back(std::move(load));
    if (loads_.size() > most_loads) {
      loads_.pop_front();
      ++log_.forgotten;
    }
  }

  /// What was not measured is of interest only when nothing was.
  void keep_measured() {
    const bool any = std::any_of(log_.loads.begin(), log_.loads.end(),
                                 [](const EngineLoad& load) { return load.has_sizes(); });
    if (any) {
      std::erase_if(log_.loads, [](const EngineLoad& load) { return !load.has_sizes(); });
    }
  }

  EngineLog log_;
  std::deque<EngineLoad> loads_;
  std::map<std::string, LoadBuilder, std::less<>> builders_;
  LineCleaner cleaner_;
  ProcessTable table_;
  std::string head_;     // The first bytes, until it is known what they are.
  std::string waiting_;  // All that came before that.
  std::string line_;     // The start of the line that is not yet complete.
  std::string text_;     // Of what may be one document.
  std::size_t skip_ = 0;
  bool checked_ = false;
  bool document_ = false;
  bool cut_ = false;
};

EngineLogReader::EngineLogReader() : impl_(std::make_unique<Impl>()) {}
EngineLogReader::~EngineLogReader() = default;
EngineLogReader::EngineLogReader(EngineLogReader&&) noexcept = default;
EngineLogReader& EngineLogReader::operator=(EngineLogReader&&) noexcept = default;

void EngineLogReader::read(std::string_view piece) {
  impl_->read(piece);
}
EngineLog EngineLogReader::finish() {
  return impl_->finish();
}

EngineLog read_engine_log(std::string_view text) {
  EngineLogReader reader;
  reader.read(text);
  return reader.finish();
}

bool EngineLoad::has_sizes() const {
  return !buffers.empty() || !breakdown.empty() || process.has_value() ||
         (generation && generation->peak);
}

std::vector<std::string> EngineLoad::lacks() const {
  std::vector<std::string> out;
  if (!has_sizes()) {
    out.emplace_back(
        "the sizes of the buffers (\"... model buffer size = ...\"); llama.cpp since "
        "May 2026 prints them with -lv 4");
  }
  if (!model.has_shape() && model.name.empty() && model.path.empty()) {
    out.emplace_back("what model it is (\"print_info: arch = ...\"); give it with --model");
  }
  const bool of_llama = engine == LogEngine::llama_cpp || engine == LogEngine::ollama_process;
  if (of_llama && !settings.context && caches.empty()) {
    out.emplace_back("the context (\"n_ctx = ...\"); give it with --ctx-size");
  }
  if (engine == LogEngine::mlx && (!generation || generation->prompt_tokens == 0)) {
    out.emplace_back("the length of the prompt (\"Prompt: ... tokens\")");
  }
  return out;
}

std::string_view to_string(LogEngine engine) {
  switch (engine) {
    case LogEngine::llama_cpp:
      return "llama.cpp";
    case LogEngine::ollama_engine:
      return "ollama-engine";
    case LogEngine::mlx:
      return "mlx";
    case LogEngine::ollama_process:
      return "ollama-ps";
  }
  return "unknown";
}

std::string_view to_string(LogProgram program) {
  switch (program) {
    case LogProgram::unknown:
      return "unknown";
    case LogProgram::llama_server:
      return "llama-server";
    case LogProgram::llama_cli:
      return "llama-cli";
    case LogProgram::ollama:
      return "ollama";
    case LogProgram::mlx_lm:
      return "mlx-lm";
  }
  return "unknown";
}

std::string_view to_string(BufferKind kind) {
  switch (kind) {
    case BufferKind::model:
      return "model";
    case BufferKind::kv_cache:
      return "kv_cache";
    case BufferKind::recurrent_state:
      return "recurrent_state";
    case BufferKind::compute:
      return "compute";
    case BufferKind::output:
      return "output";
    case BufferKind::adapter:
      return "adapter";
  }
  return "unknown";
}

bool is_gpu_device(std::string_view name) {
  return !(name == "CPU" || name == "BLAS" || name == "Host" || name == "host" ||
           name.starts_with("CPU_") || name.ends_with("_Host"));
}

}  // namespace membudget
