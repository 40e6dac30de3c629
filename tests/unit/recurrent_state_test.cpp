// SPDX-License-Identifier: MIT
#include "engine/llamacpp/recurrent_state.hpp"

#include <gtest/gtest.h>

#include "membudget/error.hpp"
#include "model/arch/arch.hpp"

namespace membudget::llamacpp::recurrent_state_test {
namespace {

constexpr Mamba mixer{.version = 2,
                      .conv_width = 4,
                      .inner_dim = 3072,
                      .state_dim = 128,
                      .groups = 1,
                      .time_rank = 48};
constexpr std::int64_t tail_bytes = 4 * 3 * (3072 + 2 * 128);
constexpr std::int64_t matrix_bytes = 4 * 128 * 3072;

Model model_of(std::initializer_list<Layer> layers) {
  Model model;
  model.embedding = 1536;
  model.layers = layers;
  return model;
}

RecurrentState state_of(const Model& model, const Geometry& geometry,
                        std::vector<bool> on_gpu = {}) {
  Placement placement;
  placement.layer_on_gpu = std::move(on_gpu);
  placement.layer_on_gpu.resize(model.layers.size(), true);
  return recurrent_state(model, geometry, placement, Settings{});
}

Layer recurrent_layer() {
  Layer layer;
  layer.mixer = mixer;
  return layer;
}

Layer attention_layer() {
  Layer layer;
  layer.mixer = Attention{.heads = 12, .kv_heads = 4, .key_dim = 128, .value_dim = 128};
  return layer;
}

TEST(RecurrentState, DoesNotDependOnTheContext) {
  const Model model = model_of({recurrent_layer(), attention_layer(), recurrent_layer()});
  const RecurrentState small = state_of(model, {.cells = 256, .sequences = 1});
  const RecurrentState large = state_of(model, {.cells = 131072, .sequences = 1});
  EXPECT_EQ(small.gpu, Bytes{2 * (tail_bytes + matrix_bytes)});
  EXPECT_EQ(large.gpu, small.gpu);
  EXPECT_EQ(small.count(), 2);
}

TEST(RecurrentState, EverySlotHasItsOwnEvenWhenTheCacheIsUnified) {
  const Model model = model_of({recurrent_layer()});
  const RecurrentState state = state_of(model, {.streams = 1, .sequences = 4});
  EXPECT_EQ(state.slots, 4);
  EXPECT_EQ(state.gpu, Bytes{4 * (tail_bytes + matrix_bytes)});
}

TEST(RecurrentState, LivesWhereItsLayerDoes) {
  const Model model = model_of({recurrent_layer(), recurrent_layer()});
  const RecurrentState state = state_of(model, {.sequences = 1}, {false, true});
  EXPECT_EQ(state.host, Bytes{tail_bytes + matrix_bytes});
  EXPECT_EQ(state.gpu, state.host);
}

TEST(RecurrentState, TailAndMatrixOfALayerTouch) {
  // Metal's reordering takes ranges that touch for ranges that overlap.
  const RecurrentState state = state_of(model_of({recurrent_layer()}), {.sequences = 1});
  EXPECT_EQ(state.layers[0].tail.end, state.layers[0].matrix.begin);
}

TEST(RecurrentState, ALayerWithAttentionBesideItHasBoth) {
  Layer layer = attention_layer();
  layer.beside = mixer;
  const RecurrentState state = state_of(model_of({layer}), {.sequences = 1});
  EXPECT_EQ(state.gpu, Bytes{tail_bytes + matrix_bytes});
}

TEST(RecurrentState, ShortConvolutionsKeepATailAndNoMatrix) {
  Layer layer;
  layer.mixer = ShortConvolution{.width = 3};
  const RecurrentState state = state_of(model_of({layer}), {.sequences = 1});
  EXPECT_EQ(state.gpu, Bytes{4 * 2 * 1536});
  EXPECT_EQ(state.layers[0].matrix_width, 0);
}

TEST(RecurrentState, IsEmptyWithoutRecurrentLayers) {
  const RecurrentState state = state_of(model_of({attention_layer()}), {.sequences = 1});
  EXPECT_EQ(state.gpu, Bytes{});
  EXPECT_EQ(state.count(), 0);
}

TEST(Mamba, RefusesSizesThatDoNotDivide) {
  Metadata metadata("test");
  metadata.set("general.architecture", std::string("mamba2"));
  for (const auto& [key, value] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"mamba2.block_count", 1},
           {"mamba2.embedding_length", 64},
           {"mamba2.ssm.conv_kernel", 4},
           {"mamba2.ssm.inner_size", 128},
           {"mamba2.ssm.state_size", 16},
           {"mamba2.ssm.group_count", 1},
           {"mamba2.ssm.time_step_rank", 3}}) {
    metadata.set(key, value);
  }
  EXPECT_THROW((void)describe_model(metadata, {}), Error);
  metadata.set("mamba2.ssm.time_step_rank", std::int64_t{4});
  EXPECT_NO_THROW((void)describe_model(metadata, {}));
}

}  // namespace
}  // namespace membudget::llamacpp::recurrent_state_test
