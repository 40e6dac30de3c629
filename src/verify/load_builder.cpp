// SPDX-License-Identifier: MIT
#include "verify/load_builder.hpp"

#include <algorithm>
#include <utility>

namespace membudget::logs {
namespace {

constexpr std::size_t most_buffers = 64;

bool replaces(BufferKind kind) {
  // Reserved anew when adapters are set or a batch needs more (sched_reserve, output_reserve).
  return kind == BufferKind::compute || kind == BufferKind::output;
}

bool holds(const EngineLoad& load, BufferKind kind) {
  return std::any_of(load.buffers.begin(), load.buffers.end(),
                     [&](const LoggedBuffer& each) { return each.kind == kind; });
}

/// A context was made, not only a model loaded.
bool measured(const EngineLoad& load) {
  return holds(load, BufferKind::compute) || holds(load, BufferKind::kv_cache) ||
         holds(load, BufferKind::recurrent_state);
}

}  // namespace

std::string kept(std::string_view text) {
  constexpr std::size_t longest = 400;
  return std::string(text.substr(0, longest));
}

EngineLoad& LoadBuilder::load() {
  if (!started_) {
    started_ = true;
    load_.first_line = line_;
  }
  load_.last_line = line_;
  return load_;
}

void LoadBuilder::begin_program() {
  if (load_.has_sizes()) emit();
  LoggedMachine machine = std::move(load_.machine);
  std::string version = std::move(load_.version);
  forget_model();
  load_ = {};
  load_.machine = std::move(machine);
  load_.version = std::move(version);
  from_ = 0;
  to_ = newest;
  started_ = false;
  static_cast<void>(load());
}

void LoadBuilder::begin_model() {
  if (load_.has_sizes()) {
    emit();
    EngineLoad next;
    next.program = load_.program;
    next.build = load_.build;
    next.version = load_.version;
    next.machine = load_.machine;
    forget_model();
    load_ = std::move(next);
    started_ = false;
  } else if (model_opened_) {
    // It was only looked into; what the command line said holds for the one that comes.
    LoggedModel model;
    model.path = std::move(load_.model.path);
    load_.model = std::move(model);
    forget_model();
  }
  model_opened_ = true;
  static_cast<void>(load());
}

void LoadBuilder::begin_context() {
  if (!context_made_) {
    context_made_ = true;
    return;
  }
  if (!measured(load_)) return;
  emit();
  EngineLoad next = load_;
  std::erase_if(next.buffers,
                [](const LoggedBuffer& each) { return each.kind != BufferKind::model; });
  next.caches.clear();
  next.breakdown.clear();
  next.fit.reset();
  next.settings = {};
  next.settings.mmap = load_.settings.mmap;
  next.settings.gpu_layers = load_.settings.gpu_layers;
  next.settings.layers_of_model = load_.settings.layers_of_model;
  forget_model();
  load_ = std::move(next);
  model_opened_ = true;
  context_made_ = true;
  copied_ = true;
  started_ = false;
  static_cast<void>(load());
}

void LoadBuilder::finish() {
  if (started_) emit();
  started_ = false;
}

void LoadBuilder::forget_model() {
  model_opened_ = false;
  context_made_ = false;
  probe_ = false;
  copied_ = false;
  context_printed_ = outputs_printed_ = unified_printed_ = rotation_printed_ = false;
  cache_size_.reset();
}

void LoadBuilder::emit() {
  if (copied_ && !measured(load_)) return;
  EngineLoad out = load_;
  if (cache_size_ && !holds(out, BufferKind::kv_cache)) {
    out.buffers.push_back({BufferKind::kv_cache, "self", *cache_size_});
  }
  std::int64_t to = to_;
  if (context_printed_) {
    // Lines that came with b5913 (llama_context's kv_unified) and b10355 (n_outputs_max).
    constexpr std::int64_t unified_from = 5913;
    constexpr std::int64_t outputs_from = 10355;
    if (!unified_printed_) to = std::min(to, unified_from - 1);
    if (!outputs_printed_) to = std::min(to, outputs_from - 1);
  }
  constexpr std::int64_t rotation_from = 8619;
  if (!out.caches.empty() && !rotation_printed_ && !out.caches.front().recurrent) {
    to = std::min(to, rotation_from - 1);
  }
  LoggedBuild& build = out.build;
  if (build.number && (*build.number < from_ || *build.number > to_)) {
    build.foreign = true;
    build.number.reset();
  }
  if (build.number) {
    build.from = build.to = *build.number;
  } else {
    build.from = from_;
    build.to = to == newest ? 0 : std::max(to, from_);
  }
  done_(std::move(out));
}

void LoadBuilder::add_buffer(BufferKind kind, std::string_view device, const PrintedSize& size) {
  if (probe_) return;
  auto& buffers = load().buffers;
  const auto same = std::find_if(buffers.begin(), buffers.end(), [&](const LoggedBuffer& each) {
    return each.kind == kind && each.device == device;
  });
  if (same != buffers.end()) {
    // A sum of many is long as text; more than a few are never printed.
    constexpr std::size_t longest = 200;
    if (replaces(kind)) {
      same->size = size;
    } else if (same->size.text.size() < longest) {
      same->size = same->size + size;
    }
  } else if (buffers.size() < most_buffers) {
    buffers.push_back({kind, kept(device), size});
  }
}

void LoadBuilder::set_buffer(BufferKind kind, std::string_view device, const PrintedSize& size) {
  auto& buffers = load().buffers;
  std::erase_if(buffers, [&](const LoggedBuffer& each) {
    return each.kind == kind && each.device == device;
  });
  if (buffers.size() < most_buffers) buffers.push_back({kind, kept(device), size});
}

}  // namespace membudget::logs
