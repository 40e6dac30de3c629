// SPDX-License-Identifier: MIT
#include "source/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>
#include <variant>

#include "membudget/error.hpp"
#include "model/arch/arch.hpp"
#include "model/quantization.hpp"
#include "model/quantize.hpp"
#include "profiles/decode.hpp"
#include "source/byte_cursor.hpp"
#include "source/hf_config.hpp"
#include "source/safetensors.hpp"

namespace membudget {
namespace {

using nlohmann::json;

constexpr std::string_view config_name = "config.json";
constexpr std::string_view index_name = "model.safetensors.index.json";
constexpr std::string_view file_ending = ".safetensors";
constexpr std::int64_t longest_config = std::int64_t{1} << 20;
// DeepSeek V3's has 9 MB.
constexpr std::int64_t longest_index = std::int64_t{64} << 20;

/// The files that an index maps tensors to; nothing else of it is kept.
class IndexEvents {
 public:
  explicit IndexEvents(std::string where) : where_(std::move(where)) {}

  [[nodiscard]] const std::set<std::string>& files() const { return files_; }

  bool key(std::string& name) {
    if (depth_ == 1) {
      in_map_ = name == "weight_map";
    }
    return true;
  }
  bool string(std::string& text) {
    if (in_map_ && depth_ == 2) {
      if (files_.size() > most_files) {
        fail("names more files than any model has");
      }
      files_.insert(text);
    }
    return true;
  }
  bool start_object(std::size_t /*elements*/) {
    ++depth_;
    return true;
  }
  bool end_object() {
    --depth_;
    return true;
  }
  bool start_array(std::size_t /*elements*/) {
    ++depth_;
    return true;
  }
  bool end_array() {
    --depth_;
    return true;
  }
  bool null() { return true; }
  bool boolean(bool /*value*/) { return true; }
  bool number_integer(std::int64_t /*value*/) { return true; }
  bool number_unsigned(std::uint64_t /*value*/) { return true; }
  bool number_float(double /*value*/, const std::string& /*text*/) { return true; }
  bool binary(json::binary_t& /*value*/) { return true; }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const json::exception& /*error*/) {
    throw Error(Errc::invalid_model, fmt::format("{}@{:#x}", where_, position),
                "is not JSON; download the file again");
  }

 private:
  static constexpr std::size_t most_files = 4096;

  [[noreturn]] void fail(const std::string& message) const {
    throw Error(Errc::invalid_model, where_, message);
  }

  std::string where_;
  std::set<std::string> files_;
  int depth_ = 0;
  bool in_map_ = false;
};

std::string place_of(const ModelFiles& files, std::string_view file) {
  return fmt::format("{}/{}", files.name(), file);
}

/// The files that hold the model: those of the index, else `model*.safetensors`, else all of the
/// top folder; repositories often hold the same weights in another layout beside them.
std::vector<std::string> weight_files(const ModelFiles& files) {
  if (files.has(index_name)) {
    IndexEvents events(place_of(files, index_name));
    const std::string text = files.read(std::string(index_name), longest_index);
    static_cast<void>(json::sax_parse(text, &events));
    std::vector<std::string> missing;
    for (const std::string& file : events.files()) {
      if (!files.has(file)) {
        missing.push_back(in_quotes(file));
      }
    }
    if (!missing.empty()) {
      constexpr std::size_t named = 8;
      const std::size_t all = missing.size();
      missing.resize(std::min(all, named));
      throw Error(
          Errc::io, place_of(files, index_name),
          fmt::format("{} of the {} files it lists are missing: {}{}; put them beside it", all,
                      events.files().size(), fmt::join(missing, ", "), all > named ? ", ..." : ""));
    }
    if (!events.files().empty()) {
      return {events.files().begin(), events.files().end()};
    }
  }
  std::vector<std::string> all;
  std::vector<std::string> usual;
  for (const std::string& file : files.list()) {
    if (file.ends_with(file_ending) && file.find('/') == std::string::npos) {
      all.push_back(file);
      if (file.starts_with("model")) {
        usual.push_back(file);
      }
    }
  }
  return usual.empty() ? all : usual;
}

/// A name of a layer's tensor, taken apart.
struct LayerName {
  std::int64_t layer = 0;
  std::string_view rest;  ///< After the layer's number.
};

/// nullopt outside the layers.
std::optional<LayerName> within_layer(std::string_view name) {
  for (const std::string_view stem : {"layers.", ".h.", "blocks."}) {
    const auto at = name.find(stem);
    if (at == std::string_view::npos) {
      continue;
    }
    const std::string_view rest = name.substr(at + stem.size());
    LayerName out;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out.layer);
    const auto digits = static_cast<std::size_t>(end - rest.data());
    if (error == std::errc{} && digits < rest.size() && rest[digits] == '.') {
      out.rest = rest.substr(digits + 1);
      return out;
    }
  }
  return std::nullopt;
}

// TextModel.filter_tensors in conversion/base.py: what belongs to other parts of a model than its
// language model, and next-token heads that most conversions leave out.
bool belongs_elsewhere(std::string_view name) {
  constexpr std::array<std::string_view, 14> parts{
      "visual.",    "vision.",       "vision_",     "audio.",           "audio_",
      "projector.", "image_newline", "patch_embed", "model.connector.", "embed_vision",
      "mtp.",       "multi_modal",   "mm_",         "talker."};
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

/// Names of a checkpoint by their endings.
class NameIndex {
 public:
  explicit NameIndex(const std::vector<Checkpoint::Stored>& tensors) {
    for (const Checkpoint::Stored& tensor : tensors) {
      if (belongs_elsewhere(tensor.name)) {
        continue;
      }
      const auto layer = within_layer(tensor.name);
      (layer ? layers_ : outside_).insert(std::string(layer ? layer->rest : tensor.name));
    }
  }

  [[nodiscard]] bool in_layer(std::string_view name) const { return ends(layers_, name); }
  [[nodiscard]] bool outside(std::string_view name) const { return ends(outside_, name); }

 private:
  static bool ends(const std::unordered_set<std::string>& names, std::string_view wanted) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name.ends_with(wanted) &&
             (name.size() == wanted.size() || name[name.size() - wanted.size() - 1] == '.');
    });
  }

  std::unordered_set<std::string> layers_;
  std::unordered_set<std::string> outside_;
};

// ---- MLX's quantization.

std::string quantization_name(std::int64_t bits, const std::string& mode) {
  return mode.empty() || mode == "affine" ? fmt::format("{}bit", bits) : mode;
}

/// The `quantization` block (mlx-lm, utils.py): bits and group size of all modules, and by the
/// name of a module what differs there; `false` leaves it as it is.
void read_quantization(const HfConfig& config, Checkpoint& out) {
  const json* block = config.find("quantization");
  if (block == nullptr || !block->is_object()) {
    return;
  }
  const auto whole = [&](const json& from, const std::string& pointer,
                         const char* key) -> std::int64_t {
    const auto found = from.find(key);
    if (found == from.end()) {
      return 0;
    }
    constexpr std::uint64_t most = 4096;
    if (!found->is_number_unsigned() || found->get<std::uint64_t>() > most) {
      config.fail(fmt::format("{}/{}", pointer, key), "must be a whole number of at most 4096");
    }
    return found->get<std::int64_t>();
  };
  out.bits = whole(*block, "quantization", "bits");
  out.group_size = whole(*block, "quantization", "group_size");
  const auto mode = block->find("mode");
  out.mode = mode != block->end() && mode->is_string() ? mode->get<std::string>() : "affine";
  for (const auto& [module, value] : block->items()) {
    if (value.is_object()) {
      out.overrides.emplace_back(module, whole(value, "quantization/" + module, "bits"));
    } else if (value.is_boolean() && !value.get<bool>()) {
      out.overrides.emplace_back(module, 0);
    }
  }
  out.quantization = quantization_name(out.bits, out.mode);
}

/// Elements of the model's own tensors, of quantized ones before they were packed; layers from
/// `layers` on are heads for drafting that conversion leaves out.
double logical_elements(const Checkpoint& checkpoint, std::int64_t layers) {
  std::unordered_set<std::string_view> scaled;
  for (const Checkpoint::Stored& tensor : checkpoint.tensors) {
    const std::string_view name = tensor.name;
    if (checkpoint.bits > 0 && name.ends_with(".scales")) {
      scaled.insert(name.substr(0, name.size() - std::string_view(".scales").size()));
    }
  }
  double sum = 0;
  for (const Checkpoint::Stored& tensor : checkpoint.tensors) {
    const std::string_view name = tensor.name;
    const std::string_view module = name.substr(0, name.rfind('.'));
    const auto layer = within_layer(name);
    // gpt-oss stores MXFP4 as bytes of two values, and their scales beside them.
    const bool scale_of_blocks = tensor.type == "U8" && name.ends_with("_scales");
    if (belongs_elsewhere(name) || (layer && layer->layer >= layers) || scale_of_blocks ||
        (scaled.count(module) != 0 && !name.ends_with(".weight"))) {
      continue;
    }
    const bool blocks = tensor.type == "U8" && name.ends_with("_blocks");
    std::int64_t bits = blocks ? 4 : bits_of_dtype(tensor.type);
    if (scaled.count(module) != 0) {
      const auto own = std::find_if(checkpoint.overrides.begin(), checkpoint.overrides.end(),
                                    [&](const auto& each) { return each.first == module; });
      bits = own == checkpoint.overrides.end() ? checkpoint.bits : own->second;
    }
    if (bits > 0) {
      sum += static_cast<double>(tensor.size.count()) * 8 / static_cast<double>(bits);
    }
  }
  return sum;
}

// ---- The whole.

struct Stored {
  Checkpoint checkpoint;
  Bytes missing;
};

Stored read_weights(const ModelFiles& files) {
  const std::vector<std::string> names = weight_files(files);
  if (names.empty()) {
    throw Error(Errc::io, files.name(),
                "holds a config.json, but no .safetensors files; download the model whole");
  }
  Stored out;
  std::unordered_set<std::string> seen;
  for (const std::string& name : names) {
    Safetensors part = read_safetensors(*files.open(name));
    out.missing += part.missing;
    for (Checkpoint::Stored& tensor : part.tensors) {
      if (!seen.insert(tensor.name).second) {
        throw Error(Errc::invalid_model, place_of(files, name),
                    fmt::format("the tensor {} is also in an earlier file of the model",
                                in_quotes(tensor.name)));
      }
      out.checkpoint.tensors.push_back(std::move(tensor));
    }
  }
  return out;
}

std::int64_t vocabulary_of(const std::vector<Checkpoint::Stored>& tensors) {
  for (const Checkpoint::Stored& tensor : tensors) {
    const std::string_view name = tensor.name;
    const bool table =
        name.ends_with("embed_tokens.weight") || name.ends_with("wte.weight") ||
        name.ends_with("word_embeddings.weight") || name.ends_with("backbone.embeddings.weight") ||
        name.ends_with("backbone.embedding.weight") || name.ends_with("tok_embeddings.weight");
    if (table && !within_layer(name) && !belongs_elsewhere(name) && tensor.shape.size() == 2) {
      return tensor.shape[0];
    }
  }
  return 0;
}

/// The 16-bit type that conversion picks by the first tensor it finds (conversion/base.py).
std::string converted_type(const Checkpoint& checkpoint) {
  for (const Checkpoint::Stored& tensor : checkpoint.tensors) {
    if (tensor.type == "BF16" || tensor.type == "F16") {
      return tensor.type;
    }
  }
  return "F16";
}

Quantization quantization_named(const Profiles& profiles, std::string_view name) {
  const std::string_view text = profiles.document(ProfileKind::quantization, name);
  const json document = json::parse(text, nullptr, false);
  const std::string id = document.is_object() ? document.value("id", std::string()) : std::string();
  return decode(decode_quantization, fmt::format("profiles/quants/{}.json", id), text).quantization;
}

std::string name_of(const Quantization& quantization) {
  return std::visit([](const auto& format) { return format.name; }, quantization);
}

TensorTable typed(std::vector<TensorShape> shapes, const Metadata& metadata,
                  const Quantization& quantization) {
  return std::visit(
      [&](const auto& format) { return quantize(std::move(shapes), metadata, format); },
      quantization);
}

/// Says how much of the checkpoint the planned GGUF does not account for, when it is much.
void compare_elements(const HfConfig& config, const Checkpoint& checkpoint, Model& model) {
  // Other packings are not taken apart here.
  const std::string packing = config.text("quantization_config.quant_method").value_or("");
  if (!packing.empty() && packing != "mxfp4" && packing != "fp8" && checkpoint.bits == 0) {
    return;
  }
  const double stored = logical_elements(
      checkpoint, static_cast<std::int64_t>(model.layers.size()) + model.draft_layers);
  const auto planned = static_cast<double>(model.tensors.parameters());
  constexpr double noise = 0.005;
  if (stored > 0 && std::abs(planned - stored) > noise * stored) {
    model.notes.push_back(fmt::format(
        "the folder holds {:.3f} billion parameters of a language model, the planned GGUF {:.3f} "
        "billion: this variant of '{}' is not fully understood",
        stored / 1e9, planned / 1e9, model.architecture));
  }
}

}  // namespace

bool is_checkpoint(const ModelFiles& files) {
  return files.has(config_name) &&
         std::any_of(files.list().begin(), files.list().end(),
                     [](const std::string& file) { return file.ends_with(file_ending); });
}

Model read_checkpoint(const ModelFiles& files, std::string id, std::string_view quantization,
                      const Profiles& profiles) {
  const HfConfig config(place_of(files, config_name),
                        files.read(std::string(config_name), longest_config));
  Stored stored = read_weights(files);
  Checkpoint& checkpoint = stored.checkpoint;
  read_quantization(config, checkpoint);
  const std::string converted = converted_type(checkpoint);
  if (checkpoint.quantization.empty()) {
    checkpoint.quantization = converted;
  }

  const NameIndex names(checkpoint.tensors);
  const HfModel described = gguf_metadata_of(
      config, {.vocabulary = vocabulary_of(checkpoint.tensors),
               .has_in_layer = [&](std::string_view name) { return names.in_layer(name); },
               .has_outside = [&](std::string_view name) { return names.outside(name); }});
  const Architecture* architecture = find_architecture(described.metadata.architecture());
  if (architecture == nullptr) {
    throw Error(Errc::unsupported, config.where(),
                fmt::format("the memory of architecture '{}' is not modelled yet; "
                            "give another model",
                            described.metadata.architecture()));
  }
  const bool asked = !quantization.empty();
  const Quantization target = quantization_named(profiles, asked ? quantization : converted);
  const std::string file_type = name_of(target);
  const std::string planned = std::holds_alternative<FileType>(target)    ? "GGUF"
                              : std::holds_alternative<MlxFormat>(target) ? "MLX weights"
                                                                          : "weights";
  Model model =
      describe_model(described.metadata,
                     typed(architecture->tensors(described.metadata, described.optional_tensors),
                           described.metadata, target));
  model.id = std::move(id);
  model.quantization = file_type;
  model.source = ModelSource::safetensors;
  if (checkpoint.bits > 0 && file_type == checkpoint.quantization) {
    // Planned as it is.
  } else if (checkpoint.bits > 0) {
    model.notes.push_back(fmt::format(
        "the folder holds {} of MLX weights ({}), which llama.cpp does not read; planned is the {} "
        "{} of the same model",
        to_text(checkpoint.total()), checkpoint.quantization, file_type, planned));
  } else {
    model.notes.push_back(
        fmt::format("the folder holds {} of safetensors ({}); planned is the {} {} made from it{}",
                    to_text(checkpoint.total()), checkpoint.quantization, file_type, planned,
                    asked ? "" : ", name another with --quant"));
  }
  if (stored.missing > Bytes{}) {
    model.notes.push_back(
        fmt::format("the files are not whole: {} are missing, as during a download; the plan is "
                    "for the whole model",
                    to_text(stored.missing)));
  }
  compare_elements(config, checkpoint, model);
  model.checkpoint = std::move(checkpoint);
  return model;
}

}  // namespace membudget
