// SPDX-License-Identifier: MIT
#include "source/ollama_drafts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "membudget/model.hpp"

namespace membudget {
namespace {

constexpr std::string_view layer_prefix = "mtp.layers.";
constexpr std::string_view expert_prefix = "mlp.experts.";

/// "mtp.layers.3.attn_q.weight" after "mtp.layers." to 3 and "attn_q.weight".
struct Numbered {
  std::int64_t number;
  std::string_view rest;
};

std::optional<Numbered> numbered(std::string_view name, std::string_view prefix) {
  // Beyond any model's layers and experts.
  constexpr std::int64_t most = 1 << 16;
  if (!name.starts_with(prefix)) {
    return std::nullopt;
  }
  const std::string_view text = name.substr(prefix.size());
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (code != std::errc() || number < 0 || number > most || length >= text.size() ||
      text[length] != '.') {
    return std::nullopt;
  }
  return Numbered{number, text.substr(length + 1)};
}

/// One tensor per expert, which become one: "mtp.layers.0.mlp.experts.7.up_proj.weight".
class ExpertTensors {
 public:
  void note(std::string_view name, std::size_t index) {
    const auto layer = numbered(name, layer_prefix);
    const auto expert = layer ? numbered(layer->rest, expert_prefix) : std::nullopt;
    if (!expert) {
      return;
    }
    for (const auto& [from, to] : projections) {
      if (expert->rest == from) {
        found_[{layer->number, to}][expert->number] = index;
      }
    }
  }

  bool merge(GgufEditor& file, std::int64_t first) const {
    bool any = false;
    for (const auto& [place, experts] : found_) {
      const std::span<Tensor> tensors = file.tensors();
      Tensor& one = tensors[experts.begin()->second];
      const bool alike = std::all_of(experts.begin(), experts.end(), [&](const auto& each) {
        const Tensor& other = tensors[each.second];
        return other.type == one.type && other.shape == one.shape && other.dimensions() <= 2;
      });
      const auto count = static_cast<std::int64_t>(experts.size());
      if (!alike || experts.begin()->first != 0 || experts.rbegin()->first != count - 1) {
        continue;  // Ollama leaves them out.
      }
      for (const auto& [number, index] : experts) {
        if (number > 0) {
          file.remove(tensors[index].name);
        }
      }
      file.stack(one, 2, count, fmt::format("blk.{}.{}", first + place.first, place.second));
      any = true;
    }
    return any;
  }

 private:
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> projections{{
      {"gate_proj.weight", "ffn_gate_exps.weight"},
      {"up_proj.weight", "ffn_up_exps.weight"},
      {"down_proj.weight", "ffn_down_exps.weight"},
  }};
  // By layer and projection: where each expert's tensor stands.
  std::map<std::pair<std::int64_t, std::string_view>, std::map<std::int64_t, std::size_t>> found_;
};

// Norms are stored less 1; what is loaded has it added, as F32.
bool take(GgufEditor& file, Tensor& tensor, std::string name) {
  const bool norm = (name.ends_with("_norm.weight") && !name.ends_with(".ssm_norm.weight")) ||
                    name.ends_with(".nextn.enorm.weight") || name.ends_with(".nextn.hnorm.weight");
  if (norm) {
    tensor.type = ElementType::f32;
  }
  file.rename(tensor, std::move(name));
  return norm;
}

// What several layers for drafting would share.
bool take_shared(GgufEditor& file, std::int64_t layer) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> shared{{
      {"mtp.fc.weight", "eh_proj"},
      {"mtp.pre_fc_norm_embedding.weight", "enorm"},
      {"mtp.pre_fc_norm_hidden.weight", "hnorm"},
      {"mtp.embed_tokens.weight", "embed_tokens"},
      {"mtp.shared_head.head.weight", "shared_head_head"},
      {"mtp.shared_head.norm.weight", "shared_head_norm"},
      {"mtp.norm.weight", "shared_head_norm"},
  }};
  bool transforms = false;
  for (const auto& [from, to] : shared) {
    std::string name = fmt::format("blk.{}.nextn.{}.weight", layer, to);
    if (Tensor* found = file.tensor(from); found != nullptr && file.tensor(name) == nullptr) {
      transforms = take(file, *found, std::move(name)) || transforms;
    }
  }
  return transforms;
}

}  // namespace

bool take_ollama_drafts(GgufEditor& file) {
  const bool mixture = file.metadata().architecture() == "qwen35moe";
  ExpertTensors experts;
  std::int64_t first = 0;
  std::int64_t count = 0;
  const std::span<Tensor> tensors = file.tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string_view name = tensors[i].name;
    const std::int64_t layer = TensorTable::layer_of(name);
    if (layer >= 0 && name.find(".nextn.") != std::string_view::npos) {
      return false;  // They are llama.cpp's already.
    }
    first = std::max(first, layer + 1);
    if (name.starts_with("mtp.")) {
      const auto found = numbered(name, layer_prefix);
      count = std::max(count, found ? found->number + 1 : 1);
      experts.note(name, i);
    }
  }
  if (count == 0 || first == 0) {
    return false;
  }
  file.metadata().set(file.key("nextn_predict_layers"), count);
  file.metadata().set(file.key("block_count"), first + count);
  bool transforms = mixture && experts.merge(file, first);
  for (Tensor& tensor : tensors) {
    const auto found = numbered(tensor.name, layer_prefix);
    if (!found || (mixture && found->rest.starts_with(expert_prefix))) {
      continue;
    }
    std::string name = fmt::format("blk.{}.{}", first + found->number, found->rest);
    if (file.tensor(name) == nullptr) {
      transforms = take(file, tensor, std::move(name)) || transforms;
    }
  }
  if (count == 1) {
    transforms = take_shared(file, first) || transforms;
  }
  return transforms;
}

}  // namespace membudget
