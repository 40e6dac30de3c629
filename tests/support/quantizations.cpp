// SPDX-License-Identifier: MIT
#include "support/quantizations.hpp"

#include <map>
#include <string>

#include "membudget/profiles.hpp"
#include "profiles/decode.hpp"

namespace membudget::test {
namespace {

/// Decoded once: measured tests ask for the same few names thousands of times.
const Quantization& quantization(std::string_view name) {
  static std::map<std::string, Quantization, std::less<>> known;
  auto found = known.find(name);
  if (found == known.end()) {
    const auto text = Profiles::embedded().document(ProfileKind::quantization, name);
    const auto id_at = text.find("\"id\": \"") + 7;
    const auto file = std::string(text.substr(id_at, text.find('"', id_at) - id_at)) + ".json";
    found = known.emplace(name, decode(decode_quantization, file, text).quantization).first;
  }
  return found->second;
}

}  // namespace

const FileType& file_type(std::string_view name) {
  return std::get<FileType>(quantization(name));
}

const MlxFormat& mlx_format(std::string_view name) {
  return std::get<MlxFormat>(quantization(name));
}

const GroupedFormat* grouped_format(std::string_view name) {
  return std::get_if<GroupedFormat>(&quantization(name));
}

}  // namespace membudget::test
