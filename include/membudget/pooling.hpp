// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)
namespace membudget {

/// How the embeddings of a text's tokens become one (llama.h, llama_pooling_type).
enum class Pooling : std::uint8_t {
  none,  ///< They do not: one embedding per token.
  mean,
  first,  ///< That of the first token (CLS).
  last,
  rank,  ///< A score, by the classification head of a reranker.
};

/// By the name that llama.cpp's --pooling takes.
[[nodiscard]] constexpr std::string_view to_string(Pooling pooling) {
  switch (pooling) {
    case Pooling::none:
      break;
    case Pooling::mean:
      return "mean";
    case Pooling::first:
      return "cls";
    case Pooling::last:
      return "last";
    case Pooling::rank:
      return "rank";
  }
  return "none";
}

}  // namespace membudget
#pragma GCC visibility pop
