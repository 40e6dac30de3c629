// SPDX-License-Identifier: MIT
#include "support/model_headers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>

#include "profiles/decode.hpp"
#include "source/safetensors.hpp"
#include "test_paths.hpp"

namespace membudget::test {
namespace {

void set_value(GgufWriter& gguf, const std::string& key, const Metadata::Value& value) {
  std::visit(
      [&](const auto& stored) {
        using Stored = std::decay_t<decltype(stored)>;
        if constexpr (std::is_same_v<Stored, std::int64_t>) {
          gguf.set(key, static_cast<std::uint32_t>(stored));
        } else if constexpr (std::is_same_v<Stored, double>) {
          gguf.set(key, static_cast<float>(stored));
        } else if constexpr (std::is_same_v<Stored, bool> || std::is_same_v<Stored, std::string>) {
          gguf.set(key, stored);
        } else {
          gguf.set_array(key, stored);
        }
      },
      value);
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// Words of letters that depend on `i`, so that no two runs differ.
std::string word(std::size_t i, std::size_t length) {
  std::string out(length, 'a');
  for (char& c : out) {
    c = static_cast<char>('a' + i % 26);
    i = i / 26 + 1;
  }
  return out;
}

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array<Pair, 23> checkpoint_names{{
    {"token_embd", "model.embed_tokens"},
    {"output", "lm_head"},
    {"output_norm", "model.norm"},
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {"ffn_gate_inp", "mlp.gate"},
    {"ffn_gate_exps", "mlp.experts.{}.gate_proj"},
    {"ffn_up_exps", "mlp.experts.{}.up_proj"},
    {"ffn_down_exps", "mlp.experts.{}.down_proj"},
    {"exp_probs_b", "mlp.gate.e_score_correction"},
    {"ssm_norm", "mamba.norm"},
    {"nextn.embed_tokens", "embed_tokens"},
    {"nextn.shared_head_head", "shared_head.head"},
    {"nextn.shared_head_norm", "shared_head.norm"},
}};

std::string checkpoint_name(std::string_view stem) {
  const auto* found = std::find_if(checkpoint_names.begin(), checkpoint_names.end(),
                                   [&](const Pair& pair) { return pair.first == stem; });
  return std::string(found == checkpoint_names.end() ? stem : found->second);
}

std::int64_t size_of(const HeaderTensor& tensor) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : tensor.shape) {
    elements *= extent;
  }
  return elements * bits_of_dtype(tensor.type) / 8;
}

}  // namespace

GgufWriter gguf_of(std::string_view catalog_id, const Model& model) {
  const std::string file = fmt::format("{}/models/{}.json", PROFILES_DIR, catalog_id);
  const ModelProfile profile = decode(decode_model, file, text_of(file));
  GgufWriter gguf;
  gguf.set("general.architecture", profile.architecture);
  if (model.quantization == "Q4_K_M") {
    gguf.set("general.file_type", std::uint32_t{15});
  }
  for (const auto& [key, value] : profile.metadata) {
    const bool whole = key.starts_with("tokenizer.");
    set_value(gguf, whole ? key : fmt::format("{}.{}", profile.architecture, key), value);
  }
  return gguf;
}

void add_vocabulary(GgufWriter& gguf, std::size_t tokens, std::size_t merges) {
  // The first thousand or so are bytes and pairs; later ones are 4 to 12 letters long.
  const auto strings = [](std::size_t count, std::size_t shortest, std::size_t spread) {
    std::vector<std::string> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t growth = std::min<std::size_t>(4, 4 * i / (count / 2 + 1));
      out.push_back(word(i, shortest + growth + i * 7919 % spread));
    }
    return out;
  };
  gguf.set("tokenizer.ggml.model", "gpt2")
      .set("tokenizer.ggml.pre", "llama-bpe")
      .set_array("tokenizer.ggml.tokens", strings(tokens, 1, 5))
      .set_array("tokenizer.ggml.token_type", std::vector<std::int32_t>(tokens, 1))
      .set_array("tokenizer.ggml.merges", strings(merges, 3, 5));
}

std::string safetensors_header(const std::vector<HeaderTensor>& tensors) {
  std::string text = R"({"__metadata__":{"format":"pt"})";
  std::int64_t offset = 0;
  for (const HeaderTensor& tensor : tensors) {
    const std::int64_t end = offset + size_of(tensor);
    text += fmt::format(R"(,"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                        tensor.name, tensor.type, fmt::join(tensor.shape, ","), offset, end);
    offset = end;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return GgufWriter::bytes_of(std::uint64_t{text.size()}) + text;
}

std::int64_t safetensors_data(const std::vector<HeaderTensor>& tensors) {
  std::int64_t sum = 0;
  for (const HeaderTensor& tensor : tensors) {
    sum += size_of(tensor);
  }
  return sum;
}

void write_text(const std::filesystem::path& file, std::string_view text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) {
    throw std::runtime_error("cannot write " + file.string());
  }
}

void write_safetensors(const std::filesystem::path& file, const std::vector<HeaderTensor>& tensors,
                       std::int64_t cut) {
  const std::string header = safetensors_header(tensors);
  write_text(file, header);
  std::filesystem::resize_file(
      file, static_cast<std::uintmax_t>(static_cast<std::int64_t>(header.size()) +
                                        safetensors_data(tensors) - cut));
}

std::vector<HeaderTensor> checkpoint_tensors(const Model& model, const std::string& type) {
  std::vector<HeaderTensor> out;
  for (const Tensor& tensor : model.tensors.all()) {
    const std::string_view name = tensor.name;
    if (name.starts_with("rope_")) {
      continue;
    }
    const std::int64_t layer = TensorTable::layer_of(name);
    std::string_view own = name;
    if (layer >= 0) {
      own.remove_prefix(fmt::format("blk.{}.", layer).size());
    }
    const auto dot = own.rfind('.');
    const std::string stem = checkpoint_name(own.substr(0, dot));
    const std::string end(dot == std::string_view::npos ? "" : own.substr(dot));
    const std::string prefix = layer >= 0 ? fmt::format("model.layers.{}.", layer) : "";
    std::vector<std::int64_t> shape(tensor.shape.begin(),
                                    tensor.shape.begin() + std::max(1, tensor.dimensions()));
    std::reverse(shape.begin(), shape.end());
    const auto hole = stem.find("{}");
    if (hole == std::string::npos) {
      const bool correction = stem.ends_with("e_score_correction");
      out.push_back(
          {.name = prefix + stem + (correction ? "_bias" : end), .type = type, .shape = shape});
      continue;
    }
    const std::int64_t experts = shape.front();
    shape.erase(shape.begin());
    for (std::int64_t i = 0; i < experts; ++i) {
      std::string each = stem;
      each.replace(hole, 2, std::to_string(i));
      out.push_back({.name = prefix + each + end, .type = type, .shape = shape});
    }
  }
  return out;
}

}  // namespace membudget::test
