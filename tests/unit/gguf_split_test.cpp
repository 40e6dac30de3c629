// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "membudget/error.hpp"
#include "source/gguf.hpp"
#include "support/gguf_writer.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::gguf_split_test {
namespace {

using test::error_of;
using test::expect_refusal;
using test::GgufWriter;
using test::ScratchFolder;

Error refusal_of(const std::filesystem::path& file) {
  return error_of([&] { return read_gguf(file); });
}

void write_shards(const ScratchFolder& folder, std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i) {
    GgufWriter shard;
    if (i == 0) {
      shard.set("general.architecture", "llama");
    }
    shard.set("split.no", i)
        .set("split.count", count)
        .set("split.tensors.count", std::int32_t{2} * count);
    shard.add_tensor("blk." + std::to_string(i) + ".a", {3}, ElementType::f32)
        .add_tensor("blk." + std::to_string(i) + ".b", {64}, ElementType::f32)
        .write(folder /
               ("m-0000" + std::to_string(i + 1) + "-of-0000" + std::to_string(count) + ".gguf"));
  }
}

TEST(SplitGguf, IsJoinedFromAnyOfItsParts) {
  const ScratchFolder folder;
  write_shards(folder, 3);
  for (const char* name : {"m-00001-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    const Gguf gguf = read_gguf(folder / name);
    EXPECT_EQ(gguf.metadata.architecture(), "llama");
    ASSERT_EQ(gguf.tensors.size(), 6U);
    EXPECT_EQ(gguf.tensors[0].name, "blk.0.a");
    EXPECT_EQ(gguf.tensors[2].name, "blk.1.a");
    EXPECT_EQ(gguf.tensors[2].offset, 32 + 256);
    EXPECT_EQ(gguf.tensors[5].offset, 2 * (32 + 256) + 32);
    EXPECT_EQ(gguf.data_size, Bytes{3 * (32 + 256)});
    EXPECT_EQ(gguf.missing, Bytes{0});
  }
}

TEST(SplitGguf, NamesThePartsThatAreMissing) {
  const ScratchFolder folder;
  write_shards(folder, 4);
  std::filesystem::remove(folder / "m-00001-of-00004.gguf");
  std::filesystem::remove(folder / "m-00003-of-00004.gguf");
  const std::filesystem::path given = folder / "m-00002-of-00004.gguf";
  expect_refusal(refusal_of(given), Errc::io, given.string(),
                 "2 of its 4 parts are missing: m-00001-of-00004.gguf, m-00003-of-00004.gguf");
}

TEST(SplitGguf, MustKeepTheNamesOfItsParts) {
  const ScratchFolder folder;
  write_shards(folder, 2);
  const std::filesystem::path renamed = folder / "first.gguf";
  std::filesystem::copy(folder / "m-00001-of-00002.gguf", renamed);
  expect_refusal(refusal_of(renamed), Errc::invalid_model, renamed.string(),
                 "its name does not end in -00001-of-00002.gguf");
  const std::filesystem::path second = folder / "m-00002-of-00002.gguf";
  std::filesystem::copy(folder / "m-00001-of-00002.gguf", second,
                        std::filesystem::copy_options::overwrite_existing);
  expect_refusal(refusal_of(folder / "m-00001-of-00002.gguf"), Errc::invalid_model, second.string(),
                 "its split.no is 0, but its name says 1");
}

TEST(SplitGguf, RefusesPartsOfDifferentUploads) {
  const ScratchFolder folder;
  write_shards(folder, 2);
  const std::filesystem::path first = folder / "m-00001-of-00002.gguf";
  const std::filesystem::path second = folder / "m-00002-of-00002.gguf";
  const auto rewrite_second = [&](const char* name) {
    GgufWriter()
        .set("split.no", std::uint16_t{1})
        .set("split.count", std::uint16_t{2})
        .add_tensor(name, {64}, ElementType::f32)
        .write(second);
  };
  rewrite_second("other");
  expect_refusal(refusal_of(first), Errc::invalid_model, first.string(),
                 "the parts hold 3 tensors together, but the first announces 4");
  rewrite_second("blk.0.a");
  expect_refusal(refusal_of(first), Errc::invalid_model, second.string(),
                 "the tensor 'blk.0.a' is also in an earlier part");
}

TEST(SplitGguf, RefusesContradictoryNumbers) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / "m-00001-of-00002.gguf";
  const auto with = [&](auto number, auto count) {
    GgufWriter().set("split.no", number).set("split.count", count).write(file);
    return refusal_of(file);
  };
  expect_refusal(with(std::uint16_t{2}, std::uint16_t{2}), Errc::invalid_model, file.string(),
                 "split.no 2 and split.count 2 contradict each other");
  expect_refusal(with(std::uint16_t{0}, ~std::uint64_t{0}), Errc::invalid_model, file.string(),
                 "contradict each other");
  expect_refusal(with(std::uint16_t{0}, 2.0F), Errc::invalid_model, file.string(),
                 "'split.count' must be a whole number");
}

}  // namespace
}  // namespace membudget::gguf_split_test
