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
void for_each_row(const std::filesystem::path& file, const std::function<void(const MeasuredRow&)>& use);

/// The models of *tensor_mixes.jsonl files, by name and quantization.
class MeasuredModels {
 public:
  void read(const std::filesystem::path& file);
  /// nullptr when the files do not hold it, or its architecture is not described yet.
  [[nodiscard]] const Model* find(const std::string& model, const std::string& quantization);
  [[nodiscard]] const std::map<std::string, std::string>& failures() const { return failures_; }

 private:
  struct Entry {
    std::filesystem::path file;
    std::streamoff at = 0;
  };
  std::map<std::string, Entry> entries_;      // "model/quant"
  std::map<std::string, std::string> hyper_;  // model: its hparams as JSON
  std::map<std::string, Model> models_;
  std::map<std::string, std::string> failures_;
};

/// llama.cpp at a build, as the measurements ran it: the row states every setting itself.
[[nodiscard]] Runtime measured_runtime(const std::string& build);

/// estimate() for a row. Rows do not say whether they were taken in embedding mode, but the nodes
/// of their graph do: pooling by one token adds one, by the mean three.
[[nodiscard]] Footprint estimate_row(const Model& model, const MeasuredRow& row);

}  // namespace membudget::test
