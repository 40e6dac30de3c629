// SPDX-License-Identifier: MIT
// Where the fuzzers start: small files of every kind, by the writers of the tests and from the data
// that the tests compare with.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "fuzz/checks.hpp"
#include "fuzz/seed_texts.hpp"
#include "fuzz/target.hpp"
#include "profiles/catalog_model.hpp"
#include "profiles/decode.hpp"
#include "profiles/embedded.hpp"
#include "support/engine_log_text.hpp"
#include "support/gguf_writer.hpp"
#include "support/model_headers.hpp"
#include "test_paths.hpp"

namespace membudget::fuzz {
namespace {

using nlohmann::json;
using Texts = std::vector<std::string>;

constexpr std::int64_t few_layers = 4;
constexpr std::int64_t few_tokens = 64;

std::string file_text(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// A model of the catalog with few layers and tokens.
ModelProfile shrunk(const std::string& id) {
  const std::string file = fmt::format("profiles/models/{}.json", id);
  ModelProfile out = decode(decode_model, file, profiles().document(ProfileKind::model, id));
  for (auto& [key, value] : out.metadata) {
    if (auto* number = std::get_if<std::int64_t>(&value)) {
      *number = key == "block_count"  ? std::min(*number, few_layers)
                : key == "vocab_size" ? std::min(*number, few_tokens)
                                      : *number;
    }
  }
  return out;
}

struct Small {
  ModelProfile profile;
  Model model;
};

/// One of each architecture that still is a model when it is made small.
std::vector<Small> small_models() {
  std::vector<Small> out;
  for (const std::string& id : profiles().model_ids()) {
    try {
      ModelProfile profile = shrunk(id);
      if (std::any_of(out.begin(), out.end(), [&](const Small& each) {
            return each.profile.architecture == profile.architecture;
          })) {
        continue;
      }
      FileType type;
      type.base = ElementType::f16;
      Model model = catalog_model(profile, id, type, nullptr, TokenizerTable{});
      out.push_back({.profile = std::move(profile), .model = std::move(model)});
    } catch (const Error&) {
      // It needs more layers than these.
    }
  }
  return out;
}

test::GgufWriter writer_of(const Small& small, const std::string& architecture,
                           std::span<const Tensor> tensors) {
  test::GgufWriter gguf;
  gguf.set("general.architecture", architecture).set("general.file_type", std::uint32_t{1});
  for (const auto& [key, value] : small.profile.metadata) {
    const std::string whole =
        key.starts_with("tokenizer.") ? key : fmt::format("{}.{}", architecture, key);
    std::visit(
        [&](const auto& stored) {
          using Stored = std::decay_t<decltype(stored)>;
          if constexpr (std::is_same_v<Stored, std::int64_t>) {
            gguf.set(whole, static_cast<std::uint32_t>(stored));
          } else if constexpr (std::is_same_v<Stored, double>) {
            gguf.set(whole, static_cast<float>(stored));
          } else if constexpr (std::is_same_v<Stored, bool> ||
                               std::is_same_v<Stored, std::string>) {
            gguf.set(whole, stored);
          } else {
            auto kept = stored;
            kept.resize(std::min<std::size_t>(kept.size(), few_layers));
            gguf.set_array(whole, kept);
          }
        },
        value);
  }
  gguf.set_array("tokenizer.ggml.tokens", Texts{"a", "b", "", "cd"});
  gguf.add_tensors(tensors);
  return gguf;
}

/// The same as Ollama published such files: what its architecture is called there, a vision tower
/// and layers for drafting.
std::string in_ollama_layout(const Small& small) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> names{{
      {"deepseek2", "glm4moelite"},
      {"gemma-embedding", "gemma3"},
      {"glm4", "glmocr"},
      {"gpt-oss", "gptoss"},
      {"nemotron_h_moe", "nemotron_h_omni"},
      {"olmo2", "olmo3"},
      {"qwen2vl", "qwen25vl"},
  }};
  std::string architecture = small.profile.architecture;
  for (const auto& [ours, theirs] : names) {
    architecture = architecture == ours ? theirs : architecture;
  }
  const std::span<const Tensor> all = small.model.tensors.all();
  std::vector<Tensor> tensors(all.begin(), all.end());
  for (Tensor& tensor : tensors) {
    constexpr std::string_view ours = ".attn_output.";
    if (const auto at = tensor.name.find(ours);
        at != std::string::npos && (architecture == "gptoss" || architecture == "glmocr")) {
      tensor.name.replace(at, ours.size(), ".attn_out.");
    }
  }
  test::GgufWriter gguf = writer_of(small, architecture, tensors);
  for (const char* name :
       {"v.blk.0.attn_q.weight", "mm.0.weight", "mtp.fc.weight", "mtp.layers.0.attn_norm.weight",
        "mtp.layers.0.mlp.experts.0.up_proj.weight", "mtp.layers.0.mlp.experts.1.up_proj.weight",
        "blk.0.ffn_latent_in.weight", "blk.1.ssm_dt"}) {
    gguf.add_tensor(name, {64, 64}, ElementType::f16);
  }
  // What tells embeddinggemma from the gemma3 that chats.
  if (small.profile.architecture == "gemma-embedding") {
    gguf.add_tensor("dense.0.weight", {64, 64}, ElementType::f16);
  }
  return gguf.padded_header();
}

std::string adapter() {
  test::GgufWriter gguf;
  gguf.set("general.architecture", "llama")
      .set("general.type", "adapter")
      .set("adapter.type", "lora");
  gguf.set("adapter.lora.alpha", 16.0F);
  for (const char* name : {"blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"}) {
    gguf.add_tensor(name, {64, 64}, ElementType::f16);
  }
  return gguf.padded_header();
}

std::string control_vector() {
  test::GgufWriter gguf;
  gguf.set("general.architecture", "controlvector")
      .set("controlvector.model_hint", "llama")
      .set("controlvector.layer_count", std::uint32_t{1})
      .add_tensor("direction.1", {64}, ElementType::f32);
  return gguf.padded_header();
}

std::string projector() {
  test::GgufWriter gguf;
  gguf.set("general.architecture", "clip")
      .set("clip.has_vision_encoder", true)
      .set("clip.projector_type", "mlp")
      .set("clip.vision.image_size", std::uint32_t{336})
      .set("clip.vision.patch_size", std::uint32_t{14})
      .set("clip.vision.embedding_length", std::uint32_t{64})
      .set("clip.vision.feed_forward_length", std::uint32_t{128})
      .set("clip.vision.block_count", std::uint32_t{1})
      .set("clip.vision.attention.head_count", std::uint32_t{4})
      .add_tensor("v.patch_embd.weight", {14, 14, 3, 64}, ElementType::f16)
      .add_tensor("v.position_embd.weight", {64, 577}, ElementType::f16);
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_out"}) {
    gguf.add_tensor(fmt::format("v.blk.0.{}.weight", name), {64, 64}, ElementType::f16);
  }
  gguf.add_tensor("mm.0.weight", {64, 64}, ElementType::f16)
      .add_tensor("mm.2.weight", {64, 64}, ElementType::f16);
  return gguf.padded_header();
}

Texts gguf_seeds() {
  Texts out;
  const std::vector<Small> models = small_models();
  for (const Small& small : models) {
    std::string file =
        writer_of(small, small.profile.architecture, small.model.tensors.all()).padded_header();
    // The first is what other targets serve, and plain.
    out.insert(small.profile.architecture == "llama" ? out.begin() : out.end(), std::move(file));
  }
  for (const Small& small : models) {
    out.push_back(in_ollama_layout(small));
  }
  out.push_back(adapter());
  out.push_back(control_vector());
  out.push_back(projector());
  test::GgufWriter unknown;
  unknown.set("general.architecture", "nobody")
      .set("nobody.block_count", std::uint32_t{2})
      .set("nobody.embedding_length", std::uint32_t{64})
      .set("nobody.attention.head_count", std::uint32_t{4})
      .set("nobody.context_length", std::uint32_t{512})
      .add_tensor("token_embd.weight", {64, 64}, ElementType::q8_0)
      .add_tensor("blk.0.attn_q.weight", {64, 64}, ElementType::q4_0)
      .add_tensor("blk.1.attn_q.weight", {64, 64}, ElementType::f32);
  out.push_back(unknown.padded_header());
  return out;
}

/// The texts, and the same request for files.
Texts capi_seeds() {
  Texts out = capi_texts();
  for (const std::string& file : gguf_seeds()) {
    out.push_back(R"({"chip": "m1-max-32gb", "ctx-size": "2k"})"
                  "\n%%\n\n%%\n" +
                  file);
  }
  return out;
}

Texts config_seeds() {
  Texts out;
  const std::vector<test::HeaderTensor> tensors{
      {.name = "model.embed_tokens.weight", .type = "BF16", .shape = {1000, 64}},
      {.name = "lm_head.weight", .type = "BF16", .shape = {1000, 64}},
      {.name = "model.layers.0.self_attn.q_proj.bias", .type = "BF16", .shape = {64}},
      {.name = "model.layers.0.self_attn.q_norm.weight", .type = "BF16", .shape = {64}},
      {.name = "model.layers.1.mlp.up_proj.scales", .type = "BF16", .shape = {64, 1}},
      {.name = "model.layers.1.mlp.up_proj.weight", .type = "U32", .shape = {64, 8}}};
  const std::string header = test::safetensors_header(tensors).substr(8);
  const std::string lines =
      file_text(std::string(TEST_DATA_DIR) + "/measured/data/hf_configs.jsonl");
  for (std::string_view rest = lines; !rest.empty();) {
    json entry = json::parse(take_line(rest), nullptr, false);
    if (!entry.is_object() || !entry.contains("config")) {
      continue;
    }
    json config = entry["config"];
    for (json* each :
         {&config, config.contains("text_config") ? &config["text_config"] : &config}) {
      for (const char* key : {"num_hidden_layers", "n_layer", "num_layers"}) {
        if (each->contains(key) && (*each)[key].is_number_integer()) {
          (*each)[key] = std::min<std::int64_t>((*each)[key].get<std::int64_t>(), few_layers);
        }
      }
    }
    if (out.size() % 4 == 1) {
      config["quantization"] = {{"group_size", 64}, {"bits", 4}};
    }
    out.push_back(config.dump() + "\n%%\n" + header);
    if (out.size() == 1) {
      out.back() += "\n%%\n" + std::string(R"({"metadata": {"total_size": 1}, "weight_map": )") +
                    R"({"lm_head.weight": "model.safetensors"}})";
    }
  }
  return out;
}

Texts profile_seeds() {
  Texts out;
  std::vector<std::string> folders;
  std::vector<std::string> architectures;
  for (const EmbeddedFile& file : embedded_files()) {
    const std::string path(file.path);
    const std::string folder = path.substr(0, path.find('/'));
    constexpr std::ptrdiff_t of_each = 4;
    const bool model = folder == "models";
    const json value = json::parse(file.text);
    if (model) {
      const std::string architecture = value.value("architecture", "");
      if (std::count(architectures.begin(), architectures.end(), architecture) > 0) {
        continue;
      }
      architectures.push_back(architecture);
    } else if (std::count(folders.begin(), folders.end(), folder) >=
               (folder == "runtimes" ? 100 : of_each)) {
      continue;
    }
    folders.push_back(folder);
    // Without the room that people need.
    out.push_back(path + "\n" + value.dump());
  }
  return out;
}

Texts log_seeds() {
  Texts out = log_texts();
  test::LogFacts facts = test::llama_8b_facts();
  facts.states = {{"MTL0", "18.00"}};
  facts.breakdown = {{"MTL0", {"22906", "17000", "5967", "4685", "1024", "258", "-61"}},
                     {"Host", {"305", "281", "0", "24"}}};
  facts.fit_projected = "5967";
  facts.fit_free = "22906";
  for (const test::LogFormat format : test::all_formats) {
    out.push_back(test::llama_log(facts, format, format != test::LogFormat::january_2025));
  }
  out.push_back(test::prefixed(test::llama_log(facts, test::LogFormat::august_2026),
                               "Nov 28 03:09:26 mac ollama[123]: "));
  return out;
}

Texts safetensors_seeds() {
  const std::vector<test::HeaderTensor> tensors{{.name = "a", .type = "F32", .shape = {4, 8}},
                                                {.name = "b", .type = "BF16", .shape = {16}},
                                                {.name = "c", .type = "F4", .shape = {2, 2}},
                                                {.name = "d", .type = "I64", .shape = {}},
                                                {.name = "e", .type = "F8_E4M3", .shape = {0, 3}}};
  const std::string file = test::safetensors_header(tensors);
  std::string whole =
      file + std::string(static_cast<std::size_t>(test::safetensors_data(tensors)), '\0');
  return {file.substr(8), file, std::move(whole)};
}

Texts readings_seeds() {
  Texts out = measurement_texts();
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(TEST_DATA_DIR) + "/machines")) {
    const json value = json::parse(file_text(file.path()), nullptr, false);
    out.push_back(value.dump());
  }
  std::sort(out.begin(), out.end());
  return out;
}

Texts record_seeds() {
  Texts out = record_texts();
  out.push_back(file_text(std::string(GOLDEN_DIR) + "/llama-server.log"));
  return out;
}

}  // namespace

std::vector<std::string> seeds_of(std::string_view target) {
  if (target == "capi") return capi_seeds();
  if (target == "config") return config_seeds();
  if (target == "gguf") return gguf_seeds();
  if (target == "http") return http_texts();
  if (target == "log") return log_seeds();
  if (target == "modelfile") return modelfile_texts();
  if (target == "ollama") return ollama_texts();
  if (target == "profile") return profile_seeds();
  if (target == "readings") return readings_seeds();
  if (target == "record") return record_seeds();
  if (target == "safetensors") return safetensors_seeds();
  if (target == "words") return word_texts();
  return {};
}

}  // namespace membudget::fuzz
