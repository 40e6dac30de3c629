// SPDX-License-Identifier: MIT
#include "engine/llamacpp/placement.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "membudget/units.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t alignment = 32;
constexpr std::int32_t gpu_buffer = 1;

// Weights of the input layer, which llama.cpp never offloads (llama-model.cpp:1381).
bool is_input(std::string_view name) {
  static constexpr std::array<std::string_view, 4> input_layer{
      "token_embd.weight", "position_embd.weight", "token_types.weight",
      "per_layer_token_embd.weight"};
  return std::find(input_layer.begin(), input_layer.end(), name) != input_layer.end();
}

// The range of the file a buffer maps.
struct Span {
  std::int64_t begin = std::numeric_limits<std::int64_t>::max();
  std::int64_t end = 0;

  void cover(const Tensor& tensor) {
    begin = std::min(begin, tensor.offset);
    end = std::max(end, tensor.offset + tensor.size().count());
  }
  [[nodiscard]] bool empty() const { return end <= begin; }
  [[nodiscard]] std::int64_t size() const { return empty() ? 0 : end - begin; }
};

}  // namespace

Placement place_weights(const Model& model, const Settings& settings) {
  const std::span<const Tensor> tensors = model.tensors.all();
  const auto layers = static_cast<std::int64_t>(model.layers.size());
  const bool metal = settings.backend == Backend::metal;
  const std::int64_t units = layers + model.draft_layers + 1;
  const std::int64_t offloaded =
      !metal ? 0 : settings.gpu_layers < 0 ? units : std::min(settings.gpu_layers, units);
  const std::int64_t first_on_gpu = units - offloaded;

  Placement result;
  result.output_on_gpu = offloaded >= 1;
  for (std::int64_t i = 0; i < layers + model.draft_layers; ++i) {
    result.layer_on_gpu.push_back(i >= first_on_gpu);
  }
  result.storage.resize(tensors.size());
  result.range.resize(tensors.size());

  const bool tied = model.tensors.find("output.weight") == nullptr;
  Span gpu;
  Span host;
  Bytes gpu_sum;
  Bytes host_sum;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i];
    const std::int64_t layer = TensorTable::layer_of(tensor.name);
    if (layer >= layers) {
      continue;  // a block for drafting, which is not loaded
    }
    const bool input = is_input(tensor.name);
    const bool on_gpu = !input && (layer >= 0 ? result.layer_on_gpu[static_cast<std::size_t>(layer)]
                                              : result.output_on_gpu);
    const Bytes padded{round_up(tensor.size().count(), alignment)};
    result.storage[i] = on_gpu ? Storage::gpu : Storage::cpu;
    result.range[i] = {.buffer = gpu_buffer,
                       .begin = tensor.offset,
                       .end = tensor.offset + tensor.size().count()};
    // A tied output is the token embedding once more, on the output's device.
    const bool also_gpu = tied && result.output_on_gpu && tensor.name == "token_embd.weight";
    if (on_gpu || also_gpu) {
      gpu.cover(tensor);
      gpu_sum += padded;
    }
    if (!on_gpu) {
      host.cover(tensor);
      host_sum += padded;
    }
  }
  if (settings.mmap) {
    result.gpu_model = Bytes{gpu.size()};
    result.host_model = Bytes{host.size()};
    // Both map the same pages of one file; what Metal maps is counted there.
    const std::int64_t shared =
        gpu.empty() || host.empty()
            ? 0
            : std::max<std::int64_t>(0, std::min(gpu.end, host.end) - std::max(gpu.begin, host.begin));
    result.host_only = Bytes{host.size() - shared};
  } else {
    result.gpu_model = gpu_sum;
    result.host_model = host_sum;
    result.host_only = host_sum;
  }
  return result;
}

}  // namespace membudget::llamacpp
