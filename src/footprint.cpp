// SPDX-License-Identifier: MIT
#include "membudget/footprint.hpp"

#include <algorithm>

namespace membudget {
namespace {

template <class Match>
Bytes sum(const std::vector<Part>& parts, Match match) {
  Bytes total;
  for (const Part& part : parts) {
    if (match(part)) {
      total += part.bytes;
    }
  }
  return total;
}

}  // namespace

Bytes Footprint::total() const {
  return sum(parts, [](const Part&) { return true; });
}

Bytes Footprint::total(Place where) const {
  return sum(parts, [&](const Part& part) { return part.where == where; });
}

Bytes Footprint::total(PartName name) const {
  return sum(parts, [&](const Part& part) { return part.name == name; });
}

bool Footprint::assumed() const {
  return std::any_of(parts.begin(), parts.end(),
                     [](const Part& part) { return part.basis == Basis::assumed; });
}

std::string_view to_string(PartName name) {
  switch (name) {
    case PartName::weights:
      return "weights";
    case PartName::kv_cache:
      return "kv_cache";
    case PartName::recurrent_state:
      return "recurrent_state";
    case PartName::compute:
      return "compute";
    case PartName::output:
      return "output";
    case PartName::projector:
      return "projector";
    case PartName::adapter:
      return "adapter";
    case PartName::draft:
      return "draft";
    case PartName::prompt_cache:
      return "prompt_cache";
    case PartName::runtime:
      return "runtime";
  }
  return "";
}

std::string_view to_string(Place where) {
  return where == Place::gpu ? "gpu" : "host";
}

std::string_view to_string(Basis basis) {
  switch (basis) {
    case Basis::file:
      return "file";
    case Basis::formula:
      return "formula";
    case Basis::measured:
      return "measured";
    case Basis::assumed:
      return "assumed";
  }
  return "";
}

}  // namespace membudget
