// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "membudget/engine_log.hpp"

namespace membudget::logs {

/// How an engine makes a number short.
enum class Rounding : std::uint8_t {
  nearest,    ///< printf("%.2f")
  truncated,  ///< An integer division.
};

/// A number with its unit; nothing when it is no number or beyond 63 bits of bytes. `unit` is what
/// a one stands for: 2^20 where the engine writes "MiB", and in llama.cpp of 2023 "MB" too.
[[nodiscard]] std::optional<PrintedSize> printed_size(std::string_view number, Bytes unit,
                                                      std::string_view unit_name,
                                                      Rounding rounding = Rounding::nearest);

/// "4.3 GiB", "560.0 MiB", "5.6 GB": a number, a blank, a unit (GB = 10^9). Ollama cuts the
/// fraction of what is ten GB or more, so `rounding` is given by whoever knows the writer.
[[nodiscard]] std::optional<PrintedSize> printed_size(std::string_view text, Rounding rounding);

/// A size that was printed whole.
[[nodiscard]] PrintedSize exact_size(Bytes size);

/// The number that `text` starts with, after blanks; nothing when it starts otherwise.
[[nodiscard]] std::optional<std::int64_t> leading_integer(std::string_view text);
[[nodiscard]] std::optional<double> leading_decimal(std::string_view text);

/// The digits and the point that `text` starts with, after blanks.
[[nodiscard]] std::string_view leading_number(std::string_view text);

}  // namespace membudget::logs
