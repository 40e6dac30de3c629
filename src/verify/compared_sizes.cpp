// SPDX-License-Identifier: MIT
#include "verify/compared_sizes.hpp"

#include <algorithm>

namespace membudget::logs {
namespace {

constexpr std::string_view repacked = "CPU_REPACK";

Place place_of(std::string_view device) {
  return is_gpu_device(device) ? Place::gpu : Place::host;
}

void add(std::vector<LoggedPart>& parts, ComparedName name, std::optional<Place> where,
         const PrintedSize& size) {
  const auto same = std::ranges::find_if(
      parts, [&](const LoggedPart& each) { return each.name == name && each.where == where; });
  if (same == parts.end()) {
    parts.push_back({name, where, size});
  } else {
    same->size = same->size + size;
  }
}

void add_buffer(std::vector<LoggedPart>& parts, const LoggedBuffer& buffer) {
  const Place where = place_of(buffer.device);
  switch (buffer.kind) {
    case BufferKind::model:
      add(parts, buffer.device == repacked ? ComparedName::repacked_weights : ComparedName::weights,
          where, buffer.size);
      break;
    // Caches are compared whole: which side a layer's lies on follows from its weights.
    case BufferKind::kv_cache:
      add(parts, ComparedName::kv_cache, {}, buffer.size);
      break;
    case BufferKind::recurrent_state:
      add(parts, ComparedName::recurrent_state, {}, buffer.size);
      break;
    case BufferKind::compute:
      add(parts, ComparedName::compute, where, buffer.size);
      break;
    case BufferKind::output:
      add(parts, ComparedName::output, {}, buffer.size);
      break;
    case BufferKind::adapter:
      break;
  }
}

bool has(const std::vector<LoggedPart>& parts, ComparedName name) {
  return std::ranges::any_of(parts, [&](const LoggedPart& each) { return each.name == name; });
}

void add_breakdown(std::vector<LoggedPart>& parts, const EngineLoad& load) {
  const bool weights = !has(parts, ComparedName::weights);
  const bool context =
      !has(parts, ComparedName::kv_cache) && !has(parts, ComparedName::recurrent_state);
  const bool compute = !has(parts, ComparedName::compute);
  for (const LoggedBreakdown& row : load.breakdown) {
    const Place where = place_of(row.device);
    if (row.device == repacked) {
      if (weights) add(parts, ComparedName::repacked_weights, where, row.model);
      continue;
    }
    if (weights) add(parts, ComparedName::weights, where, row.model);
    if (context) add(parts, ComparedName::context, {}, row.context);
    if (compute) add(parts, ComparedName::compute, where, row.compute);
  }
}

}  // namespace

std::vector<LoggedPart> logged_parts(const EngineLoad& load) {
  std::vector<LoggedPart> out;
  for (const LoggedBuffer& buffer : load.buffers) add_buffer(out, buffer);
  add_breakdown(out, load);
  if (load.generation && load.generation->peak) {
    out.push_back({ComparedName::peak, {}, *load.generation->peak});
  }
  if (load.process) out.push_back({ComparedName::total, {}, load.process->size});
  std::ranges::stable_sort(out, {}, [](const LoggedPart& part) {
    return std::pair(part.name, part.where.value_or(Place::gpu));
  });
  return out;
}

Bytes planned_size(const Footprint& footprint, ComparedName name, std::optional<Place> where) {
  const EngineBuffers& side = where == Place::host ? footprint.host : footprint.gpu;
  switch (name) {
    case ComparedName::weights:
      return side.model;
    case ComparedName::repacked_weights:
      return footprint.repacked;
    case ComparedName::kv_cache:
      return footprint.total(PartName::kv_cache);
    case ComparedName::recurrent_state:
      return footprint.total(PartName::recurrent_state);
    case ComparedName::context:
      return footprint.total(PartName::kv_cache) + footprint.total(PartName::recurrent_state);
    case ComparedName::compute:
      return side.compute;
    case ComparedName::output:
      return footprint.total(PartName::output);
    case ComparedName::peak:
      return footprint.peak.value_or(footprint.total());
    // Ollama's MemorySize (llm/llama_server.go): with all layers on the GPU only its buffers.
    case ComparedName::total:
      return footprint.gpu.model + footprint.gpu.kv + footprint.gpu.compute;
  }
  return {};
}

}  // namespace membudget::logs
