// SPDX-License-Identifier: MIT
#include "source/choose_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "source/byte_cursor.hpp"

namespace membudget {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// "-00002-of-00005.gguf": any part but the first.
bool is_further_part(std::string_view file) {
  constexpr std::string_view sample = "-00001-of-00001.gguf";
  if (file.size() < sample.size()) {
    return false;
  }
  const std::string_view end = file.substr(file.size() - sample.size());
  const auto digits = [&](std::size_t from) {
    return std::all_of(end.begin() + static_cast<std::ptrdiff_t>(from),
                       end.begin() + static_cast<std::ptrdiff_t>(from + 5),
                       [](unsigned char c) { return std::isdigit(c) != 0; });
  };
  return end[0] == '-' && digits(1) && end.substr(6, 4) == "-of-" && digits(10) &&
         end.substr(1, 5) != "00001";
}

}  // namespace

bool names_quantization(std::string_view file, std::string_view quantization) {
  const std::string text = lower(file);
  const std::string wanted = lower(quantization);
  for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
    const auto after = at + wanted.size();
    const bool begins = at == 0 || !is_word(text[at - 1]);
    const bool ends = after >= text.size() || !is_word(text[after]);
    if (begins && ends) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> gguf_models(const ModelFiles& files) {
  std::vector<std::string> out;
  for (const std::string& file : files.list()) {
    const std::string name = lower(file);
    if (name.ends_with(".gguf") && name.find("mmproj") == std::string::npos &&
        !is_further_part(name)) {
      out.push_back(file);
    }
  }
  return out;
}

std::string choose_gguf(const ModelFiles& files, std::string_view wanted) {
  const std::vector<std::string> models = gguf_models(files);
  if (!wanted.empty() && files.has(wanted)) {
    return std::string(wanted);
  }
  const auto named = [&](std::string_view quantization) {
    return std::find_if(models.begin(), models.end(), [&](const std::string& file) {
      return names_quantization(file, quantization);
    });
  };
  const auto found = wanted.empty() && models.size() > 1 ? named("q4_k_m")
                     : wanted.empty()                    ? models.begin()
                                                         : named(wanted);
  if (found != models.end()) {
    return *found;
  }
  if (models.empty()) {
    throw Error(Errc::unknown_name, files.name(),
                "holds neither a .gguf nor config.json with .safetensors files");
  }
  if (wanted.empty()) {
    return models.front();
  }
  std::string list;
  constexpr std::size_t most = 40;
  for (std::size_t i = 0; i < std::min(models.size(), most); ++i) {
    list += (list.empty() ? "" : ", ") + models[i];
  }
  throw Error(Errc::unknown_name, files.name(),
              fmt::format("holds no file named for {}; there are {}{}", in_quotes(wanted), list,
                          models.size() > most ? ", ..." : ""));
}

}  // namespace membudget
