// SPDX-License-Identifier: MIT
#include "source/gguf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>

#include "membudget/error.hpp"
#include "support/gguf_writer.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::gguf_test {
namespace {

using test::error_of;
using test::expect_refusal;
using test::GgufType;
using test::GgufWriter;
using test::ScratchFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint32_t f32_id = 0;
constexpr std::uint32_t q4_0_id = 2;

Gguf parse(std::string_view bytes) {
  return read_gguf(MemorySource("model.gguf", std::as_bytes(std::span(bytes))));
}

Gguf parse(const GgufWriter& gguf) {
  return parse(gguf.padded_header());
}

template <class Input>
Error refusal_of(const Input& input) {
  return error_of([&] { return parse(input); });
}

template <class T>
T value(const Gguf& gguf, std::string_view key) {
  const Metadata::Value* found = gguf.metadata.find(key);
  if (found == nullptr || !std::holds_alternative<T>(*found)) {
    ADD_FAILURE() << key << " is missing or has another type";
    return T{};
  }
  return std::get<T>(*found);
}

GgufWriter small_model(std::uint32_t version = 3) {
  GgufWriter gguf(version);
  gguf.set("general.architecture", "llama")
      .set("llama.block_count", std::uint32_t{1})
      .set_array("llama.attention.head_count_kv", std::vector<std::int32_t>{8})
      .set_array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "cd"})
      .add_tensor("token_embd.weight", {64, 3}, ElementType::q4_0)
      .add_tensor("output_norm.weight", {64}, ElementType::f32);
  return gguf;
}

TEST(Gguf, ReadsVersionsTwoAndThree) {
  for (const std::uint32_t version : {2U, 3U}) {
    const Gguf gguf = parse(small_model(version));
    EXPECT_EQ(gguf.version, version);
    EXPECT_EQ(gguf.metadata.architecture(), "llama");
    EXPECT_EQ(gguf.metadata.where(), "model.gguf");
    ASSERT_EQ(gguf.tensors.size(), 2U);
    EXPECT_EQ(gguf.tensors[0].name, "token_embd.weight");
    EXPECT_EQ(gguf.tensors[0].type, ElementType::q4_0);
    EXPECT_THAT(gguf.tensors[0].shape, ElementsAre(64, 3, 1, 1));
    EXPECT_EQ(gguf.tensors[0].offset, 0);
    EXPECT_EQ(gguf.tensors[1].offset, 128);  // 108 bytes, padded to 32
    EXPECT_EQ(gguf.data_size, Bytes{128 + 256});
  }
}

TEST(Gguf, ReadsEveryTypeOfNumber) {
  GgufWriter writer;
  writer.set("u8", std::uint8_t{255})
      .set("i8", std::int8_t{-128})
      .set("u16", std::uint16_t{65535})
      .set("i16", std::int16_t{-32768})
      .set("u32", std::uint32_t{4294967295})
      .set("i32", std::int32_t{-2147483647})
      .set("u64", std::uint64_t{1} << 62)
      .set("i64", std::int64_t{-1} << 62)
      .set("f32", 0.5F)
      .set("f64", 0.1)
      .set("yes", true)
      .set("no", false)
      .set("string", "text");
  const Gguf gguf = parse(writer);
  EXPECT_EQ(value<std::int64_t>(gguf, "u8"), 255);
  EXPECT_EQ(value<std::int64_t>(gguf, "i8"), -128);
  EXPECT_EQ(value<std::int64_t>(gguf, "u16"), 65535);
  EXPECT_EQ(value<std::int64_t>(gguf, "i16"), -32768);
  EXPECT_EQ(value<std::int64_t>(gguf, "u32"), 4294967295);
  EXPECT_EQ(value<std::int64_t>(gguf, "i32"), -2147483647);
  EXPECT_EQ(value<std::int64_t>(gguf, "u64"), std::int64_t{1} << 62);
  EXPECT_EQ(value<std::int64_t>(gguf, "i64"), std::int64_t{-1} << 62);
  EXPECT_EQ(value<double>(gguf, "f32"), 0.5);
  EXPECT_EQ(value<double>(gguf, "f64"), 0.1);
  EXPECT_TRUE(value<bool>(gguf, "yes"));
  EXPECT_FALSE(value<bool>(gguf, "no"));
  EXPECT_EQ(value<std::string>(gguf, "string"), "text");
}

TEST(Gguf, ReadsArraysOfEveryTypeOfNumber) {
  using Integers = std::vector<std::int64_t>;
  using Reals = std::vector<double>;
  GgufWriter writer;
  writer.set_array("u8", std::vector<std::uint8_t>{1, 255})
      .set_array("i8", std::vector<std::int8_t>{1, -1})
      .set_array("u16", std::vector<std::uint16_t>{1, 65535})
      .set_array("i16", std::vector<std::int16_t>{1, -1})
      .set_array("u32", std::vector<std::uint32_t>{1, 4294967295})
      .set_array("i32", std::vector<std::int32_t>{0, -1})
      .set_array("u64", std::vector<std::uint64_t>{1, 2})
      .set_array("i64", std::vector<std::int64_t>{1, -2})
      .set_array("truths", std::vector<bool>{true, false, true})
      .set_array("f32", std::vector<float>{0.5F, 2.0F})
      .set_array("f64", std::vector<double>{0.1, 0.2})
      .set_array("none", std::vector<std::int32_t>{});
  const Gguf gguf = parse(writer);
  EXPECT_EQ(value<Integers>(gguf, "u8"), (Integers{1, 255}));
  EXPECT_EQ(value<Integers>(gguf, "i8"), (Integers{1, -1}));
  EXPECT_EQ(value<Integers>(gguf, "u16"), (Integers{1, 65535}));
  EXPECT_EQ(value<Integers>(gguf, "i16"), (Integers{1, -1}));
  EXPECT_EQ(value<Integers>(gguf, "u32"), (Integers{1, 4294967295}));
  EXPECT_EQ(value<Integers>(gguf, "i32"), (Integers{0, -1}));
  EXPECT_EQ(value<Integers>(gguf, "u64"), (Integers{1, 2}));
  EXPECT_EQ(value<Integers>(gguf, "i64"), (Integers{1, -2}));
  EXPECT_EQ(value<Integers>(gguf, "truths"), (Integers{1, 0, 1}));
  EXPECT_EQ(value<Reals>(gguf, "f32"), (Reals{0.5, 2.0}));
  EXPECT_EQ(value<Reals>(gguf, "f64"), (Reals{0.1, 0.2}));
  EXPECT_EQ(value<Integers>(gguf, "none"), Integers{});
}

TEST(Gguf, KeepsOnlyTheLengthOfTokenizerArrays) {
  GgufWriter writer;
  writer.set_array("tokenizer.ggml.tokens", std::vector<std::string>(300'000, "token"))
      .set_array("tokenizer.ggml.scores", std::vector<float>(4097, 1.0F))
      .set_array("tokenizer.ggml.token_type", std::vector<std::int32_t>(4096, 1))
      .set("after", std::uint32_t{1});
  const Gguf gguf = parse(writer);
  EXPECT_EQ(gguf.metadata.array_length("tokenizer.ggml.tokens"), 300'000);
  EXPECT_EQ(gguf.metadata.array_length("tokenizer.ggml.scores"), 4097);
  EXPECT_EQ(gguf.metadata.array_length("tokenizer.ggml.token_type"), 4096);
  EXPECT_FALSE(gguf.metadata.has("tokenizer.ggml.tokens"));
  EXPECT_FALSE(gguf.metadata.has("tokenizer.ggml.scores"));
  EXPECT_TRUE(gguf.metadata.has("tokenizer.ggml.token_type"));
  EXPECT_EQ(value<std::int64_t>(gguf, "after"), 1);
}

TEST(Gguf, HoldsNumbersBeyondSixtyThreeBitsAtTheLargest) {
  const Gguf gguf = parse(GgufWriter().set("big", ~std::uint64_t{0}));
  EXPECT_EQ(value<std::int64_t>(gguf, "big"), INT64_MAX);
}

TEST(Gguf, LeavesOutStringsNobodyCanUse) {
  const std::string longest(std::size_t{1} << 20, 'x');
  const Gguf gguf = parse(GgufWriter().set("kept", longest).set("left out", longest + "x"));
  EXPECT_TRUE(gguf.metadata.has("kept"));
  EXPECT_FALSE(gguf.metadata.has("left out"));
}

TEST(Gguf, HonoursTheAlignmentOfTheFile) {
  for (const std::uint32_t alignment : {1U, 8U, 64U, 4096U}) {
    GgufWriter writer;
    writer.set_alignment(alignment)
        .add_tensor("a", {3}, ElementType::f32)
        .add_tensor("b", {3}, ElementType::f32);
    const Gguf gguf = parse(writer);
    EXPECT_EQ(gguf.alignment, alignment);
    EXPECT_EQ(gguf.tensors[1].offset, round_up(12, alignment));
    EXPECT_EQ(gguf.data_size, Bytes{2 * round_up(12, alignment)});
    EXPECT_EQ(gguf.data_offset % alignment, 0);
    EXPECT_EQ(gguf.data_offset, static_cast<std::int64_t>(writer.padded_header().size()));
  }
}

TEST(Gguf, ReadsEveryElementTypeItKnows) {
  for (std::uint32_t id = 0; id < 64; ++id) {
    const auto type = element_type_of_ggml(id);
    if (!type) {
      continue;
    }
    GgufWriter writer;
    writer.add_tensor("x", {256, 2}, *type);
    const Gguf gguf = parse(writer);
    EXPECT_EQ(gguf.tensors.at(0).type, *type);
    EXPECT_EQ(gguf.data_size.count(), writer.data_size());
  }
}

TEST(Gguf, ReadsAFileWithoutTensors) {
  const Gguf gguf = parse(GgufWriter().set("general.architecture", "llama"));
  EXPECT_TRUE(gguf.tensors.empty());
  EXPECT_EQ(gguf.missing, Bytes{0});
}

TEST(Gguf, StatesHowMuchTensorDataIsMissing) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / "model.gguf";
  small_model().write(file);
  EXPECT_EQ(read_gguf(file).missing, Bytes{0});
  small_model().write(file, 100);
  EXPECT_EQ(read_gguf(file).missing, Bytes{100});
  small_model().write(file, small_model().data_size());
  EXPECT_EQ(read_gguf(file).missing, read_gguf(file).data_size);
}

TEST(Gguf, AcceptsAFileThatDoesNotPadItsLastTensor) {
  const ScratchFolder folder;
  GgufWriter writer;
  writer.add_tensor("x", {3}, ElementType::f32).write(folder / "model.gguf", 32 - 12);
  EXPECT_EQ(read_gguf(folder / "model.gguf").missing, Bytes{0});
}

TEST(Gguf, RefusesOtherFilesSayingWhatTheyAre) {
  const std::string safetensors = GgufWriter::bytes_of(std::uint64_t{90}) + "{\"model.norm\": 1}";
  const std::array<std::tuple<std::string, std::string_view>, 7> cases{{
      {"This is a text about llamas.", "something else"},
      {"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
      {"<!doctype html><html>", "a web page"},
      {"tjgg" + std::string(20, '\1'), "from before GGUF"},
      {safetensors, "a safetensors file"},
      {std::string(4096, '\0'), "an unfinished download"},
      {"x", "something else"},
  }};
  for (const auto& [bytes, message] : cases) {
    const Error error = refusal_of(bytes);
    expect_refusal(error, Errc::unsupported, "model.gguf@0x0", message);
    EXPECT_THAT(error.what(), HasSubstr("not a GGUF file"));
  }
}

TEST(Gguf, RefusesAnEmptyFile) {
  expect_refusal(refusal_of(std::string()), Errc::truncated, "model.gguf@0x0", "the file is empty");
}

TEST(Gguf, RefusesBigEndianFilesByName) {
  std::string bytes = small_model().header();
  std::swap(bytes[4], bytes[7]);
  expect_refusal(refusal_of(bytes), Errc::unsupported, "model.gguf@0x4",
                 "big-endian GGUF is not supported");
  expect_refusal(refusal_of("FUGG" + std::string(20, '\0')), Errc::unsupported, "model.gguf@0x0",
                 "big-endian GGUF is not supported");
}

TEST(Gguf, RefusesOtherVersionsByNumber) {
  expect_refusal(refusal_of(GgufWriter(1)), Errc::unsupported, "model.gguf@0x4",
                 "GGUF version 1 is no longer read");
  expect_refusal(refusal_of(GgufWriter(0)), Errc::unsupported, "model.gguf@0x4", "GGUF version 0");
  expect_refusal(refusal_of(GgufWriter(99)), Errc::unsupported, "model.gguf@0x4",
                 "GGUF version 99");
}

TEST(Gguf, RefusesCountsThatTheFileCannotHold) {
  constexpr std::uint64_t huge = std::uint64_t{1} << 60;
  for (const std::uint64_t count : {huge, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    expect_refusal(refusal_of(small_model().claim_tensors(count)), Errc::truncated,
                   "model.gguf@0x8", "the number of tensors is " + std::to_string(count));
    expect_refusal(refusal_of(small_model().claim_pairs(count)), Errc::truncated, "model.gguf@0x10",
                   "the number of metadata keys is " + std::to_string(count));
  }
}

TEST(Gguf, RefusesArraysThatTheFileCannotHold) {
  for (const GgufType type : {GgufType::u8, GgufType::boolean, GgufType::f64, GgufType::string}) {
    for (const std::uint64_t count : {std::uint64_t{1} << 60, ~std::uint64_t{0}}) {
      const std::string array =
          GgufWriter::bytes_of(type) + GgufWriter::bytes_of(count) + std::string(16, '\0');
      expect_refusal(refusal_of(GgufWriter().set_raw(
                         "key", static_cast<std::uint32_t>(GgufType::array), array)),
                     Errc::truncated, "model.gguf@0x2b", "the length of a metadata array is");
    }
  }
}

TEST(Gguf, RefusesStringsThatTheFileCannotHold) {
  const std::string huge = GgufWriter::bytes_of(~std::uint64_t{0}) + std::string(16, '\0');
  const auto string_id = static_cast<std::uint32_t>(GgufType::string);
  const auto array_id = static_cast<std::uint32_t>(GgufType::array);
  expect_refusal(refusal_of(GgufWriter().set_raw("key", string_id, huge)), Errc::truncated,
                 "model.gguf@0x27", "the length of a metadata string is");
  expect_refusal(refusal_of(GgufWriter().set_raw("key", array_id,
                                                 GgufWriter::bytes_of(GgufType::string) +
                                                     GgufWriter::bytes_of(std::uint64_t{2}) +
                                                     GgufWriter::encoded("a") + huge)),
                 Errc::truncated, "model.gguf@0x3c", "a string of a metadata array");
}

TEST(Gguf, RefusesKeysThatTheFormatForbids) {
  expect_refusal(refusal_of(GgufWriter().set("", 1.0F)), Errc::invalid_model, "model.gguf@0x18",
                 "a metadata key is empty");
  expect_refusal(refusal_of(GgufWriter().set("a\nb", 1.0F)), Errc::invalid_model, "model.gguf@0x18",
                 "'a\\x0ab' holds control characters");
  expect_refusal(refusal_of(GgufWriter().set(std::string(65536, 'k'), 1.0F)), Errc::invalid_model,
                 "model.gguf@0x18", "more than the 65535 allowed");
  expect_refusal(refusal_of(GgufWriter().set("key", 1.0F).set("key", 2.0F)), Errc::invalid_model,
                 "model.gguf@0x2b", "the metadata key 'key' stands twice");
  expect_refusal(
      refusal_of(GgufWriter().set_array("key", std::vector<std::string>{}).set("key", 1)),
      Errc::invalid_model, "model.gguf@0x33", "the metadata key 'key' stands twice");
}

TEST(Gguf, RefusesValuesOfUnknownType) {
  expect_refusal(refusal_of(GgufWriter().set_raw("key", 13, "12345678")), Errc::invalid_model,
                 "model.gguf@0x23", "'key' has the unknown type 13");
  expect_refusal(refusal_of(GgufWriter().set_raw("key", 9,
                                                 GgufWriter::bytes_of(std::uint32_t{77}) +
                                                     GgufWriter::bytes_of(std::uint64_t{0}))),
                 Errc::invalid_model, "model.gguf@0x27", "'key' has the unknown type 77");
}

TEST(Gguf, RefusesArraysOfArrays) {
  expect_refusal(refusal_of(GgufWriter().set_raw("key", 9,
                                                 GgufWriter::bytes_of(GgufType::array) +
                                                     GgufWriter::bytes_of(std::uint64_t{0}))),
                 Errc::invalid_model, "model.gguf@0x27", "'key' is an array of arrays");
}

TEST(Gguf, RefusesTruthsThatAreNeitherTrueNorFalse) {
  expect_refusal(refusal_of(GgufWriter().set_raw("key", 7, "\2")), Errc::invalid_model,
                 "model.gguf@0x27", "'key' is 2, neither true nor false");
}

TEST(Gguf, RefusesAnArchitectureThatWouldBreakMessages) {
  expect_refusal(refusal_of(GgufWriter().set("general.architecture", "lla\nma")),
                 Errc::invalid_model, "model.gguf@0x38", "'lla\\x0ama' holds control characters");
}

TEST(Gguf, RefusesAlignmentsThatAreNoPowerOfTwo) {
  for (const std::uint32_t alignment : {0U, 3U, 24U, 33U, ~0U}) {
    expect_refusal(refusal_of(GgufWriter().set("general.alignment", alignment)),
                   Errc::invalid_model, "model.gguf@0x35", "not a power of two");
  }
  expect_refusal(refusal_of(GgufWriter().set("general.alignment", std::uint64_t{32})),
                 Errc::invalid_model, "model.gguf@0x31", "must be a 32-bit unsigned number");
}

TEST(Gguf, RefusesTensorNamesTheEngineCannotHold) {
  EXPECT_EQ(
      parse(GgufWriter().add_tensor(std::string(63, 'x'), {1}, ElementType::f32)).tensors.size(),
      1U);
  expect_refusal(refusal_of(GgufWriter().add_tensor(std::string(64, 'x'), {1}, ElementType::f32)),
                 Errc::invalid_model, "model.gguf@0x18", "a tensor name has 64 bytes");
  expect_refusal(refusal_of(GgufWriter().add_tensor("", {64}, ElementType::f32)),
                 Errc::invalid_model, "model.gguf@0x18", "is empty or holds control characters");
  expect_refusal(refusal_of(GgufWriter().add_tensor("a\tb", {1}, ElementType::f32)),
                 Errc::invalid_model, "model.gguf@0x18", "'a\\x09b' is empty or holds control");
}

TEST(Gguf, RefusesTensorsListedTwice) {
  GgufWriter writer;
  writer.add_tensor("x", {1}, ElementType::f32).add_tensor("x", {1}, ElementType::f32);
  expect_refusal(refusal_of(writer), Errc::invalid_model, "model.gguf@0x39",
                 "the tensor 'x' is listed twice");
}

TEST(Gguf, RefusesImpossibleNumbersOfDimensions) {
  expect_refusal(refusal_of(GgufWriter().add_raw_tensor("name", {}, f32_id, 0).set("k", 1.0)),
                 Errc::invalid_model, "model.gguf@0x39", "has 0 dimensions");
  expect_refusal(refusal_of(GgufWriter().add_raw_tensor("x", {1, 1, 1, 1, 1}, f32_id, 0)),
                 Errc::invalid_model, "model.gguf@0x21", "has 5 dimensions");
}

TEST(Gguf, RefusesEmptyAndNegativeDimensions) {
  expect_refusal(refusal_of(GgufWriter().add_raw_tensor("x", {32, 0}, f32_id, 0)),
                 Errc::invalid_model, "model.gguf@0x2d", "dimension 1 of the tensor 'x' is 0");
  expect_refusal(refusal_of(GgufWriter().add_raw_tensor("x", {~std::uint64_t{0}}, f32_id, 0)),
                 Errc::invalid_model, "model.gguf@0x25",
                 "dimension 0 of the tensor 'x' is 18446744073709551615");
}

TEST(Gguf, RefusesShapesWhoseSizeOverflows) {
  constexpr std::uint64_t big = std::uint64_t{1} << 40;
  expect_refusal(refusal_of(GgufWriter().add_raw_tensor("x", {big, big}, f32_id, 0)),
                 Errc::invalid_model, "model.gguf@0x25", "'x' has an impossible shape");
  // The elements can be counted, their bytes cannot.
  expect_refusal(refusal_of(GgufWriter().add_raw_tensor("x", {big, 1U << 22}, f32_id, 0)),
                 Errc::invalid_model, "model.gguf@0x25", "'x' has an impossible shape");
  expect_refusal(refusal_of(GgufWriter().add_raw_tensor("x", {big, 1U << 20}, f32_id, 0)),
                 Errc::invalid_model, "model.gguf@0x25", "more than 2^60 bytes");
}

TEST(Gguf, RefusesRowsThatAreNotWholeBlocks) {
  expect_refusal(refusal_of(GgufWriter().add_raw_tensor("x", {33}, q4_0_id, 0)),
                 Errc::invalid_model, "model.gguf@0x25", "not whole blocks of Q4_0");
}

TEST(Gguf, RefusesUnknownTensorTypes) {
  for (const std::uint32_t id : {4U, 31U, 38U, 43U, ~0U}) {
    expect_refusal(refusal_of(GgufWriter().add_raw_tensor("x", {32}, id, 0)), Errc::invalid_model,
                   "model.gguf@0x2d", "'x' has the unknown type " + std::to_string(id));
  }
}

TEST(Gguf, RefusesDataThatDoesNotFollowTheTensorBefore) {
  for (const std::uint64_t offset :
       {std::uint64_t{16}, std::uint64_t{0}, std::uint64_t{64}, ~std::uint64_t{0}}) {
    GgufWriter writer;
    writer.add_tensor("x", {1}, ElementType::f32).add_raw_tensor("y", {1}, f32_id, offset);
    expect_refusal(refusal_of(writer), Errc::invalid_model, "model.gguf@0x52",
                   "'y' is at offset " + std::to_string(offset) + "; 32 follows");
  }
}

TEST(Gguf, RefusesAHeaderCutAtAnyByte) {
  const std::string header = small_model().header();
  for (std::size_t size = 0; size < header.size(); ++size) {
    const Error error = refusal_of(header.substr(0, size));
    EXPECT_EQ(error.code(), Errc::truncated) << "at " << size << ": " << error.what();
    EXPECT_THAT(error.where(), HasSubstr("model.gguf@0x"));
  }
  EXPECT_EQ(parse(header).missing, parse(header).data_size) << "padding is no data";
}

TEST(Gguf, LacksNoMoreThanItsDataWhereEvenTheHeadersPaddingIsCut) {
  GgufWriter gguf;
  gguf.set("general.architecture", "llama").add_tensor("a", {32}, ElementType::f32);
  const std::string header = gguf.header();
  ASSERT_LT(header.size(), gguf.padded_header().size());
  EXPECT_EQ(parse(header).missing, parse(header).data_size);
}

}  // namespace
}  // namespace membudget::gguf_test
