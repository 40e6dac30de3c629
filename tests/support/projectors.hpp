// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "membudget/attachments.hpp"

namespace membudget::test {

/// The projectors that were measured, by the names of their rows ("mmproj-gemma3-4b"): shapes and
/// names as conversion to F16 writes them (gguf-py and convert_hf_to_gguf.py, llama.cpp b10587).
/// Throws std::out_of_range for others.
[[nodiscard]] Projector projector_by_name(const std::string& name);

}  // namespace membudget::test
