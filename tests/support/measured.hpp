// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "membudget/footprint.hpp"
#include "membudget/model.hpp"
#include "membudget/runtime.hpp"
#include "model/arch/arch.hpp"

namespace membudget::test {

/// One setting of the real engine and the sizes it then allocated.
struct MeasuredRow {
  std::string model;
  std::string architecture;
  std::string quantization;
  std::string build;  ///< "b10587"
  Backend backend = Backend::metal;
  Workload workload;
  std::int64_t gpu_model = 0;
  std::int64_t gpu_kv = 0;
  std::int64_t gpu_compute = 0;
  std::int64_t host_model = 0;
  std::int64_t host_kv = 0;
  std::int64_t host_compute = 0;
  std::int64_t nodes = 0;
  std::string text;  ///< The line, for messages.
};

/// Calls `use` for every row of a *.jsonl file of engine sizes; rows that record a refusal are
/// passed over.
void for_each_row(const std::filesystem::path& file,
                  const std::function<void(const MeasuredRow&)>& use);

/// The models that rows speak of: hyperparameters and tensor shapes, quantized as asked for.
class MeasuredModels {
 public:
  /// A file that compact_tensor_mixes.py wrote.
  void read_packed(const std::filesystem::path& file);
  /// An original *tensor_mixes.jsonl file.
  void read(const std::filesystem::path& file);

  /// `model` with a block for drafting at its end, as conversion writes it, under another name;
  /// `own_head`: with an embedding and an output of its own.
  void add_with_predictor(const std::string& name, const std::string& model, bool own_head);

  [[nodiscard]] const Metadata& metadata(const std::string& model) const {
    return entries_.at(model).metadata;
  }
  /// nullptr when no file holds it, or its architecture is not described yet.
  [[nodiscard]] const Model* find(const std::string& model, const std::string& quantization);

 private:
  struct Entry {
    Metadata metadata{""};
    std::vector<TensorShape> shapes;
  };
  std::map<std::string, Entry> entries_;
  std::map<std::string, Model> models_;  // "model/quantization"
};

/// llama.cpp at a build, as the measurements ran it: the row states every setting itself.
[[nodiscard]] Runtime measured_runtime(const std::string& build);

/// estimate() for a row. Rows do not say whether they were taken in embedding mode, but the nodes
/// of their graph do: pooling by one token adds one, by the mean three.
[[nodiscard]] Footprint estimate_row(const Model& model, const MeasuredRow& row);

}  // namespace membudget::test
