// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace membudget::bench {

/// A model as a file, with the header that its kind has; tensor data is a hole.
struct HeaderKind {
  std::string_view name;     ///< "8b-128k"
  std::string_view catalog;  ///< The catalog's model whose tensors and metadata it has.
  std::size_t tokens = 0;    ///< Of the vocabulary, in strings as long as real ones.
  std::size_t merges = 0;
};

inline constexpr HeaderKind llama_8b_128k{"8b-128k", "llama-3.1-8b", 128'256, 280'147};
inline constexpr HeaderKind llama_70b_256k{"70b-256k", "llama-3.1-70b", 262'144, 514'906};

/// Writes it as Q4_K_M; returns the header's length in bytes.
std::int64_t write_model(const HeaderKind& kind, const std::filesystem::path& file);

/// The same in the temporary folder, for as long as this lives.
class ModelOnDisk {
 public:
  explicit ModelOnDisk(const HeaderKind& kind);
  ~ModelOnDisk();
  ModelOnDisk(const ModelOnDisk&) = delete;
  ModelOnDisk& operator=(const ModelOnDisk&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::int64_t header_bytes() const { return header_bytes_; }

 private:
  std::filesystem::path path_;
  std::int64_t header_bytes_ = 0;
};

}  // namespace membudget::bench
