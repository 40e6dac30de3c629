// SPDX-License-Identifier: MIT
#include "source/ollama_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <limits>
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

// The vision tower, what leads from it into the model, the tower that hears, DeepSeek-OCR's SAM.
constexpr std::array<std::string_view, 1> vision{"v."};
constexpr std::array<std::string_view, 2> vision_and_projector{"v.", "mm."};
constexpr std::array<std::string_view, 3> with_audio{"v.", "mm.", "a."};
constexpr std::array<std::string_view, 3> with_sam{"v.", "mm.", "s."};
constexpr std::array<std::string_view, 4> gemma4_towers{"v.", "mm.", "a.", "model.vision_tower."};
constexpr std::array<std::string_view, 1> audio{"mm.a."};
constexpr std::array<std::string_view, 1> drafts{"mtp."};

/// A header on its way from Ollama's layout to llama.cpp's.
struct Translation {
  GgufEditor file;
  bool transforms = false;  ///< Weights are computed from other ones in the file.
  /// What Ollama loads as the projector, when there is a vision tower; and what of that it leaves.
  Prefixes projector = with_audio;
  Prefixes not_loaded = {};
};

// Tokens that an embedding has no row for are left out (gemma's markers of images).
void cut_vocabulary(GgufEditor& file, const Tensor* embedding) {
  constexpr std::string_view tokens = "tokenizer.ggml.tokens";
  const std::optional<std::int64_t> count = file.metadata().array_length(tokens);
  if (embedding != nullptr && count && *count > embedding->shape[1]) {
    file.cut_array(tokens, embedding->shape[1]);
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
    file.set("attention.head_count_kv", most > 0 ? most : otherwise);
  }
}

// Three sections become four, the last of which is empty.
void take_rope_sections(GgufEditor& file, std::string_view from) {
  const auto* list = file.list(from);
  if (list != nullptr && list->size() == 3) {
    file.set("rope.dimension_sections",
             std::vector<std::int64_t>{(*list)[0], (*list)[1], (*list)[2], 0});
  }
}

// A delta net's bias lacks the end of its name. Whether there was one.
bool complete_biases(GgufEditor& file) {
  bool any = false;
  for (Tensor& each : file.tensors()) {
    if (each.name.ends_with(".ssm_dt")) {
      file.rename(each, each.name + ".bias");
      any = true;
    }
  }
  return any;
}

void embedding_gemma(GgufEditor& file) {
  file.rename_architecture("gemma-embedding");
  file.metadata().erase(file.key("attention.causal"));
  file.metadata().erase(file.key("attention.sliding_window_pattern"));
  file.rename_if_free("dense.0.weight", "dense_2.weight");
  file.rename_if_free("dense.1.weight", "dense_3.weight");
  file.rename_if_free("norm.weight", "output_norm.weight");
}

void gemma3(Translation& it) {
  if (it.file.tensor("dense.0.weight") != nullptr) {
    embedding_gemma(it.file);
    return;
  }
  constexpr std::string_view needed = "attention.layer_norm_rms_epsilon";
  if (it.file.has(needed) && !it.file.holds(vision_and_projector) &&
      !it.file.has("rope.global.freq_base") && !it.file.has("rope.local.freq_base")) {
    return;
  }
  if (!it.file.has(needed)) {
    // Memory does not depend on it, but without it llama.cpp refuses the file.
    constexpr double usual = 1e-6;
    it.file.set(needed, usual);
  }
  it.file.remove(vision_and_projector);
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
  it.file.stack(*gate, 1, 2, name("ffn_gate_up_exps.weight"));
  it.transforms = true;
}

void gemma4(Translation& it) {
  if (!it.file.holds(gemma4_towers) && it.file.text("tokenizer.ggml.model") != "llama") {
    return;
  }
  it.file.remove(gemma4_towers);
  for (std::int64_t layer = 0; layer < it.file.layers(); ++layer) {
    fuse_gates(it, layer);
    it.file.rename_if_free(fmt::format("blk.{}.ffn_gate_inp.per_expert_scale", layer),
                           fmt::format("blk.{}.ffn_down_exps.scale", layer));
  }
}

void qwen35(Translation& it) {
  GgufEditor& file = it.file;
  const bool mixture = file.metadata().architecture() == "qwen35moe";
  if (!file.has("vision.block_count") && !file.has("image_token_id") &&
      !file.has("ssm.v_head_reordered") && !file.has("rope.mrope_interleaved") &&
      !(mixture && file.has("feed_forward_length")) && !file.holds(drafts) && !file.holds(vision)) {
    return;
  }
  take_most_kv_heads(file, 2);
  take_rope_sections(file, "rope.dimension_sections");
  complete_biases(file);
  it.transforms = take_ollama_drafts(file);
  file.remove(vision_and_projector);
  file.remove(drafts);
}

void qwen3next(Translation& it) {
  if (complete_biases(it.file)) {
    take_most_kv_heads(it.file, 0);
  }
}

void gpt_oss(Translation& it) {
  it.file.rename_architecture("gpt-oss");
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
  it.file.rename_if_free("output_norm.weight", "token_embd_norm.weight");
  if (const Tensor* gate = it.file.tensor("blk.0.ffn_gate.weight"); gate != nullptr) {
    it.file.metadata().set(it.file.key("feed_forward_length"), gate->shape[1]);
  }
}

void olmo3(Translation& it) {
  it.file.rename_architecture("olmo2");
}

void mistral3(Translation& it) {
  if (const Metadata::Value* scale = it.file.metadata().find(it.file.key("rope.scaling_beta"));
      scale != nullptr) {
    it.file.set_if_missing("attention.temperature_scale", *scale);
  }
  it.file.remove(vision_and_projector);
}

void qwen25vl(Translation& it) {
  it.file.rename_architecture("qwen2vl");
  take_rope_sections(it.file, "rope.mrope_section");
  it.file.remove(vision_and_projector);
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
  it.file.remove(vision_and_projector);
}

// What each head has becomes what the latent attention has; `_mla` is what each head has.
void glm4_moe_lite(Translation& it) {
  GgufEditor& file = it.file;
  const bool stated = file.has("attention.key_length");
  const std::int64_t head = file.metadata().integer("attention.key_length", 0);
  file.rename_architecture("deepseek2");
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
  it.file.rename_architecture("deepseek2-ocr");
  it.file.remove(with_sam);
  it.projector = with_sam;
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
  if (!it.file.holds(with_audio)) {
    return;
  }
  const Metadata& metadata = it.file.metadata();
  const bool mixture =
      metadata.integer("expert_count", 0) > 0 || metadata.integer("expert_used_count", 0) > 0;
  it.file.rename_architecture(mixture ? "nemotron_h_moe" : "nemotron_h");
  it.file.remove(with_audio);
  it.projector = vision_and_projector;
  it.not_loaded = audio;
  if (mixture) {
    nemotron_h_moe(it);
  }
}

void llama4(Translation& it) {
  it.file.remove(vision_and_projector);
}

void glm_ocr(Translation& it) {
  GgufEditor& file = it.file;
  file.rename_architecture("glm4");
  take_rope_sections(file, "rope.mrope_section");
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
      file.stack(*up, 1, 2, std::string(up->name));
    }
    file.remove(gate);
  }
  file.remove(vision_and_projector);
  it.transforms = true;
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

// As Ollama reads it (fs/ggml/ggml.go, KV): numbers of 32 bits, of a list the most or the fewest.
OllamaLayout what_is_stated(GgufEditor& file) {
  const auto number = [](std::int64_t stated, std::int64_t otherwise) {
    return stated < 0 || stated > std::numeric_limits<std::uint32_t>::max() ? otherwise : stated;
  };
  const auto numbers = [&](std::string_view own) {
    const auto* list = file.list(own);
    std::vector<std::int64_t> out;
    if (list == nullptr) {
      out.push_back(number(file.metadata().integer(own, 1), 1));
    } else {
      std::transform(list->begin(), list->end(), std::back_inserter(out),
                     [&](std::int64_t each) { return number(each, 0); });
    }
    return out.empty() ? std::vector<std::int64_t>{1} : out;
  };
  const std::vector<std::int64_t> heads = numbers("attention.head_count");
  const std::vector<std::int64_t> kv_heads = numbers("attention.head_count_kv");
  OllamaLayout out;
  out.layers = number(file.metadata().integer("block_count", 0), 0);
  out.heads = *std::max_element(heads.begin(), heads.end());
  out.kv_heads = *std::min_element(kv_heads.begin(), kv_heads.end());
  return out;
}

// What its server loads as mmproj; its scheduler takes `v.`, `mm.` and `a.` for that.
Bytes projector_of(Translation& it) {
  Bytes sum;
  if (it.file.holds(vision)) {
    for (const Tensor& each : it.file.tensors()) {
      if (starts_with_one(each.name, it.projector) && !starts_with_one(each.name, it.not_loaded)) {
        sum += each.size();
      }
    }
  }
  return sum;
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
  out.projector = projector_of(it);
  it.file.remove_marked();
  out.architecture = architecture;
  out.transforms = it.transforms;
  return out;
}

}  // namespace membudget
