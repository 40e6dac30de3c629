// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "ascii.hpp"
#include "membudget/profiles.hpp"
#include "profiles/catalog_model.hpp"
#include "profiles/documents.hpp"
#include "profiles/mlx_uploads.hpp"

namespace membudget {
namespace {

/// What Ollama's library calls variants with the shapes of the plain tag.
constexpr std::array<std::string_view, 8> same_shapes{"instruct", "chat", "text",   "base",
                                                      "it",       "code", "python", "assistant"};

/// A tag of Ollama's library as it is built: "llama3.1:8b-instruct-q8_0" names a model, a variant
/// and a quantization.
struct TagParts {
  std::string model;
  std::string quantization;
};

/// Splits the last part off a tag when it is a quantization or a variant that changes no shape.
bool shorten(TagParts& tag, const Documents& quantizations) {
  const auto colon = tag.model.find(':');
  const auto dash = tag.model.rfind('-');
  if (colon == std::string::npos || dash == std::string::npos || dash < colon) {
    return false;
  }
  const std::string part = tag.model.substr(dash + 1);
  if (const Document* document = find_or_none(ProfileKind::quantization, quantizations, part);
      document != nullptr) {
    // One that was asked for apart from the tag stands before the tag's.
    if (tag.quantization.empty()) {
      tag.quantization = stem_of(document->file);
    }
  } else if (std::find(same_shapes.begin(), same_shapes.end(), part) == same_shapes.end()) {
    return false;
  }
  tag.model.resize(dash);
  return true;
}

/// The model whose repository, or id, has this name whoever publishes it: "qwen3.6-27b".
const Document* find_by_title(const Documents& models, const std::string& title) {
  if (const auto found = models.find(title); found != models.end()) {
    return &found->second;
  }
  for (const auto& [id, document] : models) {
    if (lower(document.text).find("/" + title + "\"") == std::string::npos) {
      continue;
    }
    const auto names = details(ProfileKind::model).names(document);
    if (std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return lower(name.substr(name.find('/') + 1)) == title;
        })) {
      return &document;
    }
  }
  return nullptr;
}

/// "mlx-community/Qwen3.6-27B-4bit"; a quantization that was asked for stands before the name's.
const Document* find_mlx_upload(std::string_view name, TagParts& tag, const Documents& models) {
  for (const MlxUpload& reading : readings_of_mlx_upload(name)) {
    if (const Document* found = find_by_title(models, reading.title); found != nullptr) {
      tag.quantization = tag.quantization.empty() ? reading.quantization : tag.quantization;
      return found;
    }
  }
  return nullptr;
}

}  // namespace

Model Profiles::model(std::string_view name, std::string_view quantization) const {
  const Documents& models = store_->of(ProfileKind::model);
  const Documents& quantizations = store_->of(ProfileKind::quantization);
  TagParts tag{plain(name), std::string(quantization)};
  const Document* document = find_or_none(ProfileKind::model, models, tag.model);
  while (document == nullptr && shorten(tag, quantizations)) {
    document = find_or_none(ProfileKind::model, models, tag.model);
  }
  if (document == nullptr) {
    tag = {plain(name), std::string(quantization)};
    document = find_mlx_upload(name, tag, models);
  }
  if (document == nullptr) {
    fail_unknown(ProfileKind::model, models, name);
  }
  const ModelProfile profile = decode(decode_model, document->file, document->text);
  const Document& wanted =
      find(ProfileKind::quantization, quantizations,
           tag.quantization.empty() ? profile.default_quantization : tag.quantization);
  const QuantizationProfile format = decode(decode_quantization, wanted.file, wanted.text);
  // Records are of GGUF files, unless one names a quantization of MLX or is a publisher's for it.
  const Upload* upload = find_upload(profile, name, format.name);
  if (!std::holds_alternative<FileType>(format.quantization) && upload != nullptr &&
      upload->quantization.empty() && readings_of_mlx_upload(name).empty()) {
    upload = nullptr;
  }
  Model out = catalog_model(profile, document->file, format.quantization, upload,
                            store_->table("tokenizers.json", decode_tokenizers));
  out.catalog_name = tag.model;
  return out;
}

std::vector<Relative> Profiles::relatives(std::string_view id) const {
  const Documents& models = store_->of(ProfileKind::model);
  const Document* own = find_or_none(ProfileKind::model, models, plain(id));
  if (own == nullptr) {
    return {};
  }
  const ModelProfile profile = decode(decode_model, own->file, own->text);
  std::vector<std::string> families = profile.related_families;
  families.push_back(profile.family);
  std::vector<Relative> out;
  for (const auto& [other, document] : models) {
    // Most documents are of other families; only those that name one of these are decoded.
    const bool named = std::ranges::any_of(families, [&text = document.text](const auto& family) {
      return mentions(text, lower(family));
    });
    if (&document == own || !named) {
      continue;
    }
    const ModelProfile candidate = decode(decode_model, document.file, document.text);
    const bool related = std::ranges::find(families, candidate.family) != families.end();
    if (related && candidate.modality == profile.modality) {
      out.push_back({candidate.id, candidate.parameters});
    }
  }
  std::sort(out.begin(), out.end(), [](const Relative& a, const Relative& b) {
    return std::tie(b.parameters, a.id) < std::tie(a.parameters, b.id);
  });
  return out;
}

std::string Profiles::usual_quantization(std::string_view model) const {
  const Document& document = find(ProfileKind::model, store_->of(ProfileKind::model), model);
  return decode(decode_model, document.file, document.text).default_quantization;
}

}  // namespace membudget
