// SPDX-License-Identifier: MIT
#include "source/gguf_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "membudget/load_model.hpp"
#include "support/gguf_writer.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::gguf_model_test {
namespace {

using test::error_of;
using test::GgufWriter;
using test::ScratchFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

GgufWriter one_layer(std::uint32_t alignment = 0) {
  GgufWriter gguf;
  gguf.set("general.architecture", "llama")
      .set("llama.block_count", std::uint32_t{1})
      .set("llama.context_length", std::uint32_t{2048})
      .set("llama.embedding_length", std::uint32_t{256})
      .set("llama.feed_forward_length", std::uint32_t{512})
      .set("llama.attention.head_count", std::uint32_t{4})
      .set("llama.vocab_size", std::uint32_t{100});
  if (alignment != 0) {
    gguf.set_alignment(alignment);
  }
  gguf.add_tensor("token_embd.weight", {256, 100}, ElementType::q8_0)
      .add_tensor("output_norm.weight", {256}, ElementType::f32)
      .add_tensor("blk.0.attn_norm.weight", {256}, ElementType::f32);
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
    gguf.add_tensor("blk.0." + std::string(name) + ".weight", {256, 256}, ElementType::q8_0);
  }
  gguf.add_tensor("blk.0.ffn_norm.weight", {256}, ElementType::f32)
      .add_tensor("blk.0.ffn_gate.weight", {256, 512}, ElementType::q8_0)
      .add_tensor("blk.0.ffn_up.weight", {256, 512}, ElementType::q8_0)
      .add_tensor("blk.0.ffn_down.weight", {512, 256}, ElementType::q8_0);
  return gguf;
}

TEST(GgufModel, PlansADownloadInProgressAndSaysSo) {
  const ScratchFolder folder;
  one_layer().write(folder / "whole.gguf");
  one_layer().write(folder / "cut.gguf", 100'000);
  const Model whole = load_gguf(folder / "whole.gguf");
  const Model cut = load_gguf(folder / "cut.gguf");
  EXPECT_THAT(whole.notes, IsEmpty());
  EXPECT_EQ(cut.tensors.data_size(), whole.tensors.data_size());
  EXPECT_THAT(cut.notes, ElementsAre(AllOf(HasSubstr("97.7 KiB of"), HasSubstr("missing"),
                                           HasSubstr("plan is for the whole"))));
}

TEST(GgufModel, CountsDataAtTheFilesOwnAlignment) {
  const ScratchFolder folder;
  for (const std::uint32_t alignment : {8U, 32U, 64U, 4096U}) {
    const GgufWriter gguf = one_layer(alignment);
    gguf.write(folder / "aligned.gguf");
    const Model model = load_gguf(folder / "aligned.gguf");
    EXPECT_EQ(model.tensors.data_size().count(), gguf.data_size()) << alignment;
    const TensorTable copy = model.tensors;
    EXPECT_EQ(copy.data_size().count(), gguf.data_size()) << alignment;
  }
}

TEST(GgufModel, NamesWhatIsNoModelByItself) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / "x.gguf";
  const auto refusal = [&](const GgufWriter& gguf, std::string_view words) {
    gguf.write(file);
    test::expect_refusal(error_of([&] { return load_gguf(file); }), Errc::unsupported,
                         file.string(), words);
  };
  refusal(GgufWriter()
              .set("general.architecture", "clip")
              .set("clip.has_vision_encoder", true)
              .add_tensor("v.patch_embd.weight", {14, 14}, ElementType::f16),
          "projector (mmproj)");
  refusal(GgufWriter()
              .set("general.architecture", "llama")
              .set("general.type", "adapter")
              .set("adapter.type", "lora")
              .set("general.base_model.0.name", "Llama 3.1 8B")
              .add_tensor("blk.0.attn_q.weight.lora_a", {64, 8}, ElementType::f16),
          "LoRA adapter that belongs to a model and is none; plan the model it was made for, "
          "'Llama 3.1 8B'");
  refusal(GgufWriter().set("general.type", "imatrix"), "importance matrix");
  refusal(GgufWriter()
              .set("general.architecture", "controlvector")
              .add_tensor("direction.1", {64}, ElementType::f32),
          "control vector");
}

TEST(GgufModel, TakesProjectorsAndAdaptersAsCompanions) {
  const ScratchFolder folder;
  GgufWriter()
      .set("general.architecture", "clip")
      .set("general.type", "mmproj")
      .add_tensor("v.patch_embd.weight", {14, 14}, ElementType::f16)
      .write(folder / "mmproj.gguf");
  const auto projector = companion_of(read_gguf(folder / "mmproj.gguf"), "mmproj.gguf");
  ASSERT_TRUE(projector);
  EXPECT_EQ(projector->kind, Companion::Kind::projector);
  EXPECT_EQ(projector->weights, Bytes{14 * 14 * 2});
  one_layer().write(folder / "model.gguf");
  EXPECT_FALSE(companion_of(read_gguf(folder / "model.gguf"), "model.gguf"));
}

}  // namespace
}  // namespace membudget::gguf_model_test
