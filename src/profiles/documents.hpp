// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/profiles.hpp"
#include "profiles/decode.hpp"

namespace membudget {

/// One profile that nobody has read yet.
struct Document {
  std::string file;  ///< As faults name it.
  std::string_view text;
  std::shared_ptr<const std::string> owner;  ///< Keeps `text` alive; empty when compiled in.
};

using Documents = std::map<std::string, Document, std::less<>>;  // By id.

/// How the documents of a kind are named and stored.
struct Kind {
  std::string_view folder;                             ///< "chips"
  std::vector<std::string> (*names)(const Document&);  ///< Besides the id. Decodes the document.
};

inline constexpr std::size_t kind_count = 5;
[[nodiscard]] const Kind& details(ProfileKind kind);

/// How a user may write a name: any case, Ollama's default tag spelt out.
[[nodiscard]] std::string plain(std::string_view name);

/// Whether `text` holds `name` as a JSON string, in any case. `name` is in lower case.
[[nodiscard]] bool mentions(std::string_view text, std::string_view name);

/// "chips/m1-16gb.json": m1-16gb.
[[nodiscard]] std::string stem_of(std::string_view path);

/// nullptr when no document has the name.
[[nodiscard]] const Document* find_or_none(ProfileKind kind, const Documents& documents,
                                           std::string_view name);
/// Throws Error{unknown_name} with the nearest names.
[[nodiscard]] const Document& find(ProfileKind kind, const Documents& documents,
                                   std::string_view name);
[[noreturn]] void fail_unknown(ProfileKind kind, const Documents& documents, std::string_view name);

/// Throws Error{io}.
[[nodiscard]] Document read_document(const std::filesystem::path& path);
/// Every .json in the folder, by name. Throws Error{io}.
[[nodiscard]] std::vector<Document> read_folder(const std::filesystem::path& folder);

/// Everything there is to look up.
struct Profiles::Store {
  std::array<Documents, kind_count> by_kind;            // In the order of ProfileKind.
  std::map<std::string, Document, std::less<>> tables;  // By file name.

  [[nodiscard]] const Documents& of(ProfileKind kind) const {
    return by_kind[static_cast<std::size_t>(kind)];
  }

  /// A common table, decoded.
  template <class Table>
  [[nodiscard]] Table table(std::string_view name, Table (*read)(Faults&)) const {
    const Document& document = tables.find(name)->second;
    return decode(read, document.file, document.text);
  }
};

}  // namespace membudget
