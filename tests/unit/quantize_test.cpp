// SPDX-License-Identifier: MIT
#include "model/quantize.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/profiles.hpp"
#include "support/quantizations.hpp"

namespace membudget::quantize_test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

/// A model small enough to read, and of the shape that each test needs.
struct ModelSketch {
  std::string architecture = "llama";
  std::int64_t layers = 16;
  std::int64_t heads = 32;
  std::int64_t kv_heads = 32;
  std::int64_t experts = 0;
  std::int64_t width = 512;
  std::vector<std::string> outside = {"output.weight", "output_norm.weight", "token_embd.weight"};
  std::vector<std::string> inside = {"attn_k.weight",   "attn_norm.weight", "attn_output.weight",
                                     "attn_q.weight",   "attn_v.weight",    "ffn_down.weight",
                                     "ffn_gate.weight", "ffn_norm.weight",  "ffn_up.weight"};

  [[nodiscard]] Metadata metadata() const {
    Metadata metadata("sketch");
    metadata.set("general.architecture", architecture);
    metadata.set(architecture + ".block_count", layers);
    metadata.set(architecture + ".attention.head_count", heads);
    metadata.set(architecture + ".attention.head_count_kv", kv_heads);
    metadata.set(architecture + ".expert_count", experts);
    return metadata;
  }

  [[nodiscard]] TensorShape shape(std::string name) const {
    const bool is_vector = name.ends_with("norm.weight") || name.ends_with(".bias");
    const bool is_expert = name.ends_with("_exps.weight");
    TensorShape shape{.name = std::move(name)};
    shape.shape = {width, is_vector ? 1 : 64, is_expert ? experts : 1, 1};
    return shape;
  }

  [[nodiscard]] std::vector<TensorShape> shapes() const {
    std::vector<TensorShape> shapes;
    for (const std::string& name : outside) {
      shapes.push_back(shape(name));
    }
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      for (const std::string& suffix : inside) {
        shapes.push_back(shape(fmt::format("blk.{}.{}", layer, suffix)));
      }
    }
    return shapes;
  }

  [[nodiscard]] TensorTable in_mlx(std::string_view format) const {
    return quantize(shapes(), metadata(), test::mlx_format(format));
  }

  [[nodiscard]] TensorTable in_groups(const GroupedFormat& format) const {
    return quantize(shapes(), metadata(), format);
  }

  [[nodiscard]] TensorTable as(std::string_view file_type,
                               ImportanceMatrix matrix = ImportanceMatrix::when_required) const {
    return quantize(shapes(), metadata(), test::file_type(file_type), matrix);
  }
};

std::string type_of(const TensorTable& table, std::string_view name) {
  const Tensor* tensor = table.find(name);
  return tensor == nullptr ? "missing" : std::string(format_of(tensor->type).name);
}

std::string type_in(const TensorTable& table, std::int64_t layer, std::string_view suffix) {
  const Tensor* tensor = table.find(layer, suffix);
  return tensor == nullptr ? "missing" : std::string(format_of(tensor->type).name);
}

/// The layers in which a tensor has a type.
std::vector<std::int64_t> layers_with(const TensorTable& table, std::string_view suffix,
                                      std::string_view type) {
  std::vector<std::int64_t> layers;
  for (std::int64_t layer = 0; table.find(layer, suffix) != nullptr; ++layer) {
    if (type_in(table, layer, suffix) == type) {
      layers.push_back(layer);
    }
  }
  return layers;
}

std::set<std::string> types_of_matrices(const TensorTable& table) {
  std::set<std::string> types;
  for (const Tensor& tensor : table.all()) {
    if (tensor.dimensions() > 1) {
      types.emplace(format_of(tensor.type).name);
    }
  }
  return types;
}

Error error_of(const ModelSketch& sketch, std::string_view file_type) {
  try {
    (void)sketch.as(file_type);
  } catch (const Error& error) {
    return error;
  }
  return {Errc::io, "", "no error"};
}

TEST(Quantize, KnowsEveryFormatThatHasAProfile) {
  const ModelSketch sketch;
  const std::vector<std::string> names = Profiles::embedded().quantization_names();
  EXPECT_EQ(names.size(), std::set<std::string>(names.begin(), names.end()).size());
  for (const std::string& name : names) {
    const bool mlx =
        name.find("bit") != std::string::npos || name.starts_with("m") || name == "nvfp4";
    const GroupedFormat* grouped = test::grouped_format(name);
    const TensorTable table = grouped != nullptr ? sketch.in_groups(*grouped)
                              : mlx              ? sketch.in_mlx(name)
                                                 : sketch.as(name);
    EXPECT_EQ(table.all().size(), sketch.shapes().size()) << name;
  }
}

// tools/quantize/quantize.cpp, QUANT_OPTIONS, llama.cpp b10587, less Q4_0_4_4 and the like, which
// it only names to say that they are gone, and COPY, which is no type.
TEST(Quantize, OffersWhatLlamaQuantizeOffers) {
  for (const char* name :
       {"Q1_0",    "Q4_0",   "Q4_1",  "MXFP4_MOE", "Q5_0",   "Q5_1",   "IQ2_XXS", "IQ2_XS",
        "IQ2_S",   "IQ2_M",  "IQ1_S", "IQ1_M",     "TQ1_0",  "TQ2_0",  "Q2_K",    "Q2_K_S",
        "IQ3_XXS", "IQ3_S",  "IQ3_M", "Q3_K",      "IQ3_XS", "Q3_K_S", "Q3_K_M",  "Q3_K_L",
        "IQ4_NL",  "IQ4_XS", "Q4_K",  "Q4_K_S",    "Q4_K_M", "Q5_K",   "Q5_K_S",  "Q5_K_M",
        "Q6_K",    "Q8_0",   "F16",   "BF16",      "F32"}) {
    EXPECT_FALSE(test::file_type(name).name.empty()) << name;
  }
}

TEST(Quantize, IgnoresCaseAndKnowsAliases) {
  EXPECT_EQ(test::file_type("q4_k_m").name, "Q4_K_M");
  EXPECT_EQ(test::file_type("Q4_K").name, "Q4_K_M");
  EXPECT_EQ(test::file_type("q3_k").name, "Q3_K_M");
}

TEST(Quantize, SuggestsTheNearestNamesForAnUnknownFileType) {
  const Error near = error_of({}, "q4_k_x");
  EXPECT_EQ(near.code(), Errc::unknown_name);
  EXPECT_THAT(near.what(), HasSubstr("unknown quantization 'q4_k_x'; did you mean Q4_K"));
  EXPECT_THAT(error_of({}, "four bits").what(), HasSubstr("membudget list quants"));
}

TEST(Quantize, WritesTensorsOutsideLayersFirstAndLayersByNumber) {
  ModelSketch sketch{.layers = 11, .inside = {"ffn_up.weight", "attn_norm.weight"}};
  std::vector<std::string> names;
  const TensorTable table = sketch.as("F16");
  for (const Tensor& tensor : table.all()) {
    names.push_back(tensor.name);
  }
  names.resize(7);
  EXPECT_THAT(names, ElementsAre("output.weight", "output_norm.weight", "token_embd.weight",
                                 "blk.0.attn_norm.weight", "blk.0.ffn_up.weight",
                                 "blk.1.attn_norm.weight", "blk.1.ffn_up.weight"));
  EXPECT_EQ(table.all().back().name, "blk.10.ffn_up.weight");
}

TEST(Quantize, StartsEveryTensorAtAMultipleOf32Bytes) {
  ModelSketch sketch{.layers = 1, .outside = {}, .inside = {"a.bias", "b.bias"}};
  sketch.width = 9;  // 36 bytes
  const TensorTable table = sketch.as("F16");
  EXPECT_EQ(table.all()[0].offset, 0);
  EXPECT_EQ(table.all()[1].offset, 64);
}

TEST(Quantize, GivesTheOutputMoreBitsThanTheEmbedding) {
  const TensorTable table = ModelSketch{}.as("Q4_K_M");
  EXPECT_EQ(type_of(table, "output.weight"), "Q6_K");
  EXPECT_EQ(type_of(table, "token_embd.weight"), "Q4_K");
}

TEST(Quantize, GivesATiedEmbeddingTheTypeOfTheOutput) {
  const ModelSketch tied{.outside = {"output_norm.weight", "token_embd.weight"}};
  EXPECT_EQ(type_of(tied.as("Q4_K_M"), "token_embd.weight"), "Q6_K");
  EXPECT_EQ(type_of(tied.as("Q8_0"), "token_embd.weight"), "Q8_0");
  EXPECT_EQ(type_of(tied.as("IQ2_XS"), "token_embd.weight"), "Q5_K");
}

TEST(Quantize, SpendsMoreBitsOnTheFirstAndLastEighthAndEveryThirdBetween) {
  const TensorTable table = ModelSketch{.layers = 16}.as("Q4_K_M");
  EXPECT_THAT(layers_with(table, "ffn_down.weight", "Q6_K"),
              ElementsAre(0, 1, 4, 7, 10, 13, 14, 15));
  EXPECT_THAT(layers_with(table, "attn_v.weight", "Q6_K"), ElementsAre(0, 1, 4, 7, 10, 13, 14, 15));
  EXPECT_EQ(layers_with(table, "attn_q.weight", "Q4_K").size(), 16U);
}

TEST(Quantize, TreatsFusedQueryKeyValueAsValue) {
  const ModelSketch sketch{.layers = 8, .inside = {"attn_qkv.weight"}};
  EXPECT_THAT(layers_with(sketch.as("Q5_K_M"), "attn_qkv.weight", "Q6_K"), ElementsAre(0, 3, 6, 7));
}

TEST(Quantize, RaisesValuesMoreWhenHeadsShareThem) {
  EXPECT_EQ(type_in(ModelSketch{.kv_heads = 32}.as("Q2_K"), 0, "attn_v.weight"), "Q3_K");
  EXPECT_EQ(type_in(ModelSketch{.kv_heads = 8}.as("Q2_K"), 0, "attn_v.weight"), "Q4_K");
  EXPECT_EQ(type_in(ModelSketch{.kv_heads = 0}.as("Q2_K"), 0, "attn_v.weight"), "Q3_K");
}

TEST(Quantize, KeepsAttentionOfEightExpertsAtEightBits) {
  const ModelSketch mixtral{.experts = 8};
  const TensorTable table = mixtral.as("Q4_K_M");
  EXPECT_EQ(type_in(table, 2, "attn_k.weight"), "Q8_0");
  EXPECT_EQ(type_in(table, 2, "attn_v.weight"), "Q8_0");
  EXPECT_EQ(type_in(table, 2, "attn_output.weight"), "Q5_K");
  EXPECT_EQ(type_in(mixtral.as("Q3_K_L"), 2, "attn_output.weight"), "Q3_K");
  EXPECT_EQ(type_in(mixtral.as("IQ2_M"), 2, "attn_k.weight"), "Q4_K");
}

TEST(Quantize, RaisesValuesOf70BModels) {
  const ModelSketch grouped{.layers = 80, .heads = 64, .kv_heads = 8};
  const TensorTable table = grouped.as("Q4_K_M");
  EXPECT_EQ(types_of_matrices(table), (std::set<std::string>{"Q4_K", "Q5_K", "Q6_K"}));
  EXPECT_EQ(layers_with(table, "attn_v.weight", "Q4_K").size(), 0U);
  const ModelSketch ungrouped{.layers = 80, .heads = 64, .kv_heads = 64};
  EXPECT_GT(layers_with(ungrouped.as("Q4_K_M"), "attn_v.weight", "Q4_K").size(), 0U);
}

TEST(Quantize, FollowsTheRulesMadeForFalcon) {
  const ModelSketch falcon{.architecture = "falcon", .layers = 32};
  const TensorTable table = falcon.as("Q4_K_M");
  EXPECT_EQ(type_of(table, "output.weight"), "Q8_0");
  EXPECT_THAT(layers_with(table, "ffn_down.weight", "Q6_K"), ElementsAre(0, 1));
  EXPECT_EQ(type_in(table, 2, "ffn_down.weight"), "Q5_K");
  EXPECT_EQ(type_in(falcon.as("Q3_K_M"), 5, "attn_output.weight"), "Q3_K");
}

TEST(Quantize, CountsFeedForwardsAsTheyComeButLayersWhereThereAreExperts) {
  // A hybrid: only the last two of 16 layers have a feed-forward.
  ModelSketch sketch{.layers = 16, .inside = {}};
  sketch.outside.insert(sketch.outside.end(), {"blk.14.ffn_down.weight", "blk.15.ffn_down.weight"});
  EXPECT_EQ(type_in(sketch.as("Q4_K_S"), 14, "ffn_down.weight"), "Q5_K");
  sketch.experts = 4;
  EXPECT_EQ(type_in(sketch.as("Q4_K_S"), 14, "ffn_down.weight"), "Q4_K");
}

TEST(Quantize, FailsOnAFeedForwardOutsideTheLayersOfAModelWithExperts) {
  ModelSketch sketch{.experts = 4};
  sketch.outside.emplace_back("blk.16.ffn_down.weight");
  const Error error = error_of(sketch, "Q4_K_M");
  EXPECT_EQ(error.code(), Errc::bad_request);
  EXPECT_THAT(error.what(), HasSubstr("blk.16.ffn_down.weight"));
  EXPECT_EQ(error_of(sketch, "F16").code(), Errc::io) << "conversion does not mind";
}

TEST(Quantize, FallsBackToSmallBlocksForRowsThatAreNotMultiplesOf256) {
  const ModelSketch sketch{.width = 96};
  EXPECT_EQ(type_in(sketch.as("Q4_K_M"), 2, "attn_q.weight"), "Q5_0");
  EXPECT_EQ(type_in(sketch.as("Q4_K_M"), 0, "attn_v.weight"), "Q8_0");
  EXPECT_EQ(type_in(sketch.as("Q5_K_S"), 2, "attn_q.weight"), "Q5_1");
  EXPECT_EQ(type_in(sketch.as("Q2_K"), 2, "attn_q.weight"), "Q4_0");
  EXPECT_EQ(type_in(sketch.as("IQ4_XS"), 2, "attn_q.weight"), "IQ4_NL");
  EXPECT_EQ(type_of(sketch.as("Q4_K_M"), "output.weight"), "Q8_0");
}

TEST(Quantize, KeepsF16WhereNoBlockFitsTheRows) {
  const ModelSketch sketch{.width = 48, .outside = {}, .inside = {"ssm_dt.weight"}};
  EXPECT_EQ(type_in(sketch.as("Q4_K_M"), 0, "ssm_dt.weight"), "F16");
}

TEST(Quantize, FailsWhereLlamaQuantizeHasNoFallback) {
  const ModelSketch sketch{.width = 48, .outside = {}, .inside = {"ssm_dt.weight"}};
  for (const char* name : {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "MXFP4_MOE"}) {
    const Error error = error_of(sketch, name);
    EXPECT_EQ(error.code(), Errc::bad_request) << name;
    EXPECT_THAT(error.what(), HasSubstr("'blk.0.ssm_dt.weight' has rows of 48 elements")) << name;
  }
}

TEST(Quantize, LeavesNormsRoutersAndConvolutionsInF32) {
  ModelSketch sketch{.inside = {"attn_q_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d.weight",
                                "ssm_a", "attn_q.bias"}};
  sketch.outside = {"output_norm.weight"};
  for (const char* name : {"F16", "BF16", "Q8_0", "Q4_K_M", "IQ1_S"}) {
    std::vector<std::string> types;
    const TensorTable table = sketch.as(name);
    for (const Tensor& tensor : table.all()) {
      types.emplace_back(format_of(tensor.type).name);
    }
    EXPECT_THAT(types, Each("F32")) << name;
  }
}

TEST(Quantize, QuantizesMatricesThatConversionKeepsInF32) {
  const ModelSketch sketch{.architecture = "deepseek32", .inside = {"indexer.proj.weight"}};
  EXPECT_EQ(type_in(sketch.as("F16"), 0, "indexer.proj.weight"), "F32");
  EXPECT_EQ(type_in(sketch.as("Q4_K_M"), 0, "indexer.proj.weight"), "Q4_K");
}

TEST(Quantize, LeavesWhatItMayNotQuantizeAsConversionWroteIt) {
  const ModelSketch rwkv{.architecture = "rwkv7", .inside = {"time_mix_a1.weight"}};
  EXPECT_EQ(type_in(rwkv.as("Q4_K_M"), 0, "time_mix_a1.weight"), "F16");
  ModelSketch gemma{.architecture = "gemma4", .inside = {}};
  gemma.outside = {"per_layer_model_proj.weight"};
  EXPECT_EQ(type_of(gemma.as("Q4_K_M"), "per_layer_model_proj.weight"), "BF16");
}

TEST(Quantize, KeepsExpertsPublishedInMxfp4WhenConverting) {
  const ModelSketch sketch{
      .architecture = "gpt-oss", .experts = 32, .inside = {"ffn_up_exps.weight", "attn_q.weight"}};
  EXPECT_EQ(type_in(sketch.as("F16"), 0, "ffn_up_exps.weight"), "MXFP4");
  EXPECT_EQ(type_in(sketch.as("BF16"), 0, "attn_q.weight"), "BF16");
}

TEST(Quantize, GivesOnlyExpertsFourBitsInMxfp4Moe) {
  const ModelSketch sketch{.experts = 32, .inside = {"ffn_up_exps.weight", "attn_q.weight"}};
  const TensorTable table = sketch.as("MXFP4_MOE");
  EXPECT_EQ(type_in(table, 0, "ffn_up_exps.weight"), "MXFP4");
  EXPECT_EQ(type_in(table, 0, "attn_q.weight"), "Q8_0");
  EXPECT_EQ(type_of(table, "token_embd.weight"), "Q8_0");
}

TEST(Quantize, GuardsTheFirstEighthOfQ40WithAnImportanceMatrix) {
  const ModelSketch sketch{.layers = 16};
  EXPECT_THAT(layers_with(sketch.as("Q4_0", ImportanceMatrix::present), "ffn_down.weight", "Q4_1"),
              ElementsAre(0, 1));
  EXPECT_TRUE(layers_with(sketch.as("Q4_0"), "ffn_down.weight", "Q4_1").empty());
}

TEST(Quantize, AssumesAnImportanceMatrixWhereNoFileExistsWithoutOne) {
  const ModelSketch sketch;
  EXPECT_EQ(sketch.as("IQ3_XXS").total(), sketch.as("IQ3_XXS", ImportanceMatrix::present).total());
  EXPECT_GT(sketch.as("IQ3_XXS", ImportanceMatrix::absent).total(), sketch.as("IQ3_XXS").total());
}

TEST(Quantize, SaysWhichFilesNeedAnImportanceMatrix) {
  const ModelSketch sketch;
  EXPECT_TRUE(needs_importance_matrix(sketch.as("IQ2_XS"), test::file_type("IQ2_XS")));
  EXPECT_TRUE(needs_importance_matrix(sketch.as("Q2_K_S"), test::file_type("Q2_K_S")));
  EXPECT_FALSE(needs_importance_matrix(sketch.as("Q2_K"), test::file_type("Q2_K")));
  EXPECT_FALSE(needs_importance_matrix(sketch.as("IQ4_XS"), test::file_type("IQ4_XS")));
}

// ---- MLX

TEST(QuantizeForMlx, GivesEveryMatrixTheSameBitsEmbeddingAndOutputIncluded) {
  const TensorTable table = ModelSketch{}.in_mlx("4bit");
  EXPECT_EQ(types_of_matrices(table), (std::set<std::string>{"4bit-g64"}));
  EXPECT_EQ(type_of(table, "output_norm.weight"), "BF16");
  // 4 bits a weight and 32 for scale and bias of 64: 4.5 bits.
  EXPECT_EQ(table.find("output.weight")->size(), Bytes(512 * 64 * 9 / 16));
}

TEST(QuantizeForMlc, GivesEveryMatrixTheSameBitsEmbeddingAndOutputIncluded) {
  const TensorTable table = ModelSketch{}.in_groups(*test::grouped_format("q4f16_1"));
  EXPECT_EQ(types_of_matrices(table), (std::set<std::string>{"INT4-G32"}));
  EXPECT_EQ(type_of(table, "output_norm.weight"), "F16");
  // 4 bits a weight and a scale of 16 for 32: 4.5 bits.
  EXPECT_EQ(table.find("output.weight")->size(), Bytes(512 * 64 * 9 / 16));
}

// group_quantization.py: ten 3-bit numbers to a word, four words and a scale to a group of 40; the
// last group of a row is stored whole.
TEST(QuantizeForMlc, StoresWholeGroups) {
  const TensorTable table = ModelSketch{}.in_groups(*test::grouped_format("q3f16_1"));
  EXPECT_EQ(table.find("output.weight")->size(), Bytes((512 + 39) / 40 * 18 * 64));
}

TEST(QuantizeForMlc, RoutesWithFloats) {
  const ModelSketch sketch{.experts = 4, .inside = {"ffn_gate_inp.weight", "ffn_up_exps.weight"}};
  const TensorTable table = sketch.in_groups(*test::grouped_format("q4f32_1"));
  EXPECT_EQ(type_in(table, 0, "ffn_gate_inp.weight"), "F32");
  EXPECT_EQ(type_in(table, 0, "ffn_up_exps.weight"), "INT4-G32-F32");
}

TEST(QuantizeForMlx, KeepsSixteenBitsWhereRowsAreNotWholeGroups) {
  const ModelSketch sketch{.width = 96};
  EXPECT_EQ(type_of(sketch.in_mlx("4bit"), "output.weight"), "BF16");
  EXPECT_EQ(type_of(sketch.in_mlx("4bit-g32"), "output.weight"), "4bit-g32");
}

TEST(QuantizeForMlx, RoutesWithEightBits) {
  const ModelSketch sketch{.experts = 4, .inside = {"ffn_gate_inp.weight", "ffn_up_exps.weight"}};
  for (const char* format : {"4bit", "mxfp4", "nvfp4"}) {
    EXPECT_EQ(type_in(sketch.in_mlx(format), 0, "ffn_gate_inp.weight"), "8bit-g64") << format;
  }
  EXPECT_EQ(type_in(sketch.in_mlx("mxfp4"), 0, "ffn_up_exps.weight"), "MXFP4");
  EXPECT_EQ(type_in(sketch.in_mlx("mlx-bf16"), 0, "ffn_gate_inp.weight"), "BF16");
}

TEST(QuantizeForMlx, SpendsTheHighBitsOfAMixOnValuesDownProjectionsAndTheOutput) {
  const TensorTable table = ModelSketch{.layers = 16}.in_mlx("mixed_3_6");
  EXPECT_EQ(type_of(table, "output.weight"), "6bit-g64");
  EXPECT_EQ(type_of(table, "token_embd.weight"), "3bit-g64");
  for (const char* name : {"attn_v.weight", "ffn_down.weight"}) {
    EXPECT_THAT(layers_with(table, name, "6bit-g64"), ElementsAre(0, 1, 4, 7, 10, 13, 14, 15))
        << name;
  }
  EXPECT_EQ(layers_with(table, "attn_q.weight", "3bit-g64").size(), 16U);
}

TEST(QuantizeForMlx, RefusesAMixForAModelWithoutDownProjections) {
  const ModelSketch mamba{.architecture = "mamba", .inside = {"ssm_in.weight"}};
  try {
    static_cast<void>(mamba.in_mlx("mixed_3_6"));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::bad_request);
    EXPECT_THAT(error.what(), HasSubstr("needs down projections"));
  }
}

TEST(QuantizeForMlx, LeavesOutWhatMlxDrops) {
  ModelSketch sketch{.layers = 2};
  sketch.outside.emplace_back("rope_freqs.weight");
  Metadata metadata = sketch.metadata();
  metadata.set("llama.nextn_predict_layers", std::int64_t{1});
  const TensorTable table = quantize(sketch.shapes(), metadata, test::mlx_format("4bit"));
  EXPECT_EQ(table.find("rope_freqs.weight"), nullptr);
  EXPECT_NE(table.find(0, "attn_q.weight"), nullptr);
  EXPECT_EQ(table.find(1, "attn_q.weight"), nullptr);
}

}  // namespace
}  // namespace membudget::quantize_test
