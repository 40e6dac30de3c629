// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "membudget/verify_report.hpp"

namespace membudget::report {

/// "weights gpu", "kv cache"
[[nodiscard]] std::string label(const ComparedPart& part);
/// In the unit of the log, with two decimals: "312.75 MiB"; GB for MLX and `ollama ps`.
[[nodiscard]] std::string predicted(const ComparedPart& part);
/// As printed; of several buffers the sum.
[[nodiscard]] std::string actual(const ComparedPart& part);
/// "=" where the printed precision shows none, else "+1.25 MiB (+0.4 %)".
[[nodiscard]] std::string difference(const ComparedPart& part);
/// "F32 mask before b9410: +4.00 MiB"
[[nodiscard]] std::string words(const KnownCause& cause);
/// "llama.cpp b10587", "llama.cpp b9410 to b9459, by what agrees", "Ollama 0.17.0"
[[nodiscard]] std::string engine_line(const Verification& run);
/// "8192 tokens, 1 sequence, batch 2048/512, cache f16/f16, flash attention on"
[[nodiscard]] std::string settings_line(const Verification& run);
/// "m1-max-32gb, macOS 26: 26800.60 MB as its rule says (0.78 x RAM)"; empty: nothing is known.
[[nodiscard]] std::string machine_line(const Verification& run);
/// "7 parts agree", "1 of 7 parts is outside the tolerance"
[[nodiscard]] std::string verdict_line(const Verification& run);

}  // namespace membudget::report
