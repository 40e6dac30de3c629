// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "membudget/engine_log.hpp"

namespace membudget::logs {

/// Puts the lines of one process together to loads: decides where one ends and the next begins.
class LoadBuilder {
 public:
  using Done = std::function<void(EngineLoad&&)>;
  explicit LoadBuilder(Done done) : done_(std::move(done)) {}

  /// The line that is read now.
  void at(std::int64_t line) { line_ = line; }

  /// The load that the line belongs to.
  [[nodiscard]] EngineLoad& load();

  /// Something was measured of the load so far.
  [[nodiscard]] bool has_sizes() const { return load_.has_sizes(); }

  /// A program has started: nothing but the machine is as before.
  void begin_program();
  /// A model file is opened. What the command line said holds for the first.
  void begin_model();
  /// A context is made: the first of a model, or another one of the same.
  void begin_context();
  /// Nothing follows.
  void finish();

  /// The file is only looked into, for its vocabulary or for --fit: what follows is not allocated.
  void only_looked_into() { probe_ = true; }
  [[nodiscard]] bool probe() const { return probe_; }

  /// Buffers of one kind and device are summed, but for those that are made again, larger: there
  /// the last holds.
  void add_buffer(BufferKind kind, std::string_view device, const PrintedSize& size);
  /// Of Ollama's engine, which prints the whole of each several times.
  void set_buffer(BufferKind kind, std::string_view device, const PrintedSize& size);

  /// A line that only builds from this one on print, or only builds up to it.
  void not_before(std::int64_t build) { from_ = std::max(from_, build); }
  void not_after(std::int64_t build) { to_ = std::min(to_, build); }
  /// The size of a cache where no buffer of it is printed (until January 2024).
  void cache_size(const PrintedSize& size) { cache_size_ = size; }
  /// The context's own lines were there; builds whose lines are missing among them are ruled out.
  void context_printed() { context_printed_ = true; }
  void outputs_printed() { outputs_printed_ = true; }
  void unified_printed() { unified_printed_ = true; }
  void rotation_printed() { rotation_printed_ = true; }

 private:
  void emit();
  void forget_model();

  Done done_;
  std::int64_t line_ = 0;
  EngineLoad load_;
  bool started_ = false;
  bool model_opened_ = false;
  bool context_made_ = false;
  bool probe_ = false;
  bool copied_ = false;  // The model's buffers are those of the load before.
  bool context_printed_ = false;
  bool outputs_printed_ = false;
  bool unified_printed_ = false;
  bool rotation_printed_ = false;
  std::optional<PrintedSize> cache_size_;
  std::int64_t from_ = 0;
  std::int64_t to_ = newest;

  static constexpr std::int64_t newest = std::int64_t{1} << 40;
};

/// Text of a log that is kept: bounded, because a log may hold anything.
[[nodiscard]] std::string kept(std::string_view text);

}  // namespace membudget::logs
