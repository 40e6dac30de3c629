// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace membudget::fuzz {

// Seeds that are short texts, as programs and people write them.
[[nodiscard]] std::vector<std::string> capi_texts();
[[nodiscard]] std::vector<std::string> http_texts();
[[nodiscard]] std::vector<std::string> log_texts();
[[nodiscard]] std::vector<std::string> measurement_texts();
[[nodiscard]] std::vector<std::string> modelfile_texts();
[[nodiscard]] std::vector<std::string> ollama_texts();
[[nodiscard]] std::vector<std::string> record_texts();
[[nodiscard]] std::vector<std::string> word_texts();

}  // namespace membudget::fuzz
