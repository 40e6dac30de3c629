// SPDX-License-Identifier: MIT
// The input is the JSON of a header; its length stands before it in a file, so half of the inputs
// have it from here and half have their own.
#include "source/safetensors.hpp"

#include <fmt/format.h>

#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "support/gguf_writer.hpp"

namespace membudget::fuzz {

void safetensors(std::string_view input) {
  const bool json = input.starts_with('{') || input.starts_with('[');
  const std::string file =
      json ? test::GgufWriter::bytes_of(std::uint64_t{input.size()}).append(input)
           : std::string(input);
  const MemorySource source = source_of(file);
  const auto header =
      read_twice([&] { return read_safetensors(source); },
                 [](const Safetensors& read) {
                   return fmt::format("{} {}", read.tensors.size(), read.missing.count());
                 });
  if (!header) {
    return;
  }
  Bytes data;
  for (const Checkpoint::Stored& tensor : header->tensors) {
    require(tensor.size >= Bytes{}, "no size is negative");
    data += tensor.size;
    if (const std::int64_t bits = bits_of_dtype(tensor.type); bits > 0) {
      std::int64_t elements = 1;
      for (const std::int64_t extent : tensor.shape) {
        elements = checked_multiply(elements, extent);
      }
      require(tensor.size.count() == (elements * bits + 7) / 8, "a size is that of the shape");
    }
  }
  require(header->missing >= Bytes{} && header->missing <= data,
          "no more is missing than there should be");
}

}  // namespace membudget::fuzz
