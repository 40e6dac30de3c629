// SPDX-License-Identifier: MIT
// Rules of models that only look at the batch at hand, and of embedding mode.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "model/arch/arch.hpp"

namespace membudget::encoder_test {
namespace {

Model small_bert() {
  Metadata metadata("small BERT");
  metadata.set("general.architecture", std::string("bert"));
  metadata.set("bert.block_count", std::int64_t{2});
  metadata.set("bert.context_length", std::int64_t{512});
  metadata.set("bert.embedding_length", std::int64_t{128});
  metadata.set("bert.feed_forward_length", std::int64_t{256});
  metadata.set("bert.attention.head_count", std::int64_t{4});
  metadata.set("bert.attention.causal", false);
  metadata.set("bert.vocab_size", std::int64_t{1000});
  metadata.set("bert.pooling_type", std::int64_t{1});
  metadata.set("tokenizer.ggml.token_type_count", std::int64_t{2});
  std::vector<Tensor> tensors;
  std::int64_t offset = 0;
  for (const TensorShape& shape : find_architecture("bert")->tensors(metadata, {})) {
    Tensor tensor;
    tensor.name = shape.name;
    tensor.shape = shape.shape;
    tensor.type = ElementType::f32;
    tensor.offset = offset;
    offset += tensor.size().count();
    tensors.push_back(std::move(tensor));
  }
  return describe_model(metadata, TensorTable(std::move(tensors)));
}

Workload embedding(std::int64_t context, std::int64_t ubatch) {
  Workload workload;
  workload.context = context;
  workload.batch = 2048;
  workload.ubatch = ubatch;
  return workload;
}

Runtime library() {
  Runtime runtime;
  runtime.outputs = OutputRule::batch;
  return runtime;
}

TEST(Encoder, KeepsNothingWhateverTheContext) {
  const Model model = small_bert();
  const Footprint small = estimate(model, library(), embedding(512, 512));
  const Footprint large = estimate(model, library(), embedding(8192, 512));
  EXPECT_EQ(small.gpu.kv, Bytes{});
  EXPECT_EQ(small.gpu.compute, large.gpu.compute);
}

TEST(Encoder, HasMasksThatGrowWithTheSquareOfThePhysicalBatch) {
  const Model model = small_bert();
  const auto host = [&](std::int64_t ubatch) {
    return estimate(model, library(), embedding(8192, ubatch)).host.compute.count();
  };
  // Per token the host holds a constant, beside the F16 mask of T x T.
  const auto without_mask = [&](std::int64_t ubatch) { return host(ubatch) - 2 * ubatch * ubatch; };
  EXPECT_EQ(without_mask(1024), 2 * without_mask(512));
}

TEST(Encoder, IsRunForEmbeddingsUnlessToldOtherwise) {
  const Model model = small_bert();
  Workload workload = embedding(512, 512);
  EXPECT_TRUE(resolve(workload, library(), model).embeddings);
  EXPECT_EQ(resolve(workload, library(), model).pooling, Pooling::mean);
  workload.embeddings = false;
  EXPECT_FALSE(resolve(workload, library(), model).embeddings);
}

TEST(Encoder, GetsOnePhysicalBatchFromTheServer) {
  const Model model = small_bert();
  Runtime server;
  server.outputs = OutputRule::slots;
  const Settings settings = resolve(embedding(8192, 512), server, model);
  EXPECT_EQ(settings.batch, 512);
  EXPECT_EQ(settings.outputs, 0);
}

TEST(Encoder, RefusesAMeanOverTokensThatAreNoOutputs) {
  const Model model = small_bert();
  Workload workload = embedding(8192, 512);
  workload.outputs = 4;
  EXPECT_THROW((void)estimate(model, library(), workload), Error);
  workload.pooling = Pooling::first;
  EXPECT_NO_THROW((void)estimate(model, library(), workload));
}

}  // namespace
}  // namespace membudget::encoder_test
