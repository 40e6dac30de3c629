// SPDX-License-Identifier: MIT
#include "engine/llamacpp/projector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "engine/llamacpp/allocator.hpp"
#include "engine/llamacpp/graph.hpp"
#include "engine/llamacpp/schedule.hpp"

namespace membudget::llamacpp {
namespace {

constexpr std::array<int, 4> heads_outside{0, 2, 1, 3};
constexpr std::int64_t float_bytes = 4;

bool is_gemma(const Projector& projector) {
  return projector.vision == "gemma3";
}
// Patches merge by two in each direction, and positions are planar.
bool is_qwen(const Projector& projector) {
  return projector.vision == "qwen2vl_merger" || projector.vision == "qwen2.5vl_merger" ||
         projector.vision == "qwen3vl_merger";
}

const Tensor* find(const Projector& projector, std::string_view name) {
  const auto found = std::find_if(projector.tensors.begin(), projector.tensors.end(),
                                  [&](const Tensor& tensor) { return tensor.name == name; });
  return found == projector.tensors.end() ? nullptr : &*found;
}

// The graph of one image (tools/mtmd/clip.cpp and tools/mtmd/models/siglip.cpp, qwen2vl.cpp,
// qwen3vl.cpp).
class VisionGraph {
 public:
  VisionGraph(const Projector& projector, ImageSize image, bool flash, Storage weights)
      : projector_(projector),
        image_(image),
        flash_(flash),
        storage_(weights),
        across_(image.width / projector.patch_size),
        down_(image.height / projector.patch_size),
        patches_(across_ * down_) {}

  Graph build() {
    graph_.expand(is_gemma(projector_) ? gemma() : qwen());
    return std::move(graph_);
  }

 private:
  NodeId weight(const std::string& name) {
    const Tensor* tensor = find(projector_, name);
    if (tensor == nullptr) {
      return no_node;
    }
    const Range range{
        .buffer = 0, .begin = tensor->offset, .end = tensor->offset + tensor->size().count()};
    return graph_.stored(tensor->type, tensor->shape, storage_, range, true, tensor->name);
  }

  NodeId biased(NodeId x, const std::string& name) {
    const NodeId bias = weight(name + ".bias");
    return bias == no_node ? x : graph_.add(x, bias, "bias");
  }

  NodeId linear(const std::string& name, NodeId x) {
    return biased(graph_.mul_mat(weight(name + ".weight"), x, "linear"), name);
  }

  NodeId norm(const std::string& name, NodeId x) {
    const NodeId scale = weight(name + ".weight");
    if (scale == no_node) {
      return x;
    }
    const bool rms = projector_.vision == "qwen2.5vl_merger";
    const NodeId result = graph_.unary_like(rms ? Op::rms_norm : Op::norm, x, "norm");
    return biased(graph_.mul(result, scale, "norm"), name);
  }

  // ggml_conv_2d: a matrix of patches times the kernels.
  NodeId convolved(NodeId image, const std::string& name) {
    const NodeId kernel = weight(name);
    const Node k = graph_[kernel];
    const std::int64_t area = k.ne[0] * k.ne[1] * k.ne[2];
    const NodeId columns =
        graph_.operation(Op::im2col, k.type, {area, across_, down_, 1}, {kernel, image}, "patches");
    NodeId result = graph_.mul_mat(graph_.reshape(columns, {area, patches_, 1, 1}),
                                   graph_.reshape(kernel, {area, k.ne[3], 1, 1}), "patches");
    result = graph_.reshape(result, {across_, down_, 1, k.ne[3]});
    return graph_.cont(graph_.permute(result, {0, 1, 3, 2}));
  }

  NodeId image() {
    return graph_.input(ElementType::f32, {image_.width, image_.height, 3, 1}, "image");
  }

  // build_attn; the mask of windows is cast once more for every layer.
  NodeId attend(NodeId q, NodeId k, NodeId v, NodeId mask) {
    graph_.expand(q);
    graph_.expand(k);
    graph_.expand(v);
    q = graph_.permute(q, heads_outside);
    k = graph_.permute(k, heads_outside);
    if (flash_) {
      v = graph_.permute(v, heads_outside);
      k = graph_.cast(k, ElementType::f16);
      v = graph_.cast(v, ElementType::f16);
      mask = mask == no_node ? mask : graph_.cast(mask, ElementType::f16);
      const NodeId result = graph_.flash_attn(q, k, v, mask);
      const Shape shape = graph_[result].ne;
      return graph_.reshape(result, {shape[0] * shape[1], shape[2] * shape[3], 1, 1});
    }
    v = graph_.cont(graph_.permute(v, {1, 2, 0, 3}));
    const NodeId scores = graph_.soft_max(graph_.mul_mat(k, q, "scores"), mask);
    const NodeId result = graph_.permute(graph_.mul_mat(v, scores, "values"), heads_outside);
    const Shape shape = graph_[result].ne;
    return graph_.cont(result, {shape[0] * shape[1], shape[2] * shape[3], 1, 1});
  }

  // build_ffn
  NodeId feed_forward(const std::string& up, const std::string& gate, const std::string& down,
                      NodeId x) {
    const NodeId wide = linear(up, x);
    const NodeId active = gate.empty() || weight(gate + ".weight") == no_node
                              ? graph_.unary_like(Op::unary, wide, "ffn_act")
                              : graph_.glu(linear(gate, x), wide, "ffn_act");
    return linear(down, active);
  }

  NodeId layer(std::int64_t index, NodeId x, NodeId mask) {
    const std::string name = fmt::format("v.blk.{}.", index);
    const std::int64_t head = projector_.embedding / projector_.heads;
    const Shape heads{head, projector_.heads, patches_, 1};
    NodeId input = norm(name + "ln1", x);
    NodeId q = no_node;
    NodeId k = no_node;
    NodeId v = no_node;
    if (weight(name + "attn_qkv.weight") != no_node) {
      const NodeId all = linear(name + "attn_qkv", input);
      const std::int64_t row = graph_[all].nb[1];
      const auto third = [&] {
        return graph_.view(all, heads, {float_bytes * head, row, row * patches_});
      };
      q = third();
      k = third();
      v = third();
    } else {
      q = graph_.reshape(linear(name + "attn_q", input), heads);
      k = graph_.reshape(linear(name + "attn_k", input), heads);
      v = graph_.reshape(linear(name + "attn_v", input), heads);
    }
    if (positions_ != no_node) {
      q = graph_.rope(q, positions_);
      k = graph_.rope(k, positions_);
    }
    const NodeId sum = graph_.add(linear(name + "attn_out", attend(q, k, v, mask)), x, "residual");
    input = norm(name + "ln2", sum);
    return graph_.add(sum,
                      feed_forward(name + "ffn_up", name + "ffn_gate", name + "ffn_down", input),
                      "residual");
  }

  // Pooled to fewer tokens, normed and projected (siglip.cpp). The projection is transposed first.
  // Which weights lie beside it in the buffer decides how far Metal pulls that forward: measured,
  // to before the last layer, where it adds to the peak.
  NodeId gemma() {
    NodeId x = convolved(image(), "v.patch_embd.weight");
    x = graph_.reshape(x, {patches_, projector_.embedding, 1, 1});
    x = biased(graph_.cont(graph_.transpose(x)), "v.patch_embd");
    x = graph_.add(x, weight("v.position_embd.weight"), "positions");
    NodeId projection = no_node;
    for (std::int64_t i = 0; i < projector_.layers; ++i) {
      if (i + 1 == projector_.layers) {
        projection = graph_.cont(graph_.transpose(weight("mm.input_projection.weight")));
        graph_.expand(projection);
      }
      x = layer(i, x, no_node);
    }
    x = norm("v.post_ln", x);
    const std::int64_t merge = projector_.merge;
    x = graph_.cont(graph_.transpose(x), {across_, down_, projector_.embedding, 1});
    const Shape pooled{across_ / merge, down_ / merge, projector_.embedding, 1};
    x = graph_.operation(Op::pool_2d, ElementType::f32, pooled, {x}, "pooled");
    x = graph_.reshape(x, {pooled[0] * pooled[1], projector_.embedding, 1, 1});
    x = graph_.cont(graph_.transpose(x));
    x = graph_.mul(graph_.unary_like(Op::rms_norm, x, "norm"), weight("mm.soft_emb_norm.weight"),
                   "norm");
    return graph_.mul_mat(projection, x, "projected");
  }

  // Four patches that become one token come to lie side by side.
  NodeId grouped(NodeId x) {
    x = graph_.cont(x, {projector_.embedding * 2, across_ / 2, down_, 1});
    x = graph_.reshape(x, {projector_.embedding * 2, across_ / 2, 2, down_ / 2});
    return graph_.cont(graph_.permute(x, heads_outside), {projector_.embedding, patches_, 1, 1});
  }

  // resize_position_embeddings
  NodeId resized_positions() {
    const NodeId table = weight("v.position_embd.weight");
    const std::int64_t embedding = projector_.embedding;
    std::int64_t edge = 1;
    while ((edge + 1) * (edge + 1) <= graph_[table].ne[1]) {
      ++edge;
    }
    if (edge == across_ && edge == down_) {
      return table;
    }
    NodeId x = graph_.permute(graph_.reshape(table, {embedding, edge, edge, 1}), {2, 0, 1, 3});
    x = graph_.operation(Op::upscale, ElementType::f32, {across_, down_, embedding, 1}, {x},
                         "positions");
    return graph_.cont(graph_.permute(x, {1, 2, 0, 3}), {embedding, patches_, 1, 1});
  }

  NodeId qwen() {
    constexpr std::int64_t merged = 4;
    const NodeId raw = image();
    NodeId x = graph_.add(convolved(raw, "v.patch_embd.weight"),
                          convolved(raw, "v.patch_embd.weight.1"), "patches");
    x = biased(grouped(graph_.permute(x, {1, 2, 0, 3})), "v.patch_embd");
    if (weight("v.position_embd.weight") != no_node) {
      x = graph_.add(x, grouped(resized_positions()), "positions");
    }
    positions_ = graph_.input(ElementType::i32, {patches_ * 4, 1, 1, 1}, "positions");
    x = norm("v.pre_ln", x);
    NodeId mask = no_node;
    const bool windows = projector_.full_attention_every > 0;
    if (windows) {
      const NodeId order = graph_.input(ElementType::i32, {patches_ / merged, 1, 1, 1}, "windows");
      mask = graph_.input(ElementType::f32, {patches_, patches_, 1, 1}, "mask");
      mask = flash_ ? graph_.cast(mask, ElementType::f16) : mask;
      x = graph_.reshape(x, {projector_.embedding * merged, patches_ / merged, 1, 1});
      x = graph_.reshape(graph_.get_rows(x, order), {projector_.embedding, patches_, 1, 1});
    }
    NodeId slices = no_node;
    for (std::int64_t i = 0; i < projector_.layers; ++i) {
      const bool full = !windows || (i + 1) % projector_.full_attention_every == 0;
      x = layer(i, x, full ? no_node : mask);
      slices = with_slice(i, x, slices);
    }
    x = norm("v.post_ln", x);
    x = graph_.reshape(x, {projector_.embedding * merged, patches_ / merged, 1, 1});
    x = feed_forward("mm.0", "", "mm.2", x);
    if (slices != no_node) {
      x = graph_.concat(x, slices, 0);
    }
    if (windows) {
      x = graph_.get_rows(x,
                          graph_.input(ElementType::i32, {patches_ / merged, 1, 1, 1}, "windows"));
    }
    return x;
  }

  // What some layers hand to layers of the model (deepstack).
  NodeId with_slice(std::int64_t index, NodeId x, NodeId slices) {
    const std::string name = fmt::format("v.deepstack.{}.", index);
    if (weight(name + "fc1.weight") == no_node) {
      return slices;
    }
    constexpr std::int64_t merged = 4;
    NodeId slice = graph_.reshape(x, {projector_.embedding * merged, patches_ / merged, 1, 1});
    slice = feed_forward(name + "fc1", "", name + "fc2", norm(name + "norm", slice));
    return slices == no_node ? slice : graph_.concat(slices, slice, 0);
  }

  const Projector& projector_;
  ImageSize image_;
  bool flash_;
  Storage storage_;
  std::int64_t across_;
  std::int64_t down_;
  std::int64_t patches_;
  Graph graph_;
  NodeId positions_ = no_node;
};

// Where Metal has a kernel for the heads; `auto` then leaves flash attention on.
bool attends_fused(const Projector& projector, const Settings& settings) {
  if (settings.flash_attention == FlashAttention::off || projector.heads == 0) {
    return false;
  }
  return settings.backend != Backend::metal ||
         has_metal_flash_attention(projector.embedding / projector.heads);
}

// Images that the engine scales to a number of tokens, not to a size (clip.cpp,
// set_limit_image_tokens and set_warmup_n_tokens): 46 x 46 of them, at most 64 x 64.
constexpr std::int64_t warm_up_edge = 46;
constexpr std::int64_t largest_edge = 64;

// An upper bound for encoders whose graph is not known: what lives in a layer at once, with all
// heads' scores where attention may not be fused.
ProjectorBuffers bound(const Projector& projector, ImageSize image, const Settings& settings) {
  const std::int64_t patch = std::max<std::int64_t>(projector.patch_size, 1);
  const std::int64_t patches = std::max<std::int64_t>(1, image.width / patch) *
                               std::max<std::int64_t>(1, image.height / patch);
  constexpr std::int64_t sums = 12;
  constexpr std::int64_t wide = 3;
  Bytes gpu = Bytes{float_bytes} * patches *
              (sums * projector.embedding + wide * projector.feed_forward + projector.projection);
  const std::int64_t scores = attends_fused(projector, settings) ? 2 : projector.heads;
  gpu += Bytes{float_bytes} * patches * patches * scores;
  // The image, positions and, where there are windows, their mask.
  const Bytes host = Bytes{float_bytes} * (3 * image.width * image.height + 4 * patches) +
                     Bytes{float_bytes} * patches * (projector.window_size > 0 ? patches : 0);
  return {.gpu = gpu, .host = host};
}

}  // namespace

bool projector_graph_known(const Projector& projector) {
  if (!is_gemma(projector) && !is_qwen(projector)) {
    return false;
  }
  const bool shapes = projector.patch_size > 0 && projector.embedding > 0 && projector.heads > 0 &&
                      projector.layers > 0 && projector.embedding % projector.heads == 0 &&
                      projector.audio.empty();
  const auto has = [&](const std::string& name) { return find(projector, name) != nullptr; };
  if (!shapes || !has("v.patch_embd.weight")) {
    return false;
  }
  for (std::int64_t i = 0; i < projector.layers; ++i) {
    const std::string name = fmt::format("v.blk.{}.", i);
    const bool attends =
        has(name + "attn_qkv.weight") ||
        (has(name + "attn_q.weight") && has(name + "attn_k.weight") && has(name + "attn_v.weight"));
    if (!attends || !has(name + "attn_out.weight") || !has(name + "ffn_up.weight") ||
        !has(name + "ffn_down.weight")) {
      return false;
    }
  }
  return is_gemma(projector)
             ? has("v.position_embd.weight") && has("mm.soft_emb_norm.weight") &&
                   has("mm.input_projection.weight") && projector.merge > 0 &&
                   projector.image_size % (projector.patch_size * projector.merge) == 0
             : has("v.patch_embd.weight.1") && has("mm.0.weight") && has("mm.2.weight");
}

ProjectorBuffers project_image(const Projector& projector, ImageSize image,
                               const Settings& settings, const LlamaCppRules& rules) {
  const bool metal = settings.backend == Backend::metal;
  Graph graph = VisionGraph(projector, image, attends_fused(projector, settings),
                            metal ? Storage::gpu : Storage::cpu)
                    .build();
  // The encoder's scheduler has no BLAS (clip.cpp, clip_ctx).
  const Schedule order = schedule(graph, {.metal = metal, .blas = false, .op_offload = true});
  const Allocation allocation = allocate(graph, order, rules);
  return {.gpu = Bytes{allocation.gpu}, .host = Bytes{allocation.host}};
}

ProjectorMemory projector_memory(const Projector& projector, const Settings& settings,
                                 const LlamaCppRules& rules) {
  ProjectorMemory result;
  result.assumed = !projector_graph_known(projector);
  const std::int64_t merge = std::max<std::int64_t>(projector.merge, is_qwen(projector) ? 2 : 1);
  const std::int64_t patch = std::max<std::int64_t>(projector.patch_size, 1);
  if (is_qwen(projector)) {
    const std::int64_t token = patch * merge;
    result.warm_up = {.width = warm_up_edge * token, .height = warm_up_edge * token};
    result.largest = {.width = largest_edge * token, .height = largest_edge * token};
  } else {
    result.warm_up = {.width = projector.image_size, .height = projector.image_size};
    result.largest = result.warm_up;
  }
  const auto tokens = [&](ImageSize image) {
    return (image.width / patch / merge) * (image.height / patch / merge);
  };
  result.tokens = tokens(result.warm_up);
  result.most_tokens = tokens(result.largest);
  const auto buffers = [&](ImageSize image) {
    return result.assumed ? bound(projector, image, settings)
                          : project_image(projector, image, settings, rules);
  };
  result.loaded = buffers(result.warm_up);
  result.full = result.most_tokens > result.tokens ? buffers(result.largest) : result.loaded;
  if (settings.backend != Backend::metal) {
    for (ProjectorBuffers* each : {&result.loaded, &result.full}) {
      each->host += each->gpu;
      each->gpu = Bytes{};
    }
  }
  return result;
}

}  // namespace membudget::llamacpp
