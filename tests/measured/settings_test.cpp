// SPDX-License-Identifier: MIT
// Predictions against the sizes that llama.cpp itself allocated under settings that split a model
// between Metal and the CPU, change its caches or attach something to it: partial offload, experts
// on the CPU, load modes, every pair of cache types, odd contexts and batches, --no-kv-offload,
// --no-repack, with and without Accelerate; LoRA adapters, control vectors, blocks for drafting
// with a context of their own, recurrent states that can be taken back, saved sequences. Every size
// must be equal, to the byte, and every refusal refused, but for what is_known_to_differ() names.

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "engine/llamacpp/saved_state.hpp"
#include "engine/llamacpp/simulate.hpp"
#include "membudget/attachments.hpp"
#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "support/measured.hpp"
#include "support/measured_settings.hpp"
#include "test_paths.hpp"

namespace membudget::test::settings_test {
namespace {

const std::string data = std::string(TEST_DATA_DIR) + "/measured/data";

// One setting, of two builds: DeepSeek-V2-Lite with half of its layers and of a LoRA on the CPU.
// Metal's buffer is 2,491,648 bytes (1.2 %) smaller here, in 144 splits instead of 129; the
// engine's is the one of the model without the adapter. Why it does not cut its graph at the
// adapter's operations there, as it does for the other seven models, is not known.
bool is_known_to_differ(const MeasuredSettings& row) {
  return row.model == "deepseek-v2-lite" && row.section == "6 lora + partial offload";
}

class SettingsCheck {
 public:
  explicit SettingsCheck(MeasuredModels& models) : models_(models) {}

  void operator()(const MeasuredSettings& row) {
    const Model* model = models_.find(row.model, row.quantization);
    if (model == nullptr) {
      return;
    }
    ++rows_;
    if (row.refused) {
      expect_refusal(*model, row);
      return;
    }
    try {
      Workload workload = row.workload;
      workload.adapters = adapters_of(row, *model);
      if (row.control_vector) {
        workload.control_vector = std::make_shared<const ControlVector>(
            ControlVector{.name = "vector", .embedding = model->embedding});
      }
      const Footprint footprint = estimate(*model, row.runtime, workload);
      if (is_known_to_differ(row)) {
        ++known_;
        EXPECT_EQ(row.gpu_compute - footprint.gpu.compute.count(), 2'491'648);
        EXPECT_EQ(footprint.host.compute.count(), row.host_compute);
        compare_attached(footprint, row);
        return;
      }
      compare(footprint, row);
      compare_attached(footprint, row);
      if (row.drafting) {
        compare_drafting(llamacpp::simulate_predictor(*model, row.runtime, footprint.settings),
                         row);
      }
      compare_states(*model, footprint.settings, row);
    } catch (const Error& error) {
      report(row, error.what());
    }
  }

  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] int different() const { return different_; }
  [[nodiscard]] int known() const { return known_; }

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
      this->same(what, predicted, measured, row);
    };
    same("weights of Metal", footprint.gpu.model.count(), row.gpu_model);
    same("weights of the CPU", footprint.host.model.count(), row.host_model);
    same("repacked weights", footprint.repacked.count(), row.repacked);
    same("cache of Metal", footprint.gpu.kv.count(), row.gpu_kv);
    same("cache of the CPU", footprint.host.kv.count(), row.host_kv);
    same("compute of Metal", footprint.gpu.compute.count(), row.gpu_compute);
    same("compute of the CPU", footprint.host.compute.count(), row.host_compute);
    if (!footprint.settings.predict) {
      // Else it has room for hidden states, which these rows did not yet ask for.
      same("output", footprint.total(PartName::output).count(), row.output);
    }
    if (!row.drafting) {
      same("flash attention", footprint.flash_attention ? 1 : 0, row.flash_attention ? 1 : 0);
      same("splits", footprint.graph_splits, row.splits);
    }
  }

  void compare_attached(const Footprint& footprint, const MeasuredSettings& row) {
    if (!row.adapters.empty()) {
      Bytes gpu;
      Bytes host;
      for (const Part& part : footprint.parts) {
        if (part.name == PartName::adapter) {
          (part.where == Place::gpu ? gpu : host) += part.bytes;
        }
      }
      same("adapters of Metal", gpu.count(), row.gpu_adapters, row);
      same("adapters of the CPU", host.count(), row.host_adapters, row);
    }
    if (row.rollback && !row.drafting) {
      same("tokens to take back", footprint.settings.rollback, *row.rollback, row);
    }
  }

  void compare_drafting(const Footprint& footprint, const MeasuredSettings& row) {
    same("drafting cache", footprint.gpu.kv.count(), row.drafting->gpu_kv, row);
    same("drafting compute of Metal", footprint.gpu.compute.count(), row.drafting->gpu_compute,
         row);
    same("drafting compute of the CPU", footprint.host.compute.count(), row.drafting->host_compute,
         row);
    same("drafting splits", footprint.graph_splits, row.splits, row);
    if (row.drafting->hands_hidden_on) {
      same("drafting output", footprint.total(PartName::output).count(), row.drafting->output, row);
    }
  }

  void compare_states(const Model& model, const Settings& settings, const MeasuredSettings& row) {
    if (row.states.empty()) {
      return;
    }
    const llamacpp::Geometry geometry = llamacpp::geometry(settings, model);
    const llamacpp::Placement placement = llamacpp::place_weights(model, settings);
    const auto caches = llamacpp::kv_caches(model, settings, geometry, placement,
                                            row.runtime.llama_cpp, row.flash_attention);
    const auto state = llamacpp::recurrent_state(model, geometry, placement, settings);
    for (const MeasuredSettings::SavedState& saved : row.states) {
      const Bytes whole = llamacpp::saved_state(model, caches, state, saved.tokens);
      const Bytes part = llamacpp::checkpoint(model, caches, state, saved.tokens);
      same("saved sequence", whole.count(), saved.full, row);
      // Asked for a checkpoint of a plain model, the engine writes all of it.
      same("checkpoint", (part == Bytes{} ? whole : part).count(), saved.partial, row);
    }
  }

  void same(const char* what, std::int64_t predicted, std::int64_t measured,
            const MeasuredSettings& row) {
    if (predicted != measured) {
      report(row, std::string(what) + ": " + std::to_string(predicted) + " instead of " +
                      std::to_string(measured));
    }
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
  int known_ = 0;
};

void add_predictors(MeasuredModels& models) {
  models.add_with_predictor("qwen3.5-9b-mtp", "qwen3.5-9b", false);
  models.add_with_predictor("qwen3.5-9b-mtp-ownhead", "qwen3.5-9b", true);
  models.add_with_predictor("qwen3.5-35b-a3b-mtp", "qwen3.5-35b-a3b", false);
}

TEST(LlamaCppSettings, SizesAreEqualToTheByte) {
  MeasuredModels models;
  models.read_packed(data + "/tensor_mixes.jsonl");
  add_predictors(models);
  SettingsCheck check(models);
  for_each_settings_row(data + "/settings.jsonl", [&](const MeasuredSettings& row) { check(row); });
  EXPECT_GT(check.rows(), 1000);
  EXPECT_EQ(check.different(), 0);
  EXPECT_EQ(check.known(), 2);
}

TEST(LlamaCppSettings, SizesAreEqualInTheOriginalFile) {
  const char* folder = std::getenv("MEMBUDGET_MEASURED");
  if (folder == nullptr) {
    GTEST_SKIP() << "MEMBUDGET_MEASURED names no folder with the original files";
  }
  MeasuredModels models;
  models.read(std::string(folder) + "/tensor_mixes.jsonl");
  models.read(std::string(folder) + "/more_tensor_mixes.jsonl");
  add_predictors(models);
  SettingsCheck check(models);
  for_each_settings_row(std::string(folder) + "/settings_metal.jsonl",
                        [&](const MeasuredSettings& row) { check(row); });
  EXPECT_GT(check.rows(), 5400);
  EXPECT_EQ(check.different(), 0);
  EXPECT_LE(check.known(), 2);
}

}  // namespace
}  // namespace membudget::test::settings_test
