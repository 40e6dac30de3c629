// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ascii.hpp"
#include "membudget/load_model.hpp"
#include "profiles/documents.hpp"

namespace membudget {
namespace {

/// "q4_K_M", "fp16": quantizations as Ollama's library writes them in tags.
std::string in_tag(const std::string& quantization) {
  std::string out = quantization;
  if (out == "F16" || out == "F32") return "fp" + out.substr(1);
  if (out.starts_with("Q") || out.starts_with("IQ") || out == "BF16") {
    const auto digit =
        std::find_if(out.begin(), out.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::transform(out.begin(), digit, out.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
  }
  return out;
}

bool names_quantization(std::string_view part) {
  constexpr std::array<std::string_view, 5> starts{"q", "iq", "fp", "bf", "f"};
  const std::string word = lower(part);
  return word == "mxfp4" || std::any_of(starts.begin(), starts.end(), [&](std::string_view start) {
           return word.starts_with(start) && word.size() > start.size() &&
                  word[start.size()] >= '0' && word[start.size()] <= '9';
         });
}

/// What follows the size in the publisher's name: "-instruct" of "Qwen2.5-Coder-32B-Instruct" for
/// "qwen2.5-coder:32b".
std::string variant_of(std::string_view tag, std::string_view title) {
  const std::string name = lower(title);
  const std::string size = "-" + lower(tag.substr(tag.find(':') + 1));
  const auto at = name.rfind(size);
  if (at == std::string::npos) return "";
  std::string out = name.substr(at + size.size());
  // The mark of a repository in transformers' format is no part of the model's name.
  if (out.ends_with("-hf")) out.resize(out.size() - 3);
  return out.starts_with('-') ? out : "";
}

struct CatalogNames {
  std::vector<std::string> ollama;
  std::string repository;
  std::string title;
  std::string default_quantization;
};

CatalogNames catalog_names(std::string_view document) {
  const auto profile = nlohmann::json::parse(document);
  CatalogNames out;
  out.ollama = profile.value("ollama", std::vector<std::string>{});
  out.repository = profile.value("hf", "");
  out.title = out.repository.empty() ? profile.value("name", "")
                                     : out.repository.substr(out.repository.find('/') + 1);
  out.default_quantization = profile.value("default_quantization", "");
  return out;
}

/// The tag for the model's quantization, from the one that was typed or the catalog's first.
void take_tag(std::string_view typed, const Model& model, const CatalogNames& catalog,
              ModelNames& out) {
  std::string tag(typed);
  std::string own = catalog.default_quantization;
  const auto dash = tag.rfind('-');
  const auto colon = tag.find(':');
  if (dash != std::string::npos && colon != std::string::npos && dash > colon &&
      names_quantization(std::string_view(tag).substr(dash + 1))) {
    const std::string written = tag.substr(dash + 1);
    if (lower(written) == lower(in_tag(model.quantization))) {
      out.ollama = tag;
      return;
    }
    tag.resize(dash);
    own.clear();
  }
  if (lower(own) == lower(model.quantization)) {
    out.ollama = tag;
    return;
  }
  tag = plain(tag);
  // "llama3.2" stands for one of the tags with a size, which the longer ones start with.
  if (tag.find(':') == std::string::npos) {
    const auto sized =
        std::find_if(catalog.ollama.begin(), catalog.ollama.end(),
                     [&](const std::string& each) { return each.starts_with(tag + ":"); });
    if (sized == catalog.ollama.end()) return;
    if (plain(*sized) == tag) {
      // There is one size, which no tag names.
      out.ollama = fmt::format("{}:{}", tag, in_tag(model.quantization));
      out.ollama_inferred = true;
      return;
    }
    tag = *sized;
  }
  // A typed variant ("8b-instruct") is one already.
  const bool varied = tag.find('-', tag.find(':')) != std::string::npos;
  out.ollama = fmt::format("{}{}-{}", tag, varied ? "" : variant_of(tag, catalog.title),
                           in_tag(model.quantization));
  out.ollama_inferred = true;
}

std::string after_slash(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

/// A model that was read from where the argument says: "ollama:NAME:TAG", "hf:ORG/REPO:QUANT" or
/// a path. What is read from elsewhere has no name that a runtime knows.
void take_place(std::string_view argument, const Model& model, ModelNames& out) {
  constexpr std::string_view ollama = "ollama:";
  constexpr std::string_view hugging_face = "hf:";
  if (argument.starts_with(ollama)) {
    out.ollama = argument.substr(ollama.size());
  } else if (argument.starts_with(hugging_face)) {
    const auto rest = argument.substr(hugging_face.size());
    const auto repository = rest.substr(0, rest.find(':'));
    out.title = after_slash(repository);
    if (lower(repository).find("gguf") != std::string::npos) out.gguf_repository = repository;
  } else if (model.source == ModelSource::safetensors) {
    out.folder = argument;
    out.title = after_slash(argument);
  } else if (argument.find("://") == std::string_view::npos) {
    out.file = argument;
  }
}

}  // namespace

ModelNames names_of(std::string_view argument, const Model& model, const Profiles& profiles) {
  ModelNames out;
  if (model.source != ModelSource::catalog) {
    take_place(argument, model, out);
    return out;
  }
  const CatalogNames catalog = catalog_names(profiles.document(ProfileKind::model, model.id));
  out.title = catalog.title;
  const std::string typed = lower(argument);
  if (argument.find('/') != std::string_view::npos && typed != lower(catalog.repository)) {
    // An upload or a fine-tune: Ollama's tag would be another file.
    out.title = argument.substr(argument.find('/') + 1);
    if (typed.ends_with("-gguf")) {
      out.gguf_repository = argument;
      out.title.resize(out.title.size() - std::string_view("-gguf").size());
    }
    return out;
  }
  if (argument.find(':') != std::string_view::npos ||
      std::find(catalog.ollama.begin(), catalog.ollama.end(), typed) != catalog.ollama.end()) {
    take_tag(argument, model, catalog, out);
    return out;
  }
  if (!catalog.ollama.empty()) take_tag(catalog.ollama.front(), model, catalog, out);
  return out;
}

}  // namespace membudget
