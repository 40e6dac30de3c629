// SPDX-License-Identifier: MIT
// Damaged and hostile headers, made from good ones: every field of the format set to zero, one, a
// huge and a negative number, every type to what does not exist. Each must be refused on one line
// that says where, at once and without taking memory.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/load_model.hpp"
#include "source/gguf.hpp"
#include "source/safetensors.hpp"
#include "support/gguf_writer.hpp"
#include "support/model_headers.hpp"
#include "support/peak_memory.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::test::hostile_test {
namespace {

struct Damaged {
  std::string what;
  std::string bytes;
};

GgufWriter small_llama() {
  GgufWriter gguf;
  gguf.set("general.architecture", "llama")
      .set("general.name", "A small model")
      .set("general.file_type", std::uint32_t{7})
      .set("llama.block_count", std::uint32_t{1})
      .set("llama.context_length", std::uint32_t{2048})
      .set("llama.embedding_length", std::uint32_t{256})
      .set("llama.feed_forward_length", std::uint32_t{512})
      .set("llama.attention.head_count", std::uint32_t{4})
      .set_array("llama.attention.head_count_kv", std::vector<std::int32_t>{4})
      .set("llama.rope.freq_base", 10000.0F)
      .set("tokenizer.ggml.add_bos_token", true)
      .set_array("tokenizer.ggml.tokens", std::vector<std::string>{"ab", "cd", "ef"})
      .set_array("tokenizer.ggml.scores", std::vector<float>{0, 1, 2})
      .add_tensor("token_embd.weight", {256, 3}, ElementType::q8_0)
      .add_tensor("output_norm.weight", {256}, ElementType::f32);
  for (const char* name : {"attn_norm", "ffn_norm"}) {
    gguf.add_tensor(fmt::format("blk.0.{}.weight", name), {256}, ElementType::f32);
  }
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
    gguf.add_tensor(fmt::format("blk.0.{}.weight", name), {256, 256}, ElementType::q8_0);
  }
  gguf.add_tensor("blk.0.ffn_gate.weight", {256, 512}, ElementType::q8_0)
      .add_tensor("blk.0.ffn_up.weight", {256, 512}, ElementType::q8_0)
      .add_tensor("blk.0.ffn_down.weight", {512, 256}, ElementType::q8_0);
  return gguf;
}

/// Walks a good header and tells where its fields are.
class Fields {
 public:
  enum class Kind { number, value_type, tensor_type };
  struct Field {
    std::string what;
    std::size_t at;
    std::size_t width;
    Kind kind;
  };

  explicit Fields(std::string bytes) : bytes_(std::move(bytes)) {
    at_ = 4;
    field("version", 4);
    const auto tensors = field("tensor count", 8);
    const auto pairs = field("key count", 8);
    for (std::uint64_t i = 0; i < pairs; ++i) {
      const std::string key = text("length of a key");
      value(key, field("type of " + key, 4, Kind::value_type));
    }
    for (std::uint64_t i = 0; i < tensors; ++i) {
      const std::string name = text("length of a tensor's name");
      const auto dimensions = field("dimensions of " + name, 4);
      for (std::uint64_t d = 0; d < dimensions; ++d) {
        field(fmt::format("extent {} of {}", d, name), 8);
      }
      field("type of " + name, 4, Kind::tensor_type);
      field("offset of " + name, 8);
    }
  }

  [[nodiscard]] const std::vector<Field>& all() const { return fields_; }
  [[nodiscard]] std::string with(const Field& field, std::uint64_t value) const {
    std::string out = bytes_;
    std::memcpy(out.data() + field.at, &value, field.width);
    return out;
  }
  [[nodiscard]] std::uint64_t value_of(const Field& field) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + field.at, field.width);
    return value;
  }

 private:
  std::uint64_t field(std::string what, std::size_t width, Kind kind = Kind::number) {
    fields_.push_back({.what = std::move(what), .at = at_, .width = width, .kind = kind});
    at_ += width;
    return value_of(fields_.back());
  }
  std::string text(const std::string& what) {
    const auto length = field(what, 8);
    std::string out = bytes_.substr(at_, length);
    at_ += length;
    return out;
  }
  void value(const std::string& key, std::uint64_t type) {
    constexpr std::array<std::size_t, 13> widths{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    constexpr std::uint64_t string = 8;
    constexpr std::uint64_t array = 9;
    if (type == string) {
      text("length of " + key);
    } else if (type == array) {
      const auto element = field("element type of " + key, 4, Kind::value_type);
      const auto length = field("elements of " + key, 8);
      for (std::uint64_t i = 0; i < length; ++i) {
        if (element == string) {
          text("length of an element of " + key);
        } else {
          at_ += widths.at(element);
        }
      }
    } else if (key.find("count") != std::string::npos || key.find("length") != std::string::npos) {
      field("value of " + key, widths.at(type));
    } else {
      at_ += widths.at(type);
    }
  }

  std::string bytes_;
  std::size_t at_ = 0;
  std::vector<Field> fields_;
};

std::vector<Damaged> damaged_ggufs() {
  const std::string good = small_llama().padded_header();
  const Fields fields(good);
  std::vector<Damaged> out;
  for (const Fields::Field& field : fields.all()) {
    std::vector<std::uint64_t> values{0, 1, std::uint64_t{1} << 62, ~std::uint64_t{0}};
    if (field.width == 4) {
      values[2] = 0x7fffffff;
    }
    if (field.kind != Fields::Kind::number) {
      values = {13, 14, 99, 0x7fffffff, 0xffffffff};
    }
    if (field.kind == Fields::Kind::tensor_type) {
      values = {4, 5, 31, 36, 99, 0x7fffffff, 0xffffffff};  // dropped and never given
    }
    for (const std::uint64_t value : values) {
      // A context of one token is a model that nobody makes, but no contradiction; two of the
      // values are those that the good header has.
      const bool harmless = field.what == "value of llama.context_length" ||
                            (value == 1 && field.what.starts_with("value of "));
      if (value != fields.value_of(field) && !harmless) {
        out.push_back({fmt::format("{} = {:#x}", field.what, value), fields.with(field, value)});
      }
    }
  }
  for (std::size_t length = 0; length < good.size() - 32; length += 29) {
    out.push_back({fmt::format("cut at {}", length), good.substr(0, length)});
  }
  const auto add = [&](std::string what, const GgufWriter& gguf) {
    out.push_back({std::move(what), gguf.padded_header()});
  };
  add("key twice", small_llama().set("general.name", "again"));
  add("tensor twice", small_llama().add_tensor("output_norm.weight", {256}, ElementType::f32));
  const std::string array_of_arrays =
      GgufWriter::bytes_of(std::uint32_t{9}) + GgufWriter::bytes_of(std::uint64_t{1}) +
      GgufWriter::bytes_of(std::uint32_t{9}) + GgufWriter::bytes_of(std::uint64_t{1});
  add("array of arrays", small_llama().set_raw("nested", 9, array_of_arrays));
  add("offset overlaps", small_llama().add_raw_tensor("x", {32}, 0, 0));
  add("offset past the end", small_llama().add_raw_tensor("x", {32}, 0, std::uint64_t{1} << 40));
  add("offset not aligned", small_llama().add_raw_tensor("x", {32}, 0, 3));
  add("extents that overflow", small_llama().add_raw_tensor("x", {1ULL << 32, 1ULL << 32}, 0, 0));
  add("five dimensions", small_llama().add_raw_tensor("x", {1, 1, 1, 1, 1}, 0, 0));
  for (const std::uint32_t alignment : {0U, 3U, 0xffffffffU}) {
    add(fmt::format("alignment {}", alignment), small_llama().set("general.alignment", alignment));
  }
  add("head count zero in an array",
      GgufWriter()
          .set("general.architecture", "llama")
          .set("llama.block_count", std::uint32_t{1})
          .set("llama.embedding_length", std::uint32_t{256})
          .set("llama.attention.head_count", std::uint32_t{4})
          .set_array("llama.attention.head_count_kv", std::vector<std::int32_t>{-4})
          .add_tensor("token_embd.weight", {256, 3}, ElementType::q8_0));
  return out;
}

std::string json_file(const std::string& json) {
  return GgufWriter::bytes_of(std::uint64_t{json.size()}) + json + std::string(4096, '\0');
}

std::vector<Damaged> damaged_safetensors() {
  std::vector<Damaged> out;
  const std::string good = R"({"a": {"dtype": "F32", "shape": [4, 8], "data_offsets": [0, 128]},
 "b": {"dtype": "BF16", "shape": [16], "data_offsets": [128, 160]}})";
  const auto replace = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    out.push_back({fmt::format("{} -> {}", from, to.substr(0, 40)), json_file(text)});
  };
  for (const char* number : {"0", "1", "-1", "4611686018427387904", "18446744073709551615", "1e300",
                             "1.5", "null", "\"4\"", "[4]", "{}", "true"}) {
    replace("[4, 8]", fmt::format("[{}, 8]", number));
    replace("[0, 128]", fmt::format("[0, {}]", number));
    if (std::string_view(number) != "0") {
      replace("[0, 128]", fmt::format("[{}, 128]", number));
    }
    replace("[4, 8]", number);
    replace("\"F32\"", number);
  }
  replace("\"F32\"", "\"F33\"");
  replace("\"b\"", "\"a\"");
  replace("[0, 128]", "[0, 128, 256]");
  replace("[128, 160]", "[64, 96]");
  replace("[128, 160]", "[256, 288]");
  replace("\"shape\": [16]", "\"shape\": [16], \"shape\": [16]");
  replace("\"shape\": [16], ", "");
  replace("[16]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,16]");
  replace("\"b\": ", "\"b\": [" + std::string(2000, '['));
  replace("{\"a\"", std::string(2000, '[') + "{\"a\"");
  for (std::size_t length = 0; length < good.size(); length += 9) {
    out.push_back({fmt::format("cut at {}", length), json_file(good.substr(0, length))});
  }
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1} << 40,
                                     ~std::uint64_t{0}, std::uint64_t{99'999'999}}) {
    out.push_back({fmt::format("header of {} bytes", length),
                   GgufWriter::bytes_of(length) + good + std::string(64, '\0')});
  }
  out.push_back({"empty", ""});
  out.push_back({"seven bytes", "1234567"});
  return out;
}

void expect_all_refused(const std::vector<Damaged>& files, const std::string& name,
                        const std::function<void(const std::filesystem::path&)>& read) {
  const ScratchFolder folder;
  const std::filesystem::path file = folder / name;
  const std::int64_t before = peak_memory();
  for (const Damaged& damaged : files) {
    write_text(file, damaged.bytes);
    const auto start = std::chrono::steady_clock::now();
    try {
      read(file);
      ADD_FAILURE() << damaged.what << ": was read";
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == Errc::truncated || error.code() == Errc::invalid_model ||
                  error.code() == Errc::unsupported)
          << damaged.what << ": " << error.what();
      EXPECT_TRUE(error.where().starts_with(file.string() + "@0x"))
          << damaged.what << ": " << error.what();
      EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos) << damaged.what;
      EXPECT_LT(std::string_view(error.what()).size(), 600U) << damaged.what;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100))
        << damaged.what;
  }
  if (costs_are_of_the_program) {
    EXPECT_LT(peak_memory() - before, std::int64_t{64} << 20);
  }
}

TEST(Hostile, GgufHeadersAreRefusedWithTheirPlace) {
  const std::vector<Damaged> files = damaged_ggufs();
  EXPECT_GE(files.size(), 200U);
  expect_all_refused(files, "model.gguf", [](const std::filesystem::path& file) {
    static_cast<void>(load_model(file.string(), "", Profiles::embedded()));
  });
}

TEST(Hostile, SafetensorsHeadersAreRefusedWithTheirPlace) {
  const std::vector<Damaged> files = damaged_safetensors();
  EXPECT_GE(files.size(), 80U);
  expect_all_refused(files, "model.safetensors", [](const std::filesystem::path& file) {
    static_cast<void>(read_safetensors(FileSource(file)));
  });
}

TEST(Hostile, TheHeadersTheyAreMadeOfAreGood) {
  const ScratchFolder folder;
  write_text(folder / "good.gguf", small_llama().padded_header());
  EXPECT_EQ(load_gguf(folder / "good.gguf").layers.size(), 1U);
  write_text(folder / "good.safetensors",
             json_file(R"({"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}})"));
  EXPECT_EQ(read_safetensors(FileSource(folder / "good.safetensors")).tensors.size(), 1U);
}

}  // namespace
}  // namespace membudget::test::hostile_test
