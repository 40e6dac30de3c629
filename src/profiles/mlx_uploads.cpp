// SPDX-License-Identifier: MIT
#include "profiles/mlx_uploads.hpp"

#include <algorithm>
#include <array>

#include "ascii.hpp"

namespace membudget {
namespace {

constexpr std::array<std::string_view, 2> publishers{"mlx-community/", "lmstudio-community/"};

/// What may stand behind a title without changing a shape.
constexpr std::array<std::string_view, 9> marks{"mlx",  "instruct", "chat",     "it", "base",
                                                "2507", "2512",     "thinking", "hf"};

bool is_quantization(std::string_view part) {
  constexpr std::array<std::string_view, 4> others{"bf16", "mxfp4", "mxfp8", "nvfp4"};
  const bool bits = part.size() == 4 && part[0] >= '2' && part[0] <= '8' && part.ends_with("bit");
  return bits || std::find(others.begin(), others.end(), part) != others.end();
}

}  // namespace

std::vector<MlxUpload> readings_of_mlx_upload(std::string_view name) {
  std::string title = lower(name);
  const auto publisher =
      std::find_if(publishers.begin(), publishers.end(),
                   [&](std::string_view each) { return title.starts_with(each); });
  std::vector<MlxUpload> out;
  if (publisher == publishers.end()) {
    return out;
  }
  title.erase(0, publisher->size());
  constexpr std::string_view meta = "meta-";  // Meta dropped it from its own names.
  if (title.starts_with(meta)) {
    title.erase(0, meta.size());
  }
  std::string quantization;
  for (;;) {
    out.push_back({title, quantization});
    const auto dash = title.rfind('-');
    const std::string part = dash == std::string::npos ? "" : title.substr(dash + 1);
    if (quantization.empty() && is_quantization(part)) {
      quantization = part;
    } else if (std::find(marks.begin(), marks.end(), part) == marks.end()) {
      return out;
    }
    title.resize(dash);
  }
}

}  // namespace membudget
