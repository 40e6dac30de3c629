// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace membudget {

/// A name such as "mlx-community/Qwen3.6-27B-4bit", taken apart.
struct MlxUpload {
  std::string title;         ///< In lower case: "qwen3.6-27b".
  std::string quantization;  ///< "4bit"; empty = the name says none.
};

/// How the name of a repository of MLX weights can be read, from the longest title to the shortest;
/// nothing for repositories of others than those who convert to MLX.
[[nodiscard]] std::vector<MlxUpload> readings_of_mlx_upload(std::string_view name);

}  // namespace membudget
