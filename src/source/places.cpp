// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "membudget/load_model.hpp"

namespace membudget {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// What LM Studio's settings say, if they say it.
fs::path lm_studio_setting(const fs::path& settings) {
  constexpr std::size_t most = std::size_t{1} << 20;
  std::ifstream file(settings, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.size() > most) {
    return {};
  }
  const auto settings_json = nlohmann::json::parse(text, nullptr, false);
  if (!settings_json.is_object()) {
    return {};
  }
  const auto folder = settings_json.find("downloadsFolder");
  return folder != settings_json.end() && folder->is_string() ? fs::path(folder->get<std::string>())
                                                              : fs::path();
}

fs::path lm_studio_folder(const fs::path& home) {
  if (fs::path set = lm_studio_setting(home / ".lmstudio" / "settings.json"); !set.empty()) {
    return set;
  }
  const fs::path older = home / ".cache" / "lm-studio" / "models";
  const fs::path usual = home / ".lmstudio" / "models";
  return !is_folder(usual) && is_folder(older) ? older : usual;
}

fs::path caches_folder(const fs::path& home) {
#ifdef __APPLE__
  return home / "Library" / "Caches";
#else
  const std::string xdg = variable("XDG_CACHE_HOME");
  return xdg.empty() ? home / ".cache" : fs::path(xdg);
#endif
}

fs::path hugging_face_folder(const fs::path& home) {
  if (const std::string hub = variable("HF_HUB_CACHE"); !hub.empty()) {
    return hub;
  }
  if (const std::string base = variable("HF_HOME"); !base.empty()) {
    return fs::path(base) / "hub";
  }
  // huggingface_hub follows XDG on macOS too.
  const std::string xdg = variable("XDG_CACHE_HOME");
  return (xdg.empty() ? home / ".cache" : fs::path(xdg)) / "huggingface" / "hub";
}

}  // namespace

ModelPlaces ModelPlaces::of_this_user() {
  const fs::path home = variable("HOME");
  ModelPlaces out;
  const std::string ollama = variable("OLLAMA_MODELS");
  out.ollama = ollama.empty() ? home / ".ollama" / "models" : fs::path(ollama);
  out.lm_studio = lm_studio_folder(home);
  out.hugging_face = hugging_face_folder(home);
  const std::string own = variable("MEMBUDGET_CACHE");
  out.headers = own.empty() ? caches_folder(home) / "membudget" : fs::path(own);
  if (std::string endpoint = variable("HF_ENDPOINT"); !endpoint.empty()) {
    while (endpoint.ends_with('/')) {
      endpoint.pop_back();
    }
    out.hugging_face_endpoint = std::move(endpoint);
  }
  out.hugging_face_token = variable("HF_TOKEN");
  return out;
}

}  // namespace membudget
