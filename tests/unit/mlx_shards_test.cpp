// SPDX-License-Identifier: MIT
#include "plan/mlx_shards.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/profiles.hpp"
#include "support/embedded.hpp"
#include "support/refusal.hpp"

namespace membudget::mlx_shards_test {
namespace {

using test::error_of;
using test::expect_refusal;
using testing::ElementsAre;

/// One tensor of a model and over how many of the ranks it is shared.
struct Share {
  std::string_view tensor;
  std::int64_t ranks;
};

struct Shared {
  std::string_view model;
  std::int64_t ranks;
  std::vector<Share> tensors;
};

// Read in shard() of mlx-lm's models: what goes through shard_linear(), shard_inplace() or is
// sliced by rank, and what is not named there.
const std::vector<Shared> by_source = {
    // llama.py
    {"llama3.1:8b",
     2,
     {{"token_embd.weight", 1},
      {"output.weight", 1},
      {"output_norm.weight", 1},
      {"blk.3.attn_norm.weight", 1},
      {"blk.3.attn_q.weight", 2},
      {"blk.3.attn_k.weight", 2},
      {"blk.3.attn_v.weight", 2},
      {"blk.3.attn_output.weight", 2},
      {"blk.3.ffn_gate.weight", 2},
      {"blk.3.ffn_up.weight", 2},
      {"blk.3.ffn_down.weight", 2}}},
    // qwen2.py: biases go with the rows of their matrices.
    {"qwen2.5:7b", 4, {{"blk.0.attn_q.bias", 4}, {"blk.0.attn_k.bias", 4}}},
    // deepseek_v3.py: embed_q and unembed_out by head, what makes the latents whole.
    {"deepseek-v3",
     4,
     {{"blk.1.attn_q_a.weight", 1},
      {"blk.1.attn_q_b.weight", 4},
      {"blk.1.attn_kv_a_mqa.weight", 1},
      {"blk.1.attn_kv_a_norm.weight", 1},
      {"blk.1.attn_k_b.weight", 4},
      {"blk.1.attn_v_b.weight", 4},
      {"blk.1.attn_output.weight", 4},
      {"blk.1.ffn_down.weight", 4},
      {"blk.5.ffn_gate_inp.weight", 1},
      {"blk.5.exp_probs_b.bias", 1},
      {"blk.5.ffn_gate_exps.weight", 4},
      {"blk.5.ffn_up_exps.weight", 4},
      {"blk.5.ffn_down_exps.weight", 4},
      {"blk.5.ffn_gate_shexp.weight", 4},
      {"blk.5.ffn_down_shexp.weight", 4}}},
    // gpt_oss.py: sinks by head; of the experts' output the bias is divided, not cut.
    {"gpt-oss:20b",
     2,
     {{"blk.0.attn_sinks.weight", 2},
      {"blk.0.attn_output.bias", 1},
      {"blk.0.ffn_gate_exps.bias", 2},
      {"blk.0.ffn_down_exps.bias", 1},
      {"blk.0.ffn_down_exps.weight", 2}}},
    // qwen3_5.py: every projection of a gated delta net, its convolution, A_log and dt_bias; the
    // norm is of one head.
    {"qwen3.5:9b",
     4,
     {{"blk.0.attn_qkv.weight", 4},
      {"blk.0.attn_gate.weight", 4},
      {"blk.0.ssm_alpha.weight", 4},
      {"blk.0.ssm_beta.weight", 4},
      {"blk.0.ssm_a", 4},
      {"blk.0.ssm_dt.bias", 4},
      {"blk.0.ssm_conv1d.weight", 4},
      {"blk.0.ssm_norm.weight", 1},
      {"blk.0.ssm_out.weight", 4},
      {"blk.3.attn_q.weight", 4},
      {"blk.3.attn_q_norm.weight", 1}}},
};

const Tensor* found(const Model& model, std::string_view name) {
  const std::int64_t layer = TensorTable::layer_of(name);
  return layer < 0 ? model.tensors.find(name)
                   : model.tensors.find(layer, TensorTable::suffix_of(name));
}

TEST(MlxShards, TensorsAreCutWhereMlxCutsThem) {
  for (const Shared& each : by_source) {
    const Model model = profiles().model(std::string(each.model));
    const Model shard = mlx_tensor_shard(model, each.ranks);
    ASSERT_EQ(shard.tensors.all().size(), model.tensors.all().size());
    for (const Share& share : each.tensors) {
      const Tensor* whole = found(model, share.tensor);
      const Tensor* part = found(shard, share.tensor);
      ASSERT_TRUE(whole != nullptr && part != nullptr) << each.model << ' ' << share.tensor;
      EXPECT_EQ(part->elements() * share.ranks, whole->elements())
          << each.model << ' ' << share.tensor;
    }
  }
}

// deepseek_v2.py: kv_b_proj, which older GGUF files hold as one tensor.
TEST(MlxShards, KeysAndValuesInOneMatrixAreCutByItsRows) {
  Model model = profiles().model("deepseek-coder-v2-lite");
  Tensor both = *model.tensors.find(1, "attn_v_b.weight");
  both.name = "blk.1.attn_kv_b.weight";
  both.shape = {512, 4096, 1, 1};
  model.tensors = TensorTable({both});
  EXPECT_EQ(mlx_tensor_shard(model, 2).tensors.find(1, "attn_kv_b.weight")->shape[1], 2048);
}

TEST(MlxShards, HeadsAndWidthsAreSharedByTheLayersToo) {
  const Model dense = mlx_tensor_shard(profiles().model("llama3.1:8b"), 2);
  const auto& attention = std::get<Attention>(dense.layers[0].mixer);
  EXPECT_EQ(attention.heads, 16);
  EXPECT_EQ(attention.kv_heads, 4);
  EXPECT_EQ(std::get<DenseFeedForward>(dense.layers[0].feed_forward).width, 7168);

  const Model latent = mlx_tensor_shard(profiles().model("deepseek-v3"), 4);
  EXPECT_EQ(std::get<LatentAttention>(latent.layers[0].mixer).heads, 32);
  const auto& experts = std::get<Experts>(latent.layers[5].feed_forward);
  EXPECT_EQ(experts.width, 512);
  EXPECT_EQ(experts.shared_width, 512);

  const Model hybrid = mlx_tensor_shard(profiles().model("qwen3.5:9b"), 4);
  const auto& delta = std::get<DeltaNet>(hybrid.layers[0].mixer);
  EXPECT_EQ(delta.key_heads, 4);
  EXPECT_EQ(delta.value_heads, 8);
}

TEST(MlxShards, WhatCannotBeSharedEvenlyIsRefused) {
  expect_refusal(error_of([] { return mlx_tensor_shard(profiles().model("llama3.1:8b"), 3); }),
                 Errc::bad_request, "--chip",
                 "32 attention heads cannot be shared evenly by 3 Macs");
  // Enough heads, too few KV heads.
  expect_refusal(error_of([] { return mlx_tensor_shard(profiles().model("llama3.1:8b"), 16); }),
                 Errc::bad_request, "--chip", "8 KV heads");
  expect_refusal(error_of([] { return mlx_tensor_shard(profiles().model("mamba-2.8b"), 2); }),
                 Errc::bad_request, "--distribute", "llama-rpc");
}

Checkpoint::Stored stored(std::string name, std::int64_t bytes) {
  return {.name = std::move(name), .type = "BF16", .shape = {bytes / 2}, .size = Bytes{bytes}};
}

/// A model of a folder, whose own tensors have the names of Hugging Face.
Model from_folder() {
  Model out = profiles().model("llama3.1:8b");
  out.checkpoint = Checkpoint{};
  out.checkpoint->tensors = {stored("model.embed_tokens.weight", 4096),
                             stored("model.layers.0.input_layernorm.weight", 64),
                             stored("model.layers.0.self_attn.q_proj.weight", 1024),
                             stored("model.layers.0.self_attn.q_proj.bias", 64),
                             stored("model.layers.0.self_attn.o_proj.weight", 1024),
                             stored("model.layers.0.self_attn.o_proj.bias", 64),
                             stored("model.layers.0.mlp.gate.weight", 256),
                             stored("model.layers.12.mlp.down_proj.weight", 2048),
                             stored("model.layers.12.linear_attn.A_log", 32),
                             stored("model.layers.12.self_attn.kv_a_proj_with_mqa.weight", 512),
                             stored("lm_head.weight", 4096)};
  return out;
}

std::vector<std::int64_t> sizes_of(const Model& model) {
  std::vector<std::int64_t> out;
  for (const auto& tensor : model.checkpoint->tensors) out.push_back(tensor.size.count());
  return out;
}

TEST(MlxShards, TheTensorsOfAFolderAreCutByTheirOwnNames) {
  EXPECT_THAT(sizes_of(mlx_tensor_shard(from_folder(), 2)),
              ElementsAre(4096, 64, 512, 32, 512, 64, 256, 1024, 16, 512, 4096));
}

TEST(MlxShards, PipelinesKeepTheirLayersWithEmbeddingAndOutput) {
  const Model whole = from_folder();
  const Model part = mlx_pipeline_shard(whole, {10, 32});
  EXPECT_EQ(part.layers.size(), 22U);
  EXPECT_THAT(sizes_of(part), ElementsAre(4096, 2048, 32, 512, 4096));
  // Layer 10 is the shard's first, and the last its 22nd.
  EXPECT_NE(found(part, "blk.0.attn_q.weight"), nullptr);
  EXPECT_NE(found(part, "blk.21.attn_q.weight"), nullptr);
  EXPECT_EQ(found(part, "blk.22.attn_q.weight"), nullptr);
  EXPECT_NE(found(part, "token_embd.weight"), nullptr);
  const Model first = mlx_pipeline_shard(whole, {0, 10});
  EXPECT_EQ(first.layers.size() + part.layers.size(), whole.layers.size());
  EXPECT_THAT(sizes_of(first), ElementsAre(4096, 64, 1024, 64, 1024, 64, 256, 4096));
}

}  // namespace
}  // namespace membudget::mlx_shards_test
