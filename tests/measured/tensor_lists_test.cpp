// SPDX-License-Identifier: MIT
// The tensors that the program lists where it has no file, by name and shape, against those of the
// files that the engine loaded. Of models outside the catalog, the file says which optional tensors
// there are, as a catalog entry would.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "membudget/model.hpp"
#include "membudget/profiles.hpp"
#include "model/arch/arch.hpp"
#include "support/packed.hpp"
#include "test_paths.hpp"

namespace membudget::test::tensor_lists_test {
namespace {

using nlohmann::json;
/// "name 4096x4096" of every tensor, sorted.
template <class Tensors>
std::vector<std::string> lines(const Tensors& tensors) {
  std::vector<std::string> result;
  for (const auto& tensor : tensors) {
    result.push_back(fmt::format("{} {}", tensor.name, fmt::join(tensor.shape, "x")));
  }
  std::sort(result.begin(), result.end());
  return result;
}

/// Those of `some` that `others` lacks.
std::string beyond(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  std::vector<std::string> result;
  std::set_difference(some.begin(), some.end(), others.begin(), others.end(),
                      std::back_inserter(result));
  return fmt::format("{}", fmt::join(result, ", "));
}

std::vector<std::string> suffixes(const std::vector<TensorShape>& shapes) {
  std::set<std::string> result;
  for (const TensorShape& tensor : shapes) {
    const bool inside = TensorTable::layer_of(tensor.name) >= 0;
    result.insert(inside ? tensor.name.substr(tensor.name.find('.', 4) + 1) : tensor.name);
  }
  return {result.begin(), result.end()};
}

/// A line of the file that compact_tensor_mixes.py wrote.
struct File {
  std::string model;
  std::string architecture;
  Metadata metadata{"measured"};
  std::vector<TensorShape> shapes = {};
};

// GLM-4.6 was measured with two tables that its published files leave out (llama.cpp pull request
// 16359); nothing loads them.
bool unpublished(const std::string& model, const std::string& tensor) {
  return model == "glm-4.6" && (tensor == "blk.92.nextn.embed_tokens.weight" ||
                                tensor == "blk.92.nextn.shared_head_head.weight");
}

std::vector<File> files_of_known_architectures() {
  std::vector<File> result;
  std::ifstream in(std::string(TEST_DATA_DIR) + "/measured/data/tensor_mixes.jsonl");
  for (std::string text; std::getline(in, text);) {
    const json line = json::parse(text);
    File file{.model = line.at("model"), .architecture = line.at("arch")};
    if (find_architecture(file.architecture) == nullptr) {
      continue;
    }
    file.metadata.set("general.architecture", file.architecture);
    for (const auto& [key, value] : line.at("metadata").items()) {
      file.metadata.set(fmt::format("{}.{}", file.architecture, key), value_of(value));
    }
    file.shapes = unpack_shapes(line);
    std::erase_if(file.shapes,
                  [&](const TensorShape& tensor) { return unpublished(file.model, tensor.name); });
    for (const TensorShape& tensor : file.shapes) {
      if (tensor.name == "token_types.weight") {  // the one key of the tokenizer that gives a shape
        file.metadata.set("tokenizer.ggml.token_type_count", tensor.shape[1]);
      }
    }
    result.push_back(std::move(file));
  }
  return result;
}

/// What the program lists for the model: from the catalog where it is there, else from the file's
/// metadata.
std::vector<std::string> listed(const Profiles& profiles, const std::set<std::string>& catalog,
                                const File& file) {
  if (!catalog.contains(file.model)) {
    return lines(
        find_architecture(file.architecture)->tensors(file.metadata, suffixes(file.shapes)));
  }
  const Model model = profiles.model(file.model, "F16");
  const std::span<const Tensor> all = model.tensors.all();
  return lines(all);
}

TEST(TensorLists, EqualThoseOfTheFiles) {
  const Profiles profiles = Profiles::embedded();
  const std::vector<std::string> ids = profiles.model_ids();
  const std::set<std::string> catalog(ids.begin(), ids.end());
  int compared = 0;
  for (const File& file : files_of_known_architectures()) {
    ++compared;
    const std::vector<std::string> ours = listed(profiles, catalog, file);
    const std::vector<std::string> theirs = lines(file.shapes);
    const std::string of = fmt::format("{} {}", file.architecture, file.model);
    EXPECT_EQ(beyond(ours, theirs), "") << of << ": not in the file";
    EXPECT_EQ(beyond(theirs, ours), "") << of << ": only in the file";
    EXPECT_EQ(ours.size(), theirs.size()) << of;
  }
  EXPECT_GT(compared, 200);
}

}  // namespace
}  // namespace membudget::test::tensor_lists_test
