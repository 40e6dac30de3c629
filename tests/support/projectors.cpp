// SPDX-License-Identifier: MIT
#include "support/projectors.hpp"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace membudget::test {
namespace {

class Tensors {
 public:
  explicit Tensors(Projector& projector) : projector_(projector) {}

  void add(std::string name, std::array<std::int64_t, 4> shape, ElementType type) {
    Tensor tensor{.name = std::move(name), .shape = shape, .type = type, .offset = end_};
    end_ += round_up(tensor.size().count(), 32);
    projector_.tensors.push_back(std::move(tensor));
  }
  void vector(const std::string& name, std::int64_t size) {
    add(name, {size, 1, 1, 1}, ElementType::f32);
  }
  void matrix(const std::string& name, std::int64_t in, std::int64_t out) {
    add(name + ".weight", {in, out, 1, 1}, ElementType::f16);
  }
  void linear(const std::string& name, std::int64_t in, std::int64_t out) {
    matrix(name, in, out);
    vector(name + ".bias", out);
  }
  void norm(const std::string& name, std::int64_t size, bool bias) {
    vector(name + ".weight", size);
    if (bias) {
      vector(name + ".bias", size);
    }
  }

 private:
  Projector& projector_;
  std::int64_t end_ = 0;
};

Projector gemma3(const std::string& name, std::int64_t model) {
  Projector result{.name = name,
                   .vision = "gemma3",
                   .audio = "",
                   .image_size = 896,
                   .patch_size = 14,
                   .embedding = 1152,
                   .feed_forward = 4304,
                   .heads = 16,
                   .layers = 27,
                   .projection = model,
                   .full_attention_every = 0,
                   .window_size = 0,
                   .merge = 4,
                   .tensors = {}};
  Tensors tensors(result);
  const std::int64_t e = result.embedding;
  tensors.add("mm.input_projection.weight", {model, e, 1, 1}, ElementType::f16);
  tensors.vector("mm.soft_emb_norm.weight", e);
  tensors.vector("v.patch_embd.bias", e);
  tensors.add("v.patch_embd.weight", {14, 14, 3, e}, ElementType::f32);
  tensors.add("v.position_embd.weight", {e, 4096, 1, 1}, ElementType::f32);
  for (std::int64_t i = 0; i < result.layers; ++i) {
    const std::string layer = fmt::format("v.blk.{}.", i);
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_out"}) {
      tensors.linear(layer + part, e, e);
    }
    tensors.linear(layer + "ffn_up", e, result.feed_forward);
    tensors.linear(layer + "ffn_down", result.feed_forward, e);
    tensors.norm(layer + "ln1", e, true);
    tensors.norm(layer + "ln2", e, true);
  }
  tensors.norm("v.post_ln", e, true);
  return result;
}

Projector qwen25(const std::string& name, std::int64_t model) {
  Projector result{.name = name,
                   .vision = "qwen2.5vl_merger",
                   .audio = "",
                   .image_size = 560,
                   .patch_size = 14,
                   .embedding = 1280,
                   .feed_forward = 3420,
                   .heads = 16,
                   .layers = 32,
                   .projection = model,
                   .full_attention_every = 8,
                   .window_size = 112,
                   .merge = 0,
                   .tensors = {}};
  Tensors tensors(result);
  const std::int64_t e = result.embedding;
  tensors.add("v.patch_embd.weight", {14, 14, 3, e}, ElementType::f16);
  tensors.add("v.patch_embd.weight.1", {14, 14, 3, e}, ElementType::f16);
  for (std::int64_t i = 0; i < result.layers; ++i) {
    const std::string layer = fmt::format("v.blk.{}.", i);
    for (const char* part : {"attn_q", "attn_k", "attn_v", "attn_out"}) {
      tensors.linear(layer + part, e, e);
    }
    tensors.linear(layer + "ffn_gate", e, result.feed_forward);
    tensors.linear(layer + "ffn_up", e, result.feed_forward);
    tensors.linear(layer + "ffn_down", result.feed_forward, e);
    tensors.norm(layer + "ln1", e, false);
    tensors.norm(layer + "ln2", e, false);
  }
  tensors.norm("v.post_ln", e, false);
  tensors.linear("mm.0", 4 * e, 4 * e);
  tensors.linear("mm.2", 4 * e, model);
  return result;
}

Projector qwen3(const std::string& name, std::int64_t model) {
  Projector result{.name = name,
                   .vision = "qwen3vl_merger",
                   .audio = "",
                   .image_size = 768,
                   .patch_size = 16,
                   .embedding = 1152,
                   .feed_forward = 4304,
                   .heads = 16,
                   .layers = 27,
                   .projection = model,
                   .full_attention_every = 0,
                   .window_size = 0,
                   .merge = 2,
                   .tensors = {}};
  Tensors tensors(result);
  const std::int64_t e = result.embedding;
  tensors.vector("v.patch_embd.bias", e);
  tensors.add("v.patch_embd.weight", {16, 16, 3, e}, ElementType::f16);
  tensors.add("v.patch_embd.weight.1", {16, 16, 3, e}, ElementType::f16);
  tensors.add("v.position_embd.weight", {e, 2304, 1, 1}, ElementType::f32);
  for (std::int64_t i = 0; i < result.layers; ++i) {
    const std::string layer = fmt::format("v.blk.{}.", i);
    tensors.linear(layer + "attn_qkv", e, 3 * e);
    tensors.linear(layer + "attn_out", e, e);
    tensors.linear(layer + "ffn_up", e, result.feed_forward);
    tensors.linear(layer + "ffn_down", result.feed_forward, e);
    tensors.norm(layer + "ln1", e, true);
    tensors.norm(layer + "ln2", e, true);
  }
  for (const int i : {8, 16, 24}) {
    const std::string slice = fmt::format("v.deepstack.{}.", i);
    tensors.norm(slice + "norm", 4 * e, true);
    tensors.linear(slice + "fc1", 4 * e, 4 * e);
    tensors.linear(slice + "fc2", 4 * e, model);
  }
  tensors.norm("v.post_ln", e, true);
  tensors.linear("mm.0", 4 * e, 4 * e);
  tensors.linear("mm.2", 4 * e, model);
  return result;
}

}  // namespace

Projector projector_by_name(const std::string& name) {
  constexpr std::int64_t gemma_4b = 2560;
  constexpr std::int64_t gemma_12b = 3840;
  constexpr std::int64_t gemma_27b = 5376;
  constexpr std::int64_t qwen_3b = 2048;
  constexpr std::int64_t qwen_7b = 3584;
  constexpr std::int64_t qwen_8b = 4096;
  if (name == "mmproj-gemma3-4b") return gemma3(name, gemma_4b);
  if (name == "mmproj-gemma3-12b") return gemma3(name, gemma_12b);
  if (name == "mmproj-gemma3-27b") return gemma3(name, gemma_27b);
  if (name == "mmproj-qwen2.5-vl-3b") return qwen25(name, qwen_3b);
  if (name == "mmproj-qwen2.5-vl-7b") return qwen25(name, qwen_7b);
  if (name == "mmproj-qwen3-vl-8b") return qwen3(name, qwen_8b);
  throw std::out_of_range(name);
}

}  // namespace membudget::test
