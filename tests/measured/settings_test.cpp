// SPDX-License-Identifier: MIT
// Predictions against the sizes that llama.cpp itself allocated under settings that split a model
// between Metal and the CPU, or change its caches: partial offload, experts on the CPU, load modes,
// every pair of cache types, odd contexts and batches, --no-kv-offload, --no-repack, with and
// without Accelerate. Every size must be equal, to the byte, and every refusal refused.

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "support/measured.hpp"
#include "support/measured_settings.hpp"
#include "test_paths.hpp"

namespace membudget::test {
namespace {

const std::string data = std::string(TEST_DATA_DIR) + "/measured/data";

class SettingsCheck {
 public:
  explicit SettingsCheck(MeasuredModels& models) : models_(models) {}

  void operator()(const MeasuredSettings& row) {
    const Model* model = models_.find(row.model, row.quantization);
    if (row.beyond_workload || model == nullptr) {
      return;
    }
    ++rows_;
    if (row.refused) {
      expect_refusal(*model, row);
      return;
    }
    try {
      compare(estimate(*model, row.runtime, row.workload), row);
    } catch (const Error& error) {
      report(row, error.what());
    }
  }

  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] int different() const { return different_; }

 private:
  void expect_refusal(const Model& model, const MeasuredSettings& row) {
    try {
      static_cast<void>(estimate(model, row.runtime, row.workload));
      report(row, "the engine refuses this");
    } catch (const Error& error) {
      if (error.code() != Errc::bad_request) {
        report(row, error.what());
      }
    }
  }

  void compare(const Footprint& footprint, const MeasuredSettings& row) {
    const auto same = [&](const char* what, std::int64_t predicted, std::int64_t measured) {
      if (predicted != measured) {
        report(row, std::string(what) + ": " + std::to_string(predicted) + " instead of " +
                        std::to_string(measured));
      }
    };
    same("weights of Metal", footprint.gpu.model.count(), row.gpu_model);
    same("weights of the CPU", footprint.host.model.count(), row.host_model);
    same("repacked weights", footprint.repacked.count(), row.repacked);
    same("cache of Metal", footprint.gpu.kv.count(), row.gpu_kv);
    same("cache of the CPU", footprint.host.kv.count(), row.host_kv);
    same("compute of Metal", footprint.gpu.compute.count(), row.gpu_compute);
    same("compute of the CPU", footprint.host.compute.count(), row.host_compute);
    same("output", footprint.total(PartName::output).count(), row.output);
    same("flash attention", footprint.flash_attention ? 1 : 0, row.flash_attention ? 1 : 0);
    same("splits", footprint.graph_splits, row.splits);
  }

  void report(const MeasuredSettings& row, const std::string& what) {
    constexpr int shown = 20;
    if (++different_ <= shown) {
      ADD_FAILURE() << row.runtime.version << ": " << what << "\n" << row.text;
    }
  }

  MeasuredModels& models_;
  int rows_ = 0;
  int different_ = 0;
};

TEST(LlamaCppSettings, SizesAreEqualToTheByte) {
  MeasuredModels models;
  models.read_packed(data + "/tensor_mixes.jsonl");
  SettingsCheck check(models);
  for_each_settings_row(data + "/settings.jsonl", [&](const MeasuredSettings& row) { check(row); });
  EXPECT_GT(check.rows(), 500);
  EXPECT_EQ(check.different(), 0);
}

TEST(LlamaCppSettings, SizesAreEqualInTheOriginalFile) {
  const char* folder = std::getenv("MEMBUDGET_MEASURED");
  if (folder == nullptr) {
    GTEST_SKIP() << "MEMBUDGET_MEASURED names no folder with the original files";
  }
  MeasuredModels models;
  models.read(std::string(folder) + "/tensor_mixes.jsonl");
  models.read(std::string(folder) + "/more_tensor_mixes.jsonl");
  SettingsCheck check(models);
  for_each_settings_row(std::string(folder) + "/settings_metal.jsonl",
                        [&](const MeasuredSettings& row) { check(row); });
  EXPECT_GT(check.rows(), 3000);
  EXPECT_EQ(check.different(), 0);
}

}  // namespace
}  // namespace membudget::test
