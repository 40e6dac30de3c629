// SPDX-License-Identifier: MIT
#include "membudget/load_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <system_error>
#include <utility>

#include "membudget/error.hpp"
#include "source/gguf.hpp"
#include "source/gguf_model.hpp"

namespace membudget {
namespace {

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
  return model_of(read_gguf(file), file.string(), file.filename().string());
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
