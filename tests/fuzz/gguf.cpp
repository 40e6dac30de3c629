// SPDX-License-Identifier: MIT
// The input is a file.
#include "source/gguf.hpp"

#include <fmt/format.h>

#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "source/gguf_model.hpp"

namespace membudget::fuzz {
namespace {

void check_header(const Gguf& gguf) {
  std::int64_t end = 0;
  for (const Tensor& tensor : gguf.tensors) {
    require(tensor.offset % gguf.alignment == 0, "tensors are aligned");
    require(tensor.offset >= end, "tensors do not overlap");
    end = tensor.offset + tensor.size().count();
  }
  require(end <= gguf.data_size.count(), "tensors lie within the data");
  require(gguf.missing >= Bytes{} && gguf.missing <= gguf.data_size,
          "no more is missing than there should be");
  require(gguf.places.size() == gguf.tensors.size(), "each tensor has a place");
}

std::string shown(const Gguf& gguf) {
  return fmt::format("{} {} {} {} {}", gguf.version, gguf.tensors.size(),
                     gguf.metadata.values().size(), gguf.data_offset, gguf.data_size.count());
}

}  // namespace

void gguf(std::string_view input) {
  const MemorySource source = source_of(input);
  const auto header = read_twice([&] { return read_gguf(source); }, shown);
  if (!header) {
    return;
  }
  check_header(*header);
  static_cast<void>(read_or_refuse([&] { return adapter_of(*header, "input", "input"); }));
  static_cast<void>(read_or_refuse([&] { return control_vector_of(*header, "input", "input"); }));
  static_cast<void>(read_or_refuse([&] { return projector_of(*header, "input", "input"); }));
  static_cast<void>(read_or_refuse([&] { return companion_of(*header, "input"); }));
  if (const auto model = read_or_refuse([&] { return model_of(*header, "input", "input"); })) {
    check_plans(*model, hash_of(input));
  }
}

}  // namespace membudget::fuzz
