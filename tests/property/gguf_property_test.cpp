// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <gtest/gtest.h>
// After gtest, which it needs.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/error.hpp"
#include "source/gguf.hpp"
#include "support/gguf_writer.hpp"

namespace membudget::gguf_property_test {
namespace {

using test::GgufWriter;

// The reader's promise for any bytes: a header that holds together, or an Error on one line.
std::optional<Gguf> parse_or_error(std::string_view bytes) {
  try {
    Gguf gguf = read_gguf(MemorySource("random.gguf", std::as_bytes(std::span(bytes))));
    std::int64_t end = 0;
    for (const Tensor& tensor : gguf.tensors) {
      RC_ASSERT(tensor.offset % gguf.alignment == 0);
      RC_ASSERT(tensor.offset >= end);
      end = tensor.offset + tensor.size().count();
    }
    RC_ASSERT(end <= gguf.data_size.count());
    return gguf;
  } catch (const Error& error) {
    RC_ASSERT(error.where().starts_with("random.gguf@0x"));
    RC_ASSERT(std::string_view(error.what()).find('\n') == std::string_view::npos);
    return std::nullopt;
  }
}

std::string valid_file() {
  GgufWriter gguf;
  gguf.set("general.architecture", "llama")
      .set_alignment(64)
      .set("llama.block_count", std::uint32_t{2})
      .set("llama.rope.freq_base", 10000.0F)
      .set("tokenizer.ggml.add_bos_token", true)
      .set_array("llama.attention.head_count_kv", std::vector<std::int32_t>{8, 0})
      .set_array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "", "cd"})
      .set_array("tokenizer.ggml.scores", std::vector<float>{0, 1, 2, 3})
      .add_tensor("token_embd.weight", {256, 4}, ElementType::q4_k)
      .add_tensor("blk.0.attn_q.weight", {256, 256, 2}, ElementType::q6_k)
      .add_tensor("output_norm.weight", {256}, ElementType::f32);
  return gguf.padded_header();
}

RC_GTEST_PROP(GgufProperty, AnyBytesAreReadOrRefused, (const std::vector<std::uint8_t>& bytes)) {
  parse_or_error(std::string(bytes.begin(), bytes.end()));
}

RC_GTEST_PROP(GgufProperty, AnyBytesAfterTheMagicAreReadOrRefused,
              (const std::vector<std::uint8_t>& bytes)) {
  parse_or_error("GGUF" + GgufWriter::bytes_of(std::uint32_t{3}) +
                 std::string(bytes.begin(), bytes.end()));
}

RC_GTEST_PROP(GgufProperty, AFileWithChangedBytesIsReadOrRefused, ()) {
  std::string bytes = valid_file();
  const auto changes = *rc::gen::inRange(1, 6);
  for (int i = 0; i < changes; ++i) {
    // Lengths and counts sit in few bytes, so the extremes are tried more often than chance would.
    const auto place = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[place] =
        static_cast<char>(*rc::gen::oneOf(rc::gen::arbitrary<std::uint8_t>(),
                                          rc::gen::element<std::uint8_t>(0, 1, 0x7f, 0x80, 0xff)));
  }
  parse_or_error(bytes);
}

RC_GTEST_PROP(GgufProperty, AFileWithPartsCutOutOrRepeatedIsReadOrRefused, ()) {
  std::string bytes = valid_file();
  const auto from = *rc::gen::inRange<std::size_t>(0, bytes.size());
  const auto count = *rc::gen::inRange<std::size_t>(0, bytes.size() - from);
  if (*rc::gen::arbitrary<bool>()) {
    bytes.erase(from, count);
  } else {
    bytes.insert(*rc::gen::inRange<std::size_t>(0, bytes.size()), bytes.substr(from, count));
  }
  parse_or_error(bytes);
}

RC_GTEST_PROP(GgufProperty, WhatIsWrittenIsReadBack, ()) {
  const auto integers = *rc::gen::arbitrary<std::vector<std::int64_t>>();
  const auto reals = *rc::gen::container<std::vector<double>>(
      rc::gen::map(rc::gen::arbitrary<std::int32_t>(), [](std::int32_t n) { return n / 8.0; }));
  const auto text = *rc::gen::arbitrary<std::string>();
  const auto extents =
      *rc::gen::container<std::vector<std::int64_t>>(4, rc::gen::inRange<std::int64_t>(1, 9));
  const auto type = *rc::gen::element(ElementType::f32, ElementType::q8_0, ElementType::q4_k);

  GgufWriter writer;
  writer.set_array("integers", integers).set_array("reals", reals).set("text", text);
  for (int i = 0; i < 3; ++i) {
    writer.add_tensor(fmt::format("t{}", i), {256 * extents[0], extents[1], extents[2], extents[3]},
                      type);
  }
  const auto gguf = parse_or_error(writer.padded_header());
  RC_ASSERT(gguf.has_value());
  RC_ASSERT(*gguf->metadata.find("integers") == Metadata::Value(integers));
  RC_ASSERT(*gguf->metadata.find("reals") == Metadata::Value(reals));
  RC_ASSERT(*gguf->metadata.find("text") == Metadata::Value(text));
  RC_ASSERT(gguf->tensors.size() == 3U);
  RC_ASSERT(gguf->tensors[2].shape[3] == extents[3]);
  RC_ASSERT(gguf->data_size.count() == writer.data_size());
}

}  // namespace
}  // namespace membudget::gguf_property_test
