// SPDX-License-Identifier: MIT
#include "source/ollama_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/model.hpp"
#include "source/gguf_editor.hpp"
#include "source/ollama_drafts.hpp"

namespace membudget {
namespace {

using Prefixes = GgufEditor::Prefixes;

// Of the vision tower, of what leads from it into the model, of the tower that hears, of
// DeepSeek-OCR's second one.
constexpr std::array<std::string_view, 1> tower{"v."};
constexpr std::array<std::string_view, 2> sees{"v.", "mm."};
constexpr std::array<std::string_view, 3> sees_and_hears{"v.", "mm.", "a."};
constexpr std::array<std::string_view, 3> sees_twice{"v.", "mm.", "s."};
constexpr std::array<std::string_view, 4> gemma4_towers{"v.", "mm.", "a.", "model.vision_tower."};
constexpr std::array<std::string_view, 1> drafts{"mtp."};

/// A header on its way from Ollama's layout to llama.cpp's.
struct Translation {
  GgufEditor file;
  bool computed = false;  ///< Weights are, from several or other ones in the file.
};

// Tokens that an embedding has no row for are left out (gemma's markers of images).
void cut_vocabulary(GgufEditor& file, const Tensor* embedding) {
  constexpr std::string_view tokens = "tokenizer.ggml.tokens";
  const std::optional<std::int64_t> count = file.metadata().array_length(tokens);
  if (embedding != nullptr && count && *count > embedding->shape[1]) {
    file.metadata().set_array_length(std::string(tokens), embedding->shape[1]);
  }
}

// A list has 0 for layers without attention; llama.cpp takes one number for those with.
void take_most_kv_heads(GgufEditor& file, std::int64_t otherwise) {
  const auto* list = file.list("attention.head_count_kv");
  if (list == nullptr) {
    return;
  }
  const std::int64_t most = list->empty() ? 0 : *std::max_element(list->begin(), list->end());
  if (most > 0 || otherwise > 0) {
    file.metadata().set(file.key("attention.head_count_kv"), most > 0 ? most : otherwise);
  }
}

// Three sections become four, the last of which is empty.
void take_rope_sections(GgufEditor& file) {
  const auto* list = file.list("rope.mrope_section");
  if (list != nullptr && list->size() >= 3) {
    file.metadata().set(file.key("rope.dimension_sections"),
                        std::vector<std::int64_t>{(*list)[0], (*list)[1], (*list)[2], 0});
  }
}

// Delta nets have a bias that is called as if it were a weight. Whether there was one.
bool call_biases(GgufEditor& file) {
  bool any = false;
  for (Tensor& each : file.tensors()) {
    if (each.name.ends_with(".ssm_dt")) {
      file.call(each, each.name + ".bias");
      any = true;
    }
  }
  return any;
}

void embedding_gemma(GgufEditor& file) {
  file.call_architecture("gemma-embedding");
  file.metadata().erase(file.key("attention.causal"));
  file.metadata().erase(file.key("attention.sliding_window_pattern"));
  file.rename("dense.0.weight", "dense_2.weight");
  file.rename("dense.1.weight", "dense_3.weight");
  file.rename("norm.weight", "output_norm.weight");
}

void gemma3(Translation& it) {
  if (it.file.tensor("dense.0.weight") != nullptr) {
    embedding_gemma(it.file);
    return;
  }
  constexpr std::string_view needed = "attention.layer_norm_rms_epsilon";
  if (it.file.has(needed) && !it.file.holds(sees)) {
    return;
  }
  if (!it.file.has(needed)) {
    // Without it llama.cpp refuses the file, as it does files with other tensors than it asks for.
    constexpr double usual = 1e-6;
    it.file.set(needed, usual);
  }
  it.file.remove(sees);
  cut_vocabulary(it.file, it.file.tensor("token_embd.weight"));
}

// The embedding per layer knows the text's tokens only; the other rows are not loaded.
void gemma3n(Translation& it) {
  Tensor* embedding = it.file.tensor("token_embd.weight");
  const Tensor* per_layer = it.file.tensor("per_layer_token_embd.weight");
  if (embedding != nullptr && per_layer != nullptr && embedding->shape[1] > per_layer->shape[1]) {
    it.file.reshape(*embedding, 1, per_layer->shape[1]);
    cut_vocabulary(it.file, per_layer);
  }
}

// Gates and what they gate are one tensor, unless each has scales of its own.
void fuse_gates(Translation& it, std::int64_t layer) {
  const auto name = [&](std::string_view suffix) {
    return fmt::format("blk.{}.{}", layer, suffix);
  };
  constexpr std::array<std::string_view, 5> in_the_way{
      "ffn_gate_exps.scale", "ffn_gate_exps.input_scale", "ffn_up_exps.scale",
      "ffn_up_exps.input_scale", "ffn_gate_up_exps.weight"};
  Tensor* gate = it.file.tensor(name("ffn_gate_exps.weight"));
  const Tensor* up = it.file.tensor(name("ffn_up_exps.weight"));
  if (gate == nullptr || up == nullptr || gate->type != up->type || gate->shape != up->shape ||
      std::any_of(in_the_way.begin(), in_the_way.end(),
                  [&](std::string_view each) { return it.file.tensor(name(each)) != nullptr; })) {
    return;
  }
  it.file.remove(up->name);
  it.file.put_together(*gate, 1, 2, name("ffn_gate_up_exps.weight"));
  it.computed = true;
}

void gemma4(Translation& it) {
  if (!it.file.holds(gemma4_towers) && it.file.text("tokenizer.ggml.model") != "llama") {
    return;
  }
  it.file.remove(gemma4_towers);
  for (std::int64_t layer = 0; layer < it.file.layers(); ++layer) {
    fuse_gates(it, layer);
    it.file.rename(fmt::format("blk.{}.ffn_gate_inp.per_expert_scale", layer),
                   fmt::format("blk.{}.ffn_down_exps.scale", layer));
  }
}

void qwen35(Translation& it) {
  GgufEditor& file = it.file;
  const bool mixture = file.metadata().architecture() == "qwen35moe";
  if (!file.has("vision.block_count") && !file.has("image_token_id") &&
      !file.has("ssm.v_head_reordered") && !file.has("rope.mrope_interleaved") &&
      !(mixture && file.has("feed_forward_length")) && !file.holds(drafts) && !file.holds(tower)) {
    return;
  }
  take_most_kv_heads(file, 2);
  call_biases(file);
  it.computed = take_ollama_drafts(file);
  file.remove(sees);
  file.remove(drafts);
}

void qwen3next(Translation& it) {
  if (call_biases(it.file)) {
    take_most_kv_heads(it.file, 0);
  }
}

void gpt_oss(Translation& it) {
  it.file.call_architecture("gpt-oss");
  if (const Tensor* gate = it.file.tensor("blk.0.ffn_gate_exps.weight"); gate != nullptr) {
    it.file.set_if_missing("expert_feed_forward_length", gate->shape[1]);
  }
  it.file.replace(".attn_out", ".attn_output");
  it.file.replace(".attn_sinks", ".attn_sinks.weight");
  it.file.replace(".ffn_norm", ".post_attention_norm");
}

void lfm2(Translation& it) {
  if (it.file.tensor("output_norm.weight") == nullptr ||
      it.file.tensor("token_embd_norm.weight") != nullptr) {
    return;
  }
  it.file.rename("output_norm.weight", "token_embd_norm.weight");
  if (const Tensor* gate = it.file.tensor("blk.0.ffn_gate.weight"); gate != nullptr) {
    it.file.metadata().set(it.file.key("feed_forward_length"), gate->shape[1]);
  }
}

void olmo3(Translation& it) {
  it.file.call_architecture("olmo2");
}

void mistral3(Translation& it) {
  if (const Metadata::Value* scale = it.file.metadata().find(it.file.key("rope.scaling_beta"));
      scale != nullptr) {
    it.file.set_if_missing("attention.temperature_scale", *scale);
  }
  it.file.remove(sees);
}

void qwen25vl(Translation& it) {
  it.file.call_architecture("qwen2vl");
  take_rope_sections(it.file);
  it.file.remove(sees);
}

void qwen3vl(Translation& it) {
  if (it.file.has("rope.dimension_sections")) {
    return;
  }
  // How long a section is does not matter here; that there are four does.
  it.file.set("rope.dimension_sections", std::vector<std::int64_t>{24, 20, 20, 0});
  const auto seen =
      it.file.metadata().array_length(it.file.key("vision.deepstack_visual_indexes")).value_or(0);
  it.file.set_if_missing("n_deepstack_layers", seen);
  it.file.remove(sees);
}

// What each head has becomes what the latent attention has; `_mla` is what each head has.
void glm4_moe_lite(Translation& it) {
  GgufEditor& file = it.file;
  const bool stated = file.has("attention.key_length");
  const std::int64_t head = file.metadata().integer("attention.key_length", 0);
  file.call_architecture("deepseek2");
  file.set("attention.head_count_kv", std::int64_t{1});
  if (file.has("attention.kv_lora_rank") && file.has("rope.dimension_count")) {
    const std::int64_t rank = file.metadata().integer("attention.kv_lora_rank");
    file.set("attention.key_length",
             checked_add(rank, file.metadata().integer("rope.dimension_count")));
    file.set("attention.value_length", rank);
  }
  if (stated) {
    file.set("attention.key_length_mla", head);
    file.set("attention.value_length_mla", head);
  }
  file.set_if_missing("expert_group_count", std::int64_t{1});
  file.set_if_missing("expert_group_used_count", std::int64_t{1});
}

void deepseek_ocr(Translation& it) {
  it.file.call_architecture("deepseek2-ocr");
  it.file.remove(sees_twice);
}

void nemotron_h_moe(Translation& it) {
  for (const Tensor& each : it.file.tensors()) {
    if (TensorTable::suffix_of(each.name) == "ffn_latent_in.weight") {
      it.file.set_if_missing("moe_latent_size", each.shape[1]);
      break;
    }
  }
  it.file.replace(".ffn_latent_in", ".ffn_latent_down");
  it.file.replace(".ffn_latent_out", ".ffn_latent_up");
  it.file.remove(drafts);
}

void nemotron_h_omni(Translation& it) {
  if (!it.file.holds(sees_and_hears)) {
    return;
  }
  const Metadata& metadata = it.file.metadata();
  const bool mixture =
      metadata.integer("expert_count", 0) > 0 || metadata.integer("expert_used_count", 0) > 0;
  it.file.call_architecture(mixture ? "nemotron_h_moe" : "nemotron_h");
  it.file.remove(sees_and_hears);
  if (mixture) {
    nemotron_h_moe(it);
  }
}

void llama4(Translation& it) {
  it.file.remove(sees);
}

void glm_ocr(Translation& it) {
  GgufEditor& file = it.file;
  file.call_architecture("glm4");
  take_rope_sections(file);
  if (file.has("attention.key_length")) {
    file.set_if_missing("rope.dimension_count", file.metadata().integer("attention.key_length"));
  }
  file.replace(".attn_out.", ".attn_output.");
  file.replace(".post_attn_norm.", ".post_attention_norm.");
  file.replace(".post_ffn_norm.", ".post_ffw_norm.");
  for (std::int64_t layer = 0; layer < file.layers(); ++layer) {
    const std::string gate = fmt::format("blk.{}.ffn_gate.weight", layer);
    Tensor* up = file.tensor(fmt::format("blk.{}.ffn_up.weight", layer));
    if (up != nullptr && file.tensor(gate) != nullptr) {
      file.put_together(*up, 1, 2, std::string(up->name));
      file.remove(gate);
    }
  }
  file.remove(sees);
  it.computed = true;
}

struct Family {
  std::string_view architecture;  ///< As files in Ollama's layout have it.
  void (*translate)(Translation&);
};

constexpr std::array<Family, 19> families{{
    {"deepseekocr", deepseek_ocr},
    {"gemma3", gemma3},
    {"gemma3n", gemma3n},
    {"gemma4", gemma4},
    {"glm4moelite", glm4_moe_lite},
    {"glmocr", glm_ocr},
    {"gptoss", gpt_oss},
    {"lfm2", lfm2},
    {"llama4", llama4},
    {"mistral3", mistral3},
    {"nemotron_h_moe", nemotron_h_moe},
    {"nemotron_h_omni", nemotron_h_omni},
    {"olmo3", olmo3},
    {"qwen25vl", qwen25vl},
    {"qwen35", qwen35},
    {"qwen35moe", qwen35},
    {"qwen3next", qwen3next},
    {"qwen3vl", qwen3vl},
    {"qwen3vlmoe", qwen3vl},
}};

// As Ollama reads it (fs/ggml, KV): of a list the most or the fewest.
OllamaLayout what_is_stated(GgufEditor& file) {
  const auto numbers = [&](std::string_view own) {
    const auto* list = file.list(own);
    return list != nullptr && !list->empty()
               ? *list
               : std::vector<std::int64_t>{list == nullptr ? file.metadata().integer(own, 1)
                                                           : std::int64_t{1}};
  };
  const std::vector<std::int64_t> heads = numbers("attention.head_count");
  const std::vector<std::int64_t> kv_heads = numbers("attention.head_count_kv");
  OllamaLayout out;
  out.layers = file.metadata().integer("block_count", 0);
  out.heads = *std::max_element(heads.begin(), heads.end());
  out.kv_heads = *std::min_element(kv_heads.begin(), kv_heads.end());
  // llm/llama_server.go, mmprojMemoryRequirement and compatClipArches
  if (file.holds(tower)) {
    for (const Tensor& each : file.tensors()) {
      out.projector += starts_with_one(each.name, sees_and_hears) ? each.size() : Bytes{};
    }
  }
  return out;
}

}  // namespace

OllamaLayout translate_ollama_layout(Gguf& gguf) {
  const std::string architecture = gguf.metadata.architecture();
  const auto* family = std::find_if(families.begin(), families.end(), [&](const Family& each) {
    return each.architecture == architecture;
  });
  if (family == families.end()) {
    return {};
  }
  Translation it{.file = GgufEditor(gguf)};
  OllamaLayout out = what_is_stated(it.file);
  family->translate(it);
  if (!it.file.changed()) {
    return {};
  }
  it.file.remove_marked();
  out.architecture = architecture;
  out.transformed = it.computed;
  return out;
}

}  // namespace membudget
