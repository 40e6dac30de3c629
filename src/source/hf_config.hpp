// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/metadata.hpp"

namespace membudget {

/// A model's `config.json` of Hugging Face: the members of `text_config` stand before those of
/// the whole, as conversion to GGUF takes them.
class HfConfig {
 public:
  /// `where` names the file. Throws Error{invalid_model} with `file#/pointer` for what is not a
  /// JSON object of moderate depth.
  HfConfig(std::string where, std::string_view text);
  ~HfConfig();
  HfConfig(HfConfig&&) noexcept;
  HfConfig& operator=(HfConfig&&) noexcept;

  [[nodiscard]] const std::string& where() const { return where_; }
  /// The class that the model belongs to, e.g. "Qwen2ForCausalLM".
  /// Throws Error{invalid_model} when the file names none.
  [[nodiscard]] std::string class_name() const;

  /// `keys` are alternatives, "hidden_size|n_embd", and each may be a path into objects,
  /// "vision_config.depth". The first that is there and not null counts; nullptr when none is.
  [[nodiscard]] const nlohmann::json* find(std::string_view keys) const;
  /// nullopt when missing; Error{invalid_model} when it is something else.
  [[nodiscard]] std::optional<std::int64_t> whole(std::string_view keys) const;
  [[nodiscard]] std::optional<double> number(std::string_view keys) const;
  [[nodiscard]] std::optional<std::string> text(std::string_view keys) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view keys) const;
  /// False when missing or no truth.
  [[nodiscard]] bool truth(std::string_view keys) const;
  /// As whole(), but Error{invalid_model} naming the key when missing.
  [[nodiscard]] std::int64_t need(std::string_view keys) const;

  [[noreturn]] void fail(std::string_view key, const std::string& problem) const;

 private:
  std::string where_;
  std::unique_ptr<nlohmann::json> root_;
};

/// What the tensors of a checkpoint say about a model that its config does not.
struct CheckpointFacts {
  std::int64_t vocabulary = 0;  ///< Rows of the token embedding; 0 = unknown.
  /// Whether a tensor of a layer ends in this, "self_attn.q_proj.bias"; what stands outside the
  /// layers is asked for apart, "lm_head.weight".
  std::function<bool(std::string_view)> has_in_layer;
  std::function<bool(std::string_view)> has_outside;
};

/// A model in GGUF's terms, before its tensors are typed.
struct HfModel {
  Metadata metadata;
  std::vector<std::string> optional_tensors;
};

/// The metadata that convert_hf_to_gguf.py writes for this config, as far as memory depends on it
/// (llama.cpp of 2026-08-22, conversion/*.py), and which optional tensors the file will hold.
/// Throws Error{unsupported} naming a class that is not known, Error{invalid_model} for a config
/// that lacks what its class needs.
[[nodiscard]] HfModel gguf_metadata_of(const HfConfig& config, const CheckpointFacts& facts);

/// The classes that are known.
[[nodiscard]] std::vector<std::string_view> known_hf_classes();

}  // namespace membudget
