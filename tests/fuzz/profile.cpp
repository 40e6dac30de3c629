// SPDX-License-Identifier: MIT
// The first line of the input is the file's path under profiles/, which says its kind; the rest is
// the file.
#include <algorithm>
#include <array>

#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "membudget/budget.hpp"
#include "profiles/catalog_model.hpp"
#include "profiles/decode.hpp"

namespace membudget::fuzz {
namespace {

/// Every kind of file has its reader; what it gives is used when nothing is wrong with the file.
template <class Profile>
std::optional<Profile> decoded(Profile (*read)(Faults&), const std::string& file,
                               std::string_view text) {
  Faults faults(file, text);
  Profile out = read(faults);
  const auto located = faults.located();
  require(located.empty() == faults.empty(), "each fault has a place");
  for (const ProfileFault& fault : located) {
    require(fault.line >= 1 && fault.column >= 1, "lines and columns count from 1");
    require(fault.line <= 1 + std::count(text.begin(), text.end(), '\n'),
            "a fault lies within the file");
    require(!fault.problem.empty() && fault.problem.find('\n') == std::string::npos,
            "a fault is one line");
    check_printable(fault.problem, "a fault is fit for a terminal");
  }
  bool threw = false;
  try {
    faults.throw_first();
  } catch (const Error& error) {
    check_error(error);
    threw = true;
  }
  require(threw != faults.empty(), "faults are thrown");
  return threw ? std::nullopt : std::optional(std::move(out));
}

void read_chip(const std::string& file, std::string_view text) {
  const auto chip = decoded(decode_chip, file, text);
  if (!chip) {
    return;
  }
  static const Runtime runtime = profiles().runtime("llama.cpp");
  const Machine mac = machine(chip->chip);
  static_cast<void>(read_or_refuse([&] { return budget(mac, runtime); }));
}

void read_model(const std::string& file, std::string_view text) {
  const auto profile = decoded(decode_model, file, text);
  if (!profile) {
    return;
  }
  const Architecture* architecture = find_architecture(profile->architecture);
  if (architecture == nullptr) {
    return;
  }
  static_cast<void>(read_or_refuse(
      [&] { return counted_parameters(*profile, *architecture, metadata_of(*profile, file)); }));
  FileType type;
  type.base = ElementType::f16;
  const auto model = read_twice(
      [&] { return catalog_model(*profile, file, type, nullptr, TokenizerTable{}); },
      [](const Model& read) { return std::to_string(read.tensors.data_size().count()); });
  if (model) {
    check_plans(*model, hash_of(text));
  }
}

template <auto read>
void only_read(const std::string& file, std::string_view text) {
  static_cast<void>(decoded(read, file, text));
}

void read_quantization(const std::string& file, std::string_view text) {
  const auto profile = decoded(decode_quantization, file, text);
  if (!profile) {
    return;
  }
  // Quantizes a model of the catalog with it.
  static const std::string model_file = "profiles/models/llama-3.2-1b.json";
  static const ModelProfile model =
      decode(decode_model, model_file, profiles().document(ProfileKind::model, "llama-3.2-1b"));
  if (const auto made = read_or_refuse([&] {
        return catalog_model(model, model_file, profile->quantization, nullptr, TokenizerTable{});
      })) {
    check_plans(*made, hash_of(text));
  }
}

struct Kind {
  std::string_view prefix;
  void (*read)(const std::string& file, std::string_view text);
};

constexpr std::array<Kind, 16> kinds{{
    {"chips/", read_chip},
    {"models/", read_model},
    {"quants/", read_quantization},
    {"runtimes/", only_read<decode_runtime>},
    {"stacks/", only_read<decode_stack>},
    {"working_sets.json", only_read<decode_working_sets>},
    {"advice.json", only_read<decode_advice>},
    {"budget.json", only_read<decode_budget>},
    {"links.json", only_read<decode_links>},
    {"speed.json", only_read<decode_speed>},
    {"serving.json", only_read<decode_serving>},
    {"quality.json", only_read<decode_quality>},
    {"capability.json", only_read<decode_capability>},
    {"health.json", only_read<decode_health>},
    {"calibration.json", only_read<decode_calibration>},
    {"tokenizers.json", only_read<decode_tokenizers>},
}};

}  // namespace

void profile(std::string_view input) {
  std::string_view text = input;
  const std::string path(take_line(text));
  // The name of a file is the user's, not part of what is fuzzed.
  const bool plain =
      std::all_of(path.begin(), path.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  for (const Kind& kind : kinds) {
    if (plain && path.starts_with(kind.prefix) && path.size() < 200) {
      kind.read(path, text);
      return;
    }
  }
}

}  // namespace membudget::fuzz
