// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/arch/arch.hpp"

namespace membudget::test {

/// A metadata value as the measured files hold it; arrays of truth values become numbers.
[[nodiscard]] Metadata::Value value_of(const nlohmann::json& value);

/// `extents` from index `first` on as a shape.
[[nodiscard]] TensorShape shape_of(std::string name, const nlohmann::json& extents,
                                   std::size_t first);

/// "Q6_K*2,Q4_K": the values of consecutive layers. The last repeats for ever.
class Runs {
 public:
  explicit Runs(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] bool done() const { return left_ == 0 && at_ >= text_.size(); }
  std::string next();

 private:
  std::string text_;
  std::string value_;
  std::size_t at_ = 0;
  int left_ = 0;
};

/// The tensors of a line that compact_tensor_mixes.py wrote.
[[nodiscard]] std::vector<TensorShape> unpack_shapes(const nlohmann::json& line);

}  // namespace membudget::test
