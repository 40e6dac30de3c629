// SPDX-License-Identifier: MIT
#include "source/gguf_model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "membudget/error.hpp"
#include "model/arch/arch.hpp"
#include "source/byte_cursor.hpp"
#include "source/ollama_layout.hpp"

namespace membudget {
namespace {

struct FileType {
  std::int64_t id;  ///< general.file_type
  std::string_view name;
};

// enum llama_ftype in include/llama.h, llama.cpp b10587; the names are those of llama-quantize.
// The gaps are types that llama.cpp has dropped.
constexpr std::array<FileType, 36> file_types{{
    {0, "F32"},      {1, "F16"},      {2, "Q4_0"},       {3, "Q4_1"},    {7, "Q8_0"},
    {8, "Q5_0"},     {9, "Q5_1"},     {10, "Q2_K"},      {11, "Q3_K_S"}, {12, "Q3_K_M"},
    {13, "Q3_K_L"},  {14, "Q4_K_S"},  {15, "Q4_K_M"},    {16, "Q5_K_S"}, {17, "Q5_K_M"},
    {18, "Q6_K"},    {19, "IQ2_XXS"}, {20, "IQ2_XS"},    {21, "Q2_K_S"}, {22, "IQ3_XS"},
    {23, "IQ3_XXS"}, {24, "IQ1_S"},   {25, "IQ4_NL"},    {26, "IQ3_S"},  {27, "IQ3_M"},
    {28, "IQ2_S"},   {29, "IQ2_M"},   {30, "IQ4_XS"},    {31, "IQ1_M"},  {32, "BF16"},
    {36, "TQ1_0"},   {37, "TQ2_0"},   {38, "MXFP4_MOE"}, {39, "NVFP4"},  {40, "Q1_0"},
    {41, "Q2_0"},
}};

std::string quantization_of(const Metadata& metadata) {
  const Metadata::Value* value = metadata.find("general.file_type");
  const auto* id = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
  if (id == nullptr) {
    return "";
  }
  // LLAMA_FTYPE_GUESSED marks a type that the writer did not know but counted.
  constexpr std::int64_t guessed = 1024;
  const auto* found = std::find_if(file_types.begin(), file_types.end(), [&](const FileType& type) {
    return type.id == (*id & ~guessed);
  });
  return found == file_types.end() ? "" : std::string(found->name);
}

std::string_view text_of(const Metadata& metadata, std::string_view key) {
  const Metadata::Value* value = metadata.find(key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

// `general.type` is "model", "adapter", "mmproj" or "imatrix" (gguf-py, GGUFType); older
// projectors only have the architecture "clip", older adapters only `adapter.type`.
bool is_projector(const Metadata& metadata) {
  return text_of(metadata, "general.type") == "mmproj" ||
         text_of(metadata, "general.architecture") == "clip";
}

bool is_adapter(const Metadata& metadata) {
  return text_of(metadata, "general.type") == "adapter" || metadata.has("adapter.type");
}

void refuse_what_is_no_model(const Metadata& metadata, const std::string& where) {
  if (is_projector(metadata)) {
    throw Error(Errc::unsupported, where,
                "is a projector (mmproj) that belongs to a model and is none; "
                "plan the model's own .gguf");
  }
  if (is_adapter(metadata)) {
    const std::string_view base = text_of(metadata, "general.base_model.0.name");
    throw Error(Errc::unsupported, where,
                fmt::format("is a LoRA adapter that belongs to a model and is none; plan the model "
                            "it was made for{}",
                            base.empty() ? "" : ", " + in_quotes(base)));
  }
  if (text_of(metadata, "general.type") == "imatrix") {
    throw Error(
        Errc::unsupported, where,
        "is an importance matrix for llama-quantize, not a model; plan the model's own .gguf");
  }
  if (text_of(metadata, "general.architecture") == "controlvector") {
    throw Error(Errc::unsupported, where,
                "is a control vector that belongs to a model and is none; "
                "plan the model's own .gguf");
  }
}

// The engine refuses shapes that are not what the metadata asks for (llama-model-loader.cpp,
// check_tensor_dims), and a layer that is not there.
void check_tensors(const Gguf& gguf, const Model& model, const std::string& where) {
  const Architecture* architecture = find_architecture(model.architecture);
  if (architecture == nullptr) {
    return;
  }
  const std::span<const Tensor> listed = model.tensors.all();
  std::vector<bool> seen(model.layers.size(), false);
  for (const Tensor& tensor : listed) {
    const std::int64_t layer = TensorTable::layer_of(tensor.name);
    if (layer >= 0 && layer < static_cast<std::int64_t>(seen.size())) {
      seen[static_cast<std::size_t>(layer)] = true;
    }
  }
  if (const auto gap = std::find(seen.begin(), seen.end(), false); gap != seen.end()) {
    throw Error(
        Errc::invalid_model, gguf.metadata.place_of("block_count"),
        fmt::format("the header lists no tensors of layer {}, but speaks of {} layers; it is "
                    "cut or damaged, download the file again",
                    gap - seen.begin(), seen.size()));
  }
  for (const TensorShape& wanted : architecture->tensors(gguf.metadata, {})) {
    const std::string_view name = wanted.name;
    const std::int64_t layer = TensorTable::layer_of(name);
    const auto dot = layer < 0 ? 0 : name.find('.', std::string_view("blk.").size()) + 1;
    const Tensor* found = model.tensors.find(layer, name.substr(dot));
    // How many tokens there are is the tokenizer's matter, and its keys may say less.
    const bool vocabulary = name.ends_with("token_embd.weight");
    if (found == nullptr || found->shape == wanted.shape ||
        (vocabulary && found->shape[0] == wanted.shape[0])) {
      continue;
    }
    const auto index = static_cast<std::size_t>(found - listed.data());
    throw Error(
        Errc::invalid_model,
        index < gguf.places.size() ? fmt::format("{}@{:#x}", where, gguf.places[index]) : where,
        fmt::format("the tensor {} has the shape {}, but the metadata asks for {}; the "
                    "header is damaged, download the file again",
                    in_quotes(name), fmt::join(found->shape, "x"), fmt::join(wanted.shape, "x")));
  }
}

// Beyond any encoder; larger numbers are not believed.
constexpr std::int64_t max_extent = 1 << 20;

Bytes sum_of(const std::vector<Tensor>& tensors) {
  Bytes sum;
  for (const Tensor& tensor : tensors) {
    sum += tensor.size();
  }
  return sum;
}

void take_layout(const OllamaLayout& ollama, Model& model) {
  model.ollama_architecture = ollama.architecture;
  model.ollama_transforms = ollama.transforms;
  model.beside = ollama.projector;
  model.stated_layers = ollama.layers;
  model.stated_heads = ollama.heads;
  model.stated_kv_heads = ollama.kv_heads;
  model.notes.push_back(fmt::format(
      "the file is in a layout that only Ollama loads{}; llama.cpp and what is built on "
      "it need the model's GGUF from Hugging Face, which takes about as much",
      ollama.projector > Bytes{}
          ? fmt::format(", with a vision tower of {} inside", to_text(ollama.projector))
          : ""));
}

}  // namespace

std::optional<Companion> companion_of(const Gguf& gguf, const std::string& name) {
  if (!is_projector(gguf.metadata) && !is_adapter(gguf.metadata)) {
    return std::nullopt;
  }
  Companion result{.kind = Companion::Kind::projector,
                   .name = name,
                   .weights = sum_of(gguf.tensors),
                   .projector = nullptr,
                   .adapter = nullptr};
  if (is_projector(gguf.metadata)) {
    result.projector = std::make_shared<const Projector>(projector_of(gguf, name, name));
  } else {
    result.kind = Companion::Kind::adapter;
    result.adapter = std::make_shared<const Adapter>(adapter_of(gguf, name, name));
  }
  return result;
}

// llama_adapter_lora_init_impl (llama-adapter.cpp:155, llama.cpp b10587)
Adapter adapter_of(const Gguf& gguf, const std::string& where, std::string name) {
  if (!is_adapter(gguf.metadata)) {
    throw Error(Errc::unsupported, where,
                "is no LoRA adapter; give a .gguf that convert_lora_to_gguf.py wrote");
  }
  if (const std::string_view kind = text_of(gguf.metadata, "adapter.type");
      !kind.empty() && kind != "lora") {
    throw Error(Errc::unsupported, where,
                fmt::format("is an adapter of type {}, of which the engine knows only lora",
                            in_quotes(kind)));
  }
  if (gguf.tensors.empty()) {
    throw Error(Errc::invalid_model, where, "is a LoRA adapter without tensors; download it again");
  }
  return {.name = std::move(name),
          .architecture = std::string(text_of(gguf.metadata, "general.architecture")),
          .tensors = gguf.tensors};
}

// llama_control_vector_load_one (common.cpp, llama.cpp b10587): F32 rows called direction.LAYER.
ControlVector control_vector_of(const Gguf& gguf, const std::string& where, std::string name) {
  constexpr std::string_view direction = "direction.";
  ControlVector result{.name = std::move(name), .embedding = 0};
  for (const Tensor& tensor : gguf.tensors) {
    if (tensor.name.compare(0, direction.size(), direction) != 0) {
      continue;
    }
    if (tensor.type != ElementType::f32 || tensor.dimensions() != 1 ||
        (result.embedding != 0 && result.embedding != tensor.shape[0])) {
      throw Error(Errc::invalid_model, where,
                  fmt::format("the direction {} is not a row of F32 as long as the others, so the "
                              "engine refuses it",
                              in_quotes(tensor.name)));
    }
    result.embedding = tensor.shape[0];
  }
  if (result.embedding == 0) {
    throw Error(
        Errc::unsupported, where,
        "is no control vector; give a .gguf with tensors called direction.1, direction.2, ...");
  }
  return result;
}

// clip_model_loader::load_hparams (tools/mtmd/clip.cpp, llama.cpp b10587)
Projector projector_of(const Gguf& gguf, const std::string& where, std::string name) {
  const Metadata& metadata = gguf.metadata;
  if (!is_projector(metadata)) {
    throw Error(Errc::unsupported, where,
                "is no projector; give the mmproj .gguf that belongs to the model");
  }
  const auto number = [&](std::string_view key) {
    const Metadata::Value* value = metadata.find(key);
    const auto* found = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
    return found == nullptr || *found < 0 || *found > max_extent ? std::int64_t{0} : *found;
  };
  const auto flag = [&](std::string_view key) {
    const Metadata::Value* value = metadata.find(key);
    const auto* found = value == nullptr ? nullptr : std::get_if<bool>(value);
    return found != nullptr && *found;
  };
  const std::string_view common = text_of(metadata, "clip.projector_type");
  const auto kind = [&](std::string_view own) {
    const std::string_view stated = text_of(metadata, own);
    return std::string(stated.empty() ? common : stated);
  };
  const bool hears = flag("clip.has_audio_encoder");
  const bool sees = flag("clip.has_vision_encoder") || !hears;
  const std::string_view of = sees ? "clip.vision." : "clip.audio.";
  const auto hparam = [&](std::string_view key) { return number(std::string(of).append(key)); };
  Projector result{.name = std::move(name),
                   .vision = sees ? kind("clip.vision.projector_type") : "",
                   .audio = hears ? kind("clip.audio.projector_type") : "",
                   .image_size = hparam("image_size"),
                   .patch_size = hparam("patch_size"),
                   .embedding = hparam("embedding_length"),
                   .feed_forward = hparam("feed_forward_length"),
                   .heads = hparam("attention.head_count"),
                   .layers = hparam("block_count"),
                   .projection = hparam("projection_dim"),
                   .full_attention_every = number("clip.vision.n_wa_pattern"),
                   .window_size = number("clip.vision.window_size"),
                   .merge = number("clip.vision.projector.scale_factor"),
                   .tensors = gguf.tensors};
  if (result.merge == 0) {
    result.merge = number("clip.vision.spatial_merge_size");
  }
  constexpr std::int64_t pooled_by = 4;  // clip.cpp: PROJECTOR_TYPE_GEMMA3
  if (result.merge == 0 && result.vision == "gemma3") {
    result.merge = pooled_by;
  }
  return result;
}

Model model_of(Gguf gguf, const std::string& where, std::string id) {
  refuse_what_is_no_model(gguf.metadata, where);
  if (gguf.tensors.empty()) {
    throw Error(Errc::invalid_model, where + "@0x8",
                "holds no tensors, as files with only a vocabulary do; give the model's own file");
  }
  const Bytes missing = gguf.missing;
  const Bytes whole = gguf.data_size;
  const OllamaLayout ollama = translate_ollama_layout(gguf);
  Model model = describe_model(gguf.metadata, TensorTable(std::move(gguf.tensors), gguf.alignment));
  check_tensors(gguf, model, where);
  model.id = std::move(id);
  model.quantization = quantization_of(gguf.metadata);
  model.source = ModelSource::gguf;
  model.header = Bytes{gguf.data_offset};
  model.file = model.header + whole;
  if (!ollama.architecture.empty()) {
    take_layout(ollama, model);
  }
  if (missing > Bytes{}) {
    model.notes.push_back(
        fmt::format("the file is not whole: {} of {} of weights are missing, as during a "
                    "download; the plan is for the whole model",
                    to_text(missing), to_text(whole)));
  }
  return model;
}

}  // namespace membudget
