// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "membudget/profiles.hpp"
#include "membudget/speed.hpp"

namespace membudget::test {

/// One published measurement of speed.
struct PublishedSpeed {
  std::string chip;  ///< "Apple M1 Max"
  std::int64_t gpu_cores = 0;
  std::string runtime;       ///< "llama.cpp", "ollama", "mlx"
  std::string model;         ///< The catalog's id.
  std::string quantization;  ///< As published: "Q4_K_M", "4bit".
  std::string source;
  double depth = 0;  ///< Mean depth of the generated tokens.
  std::optional<double> generation_tps;
  std::int64_t prompt = 0;
  std::int64_t prompt_depth = 0;
  std::optional<double> prompt_tps;

  // What the prediction starts from.
  std::shared_ptr<const Model> content;
  Machine machine;
  Footprint footprint;

  [[nodiscard]] SpeedRequest generation_request() const;
  [[nodiscard]] SpeedRequest prompt_request() const;
};

/// The rows of measured/data/throughput.jsonl with all that is needed to predict them.
class PublishedSpeeds {
 public:
  PublishedSpeeds(const Profiles& profiles, const std::filesystem::path& file);

  [[nodiscard]] const std::vector<PublishedSpeed>& rows() const { return rows_; }
  /// Why rows were set aside, and how many.
  [[nodiscard]] const std::map<std::string, int>& aside() const { return aside_; }

 private:
  std::vector<PublishedSpeed> rows_;
  std::map<std::string, int> aside_;
};

/// Relative errors of predictions, to print and to judge.
struct Errors {
  std::vector<double> values;

  void add(double predicted, double measured);
  /// The value below which `share` of the absolute errors lie.
  [[nodiscard]] double quantile(double share) const;
};

}  // namespace membudget::test
