// SPDX-License-Identifier: MIT
// What config.json and the headers of a safetensors folder turn into, against the catalog: both
// must plan the same GGUF, tensor by tensor, and the same memory, byte by byte. The configs are
// written from memory after those of the models' Hugging Face repositories, shortened to what says
// something about memory, with the catalog's sizes: they test the conversion, not the catalog.
// Those of Gemma 4 are by convert_gemma4_weights.py of transformers, those of Gemma 3n and Jamba by
// the defaults of its configuration classes.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "membudget/load_model.hpp"
#include "membudget/profiles.hpp"
#include "support/model_headers.hpp"
#include "support/scratch_folder.hpp"
#include "test_paths.hpp"

namespace membudget::test::checkpoint_test {
namespace {

struct Config {
  std::string id;
  std::string text;
};

std::vector<Config> configs() {
  std::ifstream file(std::string(TEST_DATA_DIR) + "/measured/data/hf_configs.jsonl");
  std::vector<Config> out;
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    out.push_back({.id = json["id"], .text = json["config"].dump()});
  }
  return out;
}

/// What planning sees of a model, one line per fact that differs.
std::string differences(const Model& a, const Model& b) {
  std::string out;
  const auto compare = [&](const char* what, const auto& x, const auto& y) {
    if (x != y) {
      out += fmt::format("{} {} instead of {}\n", what, x, y);
    }
  };
  compare("architecture", a.architecture, b.architecture);
  compare("layers", a.layers.size(), b.layers.size());
  compare("tensors", a.tensors.all().size(), b.tensors.all().size());
  compare("parameters", a.tensors.parameters(), b.tensors.parameters());
  compare("bytes", a.tensors.data_size().count(), b.tensors.data_size().count());
  for (const Tensor& tensor : b.tensors.all()) {
    const std::int64_t layer = TensorTable::layer_of(tensor.name);
    const std::string_view name = tensor.name;
    const Tensor* same =
        a.tensors.find(layer, layer < 0 ? name : name.substr(name.find('.', 4) + 1));
    if (same == nullptr) {
      out += tensor.name + " is missing\n";
    } else if (same->shape != tensor.shape || same->type != tensor.type) {
      out += tensor.name + " differs\n";
    }
    if (out.size() > 1000) {
      break;
    }
  }
  const Profiles profiles = Profiles::embedded();
  for (const std::int64_t context : {4096, 32768}) {
    Workload workload;
    workload.context = context;
    const Footprint x = estimate(a, profiles.runtime("llama.cpp"), workload);
    const Footprint y = estimate(b, profiles.runtime("llama.cpp"), workload);
    compare("total", x.total().count(), y.total().count());
    for (const PartName part : {PartName::weights, PartName::kv_cache, PartName::recurrent_state,
                                PartName::compute, PartName::output}) {
      compare(to_string(part).data(), x.total(part).count(), y.total(part).count());
    }
  }
  return out;
}

TEST(Checkpoints, PlanTheSameGgufAsTheCatalog) {
  const Profiles profiles = Profiles::embedded();
  std::size_t compared = 0;
  for (const Config& config : configs()) {
    const Model listed = profiles.model(config.id, "Q4_K_M");
    const ScratchFolder folder;
    write_text(folder / "config.json", config.text);
    write_safetensors(folder / "model.safetensors",
                      checkpoint_tensors(profiles.model(config.id, "BF16"), "BF16"));
    try {
      const Model read = load_model(folder.path().string(), "q4_k_m", profiles);
      EXPECT_EQ(differences(read, listed), "") << config.id;
      EXPECT_EQ(read.quantization, "Q4_K_M");
      EXPECT_EQ(read.source, ModelSource::safetensors);
      ASSERT_TRUE(read.checkpoint);
      // A doubt about the variant would be a second note.
      EXPECT_EQ(read.notes.size(), 1U) << config.id << ": " << read.notes.back();
      ++compared;
    } catch (const Error& error) {
      ADD_FAILURE() << config.id << ": " << error.what();
    }
  }
  EXPECT_GE(compared, 35U);
}

}  // namespace
}  // namespace membudget::test::checkpoint_test
