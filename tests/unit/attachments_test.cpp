// SPDX-License-Identifier: MIT
#include "membudget/attachments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "membudget/error.hpp"
#include "membudget/load_model.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/gguf_writer.hpp"
#include "support/projectors.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::attachments_test {
namespace {

using test::error_of;
using test::expect_refusal;
using test::GgufWriter;
using test::projector_by_name;
using test::ScratchFolder;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Attachments : public ::testing::Test {
 protected:
  // Rank 8 on one weight of each layer.
  [[nodiscard]] std::shared_ptr<const Adapter> adapter(const std::string& architecture = "llama",
                                                       std::int64_t rows = 4096) const {
    Adapter result{.name = "style.gguf", .architecture = architecture, .tensors = {}};
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      const std::string weight = "blk." + std::to_string(i) + ".attn_q.weight";
      result.tensors.push_back({.name = weight + ".lora_a",
                                .shape = {4096, 8, 1, 1},
                                .type = ElementType::f16,
                                .offset = 0});
      result.tensors.push_back({.name = weight + ".lora_b",
                                .shape = {8, rows, 1, 1},
                                .type = ElementType::f16,
                                .offset = 0});
    }
    return std::make_shared<const Adapter>(std::move(result));
  }

  [[nodiscard]] Error refusal(const Workload& workload) const {
    return error_of([&] { return estimate(model_, server_, workload); });
  }

  static Bytes of(const Footprint& footprint, PartName name, Place where) {
    Bytes sum;
    for (const Part& part : footprint.parts) {
      sum += part.name == name && part.where == where ? part.bytes : Bytes{};
    }
    return sum;
  }

  ScratchFolder folder_;
  Profiles profiles_ = Profiles::embedded();
  Model model_ = profiles_.model("llama3.1:8b", "Q4_K_M");
  Runtime server_ = profiles_.runtime("llama.cpp");
  Workload plain_ = [] {
    Workload out;
    out.context = 8192;
    return out;
  }();
};

// ---- adapters and control vectors

TEST_F(Attachments, AnAdapterLiesBesideTheWeightsItChanges) {
  Workload workload = plain_;
  workload.adapters = {adapter(), adapter()};
  const Footprint all = estimate(model_, server_, workload);
  constexpr std::int64_t of_one = 32 * (4096 * 8 + 8 * 4096) * 2;
  EXPECT_EQ(of(all, PartName::adapter, Place::gpu), Bytes{2 * of_one});
  EXPECT_EQ(of(all, PartName::adapter, Place::host), Bytes{});

  workload.gpu_layers = 16;
  const Footprint half = estimate(model_, server_, workload);
  EXPECT_EQ(half.total(PartName::adapter), Bytes{2 * of_one});
  EXPECT_EQ(of(half, PartName::adapter, Place::host), Bytes{2 * of_one / 32 * 17});
}

TEST_F(Attachments, AnAdapterOfAnotherModelIsRefused) {
  Workload workload = plain_;
  workload.adapters = {adapter("qwen2")};
  expect_refusal(refusal(workload), Errc::bad_request, "--lora",
                 "is made for qwen2, but the model is llama");
  workload.adapters = {adapter("llama", 5120)};
  expect_refusal(refusal(workload), Errc::bad_request, "--lora", "other shapes than the model");
  Adapter odd = *adapter();
  odd.tensors.pop_back();
  workload.adapters = {std::make_shared<const Adapter>(odd)};
  expect_refusal(refusal(workload), Errc::bad_request, "--lora", "only one of the two matrices");
  odd.tensors.front().name = "blk.0.nothing.weight.lora_a";
  odd.tensors[1].name = "blk.0.nothing.weight.lora_b";
  odd.tensors.resize(2);
  workload.adapters = {std::make_shared<const Adapter>(odd)};
  expect_refusal(refusal(workload), Errc::bad_request, "--lora", "which the model has not");
}

TEST_F(Attachments, AControlVectorIsARowForEveryLayerButTheFirst) {
  Workload workload = plain_;
  workload.control_vector =
      std::make_shared<const ControlVector>(ControlVector{.name = "calm.gguf", .embedding = 4096});
  const Footprint footprint = estimate(model_, server_, workload);
  EXPECT_EQ(footprint.total(PartName::adapter), Bytes{4} * 4096 * 31);
  EXPECT_EQ(footprint.gpu.compute, estimate(model_, server_, plain_).gpu.compute);
  workload.control_vector =
      std::make_shared<const ControlVector>(ControlVector{.name = "calm.gguf", .embedding = 2048});
  expect_refusal(refusal(workload), Errc::bad_request, "--control-vector",
                 "2048 elements per layer");
}

TEST_F(Attachments, AreReadFromTheirHeaders) {
  GgufWriter()
      .set("general.architecture", "llama")
      .set("general.type", "adapter")
      .set("adapter.type", "lora")
      .add_tensor("blk.0.attn_q.weight.lora_a", {64, 8}, ElementType::f16)
      .add_tensor("blk.0.attn_q.weight.lora_b", {8, 64}, ElementType::f16)
      .write(folder_ / "lora.gguf");
  const Adapter adapter = load_adapter(folder_ / "lora.gguf");
  EXPECT_EQ(adapter.architecture, "llama");
  EXPECT_EQ(adapter.tensors.size(), 2U);

  GgufWriter()
      .set("general.architecture", "controlvector")
      .add_tensor("direction.1", {64}, ElementType::f32)
      .add_tensor("direction.2", {64}, ElementType::f32)
      .write(folder_ / "vector.gguf");
  EXPECT_EQ(load_control_vector(folder_ / "vector.gguf").embedding, 64);

  GgufWriter()
      .set("general.architecture", "clip")
      .set("clip.has_vision_encoder", true)
      .set("clip.projector_type", "gemma3")
      .set("clip.vision.image_size", std::uint32_t{896})
      .set("clip.vision.patch_size", std::uint32_t{14})
      .set("clip.vision.embedding_length", std::uint32_t{1152})
      .add_tensor("v.patch_embd.weight", {14, 14, 3, 1152}, ElementType::f16)
      .write(folder_ / "mmproj.gguf");
  const Projector projector = load_projector(folder_ / "mmproj.gguf");
  EXPECT_EQ(projector.vision, "gemma3");
  EXPECT_EQ(projector.audio, "");
  EXPECT_EQ(projector.embedding, 1152);
  EXPECT_EQ(projector.weights(), Bytes{14 * 14 * 3 * 1152 * 2});

  const auto refused = [&](const auto& load, const char* file, const char* words) {
    const Error error = error_of([&] { return load(folder_ / file); });
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_THAT(error.what(), HasSubstr(words));
  };
  refused([](const auto& file) { return load_adapter(file); }, "vector.gguf", "is no LoRA adapter");
  refused([](const auto& file) { return load_projector(file); }, "lora.gguf", "is no projector");
  refused([](const auto& file) { return load_control_vector(file); }, "lora.gguf",
          "is no control vector");
}

// ---- projectors

TEST_F(Attachments, AProjectorTakesItsWeightsAndTheBuffersOfItsWarmUp) {
  const Model gemma = profiles_.model("gemma3:4b", "Q4_K_M");
  Workload workload = plain_;
  const Footprint without = estimate(gemma, server_, workload);
  workload.projector = std::make_shared<const Projector>(projector_by_name("mmproj-gemma3-4b"));
  const Footprint with = estimate(gemma, server_, workload);
  EXPECT_EQ(of(with, PartName::projector, Place::gpu), Bytes{851'226'048 + 133'038'080});
  EXPECT_EQ(of(with, PartName::projector, Place::host), Bytes{9'633'792});
  EXPECT_EQ(with.total() - without.total(), with.total(PartName::projector));
  EXPECT_FALSE(with.assumed());
  EXPECT_THAT(with.remarks, Contains(HasSubstr("An image takes 256 tokens of the context")));
}

TEST_F(Attachments, AProjectorOfAnUnknownKindIsBounded) {
  Projector projector = projector_by_name("mmproj-gemma3-4b");
  const auto known = std::make_shared<const Projector>(projector);
  projector.vision = "never-seen";
  Workload workload = plain_;
  workload.projector = std::make_shared<const Projector>(projector);
  const Footprint bound = estimate(model_, server_, workload);
  EXPECT_TRUE(bound.assumed());
  workload.projector = known;
  const Footprint exact = estimate(model_, server_, workload);
  EXPECT_GE(bound.total(PartName::projector), exact.total(PartName::projector));
  EXPECT_LT(bound.total(PartName::projector).count(), 2 * exact.total(PartName::projector).count());
}

TEST_F(Attachments, WhatComesWithAModelCounts) {
  Model gemma = profiles_.model("gemma3:4b", "Q4_K_M");
  const auto projector = std::make_shared<const Projector>(projector_by_name("mmproj-gemma3-4b"));
  gemma.companions.push_back({.kind = Companion::Kind::projector,
                              .name = "mmproj",
                              .weights = projector->weights(),
                              .projector = projector,
                              .adapter = nullptr});
  EXPECT_GT(estimate(gemma, server_, plain_).total(PartName::projector), mib(900));
}

// ---- drafting with the model's own layers

TEST_F(Attachments, DraftingLayersMustBeThereAndHaveAGraph) {
  Workload workload = plain_;
  workload.predict = true;
  expect_refusal(refusal(workload), Errc::bad_request, "--spec-type",
                 "holds no layers for drafting");
  Model silent = model_;
  silent.draft_layers = 1;
  expect_refusal(error_of([&] { return estimate(silent, server_, workload); }), Errc::bad_request,
                 "--spec-type", "no graph for the drafting layers of llama");
}

TEST_F(Attachments, DraftingWithAGraphThatIsNotKnownIsABound) {
  // As a file of Step 3.5 or MiMo 2 has them; the sizes are Llama's.
  Model drafts = model_;
  drafts.draft_layers = 2;
  drafts.drafts = true;
  Workload workload = plain_;
  const Footprint without = estimate(drafts, server_, workload);
  workload.predict = true;
  const Footprint with = estimate(drafts, server_, workload);
  EXPECT_TRUE(with.assumed());
  EXPECT_FALSE(without.assumed());
  // Two layers like the last one, and buffers as large as the model's own.
  const auto& attention = std::get<Attention>(drafts.layers.back().mixer);
  const Bytes cache{2 * with.settings.context * attention.kv_heads *
                    (attention.key_dim + attention.value_dim) * 2};
  const Bytes output{4 * (drafts.vocabulary + drafts.embedding) * with.settings.parallel};
  EXPECT_EQ(with.total(PartName::draft), cache + with.total(PartName::compute) + output);
  EXPECT_EQ(with.total(PartName::kv_cache), without.total(PartName::kv_cache));
}

// ---- what grows with use

TEST_F(Attachments, ThePromptCacheIsCountedWhenAskedForAndToldOtherwise) {
  const Footprint unasked = estimate(model_, server_, plain_);
  EXPECT_EQ(unasked.total(PartName::prompt_cache), Bytes{});
  EXPECT_EQ(unasked.growth.limit, gib(8));
  EXPECT_THAT(unasked.growth.note, HasSubstr("8.00 GiB of RAM with conversations"));

  Workload workload = plain_;
  workload.prompt_cache_mib = 2048;
  const Footprint asked = estimate(model_, server_, workload);
  EXPECT_EQ(of(asked, PartName::prompt_cache, Place::host), gib(2));
  EXPECT_EQ(asked.growth.limit, Bytes{});
  workload.prompt_cache_mib = 0;
  EXPECT_THAT(estimate(model_, server_, workload).growth.note, IsEmpty());
  EXPECT_EQ(estimate(model_, profiles_.runtime("llama-cli"), plain_).growth.limit, Bytes{});
}

TEST_F(Attachments, APlanSpeaksOfGrowthWhereItCanOutgrowTheRam) {
  const auto speaks = HasSubstr("Not counted, for it grows with use");
  const Machine small = machine(profiles_.chip("m1-16gb"));
  const Machine large = machine(profiles_.chip("m4-max-128gb"));
  EXPECT_THAT(plan(model_, small, server_, plain_).reasons, Contains(speaks));
  EXPECT_THAT(plan(model_, large, server_, plain_).reasons, Not(Contains(speaks)));
}

TEST_F(Attachments, CheckpointsAreOfWhatCannotBeTakenBack) {
  Workload workload = plain_;
  workload.prompt_cache_mib = 0;
  workload.checkpoints = 4;
  EXPECT_EQ(estimate(model_, server_, workload).total(PartName::prompt_cache), Bytes{});
  workload.parallel = 2;
  // 29 sliding layers of 1024 cells, K and V of 1024 F16 elements each.
  const Footprint gemma = estimate(profiles_.model("gemma3:4b", "Q4_K_M"), server_, workload);
  constexpr std::int64_t cells = std::int64_t{29} * 1024 * 2 * 1024 * 2;
  EXPECT_GT(gemma.total(PartName::prompt_cache), Bytes{2 * 4 * cells});
  EXPECT_LT(gemma.total(PartName::prompt_cache), Bytes{2 * 4 * cells} + mib(1));
}

}  // namespace
}  // namespace membudget::attachments_test
