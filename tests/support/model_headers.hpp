// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "support/gguf_writer.hpp"

namespace membudget::test {

/// A GGUF with the metadata of a catalog model and these tensors.
[[nodiscard]] GgufWriter gguf_of(std::string_view catalog_id, const Model& model);

/// A vocabulary as byte-pair tokenizers have it, with strings whose lengths are spread like those
/// of real ones: short first, then longer.
void add_vocabulary(GgufWriter& gguf, std::size_t tokens, std::size_t merges);

/// One tensor of a safetensors header; sizes follow from type and shape.
struct HeaderTensor {
  std::string name;
  std::string type;
  std::vector<std::int64_t> shape;
};

/// The header of a .safetensors file: its length and its JSON.
[[nodiscard]] std::string safetensors_header(const std::vector<HeaderTensor>& tensors);
/// Bytes of the data that the header promises.
[[nodiscard]] std::int64_t safetensors_data(const std::vector<HeaderTensor>& tensors);
/// A file of full size, its data a hole; `cut` bytes less at the end.
void write_safetensors(const std::filesystem::path& file, const std::vector<HeaderTensor>& tensors,
                       std::int64_t cut = 0);

/// The tensors of a GGUF under the names that checkpoints of the llama kind give them, experts one
/// by one. Tables that only conversion makes are left out.
[[nodiscard]] std::vector<HeaderTensor> checkpoint_tensors(const Model& model,
                                                           const std::string& type);

void write_text(const std::filesystem::path& file, std::string_view text);

}  // namespace membudget::test
