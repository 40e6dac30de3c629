// SPDX-License-Identifier: MIT
#include "engine/llamacpp/adapters.hpp"

#include <fmt/format.h>

#include <string>

#include "membudget/error.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::int64_t alignment = 32;
// Apart from the buffers of the weights, the states and the caches.
constexpr std::int32_t first_buffer = 1024;
constexpr std::string_view suffix_a = ".lora_a";
constexpr std::string_view suffix_b = ".lora_b";

class Placer {
 public:
  Placer(const Model& model, const Placement& placement) : model_(model), placement_(placement) {}

  void add(const Adapter& adapter) {
    adapter_ = &adapter;
    if (!adapter.architecture.empty() && adapter.architecture != model_.architecture) {
      fail(fmt::format("is made for {}, but the model is {}", adapter.architecture,
                       model_.architecture));
    }
    // In the order of the names, as the engine keeps them.
    std::map<std::string_view, std::pair<const Tensor*, const Tensor*>> pairs;
    for (const Tensor& tensor : adapter.tensors) {
      const std::string_view name = tensor.name;
      if (name.ends_with(suffix_a)) {
        pairs[name.substr(0, name.size() - suffix_a.size())].first = &tensor;
      } else if (name.ends_with(suffix_b)) {
        pairs[name.substr(0, name.size() - suffix_b.size())].second = &tensor;
      } else {
        fail(fmt::format("holds the tensor '{}', which is no part of a LoRA", name));
      }
    }
    gpu_end_ = host_end_ = Bytes{};
    for (const auto& [name, pair] : pairs) {
      add(name, pair.first, pair.second);
    }
    result_.tensors += static_cast<std::int64_t>(adapter.tensors.size());
    result_.gpu += gpu_end_;
    result_.host += host_end_;
    buffer_ += 2;
  }

  Adaptation take() { return std::move(result_); }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(Errc::bad_request, "--lora",
                fmt::format("{} {}; give an adapter of this model", adapter_->name, why));
  }

  void add(std::string_view name, const Tensor* a, const Tensor* b) {
    if (a == nullptr || b == nullptr) {
      fail(fmt::format("holds only one of the two matrices of '{}'", name));
    }
    const std::int64_t layer = TensorTable::layer_of(name);
    const Tensor* weight = model_.tensors.find(layer, TensorTable::suffix_of(name));
    if (weight == nullptr) {
      fail(fmt::format("changes '{}', which the model has not", name));
    }
    // Of a lookup table, rows of A are picked by the token.
    const bool lookup = name == "token_embd.weight";
    const bool fits = lookup ? weight->shape[0] == b->shape[1] && weight->shape[1] == a->shape[1]
                             : weight->shape[0] == a->shape[0] && weight->shape[1] == b->shape[1];
    if (!fits || (lookup ? a->shape[0] != b->shape[0] : a->shape[1] != b->shape[0])) {
      fail(fmt::format("has other shapes than the model for '{}'", name));
    }
    const auto index = static_cast<std::size_t>(weight - model_.tensors.all().data());
    const bool on_gpu = placement_.storage_for(index, layer) == Storage::gpu;
    AdaptedWeight entry{.a = a,
                        .b = b,
                        .storage = on_gpu ? Storage::gpu : Storage::cpu,
                        .range_a = {},
                        .range_b = {}};
    entry.range_a = reserve(*a, on_gpu);
    entry.range_b = reserve(*b, on_gpu);
    result_.weights[weight->name].push_back(entry);
  }

  Range reserve(const Tensor& tensor, bool on_gpu) {
    Bytes& end = on_gpu ? gpu_end_ : host_end_;
    const Bytes begin = end;
    end += Bytes{round_up(tensor.size().count(), alignment)};
    return {.buffer = buffer_ + (on_gpu ? 0 : 1), .begin = begin.count(), .end = end.count()};
  }

  const Model& model_;
  const Placement& placement_;
  const Adapter* adapter_ = nullptr;
  Adaptation result_;
  Bytes gpu_end_;
  Bytes host_end_;
  std::int32_t buffer_ = first_buffer;
};

}  // namespace

Adaptation place_adapters(const Model& model, const Settings& settings,
                          const Placement& placement) {
  Placer placer(model, placement);
  for (const auto& adapter : settings.adapters) {
    placer.add(*adapter);
  }
  return placer.take();
}

PlacedBytes place_control_vector(const Model& model, const Settings& settings,
                                 const Placement& placement) {
  PlacedBytes result;
  if (settings.control_vector == nullptr) {
    return result;
  }
  if (settings.control_vector->embedding != model.embedding) {
    throw Error(
        Errc::bad_request, "--control-vector",
        fmt::format("{} has {} elements per layer, but the model {}; give one of this model",
                    settings.control_vector->name, settings.control_vector->embedding,
                    model.embedding));
  }
  constexpr std::int64_t float_bytes = 4;
  for (std::size_t i = 1; i < model.layers.size(); ++i) {
    (placement.layer_on_gpu[i] ? result.gpu : result.host) += Bytes{float_bytes} * model.embedding;
  }
  return result;
}

}  // namespace membudget::llamacpp
