// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "membudget/nearest.hpp"
#include "membudget/verify.hpp"
#include "verify/file_type.hpp"
#include "verify/log_line.hpp"
#include "verify/printed_size.hpp"

namespace membudget {
namespace {

using Json = nlohmann::json;
using namespace logs;

/// What of a catalog entry a log has as well.
struct Shape {
  std::string id;
  Json metadata;  // Its keys as in a GGUF.
  Json all;       // What its tensors follow from.
  std::string architecture;
};

std::vector<Shape> shapes(const Profiles& profiles) {
  std::vector<Shape> out;
  for (const std::string& id : profiles.model_ids()) {
    const Json document = Json::parse(profiles.document(ProfileKind::model, id), nullptr, false);
    if (!document.is_object() || !document.contains("metadata")) continue;
    Shape shape{.id = id, .metadata = document["metadata"], .all = {}, .architecture = {}};
    if (document.contains("architecture") && document["architecture"].is_string()) {
      shape.architecture = document["architecture"].get<std::string>();
    }
    // The trained context changes no tensor and no size of a context that is given.
    shape.all = shape.metadata;
    shape.all.erase("context_length");
    for (const char* key : {"tied_embeddings", "optional_tensors", "tensors"}) {
      if (document.contains(key)) shape.all[key] = document[key];
    }
    out.push_back(std::move(shape));
  }
  return out;
}

std::optional<std::int64_t> number(const Json& metadata, const char* key) {
  const auto found = metadata.find(key);
  if (found == metadata.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

/// False only where both say something else.
bool agrees(std::optional<std::int64_t> log, std::optional<std::int64_t> catalog) {
  return !log || !catalog || *log == *catalog;
}

bool same_shape(const LoggedModel& model, const Shape& shape) {
  const Json& known = shape.metadata;
  const auto blocks = number(known, "block_count");
  const auto draft = number(known, "nextn_predict_layers").value_or(0);
  // Until 2026 n_layer counted the layers for drafting too.
  const bool layers = blocks && (*model.layers == *blocks || *model.layers + draft == *blocks);
  return shape.architecture == model.architecture && layers &&
         agrees(model.embedding, number(known, "embedding_length")) &&
         agrees(model.heads, number(known, "attention.head_count")) &&
         agrees(model.kv_heads, number(known, "attention.head_count_kv")) &&
         agrees(model.experts, number(known, "expert_count").value_or(0)) &&
         agrees(model.feed_forward == 0 ? std::nullopt : model.feed_forward,
                number(known, "feed_forward_length"));
}

bool same_vocabulary(const LoggedModel& model, const Shape& shape) {
  return agrees(model.vocabulary, number(shape.metadata, "vocab_size"));
}

/// "8b", "0.5B", "a3b", "270m"
bool is_size(std::string_view word) {
  if (word.empty()) return false;
  const char unit = lower(word.substr(word.size() - 1)).front();
  return (unit == 'b' || unit == 'm') && word.find_first_of("0123456789") != std::string_view::npos;
}

/// Names that the catalog may know, the most exact first: each shorter by its last word.
std::vector<std::string> names_of(const LoggedModel& model) {
  std::vector<std::string> out;
  const auto add = [&](std::string name) {
    std::ranges::replace(name, ' ', '-');
    constexpr int most_words = 8;
    for (int words = 0; words < most_words && name.size() > 2; ++words) {
      if (std::ranges::find(out, name) == out.end()) out.push_back(name);
      const auto cut = name.find_last_of("-_.");
      // Without its size it would be another model.
      if (cut == std::string::npos || is_size(std::string_view(name).substr(cut + 1))) break;
      name.resize(cut);
    }
  };
  std::string_view file = file_name(model.path);
  // Blobs of Ollama and of Hugging Face's cache are named by their content.
  if (!file.empty() && !file.starts_with("sha256") && file.find('.') != std::string_view::npos) {
    if (file.ends_with(".gguf")) file.remove_suffix(5);
    add(std::string(without_file_type(file)));
  }
  if (!model.name.empty()) {
    out.push_back(model.name);  // With its tag.
    add(std::string(without_file_type(file_name(model.name))));
  }
  return out;
}

std::optional<std::string> by_name(const LoggedModel& model, const Profiles& profiles) {
  for (const std::string& name : names_of(model)) {
    try {
      return profiles.model(name).id;
    } catch (const Error&) {
      continue;  // Not known by that name.
    }
  }
  return std::nullopt;
}

/// How many letters of the name in the log are in another order or missing in a catalog name.
std::size_t distance(const LoggedModel& model, const std::string& id) {
  std::size_t best = 1000;
  for (const std::string& name : names_of(model)) {
    best = std::min(best, edit_distance(lower(name), id));
  }
  return best;
}

/// "meta", "llama", "3.1", "8b", "instruct"
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> out;
  const std::string text = lower(name);
  std::size_t start = 0;
  while (start < text.size()) {
    const auto end = std::min(text.find_first_of("-_ :/\\", start), text.size());
    if (end > start) out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

/// The candidate all of whose words stand in one of the log's names; the one with most of them.
std::optional<std::string> by_words(const LoggedModel& model,
                                    const std::vector<Shape>& candidates) {
  std::string file(file_name(model.path));
  if (file.ends_with(".gguf")) file.resize(file.size() - 5);
  std::optional<std::string> best;
  std::size_t most = 0;
  for (const std::string& name : {model.name, file}) {
    const auto known = words_of(name);
    for (const Shape& shape : candidates) {
      const auto words = words_of(shape.id);
      const bool all = std::ranges::all_of(words, [&](const std::string& word) {
        return std::ranges::find(known, word) != known.end();
      });
      if (all && words.size() > most) {
        most = words.size();
        best = shape.id;
      }
    }
  }
  return best;
}

[[noreturn]] void refuse_model(const std::string& problem) {
  throw Error(Errc::unknown_name, "model", problem);
}

MatchedModel chosen_from(std::vector<Shape> candidates, const LoggedModel& model,
                         const std::optional<std::string>& named) {
  MatchedModel out;
  const auto is_named = std::ranges::find_if(
      candidates, [&](const Shape& shape) { return named && shape.id == *named; });
  if (is_named != candidates.end()) {
    out.id = *named;
    out.why = "its name and its shape in the log";
    return out;
  }
  const bool alike = std::ranges::all_of(
      candidates, [&](const Shape& shape) { return shape.all == candidates.front().all; });
  std::vector<std::string> ids(candidates.size());
  std::ranges::transform(candidates, ids.begin(), &Shape::id);
  if (!alike) {
    refuse_model(fmt::format("its shape in the log is that of {}; say which it is with --model",
                             fmt::join(ids, ", ")));
  }
  std::ranges::stable_sort(ids, {}, [&](const std::string& id) { return distance(model, id); });
  out.id = ids.front();
  out.why = ids.size() == 1 ? "the only one of the catalog with its shape in the log"
                            : "its shape in the log";
  out.alike.assign(ids.begin() + 1, ids.end());
  return out;
}

}  // namespace

MatchedModel match_model(const EngineLoad& load, const Profiles& profiles) {
  const LoggedModel& model = load.model;
  const auto named = by_name(model, profiles);
  MatchedModel out;
  if (model.has_shape()) {
    std::vector<Shape> candidates;
    for (Shape& shape : shapes(profiles)) {
      if (same_shape(model, shape)) candidates.push_back(std::move(shape));
    }
    // Files of one model may differ in padding of the vocabulary; those that do not come first.
    if (std::ranges::any_of(candidates,
                            [&](const Shape& shape) { return same_vocabulary(model, shape); })) {
      std::erase_if(candidates, [&](const Shape& shape) { return !same_vocabulary(model, shape); });
    }
    // Of generations that differ in little else.
    const auto same_context = [&](const Shape& shape) {
      return agrees(model.trained_context, number(shape.metadata, "context_length"));
    };
    if (std::ranges::any_of(candidates, same_context)) {
      std::erase_if(candidates, [&](const Shape& shape) { return !same_context(shape); });
    }
    if (candidates.empty()) {
      refuse_model(
          fmt::format("no model of the catalog has its shape ({}, {} layers, {} of embedding); "
                      "give its file with --model",
                      model.architecture, *model.layers, *model.embedding));
    }
    const bool is_one = std::ranges::any_of(
        candidates, [&](const Shape& shape) { return named && shape.id == *named; });
    const auto name = is_one ? named : by_words(model, candidates);
    out = chosen_from(std::move(candidates), model, name);
  } else if (named) {
    out.id = *named;
    out.why = "its name in the log";
  } else if (model.name.empty() && model.path.empty()) {
    refuse_model("the log does not say which it is; give it with --model");
  } else {
    refuse_model("the catalog does not know its name in the log; give it with --model");
  }
  out.quantization = quantization_of(model, profiles);
  return out;
}

std::string quantization_in(const EngineLoad& load, const Profiles& profiles) {
  return logs::quantization_of(load.model, profiles);
}

}  // namespace membudget
