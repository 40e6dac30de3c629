// SPDX-License-Identifier: MIT
#include "profiles/documents.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "membudget/nearest.hpp"

namespace membudget {
namespace {

std::vector<std::string> names_of_chip(const Document& document) {
  return decode(decode_chip, document.file, document.text).aliases;
}

std::vector<std::string> names_of_runtime(const Document& document) {
  return decode(decode_runtime, document.file, document.text).aliases;
}

std::vector<std::string> names_of_model(const Document& document) {
  return decode(decode_model, document.file, document.text).names;
}

std::vector<std::string> names_of_quantization(const Document& document) {
  auto profile = decode(decode_quantization, document.file, document.text);
  profile.aliases.push_back(std::move(profile.name));
  return std::move(profile.aliases);
}

std::vector<std::string> names_of_stack(const Document& document) {
  return decode(decode_stack, document.file, document.text).aliases;
}

// In the order of ProfileKind.
constexpr std::array<Kind, kind_count> kinds{{{"chips", names_of_chip},
                                              {"models", names_of_model},
                                              {"quants", names_of_quantization},
                                              {"runtimes", names_of_runtime},
                                              {"stacks", names_of_stack}}};

}  // namespace

const Kind& details(ProfileKind kind) {
  return kinds[static_cast<std::size_t>(kind)];
}

std::string plain(std::string_view name) {
  constexpr std::string_view latest = ":latest";
  std::string out = lower(name);
  if (out.size() > latest.size() && out.ends_with(latest)) {
    out.resize(out.size() - latest.size());
  }
  return out;
}

bool mentions(std::string_view text, std::string_view name) {
  for (auto at = text.find('"'); at != std::string_view::npos; at = text.find('"', at + 1)) {
    const std::string_view rest = text.substr(at + 1);
    if (rest.size() > name.size() && rest[name.size()] == '"' &&
        lower(rest.substr(0, name.size())) == name) {
      return true;
    }
  }
  return false;
}

[[noreturn]] void fail_unknown(ProfileKind kind, const Documents& documents,
                               std::string_view name) {
  // One name per document, its nearest, so that five hints are five different things.
  std::vector<std::string> best;
  for (const auto& [id, document] : documents) {
    std::vector<std::string> names = details(kind).names(document);
    // People write Q4_K_M, not the id.
    if (kind != ProfileKind::quantization) {
      names.push_back(id);
    }
    if (auto near = nearest_names(name, names, 1); !near.empty()) {
      best.push_back(std::move(near.front()));
    }
  }
  std::vector<std::string> hints = nearest_names(name, best, 5);
  std::string_view lead = "did you mean";
  constexpr std::size_t short_list = 12;
  if (hints.empty() && documents.size() <= short_list) {
    std::transform(documents.begin(), documents.end(), std::back_inserter(hints),
                   [](const auto& entry) { return entry.first; });
    lead = "known are";
  }
  std::string message = fmt::format("unknown {} '{}'", to_string(kind), name);
  if (hints.empty()) {
    message +=
        fmt::format("; no known name is near it, see membudget list {}", details(kind).folder);
  } else {
    message +=
        fmt::format("; {} {}{}", lead, fmt::join(hints, ", "), lead == "did you mean" ? "?" : "");
  }
  throw Error(Errc::unknown_name, "", message);
}

std::string stem_of(std::string_view path) {
  const auto slash = path.find_last_of("/\\");
  path.remove_prefix(slash == std::string_view::npos ? 0 : slash + 1);
  return std::string(path.substr(0, path.rfind('.')));
}

const Document* find_or_none(ProfileKind kind, const Documents& documents, std::string_view name) {
  const std::string wanted = plain(name);
  if (const auto found = documents.find(wanted); found != documents.end()) {
    return &found->second;
  }
  // Decoding everything would take longer than the plan itself, so only a document whose text
  // mentions the name is decoded. A user's own profile wins over a compiled-in one.
  const Document* match = nullptr;
  for (const auto& [id, document] : documents) {
    if ((match != nullptr && !document.owner) || !mentions(document.text, wanted)) {
      continue;
    }
    const auto names = details(kind).names(document);
    if (std::any_of(names.begin(), names.end(),
                    [&](const std::string& each) { return plain(each) == wanted; })) {
      match = &document;
      if (document.owner) {
        break;
      }
    }
  }
  return match;
}

const Document& find(ProfileKind kind, const Documents& documents, std::string_view name) {
  const Document* found = find_or_none(kind, documents, name);
  if (found == nullptr) {
    fail_unknown(kind, documents, name);
  }
  return *found;
}

Document read_document(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    throw Error(Errc::io, path.string(), "cannot be opened; check that it exists and is readable");
  }
  auto text = std::make_shared<const std::string>(std::istreambuf_iterator<char>(stream),
                                                  std::istreambuf_iterator<char>());
  if (stream.bad()) {
    throw Error(Errc::io, path.string(), "cannot be read");
  }
  return {path.generic_string(), *text, text};
}

std::vector<Document> read_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code code;
  for (std::filesystem::directory_iterator each(folder, code), end; !code && each != end;
       each.increment(code)) {
    if (each->path().extension() == ".json") {
      paths.push_back(each->path());
    }
  }
  if (code) {
    throw Error(Errc::io, folder.string(), fmt::format("cannot be read: {}", code.message()));
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Document> out;
  std::transform(paths.begin(), paths.end(), std::back_inserter(out), read_document);
  return out;
}

}  // namespace membudget
