// SPDX-License-Identifier: MIT
#include "profiles/catalog_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "model/quantize.hpp"
#include "profiles/documents.hpp"

namespace membudget {
namespace {

const Architecture& architecture_of(const ModelProfile& profile, const std::string& file) {
  const Architecture* architecture = find_architecture(profile.architecture);
  if (architecture == nullptr) {
    throw Error(Errc::unsupported, file + "#/architecture",
                fmt::format("the memory of architecture '{}' is not modelled yet; "
                            "give another model",
                            profile.architecture));
  }
  return *architecture;
}

/// A record's own types before those of the file type.
std::vector<NamedType> named_types(const Upload& upload, ElementType base) {
  std::vector<NamedType> out = upload.tensors;
  for (const std::string& name : upload.at_base_type) {
    out.push_back({name, base});
  }
  return out;
}

TensorTable tensors_of(std::vector<TensorShape> shapes, const Metadata& metadata,
                       const Quantization& quantization, const Upload* upload) {
  if (const auto* mlx = std::get_if<MlxFormat>(&quantization)) {
    MlxFormat format = *mlx;
    if (upload != nullptr) {
      format.named = named_types(*upload, mlx->type);
    }
    return quantize(std::move(shapes), metadata, format);
  }
  if (const auto* grouped = std::get_if<GroupedFormat>(&quantization)) {
    return quantize(std::move(shapes), metadata, *grouped);
  }
  FileType file_type = std::get<FileType>(quantization);
  ImportanceMatrix matrix = ImportanceMatrix::when_required;
  if (upload != nullptr) {
    for (NamedType& named : named_types(*upload, file_type.base)) {
      file_type.named.push_back(std::move(named));
    }
    file_type.counts_each_ffn_down = upload->counts_each_ffn_down;
    matrix = upload->importance_matrix ? ImportanceMatrix::present : matrix;
  }
  return quantize(std::move(shapes), metadata, file_type, matrix);
}

/// Magic, version and the two counts (ggml/include/gguf.h, llama.cpp b10587).
constexpr std::int64_t gguf_prologue = 24;

/// The table of a GGUF's tensors: per tensor its name with a length, the number of dimensions, the
/// dimensions, type and offset.
std::int64_t tensor_table_bytes(const TensorTable& tensors) {
  std::int64_t out = 0;
  for (const Tensor& tensor : tensors.all()) {
    const auto name = static_cast<std::int64_t>(tensor.name.size());
    out += 8 + name + 4 + 8 * std::int64_t{tensor.dimensions()} + 4 + 8;
  }
  return out;
}

/// JSON that a safetensors header or MLC-LLM's list has for each array; a quantized matrix is two
/// or three arrays.
Bytes array_lists(const TensorTable& tensors) {
  constexpr std::int64_t entry = 150;
  std::int64_t arrays = 0;
  for (const Tensor& tensor : tensors.all()) {
    arrays += format_of(tensor.type).quantized ? 3 : 1;
  }
  return Bytes(arrays * entry);
}

Bytes header_of(const ModelProfile& profile, const Model& model, const Upload* upload,
                const TokenizerTable& tokenizers) {
  constexpr std::int64_t alignment = 32;
  const bool other = upload != nullptr && !upload->tokenizer.empty();
  const Bytes vocabulary =
      tokenizers.size(other ? upload->tokenizer : profile.tokenizer, model.vocabulary);
  const Bytes header = Bytes(gguf_prologue + tensor_table_bytes(model.tensors)) + vocabulary;
  return Bytes(round_up(header.count(), alignment));
}

}  // namespace

Metadata metadata_of(const ModelProfile& profile, const std::string& file) {
  Metadata out(fmt::format("{}#/metadata", file));
  out.set("general.architecture", profile.architecture);
  for (const auto& [key, value] : profile.metadata) {
    const bool whole = key.starts_with("tokenizer.");
    out.set(whole ? key : fmt::format("{}.{}", profile.architecture, key), value);
  }
  return out;
}

const Upload* find_upload(const ModelProfile& profile, std::string_view name,
                          std::string_view quantization) {
  const std::string asked = lower(name);
  if (asked == profile.id) {
    return nullptr;  // The catalog's own name means the model, whoever uploaded it.
  }
  const std::string wanted = plain(name);
  const auto matches = [&](const std::string& pattern) {
    const std::string known = lower(pattern);
    return known.ends_with('*') ? asked.starts_with(known.substr(0, known.size() - 1))
                                : wanted == plain(known);
  };
  const auto found =
      std::find_if(profile.uploads.begin(), profile.uploads.end(), [&](const Upload& upload) {
        return (upload.quantization.empty() || lower(upload.quantization) == lower(quantization)) &&
               std::any_of(upload.names.begin(), upload.names.end(), matches);
      });
  return found == profile.uploads.end() ? nullptr : &*found;
}

Model catalog_model(const ModelProfile& profile, const std::string& file,
                    const Quantization& quantization, const Upload* upload,
                    const TokenizerTable& tokenizers) {
  const Architecture& architecture = architecture_of(profile, file);
  const Metadata metadata = metadata_of(profile, file);
  const std::vector<std::string>& optional = upload != nullptr && upload->optional_tensors
                                                 ? *upload->optional_tensors
                                                 : profile.optional_tensors;
  Model model = describe_model(metadata, tensors_of(architecture.tensors(metadata, optional),
                                                    metadata, quantization, upload));
  model.id = profile.id;
  model.parameters = profile.parameters;
  model.quantization = std::visit([](const auto& format) { return format.name; }, quantization);
  model.source = ModelSource::catalog;
  if (!std::holds_alternative<FileType>(quantization)) {
    model.header = array_lists(model.tensors);
    if (upload != nullptr) {
      model.types_assumed = upload->other_mix;
      model.notes.push_back(upload->note);
    }
    return model;
  }
  model.header = header_of(profile, model, upload, tokenizers);
  if (upload != nullptr) {
    model.beside = upload->beside;
    model.drafting = row_size(std::get<FileType>(quantization).base, upload->draft_parameters);
    model.ollama_transforms = upload->ollama_transforms;
    model.stated_kv_heads = upload->stated_kv_heads.value_or(model.stated_kv_heads);
    model.types_assumed = upload->other_mix;
    model.notes.push_back(upload->other_mix
                              ? upload->note + "; planned with the stock types of llama-quantize"
                              : upload->note);
  }
  return model;
}

std::int64_t counted_parameters(const ModelProfile& profile, const Architecture& architecture,
                                const Metadata& metadata) {
  const std::int64_t layers =
      metadata.integer("block_count") - metadata.integer("nextn_predict_layers", 0);
  std::int64_t out = 0;
  for (const TensorShape& tensor : architecture.tensors(metadata, profile.optional_tensors)) {
    const bool copy = profile.tied_embeddings && tensor.name == "output.weight";
    if (tensor.name.starts_with("rope_") || copy || TensorTable::layer_of(tensor.name) >= layers) {
      continue;
    }
    std::int64_t elements = 1;
    for (const std::int64_t extent : tensor.shape) {
      elements = checked_multiply(elements, extent);
    }
    out = checked_add(out, elements);
  }
  return out;
}

}  // namespace membudget
