// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <utility>

#include "ascii.hpp"
#include "verify/lines.hpp"
#include "verify/printed_size.hpp"

namespace membudget::logs {
namespace {

constexpr Bytes one_mib{std::int64_t{1} << 20};

/// Up to `end`, or all.
std::string_view until(std::string_view text, std::string_view end) {
  return text.substr(0, text.find(end));
}

/// "'x'" and "x" as x.
std::string_view unquoted(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && text.front() == '\'') return until(text.substr(1), "'");
  return text;
}

std::optional<BufferKind> kind_of(std::string_view word, std::string_view function) {
  if (word == "model") return BufferKind::model;
  if (word == "KV") return BufferKind::kv_cache;
  if (word == "RS") return BufferKind::recurrent_state;
  if (word == "compute") return BufferKind::compute;
  if (word == "output") return BufferKind::output;
  if (word == "LoRA") return BufferKind::adapter;
  // "llm_load_tensors:      Metal buffer size = ...", until November 2024.
  if (word.empty() && contains(function, "load_tensors")) return BufferKind::model;
  return std::nullopt;
}

/// "load_tensors:   CPU_Mapped model buffer size =   308.23 MiB"
bool read_buffer(const Assignment& line, LoadBuilder& builder) {
  constexpr std::string_view mark = " buffer size";
  if (!line.key.ends_with(mark)) return false;
  // The image projector's buffers (tools/mtmd/clip.cpp) are not the model's.
  if (line.function == "alloc_compute_meta" || contains(line.function, "clip")) {
    builder.load().settings.projector = true;
    return true;
  }
  const std::string_view words = trimmed(line.key.substr(0, line.key.size() - mark.size()));
  const auto blank = words.find(' ');
  const std::string_view device = words.substr(0, blank);
  const std::string_view kind_word =
      blank == std::string_view::npos ? std::string_view{} : trimmed(words.substr(blank));
  const auto kind = kind_of(kind_word, line.function);
  const auto size = printed_size(line.value, one_mib, "MiB");
  if (!kind || !size || device.empty()) return false;
  if (*kind == BufferKind::adapter) builder.load().settings.adapter = true;
  builder.add_buffer(*kind, device, *size);
  if (device.starts_with("MTL")) builder.not_before(7909);
  if (device == "Metal" || device == "Metal_Mapped") builder.not_after(7908);
  return true;
}

/// "(f16):" after `mark`: the type of keys or values.
std::string type_after(std::string_view text, std::string_view mark) {
  return kept(trimmed(until(after(text, mark), ")")));
}

/// "size =  128.00 MiB (  1024 cells,  32 layers,  1/1 seqs), K (f16):   64.00 MiB, V (f16): ..."
bool read_cache(const Assignment& line, LoadBuilder& builder) {
  if (line.key != "size" || !contains(line.value, " cells")) return false;
  LoggedCache cache;
  const std::string_view inside = after(line.value, "(");
  cache.cells = leading_integer(inside).value_or(0);
  cache.layers = leading_integer(after(inside, "cells,")).value_or(0);
  const std::string_view sequences = after(inside, "layers,");
  cache.sequences = leading_integer(sequences).value_or(0);
  // "4/1 seqs": four sequences in one stream; until July 2025 "1 seqs" of one stream always.
  const std::string_view slash = until(sequences, "seqs");
  cache.streams = leading_integer(after(slash, "/")).value_or(1);
  cache.recurrent = contains(line.value, "R (");
  const std::string_view states = after(inside, "seqs");
  if (cache.recurrent && contains(until(states, ")"), "rs_seq")) {
    cache.rollback = leading_integer(states).value_or(0);
    builder.not_before(9180);
  }
  if (!cache.recurrent) {
    cache.type_k = type_after(line.value, "K (");
    cache.type_v = type_after(line.value, "V (");
    auto& settings = builder.load().settings;
    if (!cache.type_k.empty()) settings.cache_type_k = cache.type_k;
    if (!cache.type_v.empty()) settings.cache_type_v = cache.type_v;
  }
  constexpr std::size_t most_caches = 16;
  auto& caches = builder.load().caches;
  if (!builder.probe() && caches.size() < most_caches) caches.push_back(std::move(cache));
  return true;
}

bool is_context_function(std::string_view name) {
  return name == "llama_context" || name == "llama_new_context_with_model" ||
         name == "llama_init_from_model";
}

std::string flash_attention_of(std::string_view value, LoadBuilder& builder) {
  if (value.starts_with('0') || value.starts_with('1')) {
    builder.not_after(6324);
    return value.starts_with('1') ? "on" : "off";
  }
  builder.not_before(6325);
  if (value.starts_with("auto")) return "auto";
  return value.starts_with("enabled") ? "on" : "off";
}

bool read_context(const Assignment& line, LoadBuilder& builder) {
  if (!is_context_function(line.function)) return false;
  const auto number = leading_integer(line.value);
  if (line.key == "n_seq_max" || line.key == "n_ctx") builder.begin_context();
  auto& settings = builder.load().settings;
  const std::array<std::pair<std::string_view, std::optional<std::int64_t>*>, 6> numbers{{
      {"n_seq_max", &settings.parallel},
      {"n_ctx", &settings.context},
      {"n_batch", &settings.batch},
      {"n_ubatch", &settings.ubatch},
      {"n_rs_seq", &settings.rollback},
      {"n_outputs_max", &settings.outputs},
  }};
  const auto* const known = std::find_if(numbers.begin(), numbers.end(),
                                         [&](const auto& each) { return each.first == line.key; });
  if (known != numbers.end() && number) *known->second = *number;
  if (line.key == "n_ubatch") builder.context_printed();
  if (line.key == "n_outputs_max") {
    builder.outputs_printed();
    builder.not_before(10355);
  } else if (line.key == "n_ctx_seq") {
    builder.not_before(6925);
  } else if (line.key == "n_ctx_per_seq") {
    builder.not_after(6924);
  } else if (line.key == "kv_unified") {
    settings.kv_unified = line.value.starts_with("true");
    builder.unified_printed();
    builder.not_before(5913);
  } else if (line.key == "flash_attn") {
    settings.flash_attention = flash_attention_of(line.value, builder);
  } else {
    return known != numbers.end();
  }
  return true;
}

/// "32.76 B" with K, M, B or T of parameters.
double parameters_of(std::string_view value) {
  const double number = leading_decimal(value).value_or(0);
  const std::string_view unit = trimmed(value.substr(leading_number(value).size()));
  if (unit.starts_with('T')) return number * 1e12;
  if (unit.starts_with('B')) return number * 1e9;
  if (unit.starts_with('M')) return number * 1e6;
  return unit.starts_with('K') ? number * 1e3 : number;
}

bool is_metadata_function(std::string_view name) {
  return name == "print_info" || name == "llm_load_print_meta";
}

bool read_metadata(const Assignment& line, LoadBuilder& builder) {
  if (!is_metadata_function(line.function)) return false;
  auto& model = builder.load().model;
  const std::string_view key = line.key;
  if (key == "vocab_only" || key == "no_alloc") {
    if (line.value == "1") builder.only_looked_into();
    return true;
  }
  if (key == "arch") {
    model.architecture = kept(line.value);
  } else if (key == "general.name") {
    if (line.value != "n/a") model.name = kept(line.value);
  } else if (key == "file type" || key == "model ftype") {
    model.file_type = kept(line.value);
  } else if (key == "file size" || key == "model size") {
    model.file_size = printed_size(line.value, Rounding::nearest);
  } else if (key == "model params") {
    model.parameters = parameters_of(line.value);
  } else if (key == "n_layer_all") {
    const auto all = leading_integer(line.value);
    if (all && model.layers && *all >= *model.layers) model.draft_layers = *all - *model.layers;
  } else {
    const std::array<std::pair<std::string_view, std::optional<std::int64_t>*>, 8> numbers{{
        {"n_ctx_train", &model.trained_context},
        {"n_embd", &model.embedding},
        {"n_layer", &model.layers},
        {"n_head", &model.heads},
        {"n_head_kv", &model.kv_heads},
        {"n_ff", &model.feed_forward},
        {"n_vocab", &model.vocabulary},
        {"n_expert", &model.experts},
    }};
    const auto* const known = std::find_if(numbers.begin(), numbers.end(),
                                           [&](const auto& each) { return each.first == key; });
    if (known != numbers.end()) *known->second = leading_integer(line.value);
  }
  return true;
}

/// "llama_model_loader: - kv   0:     general.architecture str    = qwen2"
bool read_dumped_key(const Assignment& line, LoadBuilder& builder) {
  const std::string_view key = until(line.key, " ");
  auto& model = builder.load().model;
  if (key == "general.architecture") {
    model.architecture = kept(line.value);
  } else if (key == "general.name") {
    model.name = kept(line.value);
  } else if (key.ends_with(".nextn_predict_layers")) {
    model.draft_layers = leading_integer(line.value);
  } else {
    return false;
  }
  return true;
}

/// "- type q4_K:  193 tensors"
bool read_tensor_count(std::string_view text, LoadBuilder& builder) {
  const std::string_view rest = after(text, "- type ");
  if (rest.empty() || !rest.ends_with(" tensors")) return false;
  const auto count = leading_integer(after(rest, ":"));
  if (!count) return false;
  constexpr std::size_t most_types = 48;
  auto& tensors = builder.load().model.tensors;
  if (tensors.size() < most_types) tensors[kept(trimmed(until(rest, ":")))] = *count;
  return true;
}

/// "build: 6895 (4341dc8bc) with ...", "main: build = 2600 (4399f13f)", "common_init: build 10587
/// (3f545becc) with ...", "INFO [ main] build info | ... build=2600 commit=...", and the banner's
/// "build      : b10587-3f545becc".
bool read_build(std::string_view text, LoadBuilder& builder) {
  const auto at = text.find("build");
  if (at == std::string_view::npos) return false;
  std::string_view rest = text.substr(at + 5);
  if (rest.starts_with(" info | ")) {
    rest = after(rest, "build=");
  } else {
    rest = trimmed(rest);
    if (rest.starts_with(':') || rest.starts_with('=')) rest = trimmed(rest.substr(1));
    const bool banner = rest.starts_with('b');
    if (banner) rest.remove_prefix(1);
    const std::string_view digits = leading_number(rest);
    const std::string_view behind = rest.substr(std::min(digits.size(), rest.size()));
    if (!(banner ? behind.starts_with('-') : behind.starts_with(" ("))) return false;
  }
  const auto number = leading_integer(rest);
  constexpr std::int64_t most = 1'000'000;
  if (!number || *number <= 0 || *number > most) return false;
  if (builder.has_sizes()) builder.begin_program();
  auto& build = builder.load().build;
  build.number = *number;
  // Forks number from a shallow clone: no build of upstream's with these lines is so small.
  constexpr std::int64_t first_numbered = 1000;
  if (*number < first_numbered) {
    build.number.reset();
    build.foreign = true;
  }
  return true;
}

/// A row of llama_memory_breakdown_print: a device has seven numbers, the host four.
bool read_breakdown(std::string_view text, LoadBuilder& builder) {
  const std::string_view row = after(text, "memory_breakdown_print:");
  if (row.empty()) return false;
  const std::string_view cell = after(row, "|   - ");
  if (cell.empty()) return true;  // The heading.
  const std::string_view device = until(until(cell, "|"), " (");
  std::string_view figures = after(cell, "|");
  std::vector<std::string_view> numbers;
  constexpr std::size_t of_device = 6;
  constexpr std::size_t of_host = 4;
  while (numbers.size() <= of_device) {
    const auto digit = figures.find_first_of("0123456789");
    if (digit == std::string_view::npos) break;
    figures.remove_prefix(digit);
    numbers.push_back(leading_number(figures));
    figures.remove_prefix(numbers.back().size());
  }
  const bool on_device = numbers.size() >= of_device;
  if (!on_device && numbers.size() != of_host) return false;
  const std::size_t first = on_device ? 3 : 1;  // Behind total, free and self, or behind self.
  const auto size = [&](std::size_t index) {
    return printed_size(numbers[first + index], one_mib, "MiB", Rounding::truncated);
  };
  const auto model = size(0);
  const auto context = size(1);
  const auto compute = size(2);
  if (!model || !context || !compute) return false;
  constexpr std::size_t most_rows = 32;
  auto& rows = builder.load().breakdown;
  const std::string name = kept(trimmed(device));
  // The table is printed once more when a program ends.
  std::erase_if(rows, [&](const LoggedBreakdown& each) { return each.device == name; });
  if (rows.size() < most_rows) rows.push_back({name, *model, *context, *compute});
  builder.not_before(6569);
  if (name.starts_with("MTL")) builder.not_before(7909);
  if (name == "Metal") builder.not_after(7908);
  return true;
}

bool read_fit(std::string_view text, LoadBuilder& builder) {
  const std::string_view used = after(text, "projected to use ");
  if (!contains(used, " MiB of device memory vs. ")) return false;
  const auto projected = printed_size(used, one_mib, "MiB", Rounding::truncated);
  const auto free = printed_size(after(used, "vs. "), one_mib, "MiB", Rounding::truncated);
  if (!projected || !free) return false;
  builder.load().fit = LoggedFit{*projected, *free};
  builder.not_before(contains(text, "common_") ? 8865 : 7407);
  return true;
}

/// What the GPU is, by the lines of ggml-metal and of the model's devices.
bool read_machine(std::string_view text, LoadBuilder& builder) {
  for (const std::string_view mark : {"GPU name:", "picking default device:"}) {
    if (const auto name = trimmed(after(text, mark)); !name.empty()) {
      // Since 2026 "MTL0 (Apple M1 Max)".
      const std::string_view inside = after(name, "(");
      builder.load().machine.gpu = kept(inside.empty() ? name : until(inside, ")"));
      return true;
    }
  }
  if (const auto device = after(text, "using device "); contains(device, " MiB free")) {
    const std::string_view name = until(after(device, "("), ")");
    if (name.starts_with("Apple")) builder.load().machine.gpu = kept(name);
    return true;
  }
  return false;
}

/// Lines without a value behind '='.
bool read_sentence(std::string_view text, LoadBuilder& builder) {
  if (const auto offloaded = after(text, "offloaded "); contains(offloaded, " layers to GPU")) {
    auto& settings = builder.load().settings;
    settings.gpu_layers = leading_integer(offloaded);
    settings.layers_of_model = leading_integer(after(offloaded, "/"));
    return true;
  }
  if (contains(text, "loaded meta data with ")) {
    builder.begin_model();
    const std::string_view path = until(after(text, " tensors from "), " (version");
    if (!path.empty()) builder.load().model.path = kept(path);
    return true;
  }
  if (contains(text, "constructing llama_context")) {
    builder.begin_context();
    builder.not_before(4881);
    return true;
  }
  if (contains(text, "loading draft model")) {
    builder.load().settings.draft = true;
    return true;
  }
  if (contains(text, "load_model: loading model ")) {
    if (builder.has_sizes()) builder.begin_model();
    builder.load().program = LogProgram::llama_server;
    builder.load().model.path = kept(unquoted(after(text, "loading model ")));
    return true;
  }
  if (contains(text, "Flash Attention")) {
    const bool on = contains(text, "enabled");
    if (on || contains(text, "disabled")) builder.load().settings.flash_attention_became = on;
    return true;
  }
  if (contains(text, "using full-size SWA cache")) {
    builder.load().settings.swa_full = true;
    return true;
  }
  if (contains(text, "loaded multimodal model")) {
    builder.load().settings.projector = true;
    return true;
  }
  if (contains(text, "loading lora adapter from")) {
    builder.load().settings.adapter = true;
    return true;
  }
  return false;
}

}  // namespace

bool read_llama_line(std::string_view text, LoadBuilder& builder) {
  const Assignment line = assignment_of(text);
  if (!line.key.empty()) {
    if (read_buffer(line, builder) || read_context(line, builder) || read_metadata(line, builder) ||
        read_cache(line, builder)) {
      return true;
    }
    if (line.key == "recommendedMaxWorkingSetSize") {
      builder.load().machine.working_set = printed_size(line.value, Bytes{1'000'000}, "MB");
      return true;
    }
    if (line.key == "KV self size" || line.key == "kv self size") {
      // In llama.cpp of 2023 "MB" are 2^20 bytes as well.
      if (const auto size = printed_size(line.value, one_mib, "MiB")) builder.cache_size(*size);
      auto& settings = builder.load().settings;
      if (contains(line.value, "K (")) {
        settings.cache_type_k = type_after(line.value, "K (");
        settings.cache_type_v = type_after(line.value, "V (");
      }
      builder.not_after(5856);
      return true;
    }
    if (line.key == "attn_rot_k" || line.key == "attn_rot_v") {
      builder.rotation_printed();
      builder.not_before(8619);
      return true;
    }
    if (contains(text, "- kv ") && read_dumped_key(line, builder)) return true;
  }
  return read_build(text, builder) || read_breakdown(text, builder) || read_fit(text, builder) ||
         read_machine(text, builder) || read_tensor_count(text, builder) ||
         read_sentence(text, builder);
}

}  // namespace membudget::logs
