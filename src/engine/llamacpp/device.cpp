// SPDX-License-Identifier: MIT
#include "engine/llamacpp/device.hpp"

#include <algorithm>
#include <array>

#include "membudget/units.hpp"

namespace membudget::llamacpp {
namespace {

bool is_float(ElementType type) {
  return type == ElementType::f32 || type == ElementType::f16;
}

// Types of a cache that Metal's attention kernels read.
bool metal_attends_to(ElementType type) {
  switch (type) {
    case ElementType::f32:
    case ElementType::f16:
    case ElementType::bf16:
    case ElementType::q8_0:
    case ElementType::q4_0:
    case ElementType::q4_1:
    case ElementType::q5_0:
    case ElementType::q5_1:
      return true;
    default:
      return false;
  }
}

bool metal_flash_attn(const Graph& graph, const Node& node) {
  const Node& q = graph[node.sources[0]];
  const Node& k = graph[node.sources[1]];
  const Node& v = graph[node.sources[2]];
  if (!has_metal_flash_attention(q.ne[0]) || k.type != v.type) {
    return false;
  }
  return metal_attends_to(k.type);
}

// One kernel, for the indexer of DeepSeek-V3.2 (ggml-metal-impl.h:118, ggml-metal-device.m:1313);
// queries, weights and mask have the types of the graph.
bool metal_lightning_indexer(const Graph& graph, const Node& node) {
  constexpr std::int64_t key_dim = 128;
  constexpr std::int64_t heads = 64;
  const Node& q = graph[node.sources[0]];
  return q.ne[0] == key_dim && q.ne[1] == heads && metal_attends_to(graph[node.sources[1]].type);
}

bool metal_copies(ElementType from, ElementType to) {
  switch (from) {
    case ElementType::f32:
      switch (to) {
        case ElementType::f32:
        case ElementType::f16:
        case ElementType::bf16:
        case ElementType::q8_0:
        case ElementType::q1_0:
        case ElementType::q2_0:
        case ElementType::q4_0:
        case ElementType::q4_1:
        case ElementType::q5_0:
        case ElementType::q5_1:
        case ElementType::iq4_nl:
        case ElementType::tq2_0:
        case ElementType::i32:
          return true;
        default:
          return false;
      }
    case ElementType::bf16:
      return to == ElementType::f32 || to == ElementType::bf16;
    case ElementType::f16:
    case ElementType::q1_0:
    case ElementType::q2_0:
    case ElementType::q4_0:
    case ElementType::q4_1:
    case ElementType::q5_0:
    case ElementType::q5_1:
    case ElementType::q8_0:
    case ElementType::tq2_0:
      return is_float(to);
    case ElementType::i32:
      return to == ElementType::f32 || to == ElementType::i32;
    default:
      return false;
  }
}

bool metal_stores_rows(ElementType from, ElementType to) {
  if (from == ElementType::f16) {
    return to == ElementType::f16;
  }
  return from == ElementType::f32 && to != ElementType::i32 && metal_copies(from, to) &&
         to != ElementType::q1_0 && to != ElementType::q2_0;
}

bool metal_supports(const Graph& graph, const Node& node) {
  const auto source = [&](std::size_t i) -> const Node& { return graph[node.sources[i]]; };
  switch (node.op) {
    case Op::scale:
    case Op::fill:
    case Op::clamp:
    case Op::sqr:
    case Op::sqrt:
    case Op::log:
    case Op::unary:
    case Op::glu:
      return source(0).contiguous_rows() && is_float(source(0).type);
    case Op::concat:
      return source(0).type == source(1).type && !format_of(source(0).type).quantized;
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::add_id:
      return source(0).contiguous_rows() && source(1).contiguous_rows() &&
             is_float(source(0).type) && source(0).type == source(1).type;
    case Op::flash_attn_ext:
      return metal_flash_attn(graph, node);
    case Op::lightning_indexer:
      return metal_lightning_indexer(graph, node);
    case Op::gated_linear_attn:
      return false;
    case Op::gated_delta_net:
      return source(2).ne[0] % 32 == 0;
    // Kernels for four states per token (ggml-metal-device.m:1343-1378).
    case Op::dsv4_hc_comb:
      return source(0).ne[0] == 24 && source(2).ne[0] == 24;
    case Op::dsv4_hc_pre:
      return source(0).ne[1] == 4 && source(1).ne[0] == 4;
    case Op::dsv4_hc_post:
      return source(1).ne[1] == 4;
    case Op::mul_mat:
    case Op::mul_mat_id:
    case Op::get_rows:
      return source(0).type != ElementType::nvfp4;
    case Op::set:
    case Op::cpy:
    case Op::cont:
      return metal_copies(source(0).type, node.type);
    case Op::set_rows:
      return metal_stores_rows(source(0).type, node.type);
    default:
      return true;
  }
}

bool blas_supports(const Graph& graph, const Node& node) {
  if (is_empty_op(node.op)) {
    return true;
  }
  if (node.op != Op::mul_mat || node.label == "rotation") {
    return false;
  }
  constexpr std::int64_t min_batch = 32;
  const Node& a = graph[node.sources[0]];
  const Node& b = graph[node.sources[1]];
  return a.contiguous() && b.contiguous() && b.type == ElementType::f32 &&
         node.ne[0] >= min_batch && node.ne[1] >= min_batch && b.ne[0] >= min_batch;
}

bool cpu_supports(const Graph& graph, const Node& node) {
  if (node.op == Op::mul_mat || node.op == Op::mul_mat_id) {
    const Node& weight = graph[node.sources[0]];
    const Node& x = graph[node.sources[1]];
    // A repacked weight runs in one kernel only (ggml-cpu/repack.cpp); a plain one against
    // floats or its own dot-product type.
    return x.type == ElementType::f32 || weight.storage != Storage::repack;
  }
  return true;
}

std::int64_t flash_attn_scratch(const Graph& graph, const Node& node, const LlamaCppRules& rules) {
  // ggml-metal-impl.h: queries per group and cache rows per group of the two kernels.
  constexpr std::int64_t queries = 8;
  constexpr std::int64_t rows = 64;
  constexpr std::int64_t vector_rows = 32;
  constexpr std::int64_t workgroups = 32;
  constexpr std::int64_t half = 2;
  constexpr std::int64_t scratch_min_tokens = 32;

  const Node& q = graph[node.sources[0]];
  const Node& k = graph[node.sources[1]];
  const Node& v = graph[node.sources[2]];
  const bool v_in_k = v.is_view() && (v.root == node.sources[1] || v.root == k.root);
  const bool dequantized = rules.flash_attn_kv_scratch && q.ne[1] >= scratch_min_tokens &&
                           format_of(k.type).quantized && k.type != ElementType::iq4_nl;

  const std::int64_t k_row = dequantized ? half * k.ne[0] : k.nb[1];
  const std::int64_t v_row = dequantized ? half * (v_in_k ? k.ne[0] : v.ne[0]) : v.nb[1];
  std::int64_t size = rows * (k_row * k.ne[2] * k.ne[3] + v_row * v.ne[2] * v.ne[3]);
  if (node.sources[3] != no_node) {
    const Node& mask = graph[node.sources[3]];
    size += rows * half * mask.ne[1] * mask.ne[2] * mask.ne[3];
    const bool vector = q.ne[1] < 20 && q.ne[0] % 32 == 0;
    const std::int64_t per_query = vector ? 1 : queries;
    const std::int64_t per_rows = vector ? vector_rows : rows;
    size += round_up((q.ne[1] + per_query - 1) / per_query *
                         ((mask.ne[0] + per_rows - 1) / per_rows) * mask.ne[2] * mask.ne[3],
                     32);
  }
  size += 4 * std::min<std::int64_t>(q.ne[1], 32) * q.ne[2] * q.ne[3] * workgroups * (v.ne[0] + 2);
  if (rules.flash_attn_kv_scratch) {
    size += round_up(half * k.elements(), 16);
    size += v_in_k ? 0 : round_up(half * v.elements(), 16);
  }
  return size;
}

}  // namespace

bool has_metal_flash_attention(std::int64_t head_size) {
  static constexpr std::array<std::int64_t, 14> head_sizes{32,  40,  48,  64,  72,  80,  96,
                                                           112, 128, 192, 256, 320, 512, 576};
  return std::find(head_sizes.begin(), head_sizes.end(), head_size) != head_sizes.end();
}

bool supports(Device device, const Graph& graph, NodeId id) {
  const Node& node = graph[id];
  switch (device) {
    case Device::metal:
      return metal_supports(graph, node);
    case Device::blas:
      return blas_supports(graph, node);
    case Device::cpu:
      return cpu_supports(graph, node);
    case Device::none:
      break;
  }
  return false;
}

bool reads(Device device, Storage storage) {
  switch (storage) {
    case Storage::gpu:
      return device == Device::metal;
    case Storage::cpu:
      return device == Device::blas || device == Device::cpu;
    case Storage::repack:
      return device == Device::cpu;
    case Storage::graph:
      break;
  }
  return false;
}

std::int64_t allocation_size(Device device, const Graph& graph, NodeId id,
                             const LlamaCppRules& rules) {
  const Node& node = graph[id];
  const std::int64_t size = node.bytes();
  if (device != Device::metal) {
    return size;
  }
  switch (node.op) {
    case Op::mul_mat_id: {
      const std::int64_t experts = graph[node.sources[0]].ne[2];
      return size + 4 * experts + 4 * experts * graph[node.sources[2]].ne[1];
    }
    case Op::flash_attn_ext:
      return size + flash_attn_scratch(graph, node, rules);
    case Op::argsort:
    case Op::cumsum:
      return 2 * size;
    case Op::top_k:
      return 8 * graph[node.sources[0]].elements();
    default:
      return size;
  }
}

}  // namespace membudget::llamacpp
