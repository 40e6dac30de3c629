// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "ascii.hpp"
#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

using nlohmann::json;

// Metadata has no arrays of booleans: GGUF's own readers take them as numbers too.
bool is_integer(const json& value) {
  return value.is_boolean() ||
         (value.is_number_integer() &&
          (!value.is_number_unsigned() ||
           value.get<std::uint64_t>() <=
               static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
}

std::int64_t integer_of(const json& value) {
  return value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<std::int64_t>();
}

Metadata::Value metadata_value(Fields& fields, const std::string& key, const json& value) {
  if (value.is_boolean()) {
    return value.get<bool>();
  }
  if (is_integer(value)) {
    return value.get<std::int64_t>();
  }
  if (value.is_number_float()) {
    return value.get<double>();
  }
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_array() && !value.empty()) {
    if (std::all_of(value.begin(), value.end(), is_integer)) {
      std::vector<std::int64_t> out;
      std::transform(value.begin(), value.end(), std::back_inserter(out), integer_of);
      return out;
    }
    if (std::all_of(value.begin(), value.end(), [](const json& x) { return x.is_number(); })) {
      return value.get<std::vector<double>>();
    }
  }
  fields.fail(key, "must be a number, true, false, a string or an array of numbers");
  return std::int64_t{0};
}

std::vector<std::string> take_names(Fields& fields, ModelProfile& profile) {
  profile.ollama = fields.texts_or_none("ollama");
  std::vector<std::string> out = profile.ollama;
  if (auto repository = fields.text_or_none("hf")) {
    if (fields.sound({"hf"}) && std::count(repository->begin(), repository->end(), '/') != 1) {
      fields.fail("hf", "must be a repository as ORG/NAME");
    }
    profile.repository = *repository;
    out.push_back(std::move(*repository));
  }
  for (std::string& alias : fields.texts_or_none("aliases")) {
    out.push_back(std::move(alias));
  }
  return out;
}

void take_projectors(Fields& fields) {
  for (Fields& projector : fields.objects_or_none("projectors")) {
    static_cast<void>(projector.text("quantization"));
    static_cast<void>(projector.whole("size_bytes", 1));
    static_cast<void>(
        projector.one_of("precision", {"exact-bytes", "rounded-0.1-MiB", "rounded-0.1-GiB"}));
    static_cast<void>(projector.text("source"));
    projector.finish();
  }
}

/// What the publisher counts, less what conversion to GGUF drops.
void take_published(Fields& fields, ModelProfile& out) {
  if (!fields.has_optional("published")) {
    return;
  }
  Fields published = fields.object("published");
  out.published_parameters =
      published.whole("parameters", 1) - published.whole_or_none("dropped", 1).value_or(0);
  out.published_plus_minus = published.whole_or_none("plus_minus", 1).value_or(0);
  if (published.sound({"parameters", "dropped"}) && out.published_parameters < 1) {
    published.fail("dropped", "must be less than 'parameters'");
  }
  static_cast<void>(published.text("source"));
  static_cast<void>(published.text_or_none("note"));
  published.finish();
}

Upload take_upload(Fields& fields) {
  Upload out;
  out.names = fields.some_texts("names");
  for (std::size_t i = 0; i < out.names.size(); ++i) {
    // Other uploads of the model have names too.
    if (out.names[i].find_first_not_of('*') == std::string::npos) {
      fields.fail_item("names", i, "matches every name; say whose, as in \"llama2:*\"");
    }
  }
  out.quantization = fields.text_or_none("quantization").value_or("");
  out.importance_matrix =
      fields.has_optional("importance_matrix") && fields.flag("importance_matrix");
  if (fields.has_optional("optional_tensors")) {
    out.optional_tensors = fields.texts("optional_tensors");
  }
  out.tensors = take_named_types(fields, "tensors");
  out.at_base_type = fields.texts_or_none("at_base_type");
  out.counts_each_ffn_down =
      fields.has_optional("counts_each_ffn_down") && fields.flag("counts_each_ffn_down");
  out.tokenizer = fields.text_or_none("tokenizer").value_or("");
  out.beside = Bytes(fields.whole_or_none("beside_bytes", 1).value_or(0));
  out.draft_parameters = fields.whole_or_none("draft_parameters", 1).value_or(0);
  out.ollama_transforms =
      fields.has_optional("ollama_transforms") && fields.flag("ollama_transforms");
  out.stated_kv_heads = fields.whole_or_none("stated_kv_heads", 0);
  out.other_mix = fields.has_optional("other_mix") && fields.flag("other_mix");
  static_cast<void>(fields.whole_or_none("size_bytes", 1));
  out.note = fields.text("note");
  static_cast<void>(fields.text("source"));
  fields.finish();
  return out;
}

}  // namespace

std::string take_header(Fields& fields, std::string_view schema) {
  static_cast<void>(fields.one_of("schema", {schema}));
  std::string id = fields.text("id");
  if (!fields.sound({"id"})) {
    return id;
  }
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  };
  if (!std::all_of(id.begin(), id.end(), allowed) || id.find_first_of(".-_") == 0) {
    fields.fail("id", fmt::format("'{}' may hold only a-z, 0-9, '.', '-' and '_', and starts with "
                                  "a letter or digit",
                                  id));
    return id;
  }
  const std::string& file = fields.file();
  const std::string base = file.substr(file.find_last_of("/\\") + 1);
  if (base != id + ".json") {
    fields.fail("id", fmt::format("'{}' does not match the file's name '{}'", id, base));
  }
  return id;
}

ModelProfile decode_model(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  ModelProfile out;
  out.id = take_header(fields, "membudget.model/1");
  out.name = fields.text("name");
  out.family = fields.text_or_none("family").value_or("");
  out.related_families = fields.texts_or_none("related_families");
  out.architecture = fields.text("architecture");
  out.modality = fields.one_of("modality", {"text", "vision", "embedding"});
  out.names = take_names(fields, out);
  out.parameters = fields.whole("parameters", 1);
  if (const auto active = fields.whole_or_none("active_parameters", 1);
      fields.sound({"parameters", "active_parameters"}) && *active > out.parameters) {
    fields.fail("active_parameters", "must not be more than 'parameters'");
  } else {
    out.active_parameters = active.value_or(0);
  }
  take_published(fields, out);
  out.tied_embeddings = fields.flag("tied_embeddings");
  out.tokenizer = fields.text("tokenizer");
  out.default_quantization = fields.text("default_quantization");
  Fields metadata = fields.object("metadata");
  for (const auto& [key, entry] : metadata.members()) {
    out.metadata.emplace_back(key, metadata_value(metadata, key, entry));
  }
  // What no architecture does without; others may be missing too, which check_profiles() finds.
  for (const std::string_view key : {"context_length", "embedding_length", "block_count"}) {
    if (fields.sound({"metadata"}) && !metadata.has(key)) {
      fields.fail("metadata", fmt::format("key '{}' is missing; add it", key));
    }
  }
  out.optional_tensors = fields.texts("optional_tensors");
  take_projectors(fields);
  for (Fields& upload : fields.objects_or_none("uploads")) {
    out.uploads.push_back(take_upload(upload));
  }
  static_cast<void>(fields.some_texts("sources"));
  static_cast<void>(fields.texts_or_none("notes"));
  fields.finish();

  std::set<std::string> seen{lower(out.id)};
  for (const std::string& name : out.names) {
    if (!seen.insert(lower(name)).second) {
      fields.fail("aliases", fmt::format("the model has the name '{}' twice; keep one", name));
    }
  }
  return out;
}

Bytes TokenizerTable::size(std::string_view id, std::int64_t tokens) const {
  for (const Entry& entry : entries) {
    if (entry.id == id) {
      return Bytes(checked_multiply(entry.bytes.count(), tokens) / entry.tokens);
    }
  }
  return {};
}

bool TokenizerTable::knows(std::string_view id) const {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const Entry& entry) { return entry.id == id; });
}

TokenizerTable decode_tokenizers(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.tokenizers/1"}));
  static_cast<void>(fields.texts_or_none("notes"));
  TokenizerTable out;
  for (Fields& entry : fields.objects("entries")) {
    TokenizerTable::Entry& tokenizer = out.entries.emplace_back();
    const std::string id = entry.text("id");
    if (entry.sound({"id"}) && out.knows(id)) {
      entry.fail("id", fmt::format("'{}' stands twice in this table; keep one", id));
    }
    tokenizer.id = id;
    tokenizer.tokens = entry.whole("tokens", 1);
    tokenizer.bytes = Bytes(entry.whole("bytes", 1));
    static_cast<void>(entry.one_of("basis", {"measured", "assumed"}));
    static_cast<void>(entry.text("source"));
    entry.finish();
  }
  fields.finish();
  return out;
}

}  // namespace membudget
