// SPDX-License-Identifier: MIT
#include "verify/process_list.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ascii.hpp"
#include "verify/load_builder.hpp"
#include "verify/printed_size.hpp"

namespace membudget::logs {
namespace {

using Json = nlohmann::json;

/// Cells that are parted by two blanks or more, or by a tab.
std::vector<std::string_view> cells_of(std::string_view text) {
  std::vector<std::string_view> out;
  constexpr std::size_t most = 16;
  while (out.size() < most) {
    const auto start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const auto end = std::min(text.find("  "), text.find('\t'));
    out.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end);
  }
  return out;
}

EngineLoad row(std::string_view name) {
  EngineLoad out;
  out.engine = LogEngine::ollama_process;
  out.program = LogProgram::ollama;
  out.model.name = kept(name);
  return out;
}

/// "100% GPU", "100% CPU", "16%/84% CPU/GPU"
std::int64_t gpu_percent(std::string_view text) {
  const auto first = leading_integer(text);
  if (!first) return -1;
  if (text.find("% GPU") != std::string_view::npos && text.find('/') == std::string_view::npos) {
    return *first;
  }
  if (text.find("CPU/GPU") != std::string_view::npos) {
    return leading_integer(text.substr(text.find('/') + 1)).value_or(-1);
  }
  return text.find("% CPU") != std::string_view::npos ? 100 - *first : -1;
}

/// HumanBytes of Ollama's format/bytes.go: from ten on the fraction is cut off; below, "5 GB" is
/// written only for exactly that.
std::optional<PrintedSize> human_size(std::string_view text) {
  const auto value = leading_decimal(text);
  const std::string_view digits = leading_number(text);
  constexpr double cut_from = 10;
  if (value && *value < cut_from && digits.find('.') == std::string_view::npos) {
    return printed_size(fmt::format("{}.000000{}", digits, text.substr(digits.size())),
                        Rounding::nearest);
  }
  return printed_size(text, value && *value >= cut_from ? Rounding::truncated : Rounding::nearest);
}

std::optional<std::int64_t> whole(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  const auto value = found->get<std::int64_t>();
  return value >= 0 ? std::optional(value) : std::nullopt;
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? kept(found->get<std::string>())
                                                     : std::string();
}

std::optional<EngineLoad> process_of(const Json& entry) {
  if (!entry.is_object()) return std::nullopt;
  const std::string name = text_at(entry, "name");
  const auto size = whole(entry, "size");
  const auto gpu = whole(entry, "size_vram");
  if (name.empty() || !size || !gpu) return std::nullopt;
  EngineLoad out = row(name);
  out.process = LoggedProcess{.size = exact_size(Bytes{*size}), .gpu = exact_size(Bytes{*gpu})};
  out.settings.context = whole(entry, "context_length");
  if (const auto details = entry.find("details"); details != entry.end() && details->is_object()) {
    out.model.file_type = text_at(*details, "quantization_level");
    out.model.architecture = text_at(*details, "family");
  }
  return out;
}

}  // namespace

bool ProcessTable::read(std::string_view text, std::vector<EngineLoad>& rows) {
  const auto cells = cells_of(text);
  constexpr std::size_t fewest = 4;
  if (cells.size() >= fewest && cells[0] == "NAME" && cells[2] == "SIZE" &&
      cells[3] == "PROCESSOR") {
    inside_ = true;
    context_ = cells.size() > fewest && cells[4] == "CONTEXT";
    return true;
  }
  if (!inside_) return false;
  const auto size = cells.size() >= fewest ? human_size(cells[2]) : std::nullopt;
  if (!size) {
    inside_ = false;
    return false;
  }
  EngineLoad out = row(cells[0]);
  out.process = LoggedProcess{.size = *size, .gpu = {}, .gpu_percent = gpu_percent(cells[3])};
  if (context_ && cells.size() > fewest) out.settings.context = leading_integer(cells[4]);
  rows.push_back(std::move(out));
  return true;
}

std::vector<EngineLoad> processes_of_json(std::string_view text) {
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return {};
  std::vector<EngineLoad> out;
  const auto models = document.find("models");
  if (models != document.end() && models->is_array()) {
    for (const Json& entry : *models) {
      if (auto process = process_of(entry)) out.push_back(std::move(*process));
    }
  } else if (auto process = process_of(document)) {
    out.push_back(std::move(*process));
  }
  return out;
}

}  // namespace membudget::logs
