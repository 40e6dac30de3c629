// SPDX-License-Identifier: MIT
#include "support/packed.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace membudget::test {

using nlohmann::json;

Metadata::Value value_of(const json& value) {
  if (value.is_boolean()) {
    return value.get<bool>();
  }
  if (value.is_number_integer()) {
    return value.get<std::int64_t>();
  }
  if (value.is_number()) {
    return value.get<double>();
  }
  if (value.is_string()) {
    return value.get<std::string>();
  }
  const bool whole = std::all_of(value.begin(), value.end(), [](const json& element) {
    return element.is_number_integer() || element.is_boolean();
  });
  if (whole) {
    std::vector<std::int64_t> numbers;
    for (const json& element : value) {
      numbers.push_back(element.is_boolean() ? element.get<bool>() : element.get<std::int64_t>());
    }
    return numbers;
  }
  return value.get<std::vector<double>>();
}

TensorShape shape_of(std::string name, const json& extents, std::size_t first) {
  TensorShape shape{.name = std::move(name)};
  for (std::size_t i = first; i < extents.size(); ++i) {
    shape.shape[i - first] = extents[i].get<std::int64_t>();
  }
  return shape;
}

std::string Runs::next() {
  if (left_ == 0 && at_ < text_.size()) {
    const std::size_t end = std::min(text_.find(',', at_), text_.size());
    const std::string run = text_.substr(at_, end - at_);
    const std::size_t star = run.find('*');
    value_ = run.substr(0, star);
    left_ = star == std::string::npos ? 1 : std::stoi(run.substr(star + 1));
    at_ = end + 1;
  }
  left_ = std::max(0, left_ - 1);
  return value_;
}

std::vector<TensorShape> unpack_shapes(const json& line) {
  std::vector<TensorShape> shapes;
  const auto append = [&](const json& kind, const std::string& prefix) {
    for (const json& tensor : kind) {
      shapes.push_back(shape_of(prefix + tensor[0].get<std::string>(), tensor, 1));
    }
  };
  append(line.at("kinds")[0], "");
  Runs kinds(line.at("layers").get<std::string>());
  for (int layer = 0; !kinds.done(); ++layer) {
    append(line.at("kinds")[std::stoul(kinds.next())], fmt::format("blk.{}.", layer));
  }
  return shapes;
}

}  // namespace membudget::test
