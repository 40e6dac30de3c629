// SPDX-License-Identifier: MIT
// The types, order and sizes of all tensors against those that llama-quantize b10587 (commit
// 3f545beccee69d9975f466ec7e45fd9aacd8ba90) gives them with --dry-run: 256 models of 107
// architectures, 29 file types, with and without an importance matrix.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "membudget/error.hpp"
#include "model/quantize.hpp"
#include "support/packed.hpp"
#include "support/quantizations.hpp"
#include "test_paths.hpp"

namespace membudget::tensor_mixes_test {
namespace {

using nlohmann::json;
using test::Runs;
using test::shape_of;
using test::unpack_shapes;
using test::value_of;

/// What llama-quantize said for one model and file type.
struct MeasuredRow {
  std::string source;
  std::string quantization;
  ImportanceMatrix matrix = ImportanceMatrix::absent;
  bool fails = false;
  std::vector<std::string> types = {};  ///< In file order.
  std::int64_t bytes = 0;
  std::optional<bool> needs_matrix = {};  ///< Asked for only when there was none.
};

struct MeasuredModel {
  std::string name;
  Metadata metadata{"measured"};
  std::vector<TensorShape> shapes = {};  ///< In file order.
  std::vector<MeasuredRow> rows = {};
};

/// Rows compared and rows equal, by the file they come from.
struct Tally {
  std::map<std::string, std::pair<int, int>> equal_of_rows;
  std::vector<std::string> differences;
};

std::string suffix_of(const std::string& name) {
  const std::int64_t layer = TensorTable::layer_of(name);
  return layer < 0 ? name : name.substr(name.find('.', 4) + 1);
}

MeasuredRow unpack_row(const json& packed, const std::vector<TensorShape>& shapes) {
  MeasuredRow row{
      .source = packed.at("from").get<std::string>(),
      .quantization = packed.at("quant").get<std::string>(),
      .matrix = packed.contains("imatrix") ? ImportanceMatrix::present : ImportanceMatrix::absent,
      .fails = packed.contains("fails")};
  if (row.fails) {
    return row;
  }
  row.bytes = packed.at("bytes").get<std::int64_t>();
  if (packed.contains("requires_imatrix") && row.matrix == ImportanceMatrix::absent) {
    row.needs_matrix = packed.at("requires_imatrix").get<bool>();
  }
  std::map<std::string, Runs> types;
  for (const auto& [text, suffixes] : packed.at("other").items()) {
    for (const json& suffix : suffixes) {
      types.emplace(suffix.get<std::string>(), Runs(text));
    }
  }
  for (const TensorShape& shape : shapes) {
    const std::string suffix = suffix_of(shape.name);
    const auto found = types.try_emplace(suffix, packed.at("type").get<std::string>()).first;
    row.types.push_back(found->second.next());
  }
  return row;
}

std::vector<MeasuredModel> read_packed(const std::string& path) {
  std::vector<MeasuredModel> models;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    const json line = json::parse(text);
    MeasuredModel model{.name = line.at("model").get<std::string>()};
    const auto architecture = line.at("arch").get<std::string>();
    model.metadata.set("general.architecture", architecture);
    for (const auto& [key, value] : line.at("metadata").items()) {
      model.metadata.set(architecture + "." + key, value_of(value));
    }
    model.shapes = unpack_shapes(line);
    for (const json& row : line.at("rows")) {
      model.rows.push_back(unpack_row(row, model.shapes));
    }
    models.push_back(std::move(model));
  }
  return models;
}

// A row of the original files; `model` already has its shapes when the row does not list them.
MeasuredRow read_row(const json& line, const std::string& source, MeasuredModel& model) {
  MeasuredRow row{.source = source,
                  .quantization = line.at("quant").get<std::string>(),
                  .matrix = line.value("imatrix", false) ? ImportanceMatrix::present
                                                         : ImportanceMatrix::absent};
  const json tensors = line.value("tensors", json());
  const json others = line.value("types_differing", json());  // Lists every type but F32.
  row.fails = !tensors.is_array() && !others.is_object();
  if (row.fails) {
    return row;
  }
  if (tensors.is_array()) {
    model.shapes.clear();
    for (const json& tensor : tensors) {
      model.shapes.push_back(shape_of(tensor[0].get<std::string>(), tensor[1], 0));
      row.types.push_back(tensor[2].get<std::string>());
    }
  } else {
    for (const TensorShape& shape : model.shapes) {
      row.types.push_back(others.value(shape.name, "F32"));
    }
  }
  row.bytes = line.at("tensor_bytes").get<std::int64_t>();
  if (line.contains("requires_imatrix") && row.matrix == ImportanceMatrix::absent) {
    row.needs_matrix = line.at("requires_imatrix").get<bool>();
  }
  return row;
}

std::string difference(const MeasuredModel& model, const MeasuredRow& row,
                       const TensorTable& table) {
  const auto all = table.all();
  if (all.size() != row.types.size()) {
    return fmt::format("{} tensors instead of {}", all.size(), row.types.size());
  }
  std::int64_t end = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name != model.shapes[i].name) {
      return fmt::format("tensor {} is {} instead of {}", i, all[i].name, model.shapes[i].name);
    }
    if (format_of(all[i].type).name != row.types[i]) {
      return fmt::format("{} is {} instead of {}", all[i].name, format_of(all[i].type).name,
                         row.types[i]);
    }
    if (all[i].offset != end) {
      return fmt::format("{} is at {} instead of {}", all[i].name, all[i].offset, end);
    }
    end += round_up(all[i].size().count(), 32);
  }
  if (table.total().count() != row.bytes) {
    return fmt::format("{} bytes instead of {}", table.total().count(), row.bytes);
  }
  if (row.needs_matrix &&
      needs_importance_matrix(table, test::file_type(row.quantization)) != *row.needs_matrix) {
    return fmt::format("needs a matrix: {} measured", *row.needs_matrix);
  }
  return "";
}

std::string compare(const MeasuredModel& model, const MeasuredRow& row) {
  // Not in file order, so that the order is found and not repeated.
  const std::vector<TensorShape> shapes(model.shapes.rbegin(), model.shapes.rend());
  try {
    const TensorTable table =
        quantize(shapes, model.metadata, test::file_type(row.quantization), row.matrix);
    return row.fails ? "succeeds where llama-quantize fails" : difference(model, row, table);
  } catch (const Error& error) {
    return row.fails && error.code() == Errc::bad_request ? "" : error.what();
  }
}

void add(Tally& tally, const MeasuredModel& model, const MeasuredRow& row) {
  const std::string differs = compare(model, row);
  auto& [equal, rows] = tally.equal_of_rows[row.source];
  ++rows;
  equal += differs.empty() ? 1 : 0;
  if (!differs.empty()) {
    tally.differences.push_back(
        fmt::format("{} {} ({}): {}", model.name, row.quantization, row.source, differs));
  }
}

void expect_all_equal(const Tally& tally) {
  for (const auto& [source, counts] : tally.equal_of_rows) {
    std::cout << fmt::format("{}: {} of {} rows equal\n", source, counts.first, counts.second);
  }
  constexpr std::size_t shown = 25;
  for (std::size_t i = 0; i < std::min(shown, tally.differences.size()); ++i) {
    ADD_FAILURE() << tally.differences[i];
  }
  EXPECT_EQ(tally.differences.size(), 0U);
}

TEST(TensorMixes, EqualThoseOfLlamaQuantize) {
  Tally tally;
  for (const MeasuredModel& model :
       read_packed(std::string(TEST_DATA_DIR) + "/measured/data/tensor_mixes.jsonl")) {
    for (const MeasuredRow& row : model.rows) {
      add(tally, model, row);
    }
  }
  EXPECT_EQ(tally.equal_of_rows.size(), 3U);
  expect_all_equal(tally);
}

TEST(TensorMixes, EqualTheOriginalFiles) {
  const char* folder = std::getenv("MEMBUDGET_MEASURED");
  if (folder == nullptr) {
    GTEST_SKIP() << "MEMBUDGET_MEASURED names no folder with the original files";
  }
  Tally tally;
  std::map<std::string, MeasuredModel> models;
  for (const std::string source : {"tensor_mixes", "more_tensor_mixes", "quant_mixes"}) {
    std::ifstream file(std::string(folder) + "/" + source + ".jsonl");
    ASSERT_TRUE(file) << source;
    for (std::string text; std::getline(file, text);) {
      const json line = json::parse(text);
      MeasuredModel& model = models[line.at("model").get<std::string>()];
      model.name = line.at("model").get<std::string>();
      model.metadata.set("general.architecture", line.at("arch").get<std::string>());
      const json metadata = line.value("hparams", json::object());
      for (const auto& [key, value] : metadata.items()) {
        model.metadata.set(key, value_of(value));
      }
      add(tally, model, read_row(line, source, model));
    }
  }
  expect_all_equal(tally);
}

}  // namespace
}  // namespace membudget::tensor_mixes_test
