// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/load_model.hpp"
#include "model/arch/arch.hpp"
#include "source/hf_config.hpp"
#include "support/model_headers.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::test::checkpoint_folder_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

std::string small_config(const std::string& more = "") {
  return R"({"architectures": ["LlamaForCausalLM"], "hidden_size": 256, "intermediate_size": 512,
             "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
             "max_position_embeddings": 2048, "vocab_size": 1000)" +
         more + "}";
}

std::vector<HeaderTensor> small_tensors(const std::string& type = "BF16") {
  return {{"model.embed_tokens.weight", type, {1000, 256}},
          {"model.norm.weight", type, {256}},
          {"model.layers.0.input_layernorm.weight", type, {256}},
          {"model.layers.0.post_attention_layernorm.weight", type, {256}},
          {"model.layers.0.self_attn.q_proj.weight", type, {256, 256}},
          {"model.layers.0.self_attn.k_proj.weight", type, {128, 256}},
          {"model.layers.0.self_attn.v_proj.weight", type, {128, 256}},
          {"model.layers.0.self_attn.o_proj.weight", type, {256, 256}},
          {"model.layers.0.mlp.gate_proj.weight", type, {512, 256}},
          {"model.layers.0.mlp.up_proj.weight", type, {512, 256}},
          {"model.layers.0.mlp.down_proj.weight", type, {256, 512}}};
}

class CheckpointFolder : public ::testing::Test {
 protected:
  Model load(const std::string& quantization = "") {
    return load_model(folder.path().string(), quantization, Profiles::embedded());
  }
  Error refusal() {
    return error_of([&] { return load(); });
  }

  ScratchFolder folder;
};

TEST_F(CheckpointFolder, IsPlannedAsTheSixteenBitGguf) {
  for (const auto& [stored, made] : {std::pair("BF16", "BF16"), {"F16", "F16"}, {"F32", "F16"}}) {
    write_text(folder / "config.json", small_config());
    write_safetensors(folder / "model.safetensors", small_tensors(stored));
    const Model model = load();
    EXPECT_EQ(model.quantization, made);
    EXPECT_EQ(model.id, folder.path().filename().string());
    EXPECT_EQ(model.checkpoint->total().count(), safetensors_data(small_tensors(stored)));
    EXPECT_THAT(model.notes, ElementsAre(AllOf(HasSubstr("of safetensors"),
                                               HasSubstr("name another with --quant"))));
  }
}

TEST_F(CheckpointFolder, OfMlxKeepsTheStoredBytes) {
  // 4 bits in groups of 64 for most, 8 bits for one module, one left as it was.
  std::vector<HeaderTensor> tensors;
  for (const HeaderTensor& tensor : small_tensors()) {
    const bool matrix = tensor.shape.size() == 2;
    const std::string module = tensor.name.substr(0, tensor.name.rfind('.'));
    if (!matrix || module == "model.layers.0.self_attn.o_proj") {
      tensors.push_back(tensor);
      continue;
    }
    const std::int64_t bits = module == "model.layers.0.mlp.down_proj" ? 8 : 4;
    const std::int64_t rows = tensor.shape[0];
    const std::int64_t columns = tensor.shape[1];
    tensors.push_back({module + ".weight", "U32", {rows, columns * bits / 32}});
    tensors.push_back({module + ".scales", "BF16", {rows, columns / 64}});
    tensors.push_back({module + ".biases", "BF16", {rows, columns / 64}});
  }
  write_text(folder / "config.json", small_config(R"(, "quantization": {"group_size": 64, "bits": 4,
                 "model.layers.0.mlp.down_proj": {"group_size": 64, "bits": 8},
                 "model.layers.0.self_attn.o_proj": false})"));
  write_safetensors(folder / "model.safetensors", tensors);
  const Model model = load();
  ASSERT_TRUE(model.checkpoint);
  const Checkpoint& checkpoint = *model.checkpoint;
  EXPECT_EQ(checkpoint.quantization, "4bit");
  EXPECT_EQ(checkpoint.bits, 4);
  EXPECT_EQ(checkpoint.group_size, 64);
  EXPECT_EQ(checkpoint.mode, "affine");
  EXPECT_THAT(checkpoint.overrides,
              UnorderedElementsAre(Pair("model.layers.0.mlp.down_proj", 8),
                                   Pair("model.layers.0.self_attn.o_proj", 0)));
  EXPECT_EQ(checkpoint.total().count(), safetensors_data(tensors));
  // No second note: every parameter is accounted for, at the bits that its module has.
  EXPECT_THAT(model.notes, ElementsAre(AllOf(HasSubstr("MLX weights (4bit)"),
                                             HasSubstr("llama.cpp does not read"))));
  EXPECT_EQ(load("q8_0").quantization, "Q8_0");
}

TEST_F(CheckpointFolder, NamesTheShardsThatAreMissing) {
  write_text(folder / "config.json", small_config());
  write_text(folder / "model.safetensors.index.json",
             R"({"metadata": {"total_size": 1}, "weight_map": {
                 "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
                 "c": "../../elsewhere"}})");
  write_safetensors(folder / "model-00001-of-00002.safetensors", small_tensors());
  const Error error = refusal();
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("2 of the 3 files it lists are missing"),
                                  HasSubstr("'model-00002-of-00002.safetensors'")));
}

TEST_F(CheckpointFolder, IsPlannedWhileItIsDownloaded) {
  write_text(folder / "config.json", small_config());
  write_safetensors(folder / "model.safetensors", small_tensors(), 4096);
  EXPECT_THAT(load().notes,
              ElementsAre(HasSubstr("safetensors"), HasSubstr("4.0 KiB are missing")));
}

TEST_F(CheckpointFolder, NamesAClassItDoesNotKnow) {
  write_text(folder / "config.json", R"({"architectures": ["FooForCausalLM"]})");
  write_safetensors(folder / "model.safetensors", small_tensors());
  expect_refusal(refusal(), Errc::unsupported,
                 (folder / "config.json").string() + "#/architectures/0", "'FooForCausalLM'");
}

TEST_F(CheckpointFolder, DoubtsAVariantWithOtherWeights) {
  write_text(folder / "config.json", small_config());
  auto tensors = small_tensors();
  tensors.push_back({"model.layers.0.novel.weight", "BF16", {1024, 1024}});
  write_safetensors(folder / "model.safetensors", tensors);
  EXPECT_THAT(load().notes,
              ElementsAre(HasSubstr("safetensors"), HasSubstr("not fully understood")));
}

TEST_F(CheckpointFolder, LeavesOutOtherPartsOfTheModel) {
  write_text(folder / "config.json", small_config());
  auto tensors = small_tensors();
  tensors.push_back({"vision_tower.layers.0.self_attn.q_proj.bias", "BF16", {1024}});
  tensors.push_back({"mtp.layers.0.mlp.up_proj.weight", "BF16", {1024, 1024}});
  write_safetensors(folder / "model.safetensors", tensors);
  const Model model = load();
  EXPECT_THAT(model.notes, ElementsAre(HasSubstr("safetensors")));
  EXPECT_EQ(model.tensors.find(0, "attn_q.bias"), nullptr);
}

TEST_F(CheckpointFolder, CountsMxfp4AsWhatItStandsFor) {
  write_text(folder / "config.json",
             small_config(R"(, "quantization_config": {"quant_method": "mxfp4"})"));
  auto tensors = small_tensors();
  // The down projection in blocks of 16 bytes, a scale for each.
  tensors.pop_back();
  tensors.push_back({"model.layers.0.mlp.down_proj_blocks", "U8", {256, 16, 16}});
  tensors.push_back({"model.layers.0.mlp.down_proj_scales", "U8", {256, 16}});
  write_safetensors(folder / "model.safetensors", tensors);
  EXPECT_THAT(load().notes, ElementsAre(HasSubstr("safetensors")));
}

TEST_F(CheckpointFolder, AConfigThatContradictsItselfIsRefused) {
  write_safetensors(folder / "model.safetensors", small_tensors());
  const auto with = [&](const std::string& text) {
    write_text(folder / "config.json", text);
    return refusal();
  };
  EXPECT_THAT(with("").where(), HasSubstr("config.json@0x"));
  EXPECT_THAT(with("[]").where(), HasSubstr("config.json#"));
  EXPECT_THAT(with(std::string(100'000, '[')).where(), HasSubstr("config.json"));
  EXPECT_THAT(with("{}").where(), HasSubstr("config.json#/architectures"));
  for (const char* key : {"num_hidden_layers", "hidden_size", "num_attention_heads"}) {
    for (const char* value : {"0", "-1", "1e300", "9223372036854775807", "\"x\"", "[]", "{}"}) {
      std::string text = small_config();
      const auto at = text.find(std::string("\"") + key + "\"");
      text.insert(at, std::string("\"") + key + "\": " + value + ", \"old_");
      text.erase(text.find("old_\"") + 4, 1);
      const Error error = with(text);
      EXPECT_THAT(error.where(), HasSubstr("config.json")) << key << " " << value;
      EXPECT_THAT(error.code(), ::testing::AnyOf(Errc::invalid_model, Errc::overflow))
          << key << " " << value << ": " << error.what();
    }
  }
}

TEST(HfFamilies, LeadToArchitecturesThatAreKnown) {
  EXPECT_GE(known_hf_classes().size(), 60U);
  // A config with nothing else fails on what it lacks, never on an architecture without rules.
  for (const std::string_view name : known_hf_classes()) {
    const HfConfig config("config.json", R"({"architectures": [")" + std::string(name) + R"("],
        "num_hidden_layers": 2})");
    try {
      const HfModel made =
          gguf_metadata_of(config, {.has_in_layer = [](std::string_view) { return false; },
                                    .has_outside = [](std::string_view) { return false; }});
      EXPECT_NE(find_architecture(made.metadata.architecture()), nullptr) << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::invalid_model) << name << ": " << error.what();
    }
  }
}

TEST(HfConfigs, RefuseNumbersBeyondEveryRange) {
  expect_refusal(error_of([] { return HfConfig("config.json", R"({"rope_theta": 1e3080})"); }),
                 Errc::invalid_model, "config.json", "beyond every range");
}

}  // namespace
}  // namespace membudget::test::checkpoint_folder_test
