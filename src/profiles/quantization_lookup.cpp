// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "membudget/profiles.hpp"
#include "profiles/documents.hpp"

namespace membudget {
namespace {

ElementType matrix_type(const FileType& format) {
  return format.base;
}
ElementType matrix_type(const MlxFormat& format) {
  return format.type;
}
ElementType matrix_type(const GroupedFormat& format) {
  return format.type;
}

/// Which engine reads it; Candle reads GGUF too.
Engine reader_of(const Quantization& quantization) {
  if (const auto* grouped = std::get_if<GroupedFormat>(&quantization)) {
    return grouped->writer == GroupedFormat::Writer::mlc ? Engine::mlc : Engine::coreml;
  }
  return std::holds_alternative<MlxFormat>(quantization) ? Engine::mlx : Engine::llama_cpp;
}

double bits_of(const QuantizationProfile& profile) {
  const ElementFormat& format = format_of(
      std::visit([](const auto& each) { return matrix_type(each); }, profile.quantization));
  return 8.0 * static_cast<double>(format.block_bytes) / static_cast<double>(format.block_elements);
}

}  // namespace

double Profiles::bits_per_weight(std::string_view quantization) const {
  const Document& document =
      find(ProfileKind::quantization, store_->of(ProfileKind::quantization), quantization);
  return bits_of(decode(decode_quantization, document.file, document.text));
}

bool Profiles::is_mlx(std::string_view quantization) const {
  const Document& document =
      find(ProfileKind::quantization, store_->of(ProfileKind::quantization), quantization);
  return std::holds_alternative<MlxFormat>(
      decode(decode_quantization, document.file, document.text).quantization);
}

std::string Profiles::nearest_quantization(std::string_view name, Engine engine) const {
  const Documents& documents = store_->of(ProfileKind::quantization);
  const Document& document = find(ProfileKind::quantization, documents, name);
  QuantizationProfile asked = decode(decode_quantization, document.file, document.text);
  const Engine reader = engine == Engine::candle ? Engine::llama_cpp : engine;
  if (reader_of(asked.quantization) == reader) {
    return std::move(asked.name);
  }
  // Of as many bits the plainest name: "4bit" before "nvfp4", "q0f16" before "q0bf16".
  const double bits = bits_of(asked);
  std::tuple<double, std::size_t, std::string> best{std::numeric_limits<double>::max(), 0, ""};
  for (const auto& [id, each] : documents) {
    QuantizationProfile profile = decode(decode_quantization, each.file, each.text);
    if (reader_of(profile.quantization) == reader) {
      best = std::min(best, {std::abs(bits_of(profile) - bits), profile.name.size(), profile.name});
    }
  }
  return std::get<std::string>(best);
}

std::vector<std::string> Profiles::quantization_names() const {
  struct Named {
    Engine reader = Engine::llama_cpp;
    double bits = 0;
    std::string name;
  };
  std::vector<Named> all;
  for (const auto& [id, document] : store_->of(ProfileKind::quantization)) {
    QuantizationProfile profile = decode(decode_quantization, document.file, document.text);
    all.push_back({reader_of(profile.quantization), bits_of(profile), std::move(profile.name)});
  }
  std::sort(all.begin(), all.end(), [](const Named& a, const Named& b) {
    return std::tie(a.reader, b.bits, a.name) < std::tie(b.reader, a.bits, b.name);
  });
  std::vector<std::string> out;
  std::transform(all.begin(), all.end(), std::back_inserter(out),
                 [](Named& named) { return std::move(named.name); });
  return out;
}

}  // namespace membudget
