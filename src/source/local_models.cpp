// SPDX-License-Identifier: MIT
#include "source/local_models.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "source/checkpoint.hpp"
#include "source/choose_file.hpp"
#include "source/http.hpp"

namespace membudget {
namespace {

namespace fs = std::filesystem;

bool is_repository_part(std::string_view text) {
  return !text.empty() && text.size() <= 96 && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
         });
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code code;
  for (fs::directory_iterator each(folder, code), end; !code && each != end; each.increment(code)) {
    std::error_code ignored;
    if (each->is_directory(ignored)) {
      out.push_back(each->path());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// The snapshot of the main branch, else the newest: models--ORG--REPO/snapshots/REVISION.
fs::path snapshot_of(const fs::path& model) {
  std::ifstream file(model / "refs" / "main");
  std::string revision;
  std::getline(file, revision);
  std::error_code ignored;
  if (is_repository_part(revision) && fs::is_directory(model / "snapshots" / revision, ignored)) {
    return model / "snapshots" / revision;
  }
  const std::vector<fs::path> all = folders_in(model / "snapshots");
  const auto newest =
      std::max_element(all.begin(), all.end(), [&](const fs::path& a, const fs::path& b) {
        return fs::last_write_time(a, ignored) < fs::last_write_time(b, ignored);
      });
  return newest == all.end() ? fs::path() : *newest;
}

/// One repository in a cache.
struct Cached {
  HubName name;
  fs::path folder;
};

std::vector<Cached> all_cached(const ModelPlaces& places) {
  std::vector<Cached> out;
  constexpr std::string_view start = "models--";
  for (const fs::path& model : folders_in(places.hugging_face)) {
    const std::string name = model.filename().string();
    const auto between = name.find("--", start.size());
    if (name.starts_with(start) && between != std::string::npos) {
      out.push_back({.name = {.organisation = name.substr(start.size(), between - start.size()),
                              .repository = name.substr(between + 2),
                              .wanted = {}},
                     .folder = snapshot_of(model)});
    }
  }
  for (const fs::path& publisher : folders_in(places.lm_studio)) {
    for (const fs::path& repository : folders_in(publisher)) {
      out.push_back({.name = {.organisation = publisher.filename().string(),
                              .repository = repository.filename().string(),
                              .wanted = {}},
                     .folder = repository});
    }
  }
  return out;
}

/// The folder's files if they hold what is wanted; a cache may hold a part of a repository.
std::unique_ptr<ModelFiles> files_with(const fs::path& folder, std::string_view wanted) {
  if (folder.empty()) {
    return nullptr;
  }
  auto files = std::make_unique<FolderFiles>(folder);
  const std::vector<std::string> models = gguf_models(*files);
  const bool named =
      wanted.empty()
          ? !models.empty()
          : files->has(wanted) || std::any_of(models.begin(), models.end(), [&](const auto& file) {
              return names_quantization(file, wanted);
            });
  return named || is_checkpoint(*files) ? std::move(files) : nullptr;
}

}  // namespace

HubName parse_hub_name(std::string_view text) {
  const auto slash = text.find('/');
  const auto colon = text.find(':');
  const std::string_view whole = text.substr(0, colon);
  HubName out;
  out.organisation = whole.substr(0, slash);
  out.repository = slash < whole.size() ? whole.substr(slash + 1) : std::string_view();
  if (colon != std::string_view::npos) {
    out.wanted = text.substr(colon + 1);
  }
  const bool plain = std::all_of(out.wanted.begin(), out.wanted.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("_-./+ ").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (!is_repository_part(out.organisation) || !is_repository_part(out.repository) || !plain ||
      out.wanted.find("..") != std::string::npos || out.wanted.starts_with('/')) {
    // It may be an address with a password; names on the hub hold no '@'.
    throw Error(Errc::unknown_name, "hf:" + shown_url(text),
                "is no model of Hugging Face; write hf:ORG/REPO, hf:ORG/REPO:QUANTIZATION or "
                "hf:ORG/REPO:FILE");
  }
  return out;
}

std::unique_ptr<ModelFiles> find_in_caches(const ModelPlaces& places, const HubName& name) {
  for (const Cached& cached : all_cached(places)) {
    if (lower(cached.name.shown()) == lower(name.shown())) {
      if (auto files = files_with(cached.folder, name.wanted)) {
        return files;
      }
    }
  }
  return nullptr;
}

std::unique_ptr<ModelFiles> find_in_caches_by_part(const ModelPlaces& places, std::string_view text,
                                                   HubName& name) {
  const auto colon = text.find(':');
  const std::string wanted =
      colon == std::string_view::npos ? "" : std::string(text.substr(colon + 1));
  const std::string part = lower(text.substr(0, colon));
  for (const Cached& cached : all_cached(places)) {
    if (lower(cached.name.repository) == part || lower(cached.name.shown()) == part) {
      name = cached.name;
      name.wanted = wanted;
      if (auto files = files_with(cached.folder, wanted)) {
        return files;
      }
    }
  }
  for (const Cached& cached : all_cached(places)) {
    if (cached.folder.empty()) {
      continue;
    }
    auto files = std::make_unique<FolderFiles>(cached.folder);
    for (const std::string& file : gguf_models(*files)) {
      if (lower(file) == part + ".gguf") {
        name = cached.name;
        name.wanted = file;
        return files;
      }
    }
  }
  return nullptr;
}

}  // namespace membudget
