// SPDX-License-Identifier: MIT
#include "verify/file_type.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "ascii.hpp"
#include "verify/printed_size.hpp"

namespace membudget::logs {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

/// "Q4_K_M", "IQ4_XS", "BF16", "MXFP4": a word that can name a file type.
bool looks_like_type(std::string_view word) {
  const std::string name = upper(word);
  for (const std::string_view start : {"Q", "IQ", "TQ", "BF", "F", "MXFP", "NVFP"}) {
    if (name.starts_with(start) && name.size() > start.size() && is_digit(name[start.size()])) {
      return true;
    }
  }
  return false;
}

/// "-00001-of-00002" goes.
std::string_view without_part(std::string_view file) {
  constexpr std::size_t length = 15;
  if (file.size() <= length) return file;
  const std::string_view end = file.substr(file.size() - length);
  const bool part = end.front() == '-' && end.substr(6, 4) == "-of-" && is_digit(end.back());
  return part ? file.substr(0, file.size() - length) : file;
}

/// Where the last word begins that names a type; npos when none does.
std::size_t type_start(std::string_view file) {
  std::size_t end = file.size();
  constexpr int words = 3;
  for (int word = 0; word < words && end > 0; ++word) {
    const auto cut = file.substr(0, end).find_last_of("-.:");
    const auto start = cut == std::string_view::npos ? 0 : cut + 1;
    if (looks_like_type(file.substr(start, end - start))) return start;
    if (cut == std::string_view::npos) break;
    end = cut;
  }
  return std::string_view::npos;
}

}  // namespace

std::string name_of_file_type(std::string_view printed) {
  for (const std::string_view before : {"(guessed) ", "all ", "mostly "}) {
    if (printed.starts_with(before)) printed.remove_prefix(before.size());
  }
  constexpr std::array sizes{std::pair<std::string_view, std::string_view>(" - Small", "_S"),
                             std::pair<std::string_view, std::string_view>(" - Medium", "_M"),
                             std::pair<std::string_view, std::string_view>(" - Large", "_L")};
  for (const auto& [size, letter] : sizes) {
    if (!printed.ends_with(size)) continue;
    const std::string base = upper(printed.substr(0, printed.size() - size.size()));
    return base == "Q2_K" && letter == "_M" ? base : base + std::string(letter);
  }
  if (printed.starts_with("MXFP4 MoE")) return "MXFP4_MOE";
  if (printed.starts_with("IQ3_S mix")) return "IQ3_M";
  if (printed.starts_with("unknown")) return "";
  return upper(trimmed(printed.substr(0, printed.find(' '))));
}

std::string_view without_file_type(std::string_view file) {
  file = without_part(file);
  const auto start = type_start(file);
  if (start == std::string_view::npos || start == 0) return file;
  file = file.substr(0, start - 1);
  for (const std::string_view maker : {"-UD", ".UD", "-i1", ".i1"}) {
    if (file.ends_with(maker)) file.remove_suffix(maker.size());
  }
  return file;
}

std::string quantization_of(const LoggedModel& model, const Profiles& profiles) {
  const auto names = profiles.quantization_names();
  const auto known = [&](std::string_view name) -> std::string {
    const auto found = std::ranges::find_if(
        names, [&](const std::string& each) { return upper(each) == upper(name); });
    return found == names.end() ? std::string() : *found;
  };
  if (auto printed = known(name_of_file_type(model.file_type)); !printed.empty()) {
    return printed;
  }
  for (const std::string_view name : {std::string_view(model.path), std::string_view(model.name)}) {
    std::string_view file = name.ends_with(".gguf") ? name.substr(0, name.size() - 5) : name;
    file = without_part(file);
    if (const auto start = type_start(file); start != std::string_view::npos) {
      std::string_view type = file.substr(start);
      type = type.substr(0, type.find_first_of("-.:"));
      if (auto found = known(type); !found.empty()) return found;
    }
    // MLX's uploads: "Qwen3-4B-4bit".
    const auto dash = name.rfind('-');
    if (dash != std::string_view::npos) {
      if (auto found = known(name.substr(dash + 1)); !found.empty()) return found;
    }
  }
  return "";
}

}  // namespace membudget::logs
