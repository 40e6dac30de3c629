// SPDX-License-Identifier: MIT
#pragma once

#include "source/gguf_editor.hpp"

namespace membudget {

/// Makes layers for drafting that are called `mtp.` the last of the model's own, as llama.cpp has
/// them (apply_qwen35_mtp_fixes of llama/compat/llama-ollama-compat.cpp, Ollama 0.33.0). Whether
/// weights are computed for that from those in the file. Throws Error{overflow}.
[[nodiscard]] bool take_ollama_drafts(GgufEditor& file);

}  // namespace membudget
