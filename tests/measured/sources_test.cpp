// SPDX-License-Identifier: MIT
// The same predictions from every place a model can come from: the catalog and a GGUF header. Each
// measured model is written as a GGUF header, read back and planned, and taken from the catalog
// where it is listed; both must give the engine's sizes to the byte.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "membudget/load_model.hpp"
#include "membudget/profiles.hpp"
#include "model/arch/arch.hpp"
#include "support/gguf_writer.hpp"
#include "support/measured.hpp"
#include "support/scratch_folder.hpp"
#include "test_paths.hpp"

namespace membudget::test::sources_test {
namespace {

const std::string data = std::string(TEST_DATA_DIR) + "/measured/data";

void write_value(test::GgufWriter& writer, const std::string& key, const Metadata::Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    writer.set(key, static_cast<std::uint32_t>(*number));
  } else if (const auto* real = std::get_if<double>(&value)) {
    writer.set(key, static_cast<float>(*real));
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    writer.set(key, *flag);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    writer.set(key, *text);
  } else if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&value)) {
    writer.set_array(key, *numbers);
  } else if (const auto* reals = std::get_if<std::vector<double>>(&value)) {
    writer.set_array(key, *reals);
  }
}

std::string differences(const Model& model, const MeasuredRow& row) {
  const Footprint made = estimate_row(model, row);
  const auto part = [](const char* name, Bytes predicted, std::int64_t measured) {
    return predicted.count() == measured
               ? std::string()
               : fmt::format(" {} {:+}", name, predicted.count() - measured);
  };
  return part("gpu weights", made.gpu.model, row.gpu_model) +
         part("host weights", made.host.model, row.host_model) +
         part("cache", made.gpu.kv + made.host.kv, row.gpu_kv + row.host_kv) +
         part("gpu compute", made.gpu.compute, row.gpu_compute) +
         part("host compute", made.host.compute, row.host_compute);
}

// Two rows of every model on Metal.
template <class Check>
void for_some_rows(Check check) {
  std::multiset<std::string> seen;
  for_each_row(data + "/rows.jsonl", [&](const MeasuredRow& row) {
    constexpr std::size_t rows_per_model = 2;
    if (row.backend == Backend::metal && seen.count(row.model) < rows_per_model &&
        find_architecture(row.architecture) != nullptr) {
      seen.insert(row.model);
      check(row);
    }
  });
  EXPECT_GT(seen.size(), 100U);
}

TEST(ModelSources, TheCatalogGivesTheEnginesSizes) {
  const Profiles profiles = Profiles::embedded();
  const std::vector<std::string> known = profiles.model_ids();
  int compared = 0;
  for_some_rows([&](const MeasuredRow& row) {
    if (std::find(known.begin(), known.end(), row.model) == known.end()) {
      return;
    }
    ++compared;
    try {
      EXPECT_EQ(differences(profiles.model(row.model, row.quantization), row), "") << row.text;
    } catch (const Error& error) {
      ADD_FAILURE() << row.model << ": " << error.what();
    }
  });
  EXPECT_GT(compared, 100);
}

TEST(ModelSources, AGgufHeaderGivesTheEnginesSizes) {
  const test::ScratchFolder folder;
  MeasuredModels models;
  models.read_packed(data + "/tensor_mixes.jsonl");
  for_some_rows([&](const MeasuredRow& row) {
    const Model* model = models.find(row.model, row.quantization);
    if (model == nullptr) {
      return;
    }
    test::GgufWriter writer;
    for (const auto& [key, value] : models.metadata(row.model).values()) {
      write_value(writer, key, value);
    }
    writer.add_tensors(model->tensors.all());
    const auto file = folder / "model.gguf";
    writer.write(file);
    try {
      EXPECT_EQ(differences(load_gguf(file), row), "") << row.text;
    } catch (const Error& error) {
      ADD_FAILURE() << row.model << ": " << error.what();
    }
  });
}

}  // namespace
}  // namespace membudget::test::sources_test
