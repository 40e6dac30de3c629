// SPDX-License-Identifier: MIT
#include <array>
#include <utility>

#include "verify/lines.hpp"
#include "verify/printed_size.hpp"

namespace membudget::logs {
namespace {

/// The value of `KvSize:4096` in Go's way to print a structure.
std::string_view field(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + name.size());
  return rest.substr(0, rest.find_first_of(" }["));
}

void read_request(std::string_view request, LoadBuilder& builder) {
  auto& settings = builder.load().settings;
  settings.context = leading_integer(field(request, "KvSize:"));
  settings.parallel = leading_integer(field(request, "Parallel:"));
  settings.batch = leading_integer(field(request, "BatchSize:"));
  settings.ubatch = settings.batch;
  // A bool until November 2025, then Enabled, Disabled or Auto.
  const auto flash = field(request, "FlashAttention:");
  if (flash == "true" || flash == "Enabled") settings.flash_attention = "on";
  if (flash == "false" || flash == "Disabled") settings.flash_attention = "off";
  if (flash == "Auto") settings.flash_attention = "auto";
  if (const auto type = field(request, "KvCacheType:"); !type.empty()) {
    settings.cache_type_k = settings.cache_type_v = kept(type);
  }
  if (const auto layers = leading_integer(field(request, "GPULayers:"))) {
    settings.gpu_layers = *layers;
  }
  if (field(request, "UseMmap:") == "false") settings.mmap = false;
}

void read_estimate(const StructuredLine& line, LoadBuilder& builder) {
  const auto size = [&](std::string_view key) {
    return printed_size(line.value(key), Rounding::nearest);
  };
  EngineLoad& load = builder.load();
  load.estimate = LoggedEstimate{.required = size("memory.required.full"),
                                 .partial = size("memory.required.partial"),
                                 .kv_cache = size("memory.required.kv"),
                                 .weights = size("memory.weights.total"),
                                 .compute = size("memory.graph.full")};
  load.settings.gpu_layers = leading_integer(line.value("layers.offload"));
  load.settings.layers_of_model = leading_integer(line.value("layers.model"));
  if (!line.value("projector.weights").empty()) load.settings.projector = true;
}

/// "model weights" device=Metal size="4.3 GiB", and the like of the cache and the graph.
bool read_engine_size(std::string_view message, const StructuredLine& line, LoadBuilder& builder) {
  constexpr std::array kinds{
      std::pair<std::string_view, BufferKind>("model weights", BufferKind::model),
      std::pair<std::string_view, BufferKind>("kv cache", BufferKind::kv_cache),
      std::pair<std::string_view, BufferKind>("compute graph", BufferKind::compute)};
  for (const auto& [name, kind] : kinds) {
    if (message != name) continue;
    const auto size = printed_size(line.value("size"), Rounding::nearest);
    const auto device = line.value("device");
    if (!size || device.empty()) return false;
    builder.load().engine = LogEngine::ollama_engine;
    builder.set_buffer(kind, device, *size);
    return true;
  }
  return false;
}

}  // namespace

bool read_ollama_line(std::string_view text, LoadBuilder& builder) {
  const StructuredLine line(text);
  if (line.empty()) return false;
  const std::string_view message = line.value("msg");
  if (message.starts_with("Listening on ")) {
    builder.begin_program();
    const auto at = message.find("(version ");
    if (at != std::string_view::npos) {
      const auto version = message.substr(at + 9);
      builder.load().version = kept(version.substr(0, version.find(')')));
    }
    builder.load().program = LogProgram::ollama;
    return true;
  }
  if (message.starts_with("starting ") && !line.value("cmd").empty()) {
    // What was expected of the load stands before the program that does it.
    const bool before = !builder.has_sizes();
    auto estimate = before ? builder.load().estimate : std::nullopt;
    const auto settings = before ? builder.load().settings : LoggedSettings{};
    builder.begin_program();
    builder.load().estimate = std::move(estimate);
    builder.load().settings = settings;
    static_cast<void>(read_command(line.value("cmd"), builder));
    builder.load().program = LogProgram::ollama;
    return true;
  }
  if (message.starts_with("offload")) {
    if (builder.has_sizes()) builder.begin_program();
    builder.load().program = LogProgram::ollama;
    read_estimate(line, builder);
    return true;
  }
  if (message == "load" && !line.value("request").empty()) {
    if (contains(line.value("request"), "Operation:close")) return true;
    builder.load().program = LogProgram::ollama;
    read_request(line.value("request"), builder);
    return true;
  }
  if (read_engine_size(message, line, builder)) return true;
  if (!line.value("architecture").empty() && !line.value("num_tensors").empty()) {
    auto& model = builder.load().model;
    model.architecture = kept(line.value("architecture"));
    model.file_type = kept(line.value("file_type"));
    model.name = kept(line.value("name"));
    return true;
  }
  if (message == "inference compute") {
    const auto described = line.value("description");
    const auto name = described.empty() ? line.value("name") : described;
    if (name.starts_with("Apple")) builder.load().machine.gpu = kept(name);
    return true;
  }
  if (message == "peak memory") {
    // Ollama's MLX runner (x/mlxrunner/pipeline.go).
    auto& load = builder.load();
    load.engine = LogEngine::mlx;
    load.program = LogProgram::ollama;
    if (!load.generation) load.generation.emplace();
    load.generation->peak = printed_size(line.value("size"), Rounding::nearest);
    return true;
  }
  return false;
}

}  // namespace membudget::logs
