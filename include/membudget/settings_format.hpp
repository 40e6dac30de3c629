// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#pragma GCC visibility push(default)
namespace membudget {

/// Who reads the settings.
enum class SettingsFormat : std::uint8_t {
  ollama,        ///< The environment of Ollama's server, for its app and for a shell.
  modelfile,     ///< Ollama, per model.
  llama_server,  ///< A command.
  lmstudio,      ///< Shell lines: the defaults of the model, then `lms load`.
  mlx,           ///< An mlx_lm.server command.
  sysctl,        ///< Shell lines that raise Metal's limit, now and after every start.
};

inline constexpr std::array settings_formats{
    SettingsFormat::ollama,   SettingsFormat::modelfile, SettingsFormat::llama_server,
    SettingsFormat::lmstudio, SettingsFormat::mlx,       SettingsFormat::sysctl};

/// "ollama", "modelfile", "llama-server", "lmstudio", "mlx", "sysctl".
[[nodiscard]] std::string_view to_string(SettingsFormat format);
/// Nothing for a name that is none of these.
[[nodiscard]] std::optional<SettingsFormat> settings_format_of_name(std::string_view name);

}  // namespace membudget
#pragma GCC visibility pop
