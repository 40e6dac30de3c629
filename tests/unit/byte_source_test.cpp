// SPDX-License-Identifier: MIT
#include "source/byte_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <string>
#include <string_view>

#include "membudget/error.hpp"
#include "source/byte_cursor.hpp"
#include "support/gguf_writer.hpp"
#include "support/refusal.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::byte_source_test {
namespace {

using test::error_of;
using test::GgufWriter;
using test::ScratchFolder;
using ::testing::HasSubstr;

void write(const std::filesystem::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary) << text;
}

std::string read(const ByteSource& source, std::int64_t offset, std::size_t count) {
  std::string text(count, '\0');
  source.read(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

MemorySource memory(std::string_view bytes) {
  return {"memory", std::as_bytes(std::span(bytes))};
}

TEST(FileSource, ReadsAnyRangeOfAFile) {
  const ScratchFolder folder;
  write(folder / "file", "0123456789");
  const FileSource source(folder / "file");
  EXPECT_EQ(source.size(), 10);
  EXPECT_EQ(source.name(), (folder / "file").string());
  EXPECT_EQ(read(source, 3, 4), "3456");
  EXPECT_EQ(read(source, 0, 10), "0123456789");
  EXPECT_EQ(read(source, 10, 0), "");
}

TEST(FileSource, SaysThatAMissingFileCannotBeOpened) {
  const Error error = error_of([] { return FileSource("no/such/file.gguf").size(); });
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_EQ(error.where(), "no/such/file.gguf");
  EXPECT_STREQ(error.what(),
               "no/such/file.gguf: cannot be opened: No such file or directory; check the path");
}

TEST(FileSource, SaysThatAFolderIsNoFile) {
  const ScratchFolder folder;
  const Error error = error_of([&] { return FileSource(folder.path()).size(); });
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_THAT(error.what(), HasSubstr("is a folder"));
}

TEST(FileSource, DoesNotWaitForTheWriterOfANamedPipe) {
  const ScratchFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const Error error = error_of([&] { return FileSource(folder / "pipe").size(); });
  EXPECT_EQ(error.code(), Errc::io);
  EXPECT_THAT(error.what(), HasSubstr("not a regular file"));
}

TEST(FileSource, NoticesAFileThatShrinksWhileItIsRead) {
  const ScratchFolder folder;
  write(folder / "file", "0123456789");
  const FileSource source(folder / "file");
  std::filesystem::resize_file(folder / "file", 4);
  const Error error = error_of([&] { return read(source, 0, 10); });
  EXPECT_EQ(error.code(), Errc::truncated);
  EXPECT_EQ(error.where(), (folder / "file").string() + "@0x4");
}

TEST(MemorySource, ReadsAnyRangeOfItsBytes) {
  const MemorySource source = memory("0123456789");
  EXPECT_EQ(source.size(), 10);
  EXPECT_EQ(read(source, 3, 4), "3456");
}

TEST(ByteSource, RefusesRangesThatPassTheEnd) {
  const MemorySource source = memory("0123456789");
  for (const auto& [offset, count] :
       {std::pair<std::int64_t, std::size_t>{8, 3}, {11, 0}, {-1, 1}, {INT64_MAX, 1}}) {
    const Error error = error_of([&, o = offset, c = count] { return read(source, o, c); });
    EXPECT_EQ(error.code(), Errc::truncated);
    EXPECT_EQ(error.where(), source.at(offset));
  }
}

TEST(ByteSource, NamesPlacesInHexadecimal) {
  EXPECT_EQ(memory("").at(0x1c40), "memory@0x1c40");
}

TEST(ByteCursor, ReadsNumbersOneAfterTheOther) {
  const std::string bytes = GgufWriter::bytes_of(std::uint8_t{7}) +
                            GgufWriter::bytes_of(std::int16_t{-2}) + GgufWriter::bytes_of(1.5);
  const MemorySource source = memory(bytes);
  ByteCursor cursor(source);
  EXPECT_EQ(cursor.number<std::uint8_t>("a number"), 7);
  EXPECT_EQ(cursor.number<std::int16_t>("a number"), -2);
  EXPECT_EQ(cursor.position(), 3);
  EXPECT_EQ(cursor.left(), 8);
  EXPECT_EQ(cursor.number<double>("a number"), 1.5);
  const Error error = error_of([&] { return cursor.number<std::uint8_t>("a number"); });
  EXPECT_EQ(error.code(), Errc::truncated);
  EXPECT_STREQ(
      error.what(),
      "memory@0xb: the file ends within a number; it is cut or damaged, download it again");
}

TEST(ByteCursor, ReadsValuesThatLieAcrossItsBlocks) {
  // Records of 13 bytes, so that block ends fall into every part of one.
  std::string bytes;
  constexpr std::int64_t records = 60'000;
  for (std::int64_t i = 0; i < records; ++i) {
    bytes += GgufWriter::bytes_of(static_cast<std::uint32_t>(i)) +
             GgufWriter::encoded(std::string(1, static_cast<char>('a' + i % 26)));
  }
  const MemorySource source = memory(bytes);
  ByteCursor cursor(source);
  for (std::int64_t i = 0; i < records; ++i) {
    ASSERT_EQ(cursor.number<std::uint32_t>("a number"), i);
    ASSERT_EQ(cursor.string(1, "a string"), std::string(1, static_cast<char>('a' + i % 26)));
  }
  EXPECT_EQ(cursor.left(), 0);
}

TEST(ByteCursor, ReadsTextLongerThanABlock) {
  const std::string text(3'000'000, 'x');
  const std::string bytes = GgufWriter::encoded(text) + "end";
  const MemorySource source = memory(bytes);
  ByteCursor cursor(source);
  EXPECT_EQ(cursor.string(4'000'000, "a string"), text);
  EXPECT_EQ(cursor.text(3, "a string"), "end");
}

TEST(ByteCursor, SkipsWithoutReading) {
  class Watched final : public ByteSource {
   public:
    Watched() : ByteSource("watched", std::int64_t{1} << 40) {}
    mutable std::int64_t bytes_read = 0;

   private:
    void read_within(std::int64_t, std::span<std::byte> into) const override {
      bytes_read += static_cast<std::int64_t>(into.size());
    }
  };
  const Watched source;
  ByteCursor cursor(source);
  static_cast<void>(cursor.number<std::uint32_t>("a number"));
  cursor.skip(std::int64_t{1} << 39, "tensor data");
  EXPECT_EQ(cursor.position(), (std::int64_t{1} << 39) + 4);
  static_cast<void>(cursor.number<std::uint32_t>("a number"));
  EXPECT_LE(source.bytes_read, 1 << 20);
}

TEST(ByteCursor, SkipsStringsAcrossItsBlocks) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) {
    bytes += GgufWriter::encoded(std::string(static_cast<std::size_t>(i % 11), 'x'));
  }
  bytes += GgufWriter::encoded(std::string(1'000'000, 'x')) + "end";
  const MemorySource source = memory(bytes);
  ByteCursor cursor(source);
  cursor.skip_strings(100'001, "a token");
  EXPECT_EQ(cursor.text(3, "a string"), "end");
}

TEST(ByteCursor, RefusesCountsThatCannotFit) {
  const std::string bytes = GgufWriter::bytes_of(std::uint64_t{1} << 60) + "some more";
  const MemorySource source = memory(bytes);
  ByteCursor cursor(source);
  const Error error = error_of([&] { return cursor.count(4, "the number of things"); });
  EXPECT_EQ(error.code(), Errc::truncated);
  EXPECT_STREQ(error.what(),
               "memory@0x0: the number of things is 1152921504606846976, more than the remaining "
               "9 bytes can hold; the file is cut or damaged, download it again");
}

TEST(InQuotes, KeepsNamesOnOneLine) {
  EXPECT_EQ(in_quotes("blk.0.attn_q.weight"), "'blk.0.attn_q.weight'");
  EXPECT_EQ(in_quotes("a\nb\x1b[31m"), "'a\\x0ab\\x1b[31m'");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "'" + std::string(64, 'x') + "...'");
}

}  // namespace
}  // namespace membudget::byte_source_test
