// SPDX-License-Identifier: MIT
#include "source/ollama_layout.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/footprint.hpp"
#include "membudget/ollama.hpp"
#include "membudget/profiles.hpp"
#include "source/byte_source.hpp"
#include "source/gguf_model.hpp"
#include "support/embedded.hpp"
#include "support/model_headers.hpp"
#include "support/refusal.hpp"

namespace membudget::ollama_layout_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The header of a catalog model's file, as llama.cpp's converter writes it.
Gguf header_of(const std::string& id) {
  const Model model = profiles().model(id);
  test::GgufWriter writer = test::gguf_of(id, model);
  const std::string architecture = model.architecture;
  writer.set(architecture + ".attention.layer_norm_rms_epsilon", 1e-6F);
  writer.add_tensors(model.tensors.all());
  const std::string bytes = writer.padded_header();
  Gguf gguf = read_gguf(MemorySource("model.gguf", std::as_bytes(std::span(bytes))));
  gguf.missing = {};  // The data is not needed.
  return gguf;
}

/// A file in Ollama's layout, made from llama.cpp's.
class OllamaFile {
 public:
  explicit OllamaFile(const std::string& id) : gguf_(header_of(id)) {}

  OllamaFile& call(std::string architecture) {
    gguf_.metadata.rename_architecture(std::move(architecture));
    return *this;
  }
  OllamaFile& without(std::string_view key) {
    gguf_.metadata.erase(gguf_.metadata.architecture() + "." + std::string(key));
    return *this;
  }
  OllamaFile& with(std::string_view key, Metadata::Value value) {
    gguf_.metadata.set(fmt::format("{}.{}", gguf_.metadata.architecture(), key), std::move(value));
    return *this;
  }
  /// In the names of all tensors that end so.
  OllamaFile& rename(std::string_view end, std::string_view instead) {
    for (Tensor& tensor : gguf_.tensors) {
      if (tensor.name.ends_with(end)) {
        tensor.name.replace(tensor.name.size() - end.size(), end.size(), instead);
        ++renamed_;
      }
    }
    return *this;
  }
  /// Behind the others, as data would lie there.
  OllamaFile& add(const std::string& name, std::array<std::int64_t, 4> shape, ElementType type) {
    Tensor tensor{.name = name, .shape = shape, .type = type, .offset = gguf_.data_size.count()};
    gguf_.data_size += Bytes((tensor.size().count() + 31) / 32 * 32);
    gguf_.places.push_back(gguf_.places.back());
    gguf_.tensors.push_back(std::move(tensor));
    return *this;
  }
  /// Every tensor that ends so becomes two with half its rows, at the places of its halves.
  OllamaFile& halve(std::string_view end, std::string_view first, std::string_view second) {
    std::vector<Tensor> tensors;
    for (const Tensor& each : gguf_.tensors) {
      tensors.push_back(each);
      if (each.name.ends_with(end)) {
        const std::string stem = each.name.substr(0, each.name.size() - end.size());
        Tensor half = each;
        half.shape[1] /= 2;
        half.name = stem + std::string(first);
        tensors.back() = half;
        half.name = stem + std::string(second);
        half.offset += half.size().count();
        tensors.push_back(half);
        ++renamed_;
      }
    }
    gguf_.tensors = std::move(tensors);
    gguf_.places.assign(gguf_.tensors.size(), 0);
    return *this;
  }

  [[nodiscard]] int renamed() const { return renamed_; }
  [[nodiscard]] Gguf gguf() const { return gguf_; }
  [[nodiscard]] Model model() const { return model_of(gguf_, "model.gguf", "model"); }

 private:
  Gguf gguf_;
  int renamed_ = 0;
};

Footprint planned(const Model& model, const std::string& runtime = "llama.cpp",
                  std::optional<bool> mmap = {}) {
  Workload workload;
  workload.context = 8192;
  workload.mmap = mmap;
  return estimate(model, profiles().runtime(runtime), workload);
}

/// The same weights by name, shape and type, and the same memory.
void expect_same(const Model& translated, const Model& plain) {
  EXPECT_THAT(plain.ollama_architecture, IsEmpty());
  EXPECT_EQ(translated.architecture, plain.architecture);
  EXPECT_EQ(translated.layers.size(), plain.layers.size());
  EXPECT_EQ(translated.vocabulary, plain.vocabulary);
  const auto listed = [](const Model& model) {
    std::vector<std::string> out;
    for (const Tensor& tensor : model.tensors.all()) {
      if (TensorTable::layer_of(tensor.name) < static_cast<std::int64_t>(model.layers.size())) {
        out.push_back(fmt::format("{} {}x{}x{} {}", tensor.name, tensor.shape[0], tensor.shape[1],
                                  tensor.shape[2], format_of(tensor.type).name));
      }
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  EXPECT_EQ(listed(translated), listed(plain));
  // What Ollama puts together does not lie in the file as it does there.
  const bool mapped = !translated.ollama_transforms;
  const Footprint one = planned(translated, "llama.cpp", mapped);
  const Footprint other = planned(plain, "llama.cpp", mapped);
  EXPECT_EQ(one.graph_nodes, other.graph_nodes);
  ASSERT_EQ(one.parts.size(), other.parts.size());
  for (std::size_t i = 0; i < one.parts.size(); ++i) {
    EXPECT_EQ(one.parts[i].bytes, other.parts[i].bytes) << to_string(one.parts[i].name);
    EXPECT_EQ(one.parts[i].basis, other.parts[i].basis) << to_string(one.parts[i].name);
  }
}

void expect_same(const Model& translated, const std::string& id) {
  expect_same(translated, model_of(header_of(id), "model.gguf", "model"));
}

TEST(OllamaLayout, LeavesFilesOfLlamaCppAlone) {
  for (const char* id :
       {"gemma-3-4b", "gemma-3n-e4b", "gemma-4-26b-a4b", "gemma-4-e2b", "gpt-oss-20b", "lfm2-1.2b",
        "qwen3.5-9b", "qwen3.5-35b-a3b", "qwen2.5-vl-7b", "qwen3-vl-8b", "glm-4.7-flash",
        "mistral-small-3.2-24b", "ministral-3-8b", "llama-4-scout-17b-16e", "olmo-3-7b",
        "nemotron-3-nano-30b-a3b", "nemotron-3-super-120b-a12b", "embeddinggemma-300m"}) {
    Gguf gguf = header_of(id);
    gguf.metadata.set("tokenizer.ggml.model", "gpt2");
    const Gguf before = gguf;
    EXPECT_THAT(translate_ollama_layout(gguf).architecture, IsEmpty()) << id;
    EXPECT_EQ(gguf.metadata.values(), before.metadata.values()) << id;
    EXPECT_EQ(gguf.places, before.places) << id;
    EXPECT_EQ(gguf.tensors.size(), before.tensors.size()) << id;
    for (std::size_t i = 0; i < std::min(gguf.tensors.size(), before.tensors.size()); ++i) {
      EXPECT_EQ(gguf.tensors[i].name, before.tensors[i].name) << id;
      EXPECT_EQ(gguf.tensors[i].shape, before.tensors[i].shape) << id;
      EXPECT_EQ(gguf.tensors[i].type, before.tensors[i].type) << id;
    }
  }
}

TEST(OllamaLayout, ReadsGptOss) {
  OllamaFile file("gpt-oss-20b");
  file.call("gptoss")
      .without("expert_feed_forward_length")
      .rename(".attn_output.weight", ".attn_out.weight")
      .rename(".attn_output.bias", ".attn_out.bias")
      .rename(".attn_sinks.weight", ".attn_sinks")
      .rename(".post_attention_norm.weight", ".ffn_norm.weight");
  ASSERT_EQ(file.renamed(), 4 * 24);
  const Model model = file.model();
  EXPECT_EQ(model.ollama_architecture, "gptoss");
  EXPECT_FALSE(model.ollama_transforms);
  EXPECT_THAT(model.not_understood, IsEmpty());
  EXPECT_THAT(model.notes, ElementsAre(HasSubstr("a layout that only Ollama loads;")));
  expect_same(model, "gpt-oss-20b");
}

TEST(OllamaLayout, TakesTheVisionTowerOfGemmaForAProjector) {
  OllamaFile file("gemma-3-4b");
  const std::int64_t text = file.gguf().data_size.count();
  file.without("attention.layer_norm_rms_epsilon")
      .add("v.blk.0.attn_q.weight", {1152, 1152, 1, 1}, ElementType::f16)
      .add("v.patch_embedding.weight", {14, 14, 3, 1152}, ElementType::f16)
      .add("mm.mm_input_projection.weight", {2560, 1152, 1, 1}, ElementType::f16);
  const Model model = file.model();
  EXPECT_EQ(model.ollama_architecture, "gemma3");
  EXPECT_EQ(model.beside, Bytes(2 * (1152 * 1152 + 14 * 14 * 3 * 1152 + 2560 * 1152)));
  EXPECT_EQ(file_bytes(model), model.header + Bytes(text) + model.beside);
  EXPECT_EQ(ollama_projector(model, *profiles().runtime("ollama").ollama), model.beside);
  EXPECT_THAT(model.notes, ElementsAre(HasSubstr("a vision tower of 9.4 MiB inside")));
  expect_same(model, "gemma-3-4b");
}

TEST(OllamaLayout, MapsWhatLiesBetweenTheWeights) {
  // Metal maps from the first to the last weight of the text, whatever is between them.
  Gguf gguf = header_of("gemma-3-4b");
  const Bytes plain = planned(model_of(gguf, "model.gguf", "model")).total(Place::gpu);
  constexpr std::int64_t tower = 1 << 20;
  Tensor vision{.name = "v.patch_embedding.weight", .shape = {tower / 4, 1, 1, 1}};
  vision.offset = gguf.tensors.back().offset;
  gguf.tensors.back().offset += tower;
  gguf.tensors.insert(gguf.tensors.end() - 1, vision);
  gguf.places.push_back(0);
  gguf.data_size += Bytes(tower);
  EXPECT_EQ(planned(model_of(gguf, "model.gguf", "model")).total(Place::gpu), plain + Bytes(tower));
}

TEST(OllamaLayout, LeavesTokensWithoutARowOut) {
  // gemma3:1b sees nothing, but has the token for images.
  Gguf gguf = header_of("gemma-3-1b");
  const std::int64_t rows = profiles().model("gemma-3-1b").vocabulary;
  gguf.metadata.erase("gemma3.vocab_size");
  gguf.metadata.set("gemma3.rope.local.freq_base", 10000.0);
  gguf.metadata.set_array_length("tokenizer.ggml.tokens", rows + 1);
  Gguf translated = gguf;
  EXPECT_EQ(translate_ollama_layout(translated).architecture, "gemma3");
  EXPECT_EQ(translated.metadata.array_length("tokenizer.ggml.tokens"), rows);
  expect_same(model_of(std::move(gguf), "model.gguf", "model"), "gemma-3-1b");
}

TEST(OllamaLayout, LeavesRowsWithoutAnEmbeddingPerLayerOut) {
  OllamaFile file("gemma-3n-e4b");
  Gguf gguf = file.without("vocab_size").gguf();
  constexpr std::int64_t markers = 256;
  for (Tensor& tensor : gguf.tensors) {
    if (tensor.name == "token_embd.weight") {
      tensor.shape[1] += markers;
      gguf.metadata.set_array_length("tokenizer.ggml.tokens", tensor.shape[1]);
    }
  }
  const Model model = model_of(std::move(gguf), "model.gguf", "model");
  EXPECT_EQ(model.ollama_architecture, "gemma3n");
  expect_same(model, "gemma-3n-e4b");
}

TEST(OllamaLayout, PutsGatesAndWhatTheyGateTogether) {
  OllamaFile file("gemma-4-26b-a4b");
  file.halve("ffn_gate_up_exps.weight", "ffn_gate_exps.weight", "ffn_up_exps.weight")
      .rename("ffn_down_exps.scale", "ffn_gate_inp.per_expert_scale")
      .add("v.std_bias", {1152, 1, 1, 1}, ElementType::f32);
  ASSERT_EQ(file.renamed(), 2 * 30);
  const Model model = file.model();
  EXPECT_TRUE(model.ollama_transforms);
  expect_same(model, "gemma-4-26b-a4b");
  // Ollama reads such a file; llama.cpp's own rules map it, or would.
  EXPECT_FALSE(planned(model, "ollama").settings.mmap);
  EXPECT_TRUE(planned(model).settings.mmap);
}

TEST(OllamaLayout, ReadsTheLatentAttentionOfGlmFlash) {
  OllamaFile file("glm-4.7-flash");
  file.call("glm4moelite")
      .with("attention.head_count_kv", std::int64_t{20})
      .with("attention.key_length", std::int64_t{256})
      .with("attention.value_length", std::int64_t{256})
      .with("attention.key_length_mla", std::int64_t{576})
      .with("attention.value_length_mla", std::int64_t{512});
  const Model model = file.model();
  EXPECT_EQ(model.ollama_architecture, "glm4moelite");
  expect_same(model, "glm-4.7-flash");
  // Ollama reckons with what the file says.
  EXPECT_EQ(model.stated_kv_heads, 20);
}

TEST(OllamaLayout, TakesLayersForDraftingForTheLast) {
  OllamaFile file("qwen3.5-9b");
  const std::int64_t layers = 32;
  const auto f16 = ElementType::f16;
  std::vector<std::int64_t> kv_heads(layers, 0);
  for (std::size_t i = 3; i < kv_heads.size(); i += 4) {
    kv_heads[i] = 4;
  }
  file.rename(".ssm_dt.bias", ".ssm_dt")
      .with("attention.head_count_kv", kv_heads)
      .with("rope.dimension_sections", std::vector<std::int64_t>{11, 11, 10})
      .add("mtp.fc.weight", {8192, 4096, 1, 1}, f16)
      .add("mtp.pre_fc_norm_embedding.weight", {4096, 1, 1, 1}, f16)
      .add("mtp.pre_fc_norm_hidden.weight", {4096, 1, 1, 1}, f16)
      .add("mtp.norm.weight", {4096, 1, 1, 1}, f16)
      .add("mtp.layers.0.attn_norm.weight", {4096, 1, 1, 1}, f16)
      .add("mtp.layers.0.post_attention_norm.weight", {4096, 1, 1, 1}, f16)
      .add("mtp.layers.0.attn_q.weight", {4096, 8192, 1, 1}, f16)
      .add("mtp.layers.0.attn_k.weight", {4096, 1024, 1, 1}, f16)
      .add("mtp.layers.0.attn_v.weight", {4096, 1024, 1, 1}, f16)
      .add("mtp.layers.0.attn_output.weight", {4096, 4096, 1, 1}, f16)
      .add("mtp.layers.0.attn_q_norm.weight", {256, 1, 1, 1}, f16)
      .add("mtp.layers.0.attn_k_norm.weight", {256, 1, 1, 1}, f16)
      .add("mtp.layers.0.ffn_gate.weight", {4096, 12288, 1, 1}, f16)
      .add("mtp.layers.0.ffn_up.weight", {4096, 12288, 1, 1}, f16)
      .add("mtp.layers.0.ffn_down.weight", {12288, 4096, 1, 1}, f16)
      .add("v.blk.0.attn_q.weight", {1152, 1152, 1, 1}, f16);
  ASSERT_EQ(file.renamed(), 24);
  const Model model = file.model();
  EXPECT_EQ(model.draft_layers, 1);
  EXPECT_TRUE(model.ollama_transforms);
  EXPECT_EQ(model.stated_layers, layers);
  EXPECT_EQ(model.stated_kv_heads, 0);
  EXPECT_EQ(model.stated_heads, 16);
  EXPECT_NE(model.tensors.find(layers, "nextn.eh_proj.weight"), nullptr);
  const Tensor* norm = model.tensors.find(layers, "nextn.shared_head_norm.weight");
  ASSERT_NE(norm, nullptr);
  EXPECT_EQ(norm->type, ElementType::f32);
  EXPECT_EQ(model.tensors.find("mtp.norm.weight"), nullptr);
  expect_same(model, "qwen3.5-9b");

  // They are loaded when drafting is asked for.
  Workload drafting;
  drafting.context = 8192;
  drafting.predict = true;
  const Footprint with = estimate(model, profiles().runtime("llama.cpp"), drafting);
  EXPECT_GT(with.total(Place::gpu), planned(model).total(Place::gpu) + mib(400));
}

TEST(OllamaLayout, MergesExpertsOfLayersForDrafting) {
  OllamaFile file("qwen3.5-35b-a3b");
  constexpr std::int64_t experts = 3;
  for (const char* projection : {"gate_proj", "up_proj"}) {
    for (std::int64_t i = 0; i < experts; ++i) {
      file.add(fmt::format("mtp.layers.0.mlp.experts.{}.{}.weight", i, projection),
               {2048, 512, 1, 1}, ElementType::f16);
    }
  }
  // One is missing, so Ollama leaves them out.
  file.add("mtp.layers.0.mlp.experts.0.down_proj.weight", {512, 2048, 1, 1}, ElementType::f16)
      .add("mtp.layers.0.mlp.experts.2.down_proj.weight", {512, 2048, 1, 1}, ElementType::f16);
  Gguf gguf = file.gguf();
  const std::size_t before = gguf.tensors.size();
  const OllamaLayout layout = translate_ollama_layout(gguf);
  EXPECT_TRUE(layout.transforms);
  EXPECT_EQ(gguf.tensors.size(), before - 2 * experts - 2 + 2);
  const auto merged =
      std::find_if(gguf.tensors.begin(), gguf.tensors.end(),
                   [](const Tensor& each) { return each.name == "blk.40.ffn_up_exps.weight"; });
  ASSERT_NE(merged, gguf.tensors.end());
  EXPECT_THAT(merged->shape, ElementsAre(2048, 512, experts, 1));
}

TEST(OllamaLayout, ReadsOtherNames) {
  expect_same(OllamaFile("olmo-3-7b").call("olmo3").model(), "olmo-3-7b");
  expect_same(OllamaFile("lfm2-1.2b")
                  .rename("token_embd_norm.weight", "output_norm.weight")
                  .with("feed_forward_length", std::int64_t{12288})
                  .model(),
              "lfm2-1.2b");
  const auto f32 = ElementType::f32;
  expect_same(OllamaFile("embeddinggemma-300m")
                  .call("gemma3")
                  .add("dense.0.weight", {768, 3072, 1, 1}, f32)
                  .add("dense.1.weight", {3072, 768, 1, 1}, f32)
                  .rename("output_norm.weight", "norm.weight")
                  .with("attention.sliding_window_pattern", std::int64_t{1})
                  .model(),
              OllamaFile("embeddinggemma-300m")
                  .add("dense_2.weight", {768, 3072, 1, 1}, f32)
                  .add("dense_3.weight", {3072, 768, 1, 1}, f32)
                  .model());
  expect_same(OllamaFile("nemotron-3-super-120b-a12b")
                  .without("moe_latent_size")
                  .rename("ffn_latent_down.weight", "ffn_latent_in.weight")
                  .rename("ffn_latent_up.weight", "ffn_latent_out.weight")
                  .add("mtp.layers.0.eh_proj.weight", {64, 64, 1, 1}, ElementType::f16)
                  .model(),
              "nemotron-3-super-120b-a12b");
}

TEST(OllamaLayout, ReadsModelsThatSee) {
  const auto with_tower = [](const std::string& id) {
    return OllamaFile(id).add("v.blk.0.attn_q.weight", {1280, 1280, 1, 1}, ElementType::f16);
  };
  const Model qwen = with_tower("qwen2.5-vl-7b").call("qwen25vl").model();
  EXPECT_EQ(qwen.ollama_architecture, "qwen25vl");
  expect_same(qwen, "qwen2.5-vl-7b");
  expect_same(with_tower("qwen3-vl-8b")
                  .without("rope.dimension_sections")
                  .without("n_deepstack_layers")
                  .with("vision.deepstack_visual_indexes", std::vector<std::int64_t>{5, 11, 17})
                  .model(),
              "qwen3-vl-8b");
  expect_same(with_tower("ministral-3-8b").model(), "ministral-3-8b");
  expect_same(with_tower("llama-4-scout-17b-16e").model(), "llama-4-scout-17b-16e");

  // The tower is the projector's whatever the rest is called then.
  const Model omni = with_tower("nemotron-3-nano-30b-a3b")
                         .add("a.blk.0.attn_q.weight", {64, 64, 1, 1}, ElementType::f16)
                         .add("mm.a.fc.weight", {64, 64, 1, 1}, ElementType::f16)
                         .call("nemotron_h_omni")
                         .model();
  EXPECT_EQ(omni.architecture, "nemotron_h_moe");
  const OllamaRules rules = *profiles().runtime("ollama").ollama;
  EXPECT_EQ(ollama_projector(omni, rules), Bytes(2 * 1280 * 1280));
  EXPECT_TRUE(ollama_single_slot(omni, rules));
  expect_same(omni, "nemotron-3-nano-30b-a3b");
  expect_same(with_tower("nemotron-h-8b").call("nemotron_h_omni").model(), "nemotron-h-8b");

  const Model scaled = with_tower("ministral-3-8b").with("rope.scaling_beta", 0.1).model();
  expect_same(scaled,
              OllamaFile("ministral-3-8b").with("attention.temperature_scale", 0.1).model());
  EXPECT_NE(planned(scaled).graph_nodes,
            planned(with_tower("ministral-3-8b").with("attention.temperature_scale", 0.0).model())
                .graph_nodes);
}

TEST(OllamaLayout, ReadsGlmOcr) {
  OllamaFile file("glm-4-9b-0414");
  file.call("glmocr")
      .halve("ffn_up.weight", "ffn_gate.weight", "ffn_up.weight")
      .rename(".attn_output.weight", ".attn_out.weight")
      .rename(".post_attention_norm.weight", ".post_attn_norm.weight")
      .rename(".post_ffw_norm.weight", ".post_ffn_norm.weight")
      .with("rope.mrope_section", std::vector<std::int64_t>{16, 24, 24})
      .add("v.blk.0.attn_q.weight", {64, 64, 1, 1}, ElementType::f16);
  ASSERT_EQ(file.renamed(), 4 * 40);
  const Model model = file.model();
  EXPECT_TRUE(model.ollama_transforms);
  EXPECT_EQ(model.position_axes, 4);
  expect_same(model, OllamaFile("glm-4-9b-0414")
                         .with("rope.dimension_sections", std::vector<std::int64_t>{16, 24, 24, 0})
                         .model());
}

TEST(OllamaLayout, ReadsQwen3Next) {
  OllamaFile file("qwen3-next-80b-a3b");
  std::vector<std::int64_t> kv_heads(48, 0);
  kv_heads[3] = 2;
  file.rename(".ssm_dt.bias", ".ssm_dt").with("attention.head_count_kv", kv_heads);
  ASSERT_EQ(file.renamed(), 36);
  const Model model = file.model();
  EXPECT_EQ(model.stated_kv_heads, 0);
  expect_same(model, "qwen3-next-80b-a3b");
}

TEST(OllamaLayout, LeavesLayersForDraftingThatAreLlamaCppsAlone) {
  Gguf gguf = OllamaFile("qwen3.5-9b")
                  .with("nextn_predict_layers", std::int64_t{1})
                  .add("blk.32.nextn.eh_proj.weight", {8192, 4096, 1, 1}, ElementType::f16)
                  .add("mtp.norm.weight", {4096, 1, 1, 1}, ElementType::f16)
                  .gguf();
  const OllamaLayout layout = translate_ollama_layout(gguf);
  EXPECT_FALSE(layout.transforms);
  EXPECT_EQ(gguf.metadata.integer("block_count"), 32);
  EXPECT_EQ(gguf.tensors.back().name, "blk.32.nextn.eh_proj.weight");
}

TEST(OllamaLayout, RefusesTensorsThatWouldShareAName) {
  OllamaFile file("gpt-oss-20b");
  file.call("gptoss").add("blk.0.ffn_norm.weight", {2880, 1, 1, 1}, ElementType::f32);
  test::expect_refusal(test::error_of([&] { return file.model(); }), Errc::invalid_model,
                       "model.gguf", "are one to the engine");
}

TEST(OllamaLayout, StaysABoundWhereTheModelIsUnknown) {
  const Model model = OllamaFile("deepseek-v2-lite")
                          .call("deepseekocr")
                          .add("s.blk.0.attn_q.weight", {64, 64, 1, 1}, ElementType::f16)
                          .add("v.blk.0.attn_q.weight", {64, 64, 1, 1}, ElementType::f16)
                          .model();
  EXPECT_THAT(model.not_understood, HasSubstr("deepseek2-ocr"));
  EXPECT_EQ(model.tensors.find("v.blk.0.attn_q.weight"), nullptr);
  EXPECT_EQ(model.beside, Bytes(2 * 2 * 64 * 64));
}

}  // namespace
}  // namespace membudget::ollama_layout_test
