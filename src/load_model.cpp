// SPDX-License-Identifier: MIT
#include "membudget/load_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "membudget/error.hpp"
#include "model/arch/arch.hpp"
#include "source/gguf.hpp"

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

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) { return lower(c); });
  return result;
}

bool is_file_path(std::string_view model) {
  if (lower(model).ends_with(".gguf")) {
    return true;
  }
  // Catalog names hold at most the one separator of a Hugging Face repository.
  if (model.starts_with('/') || model.starts_with("./") || model.starts_with("../") ||
      std::count(model.begin(), model.end(), '/') > 1) {
    return true;
  }
  std::error_code ignored;
  return std::filesystem::is_regular_file(std::filesystem::path(model), ignored);
}

}  // namespace

Model load_gguf(const std::filesystem::path& file) {
  Gguf gguf = read_gguf(file);
  if (gguf.tensors.empty()) {
    throw Error(Errc::invalid_model, file.string(),
                "holds no tensors, as files with only a vocabulary do; give the model's own file");
  }
  Model model = describe_model(gguf.metadata, TensorTable(std::move(gguf.tensors)));
  model.id = file.filename().string();
  model.quantization = quantization_of(gguf.metadata);
  model.source = ModelSource::gguf;
  return model;
}

Model load_model(std::string_view model, std::string_view quantization, const Profiles& profiles) {
  if (model.find("://") != std::string_view::npos) {
    throw Error(Errc::unsupported, std::string(model),
                "models are not read over the network yet; download the file and give its path");
  }
  if (!is_file_path(model)) {
    try {
      return profiles.model(model, quantization);
    } catch (const Error& error) {
      std::error_code ignored;
      if (error.code() == Errc::unknown_name &&
          std::filesystem::is_directory(std::filesystem::path(model), ignored)) {
        throw Error(Errc::unsupported, std::string(model),
                    "is a folder and no catalog name; give the .gguf file inside it");
      }
      throw;
    }
  }
  Model loaded = load_gguf(std::filesystem::path(model));
  if (!quantization.empty() && lower(quantization) != lower(loaded.quantization)) {
    throw Error(Errc::bad_request, "--quant",
                fmt::format("{} is {}, not {}; leave --quant out, or name the model as in the "
                            "catalog",
                            loaded.id,
                            loaded.quantization.empty() ? "of an unstated quantization"
                                                        : loaded.quantization,
                            quantization));
  }
  return loaded;
}

}  // namespace membudget
