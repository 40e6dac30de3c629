// SPDX-License-Identifier: MIT
#include "membudget/load_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/plan.hpp"
#include "support/gguf_writer.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::load_model_test {
namespace {

using test::error_of;
using test::GgufWriter;
using test::ScratchFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

GgufWriter small_llama(std::optional<std::uint32_t> file_type) {
  GgufWriter gguf;
  gguf.set("general.architecture", "llama");
  if (file_type) {
    gguf.set("general.file_type", *file_type);
  }
  gguf.set("llama.block_count", std::uint32_t{2})
      .set("llama.context_length", std::uint32_t{4096})
      .set("llama.embedding_length", std::uint32_t{512})
      .set("llama.feed_forward_length", std::uint32_t{1024})
      .set("llama.attention.head_count", std::uint32_t{8})
      .set("llama.attention.head_count_kv", std::uint32_t{2})
      .set("llama.attention.layer_norm_rms_epsilon", 1e-5F)
      .set("llama.rope.dimension_count", std::uint32_t{64})
      .set("llama.vocab_size", std::uint32_t{100})
      .set_array("tokenizer.ggml.tokens", std::vector<std::string>(100, "token"))
      .add_tensor("token_embd.weight", {512, 100}, ElementType::q4_k)
      .add_tensor("output_norm.weight", {512}, ElementType::f32)
      .add_tensor("output.weight", {512, 100}, ElementType::q6_k);
  for (const char* layer : {"blk.0.", "blk.1."}) {
    const auto add = [&](const char* suffix, std::int64_t rows, ElementType type) {
      gguf.add_tensor(std::string(layer) + suffix, {512, rows}, type);
    };
    gguf.add_tensor(std::string(layer) + "attn_norm.weight", {512}, ElementType::f32);
    gguf.add_tensor(std::string(layer) + "ffn_norm.weight", {512}, ElementType::f32);
    add("attn_q.weight", 512, ElementType::q4_k);
    add("attn_k.weight", 128, ElementType::q4_k);
    add("attn_v.weight", 128, ElementType::q6_k);
    add("attn_output.weight", 512, ElementType::q4_k);
    add("ffn_gate.weight", 1024, ElementType::q4_k);
    add("ffn_up.weight", 1024, ElementType::q4_k);
    gguf.add_tensor(std::string(layer) + "ffn_down.weight", {1024, 512}, ElementType::q6_k);
  }
  return gguf;
}

Error refusal_of(std::string_view model, std::string_view quantization = {}) {
  return error_of([&] { return load_model(model, quantization, Profiles::embedded()); });
}

TEST(LoadGguf, DescribesTheModelOfAFile) {
  const ScratchFolder folder;
  small_llama(15).write(folder / "small.Q4_K_M.gguf");
  const Model model = load_gguf(folder / "small.Q4_K_M.gguf");
  EXPECT_EQ(model.id, "small.Q4_K_M.gguf");
  EXPECT_EQ(model.architecture, "llama");
  EXPECT_EQ(model.quantization, "Q4_K_M");
  EXPECT_EQ(model.source, ModelSource::gguf);
  EXPECT_EQ(model.trained_context, 4096);
  EXPECT_EQ(model.layers.size(), 2U);
  EXPECT_EQ(model.tensors.all().size(), 21U);
  EXPECT_EQ(model.tensors.data_size().count(), small_llama(15).data_size());
}

TEST(LoadGguf, NamesTheQuantizationAsLlamaQuantizeDoes) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / "small.gguf";
  for (const auto& [id, name] : {std::pair<std::uint32_t, const char*>{0, "F32"},
                                 {1, "F16"},
                                 {2, "Q4_0"},
                                 {7, "Q8_0"},
                                 {10, "Q2_K"},
                                 {17, "Q5_K_M"},
                                 {18, "Q6_K"},
                                 {30, "IQ4_XS"},
                                 {32, "BF16"},
                                 {38, "MXFP4_MOE"},
                                 {1024 + 15, "Q4_K_M"},
                                 {4, ""},
                                 {99, ""}}) {
    small_llama(id).write(file);
    EXPECT_EQ(load_gguf(file).quantization, name) << id;
  }
  small_llama(std::nullopt).write(file);
  EXPECT_EQ(load_gguf(file).quantization, "");
}

TEST(LoadGguf, SaysWhichArchitectureItDoesNotKnow) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / "other.gguf";
  GgufWriter()
      .set("general.architecture", "no-such-thing")
      .add_tensor("token_embd.weight", {1}, ElementType::f32)
      .write(file);
  const Error error = error_of([&] { return load_gguf(file); });
  EXPECT_EQ(error.code(), Errc::unsupported);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("no-such-thing"), HasSubstr("other.gguf")));
}

TEST(LoadGguf, BoundsAnArchitectureItDoesNotKnow) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / "other.gguf";
  GgufWriter()
      .set("general.architecture", "no-such-thing")
      .set("no-such-thing.block_count", std::uint32_t{1})
      .set("no-such-thing.context_length", std::uint32_t{4096})
      .set("no-such-thing.embedding_length", std::uint32_t{256})
      .set("no-such-thing.attention.head_count", std::uint32_t{4})
      .add_tensor("token_embd.weight", {256, 1000}, ElementType::f16)
      .add_tensor("blk.0.mystery.weight", {256, 1024}, ElementType::f16)
      .write(file);
  const Model model = load_gguf(file);
  EXPECT_THAT(model.not_understood, HasSubstr("general.architecture 'no-such-thing'"));
  const Profiles profiles = Profiles::embedded();
  const Plan made =
      plan(model, machine(profiles.chip("m4-max-128gb")), profiles.runtime("llama.cpp"), {});
  EXPECT_TRUE(made.footprint.assumed());
  EXPECT_EQ(made.verdict, Verdict::tight);
}

TEST(LoadGguf, RefusesAFileWithOnlyAVocabulary) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / "vocabulary.gguf";
  GgufWriter().set("general.architecture", "llama").write(file);
  test::expect_refusal(error_of([&] { return load_gguf(file); }), Errc::invalid_model,
                       file.string() + "@0x8", "holds no tensors");
}

TEST(LoadModel, TakesWhatExistsForAFile) {
  const ScratchFolder folder;
  small_llama(15).write(folder / "without-ending");
  const std::string path = (folder / "without-ending").string();
  EXPECT_EQ(load_model(path, "", Profiles::embedded()).source, ModelSource::gguf);
}

TEST(LoadModel, TakesWhatLooksLikeAPathForAFile) {
  for (const char* path : {"missing.gguf", "MISSING.GGUF", "./missing", "../missing", "/missing",
                           "models/org/missing"}) {
    const Error error = refusal_of(path);
    EXPECT_EQ(error.code(), Errc::io) << error.what();
    EXPECT_EQ(error.where(), path);
  }
}

TEST(LoadModel, TakesEverythingElseForACatalogName) {
  EXPECT_EQ(load_model("qwen2.5-coder:32b", "Q8_0", Profiles::embedded()).source,
            ModelSource::catalog);
  EXPECT_EQ(refusal_of("no-such-model:7b").code(), Errc::unknown_name);
  EXPECT_EQ(refusal_of("no-such-org/no-such-model").code(), Errc::unknown_name);
}

TEST(LoadModel, AsksForTheFileInsideAFolder) {
  const ScratchFolder folder;
  EXPECT_THAT(refusal_of(folder.path().string()).what(), HasSubstr("is a folder"));
}

TEST(LoadModel, SaysWhatIsNoAddress) {
  const Error error = refusal_of("ftp://example.org/x.gguf");
  EXPECT_EQ(error.code(), reads_over_network() ? Errc::bad_request : Errc::network);
  EXPECT_THAT(error.what(), Not(HasSubstr("No such file")));
}

TEST(LoadModel, LetsAFileKeepItsQuantization) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / "small.gguf";
  small_llama(15).write(file);
  const Profiles profiles = Profiles::embedded();
  EXPECT_EQ(load_model(file.string(), "q4_k_m", profiles).quantization, "Q4_K_M");
  const Error other = refusal_of(file.string(), "Q8_0");
  EXPECT_EQ(other.code(), Errc::bad_request);
  EXPECT_THAT(other.what(), HasSubstr("small.gguf is Q4_K_M, not Q8_0"));
  small_llama(std::nullopt).write(file);
  EXPECT_THAT(refusal_of(file.string(), "Q8_0").what(), HasSubstr("of an unstated quantization"));
}

}  // namespace
}  // namespace membudget::load_model_test
