// SPDX-License-Identifier: MIT
#include "membudget/settings_format.hpp"

namespace membudget {

std::string_view to_string(SettingsFormat format) {
  switch (format) {
    case SettingsFormat::ollama:
      return "ollama";
    case SettingsFormat::modelfile:
      return "modelfile";
    case SettingsFormat::llama_server:
      return "llama-server";
    case SettingsFormat::lmstudio:
      return "lmstudio";
    case SettingsFormat::mlx:
      return "mlx";
    case SettingsFormat::sysctl:
      return "sysctl";
  }
  return "";
}

std::optional<SettingsFormat> settings_format_of_name(std::string_view name) {
  for (const SettingsFormat format : settings_formats) {
    if (to_string(format) == name) return format;
  }
  return std::nullopt;
}

}  // namespace membudget
