// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "membudget/model.hpp"
#include "model/arch/arch.hpp"
#include "model/quantization.hpp"
#include "profiles/decode.hpp"

namespace membudget {

/// What a catalog entry says, with GGUF's keys. `file` names it in errors.
[[nodiscard]] Metadata metadata_of(const ModelProfile& profile, const std::string& file);

/// The record of the upload that `name` and `quantization` mean; nullptr when there is none.
/// A name matches in any case and without ":latest", and a `*` at the end of the record's name
/// stands for any rest; the model's id means no upload.
[[nodiscard]] const Upload* find_upload(const ModelProfile& profile, std::string_view name,
                                        std::string_view quantization);

/// The model of a catalog entry at a quantization, as `upload` has it (may be nullptr).
/// Throws Error{unsupported} for an architecture nobody describes, and what quantize() throws.
[[nodiscard]] Model catalog_model(const ModelProfile& profile, const std::string& file,
                                  const Quantization& quantization, const Upload* upload,
                                  const TokenizerTable& tokenizers);

/// Weights of a tensor list as publishers count them: without rotary tables, without layers that
/// only drafting uses, and an output that is a copy of the embedding once.
[[nodiscard]] std::int64_t counted_parameters(const ModelProfile& profile,
                                              const Architecture& architecture,
                                              const Metadata& metadata);

}  // namespace membudget
