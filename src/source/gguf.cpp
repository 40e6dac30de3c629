// SPDX-License-Identifier: MIT
#include "source/gguf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>

#include "membudget/error.hpp"
#include "source/byte_cursor.hpp"

namespace membudget {
namespace {

// The format: docs/gguf.md of ggml; where the reader of llama.cpp b10587 (ggml/src/gguf.cpp) is
// stricter or laxer, its word counts.

constexpr std::string_view alignment_key = "general.alignment";
// Tokenizer arrays are longer and say nothing about memory; per-layer arrays are far shorter.
constexpr std::int64_t longest_kept_array = 4096;
// Room for every chat template; a longer string is damage or abuse and is passed over.
constexpr std::int64_t longest_kept_string = std::int64_t{1} << 20;
constexpr std::int64_t longest_key = 65535;
constexpr std::int64_t longest_tensor_name = 63;  // GGML_MAX_NAME counts the final zero
constexpr std::uint32_t most_dimensions = 4;      // GGML_MAX_DIMS
// Many times what any model has; they bound the memory that a header of any length takes.
constexpr std::int64_t most_pairs = 65'536;
constexpr std::int64_t most_tensors = 262'144;
// An exbibyte: far beyond any model, and far enough from 2^63 that sums need no care.
constexpr std::int64_t most_data = std::int64_t{1} << 60;
// What entries take at least, to hold counts against the bytes left.
constexpr std::int64_t smallest_pair = 8 + 1 + 4 + 1;
constexpr std::int64_t smallest_tensor = 8 + 1 + 4 + 8 + 4 + 8;

enum class ValueType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

std::int64_t width(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
    case ValueType::string:
      return 8;  // of a string, its length
    case ValueType::array:
      break;
  }
  return 0;
}

bool one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// What people hand over instead of a GGUF, by its first bytes.
std::string_view mistaken_for(std::string_view start) {
  if (start.starts_with("version https://git-lfs")) {
    return "a git-lfs pointer; fetch the model itself with 'git lfs pull'";
  }
  if (start.starts_with("<")) {
    return "a web page; download the file behind its link";
  }
  if (start.starts_with("lmgg") || start.starts_with("fmgg") || start.starts_with("tjgg")) {
    return "a GGML file from before GGUF; convert the model again with llama.cpp";
  }
  if (start.size() > 8 && start[8] == '{') {
    return "a safetensors file; convert it with llama.cpp";
  }
  if (start.substr(0, 4) == std::string_view("\0\0\0\0", 4)) {
    return "only zeros at its start, as an unfinished download has; download it again";
  }
  return "something else; name a .gguf file";
}

class HeaderReader {
 public:
  explicit HeaderReader(const ByteSource& source)
      : in_(source), gguf_{.metadata = Metadata(source.name())} {}

  Gguf read() {
    read_magic_and_version();
    tensors_ = in_.count(smallest_tensor, "the number of tensors");
    const std::int64_t pairs = in_.count(smallest_pair, "the number of metadata keys");
    if (tensors_ > most_tensors || pairs > most_pairs) {
      invalid(8, fmt::format("{} tensors and {} metadata keys are more than any model has",
                             tensors_, pairs));
    }
    for (std::int64_t i = 0; i < pairs; ++i) {
      read_pair();
    }
    for (std::int64_t i = 0; i < tensors_; ++i) {
      read_tensor();
    }
    finish();
    return std::move(gguf_);
  }

 private:
  void read_magic_and_version();
  void read_pair();
  void read_scalar(const std::string& key, ValueType type);
  void read_string(const std::string& key);
  void read_array(const std::string& key);
  [[nodiscard]] ByteCursor::Ahead ahead_of(const std::string& key, std::int64_t length) const;
  void read_alignment(ValueType type, std::int64_t at);
  void read_tensor();
  void finish();

  ValueType value_type(const std::string& key);
  std::int64_t integer(ValueType type);
  double real(ValueType type);

  [[noreturn]] void invalid(std::int64_t at, const std::string& message) const {
    in_.fail(Errc::invalid_model, at, message);
  }

  ByteCursor in_;
  Gguf gguf_;
  std::unordered_set<std::string> keys_;
  std::unordered_set<std::string> names_;
  std::int64_t tensors_ = 0;
  std::int64_t next_offset_ = 0;  // where the next tensor's data must start
};

void HeaderReader::read_magic_and_version() {
  const ByteSource& source = in_.source();
  if (source.size() == 0) {
    in_.fail(Errc::truncated, 0, "the file is empty; download it again");
  }
  std::array<char, 24> start{};
  const auto known =
      static_cast<std::size_t>(std::min(source.size(), static_cast<std::int64_t>(start.size())));
  source.read(0, std::as_writable_bytes(std::span(start).first(known)));
  const std::string_view text(start.data(), known);

  constexpr std::string_view big_endian =
      "big-endian GGUF is not supported; convert it with gguf-py's gguf_convert_endian.py";
  if (text.starts_with("FUGG")) {
    in_.fail(Errc::unsupported, 0, std::string(big_endian));
  }
  constexpr std::string_view magic = "GGUF";
  if (!text.starts_with(magic.substr(0, std::min(known, magic.size())))) {
    in_.fail(Errc::unsupported, 0, fmt::format("not a GGUF file but {}", mistaken_for(text)));
  }
  in_.skip(4, "its first four bytes");
  const std::int64_t at = in_.position();
  gguf_.version = in_.number<std::uint32_t>("the version");
  // A version in the other byte order has its low half empty.
  if (gguf_.version != 0 && (gguf_.version & 0xffff) == 0) {
    in_.fail(Errc::unsupported, at, std::string(big_endian));
  }
  if (gguf_.version == 1) {
    in_.fail(Errc::unsupported, at,
             "GGUF version 1 is no longer read by llama.cpp; convert the model again");
  }
  if (gguf_.version < 2 || gguf_.version > 3) {
    in_.fail(Errc::unsupported, at,
             fmt::format("GGUF version {} is unknown; versions 2 and 3 are read", gguf_.version));
  }
}

void HeaderReader::read_pair() {
  const std::int64_t at = in_.position();
  std::string key = in_.string(longest_key, "a metadata key");
  if (key.empty() || !one_line(key)) {
    invalid(at, key.empty()
                    ? std::string("a metadata key is empty")
                    : fmt::format("the metadata key {} holds control characters", in_quotes(key)));
  }
  if (!keys_.insert(key).second) {
    invalid(at, fmt::format("the metadata key {} stands twice", in_quotes(key)));
  }
  const std::int64_t type_at = in_.position();
  gguf_.metadata.set_offset(key, at);
  const ValueType type = value_type(key);
  if (key == alignment_key) {
    read_alignment(type, type_at);
  } else if (type == ValueType::array) {
    read_array(key);
  } else {
    read_scalar(key, type);
  }
}

ValueType HeaderReader::value_type(const std::string& key) {
  const std::int64_t at = in_.position();
  const auto id = in_.number<std::uint32_t>("the type of a metadata value");
  if (id > static_cast<std::uint32_t>(ValueType::f64)) {
    invalid(at, fmt::format("the metadata key {} has the unknown type {}", in_quotes(key), id));
  }
  return static_cast<ValueType>(id);
}

std::int64_t HeaderReader::integer(ValueType type) {
  constexpr std::string_view what = "a metadata value";
  switch (type) {
    case ValueType::u8:
    case ValueType::boolean:
      return in_.number<std::uint8_t>(what);
    case ValueType::i8:
      return in_.number<std::int8_t>(what);
    case ValueType::u16:
      return in_.number<std::uint16_t>(what);
    case ValueType::i16:
      return in_.number<std::int16_t>(what);
    case ValueType::u32:
      return in_.number<std::uint32_t>(what);
    case ValueType::i32:
      return in_.number<std::int32_t>(what);
    case ValueType::i64:
      return in_.number<std::int64_t>(what);
    case ValueType::u64: {
      constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      return static_cast<std::int64_t>(std::min(in_.number<std::uint64_t>(what), largest));
    }
    case ValueType::f32:
    case ValueType::f64:
    case ValueType::string:
    case ValueType::array:
      break;
  }
  return 0;
}

double HeaderReader::real(ValueType type) {
  constexpr std::string_view what = "a metadata value";
  return type == ValueType::f32 ? static_cast<double>(in_.number<float>(what))
                                : in_.number<double>(what);
}

void HeaderReader::read_scalar(const std::string& key, ValueType type) {
  const std::int64_t at = in_.position();
  if (type == ValueType::string) {
    read_string(key);
  } else if (type == ValueType::f32 || type == ValueType::f64) {
    gguf_.metadata.set(key, real(type));
  } else if (type == ValueType::boolean) {
    const std::int64_t value = integer(type);
    if (value > 1) {
      invalid(at, fmt::format("the metadata key {} is {}, neither true nor false", in_quotes(key),
                              value));
    }
    gguf_.metadata.set(key, value == 1);
  } else {
    gguf_.metadata.set(key, integer(type));
  }
}

void HeaderReader::read_string(const std::string& key) {
  const std::int64_t at = in_.position();
  const std::int64_t length = in_.count(1, "the length of a metadata string");
  if (length > longest_kept_string) {
    in_.skip(length, "a metadata string");
    return;
  }
  std::string value = in_.text(length, "a metadata string");
  // The one string that messages repeat.
  if (key == "general.architecture" && !one_line(value)) {
    invalid(at, fmt::format("the architecture {} holds control characters", in_quotes(value)));
  }
  gguf_.metadata.set(key, std::move(value));
}

void HeaderReader::read_array(const std::string& key) {
  const std::int64_t at = in_.position();
  const ValueType type = value_type(key);
  if (type == ValueType::array) {
    invalid(at, fmt::format("the metadata key {} is an array of arrays, which llama.cpp refuses",
                            in_quotes(key)));
  }
  const std::int64_t length = in_.count(width(type), "the length of a metadata array");
  if (type == ValueType::string) {
    in_.skip_strings(length, "a string of a metadata array", ahead_of(key, length));
    gguf_.metadata.set_array_length(key, length);
    return;
  }
  if (length > longest_kept_array) {
    in_.skip(length * width(type), "a metadata array");
    gguf_.metadata.set_array_length(key, length);
    return;
  }
  if (type == ValueType::f32 || type == ValueType::f64) {
    std::vector<double> values(static_cast<std::size_t>(length));
    std::generate(values.begin(), values.end(), [&] { return real(type); });
    gguf_.metadata.set(key, std::move(values));
    return;
  }
  std::vector<std::int64_t> values(static_cast<std::size_t>(length));
  std::generate(values.begin(), values.end(), [&] { return integer(type); });
  gguf_.metadata.set(key, std::move(values));
}

// What writers put after the vocabulary, for sources that fetch: a type for each token, then a
// score or, of a byte-pair tokenizer, at least about as many merges; in the end the tensors.
ByteCursor::Ahead HeaderReader::ahead_of(const std::string& key, std::int64_t length) const {
  constexpr std::int64_t usual_tensor = 72;
  ByteCursor::Ahead ahead{.bytes = tensors_ * usual_tensor};
  if (key == "tokenizer.ggml.tokens") {
    const Metadata::Value* model = gguf_.metadata.find("tokenizer.ggml.model");
    const auto* name = model == nullptr ? nullptr : std::get_if<std::string>(model);
    const bool pairs = name != nullptr && *name == "gpt2";
    const bool merges_follow = pairs && keys_.count("tokenizer.ggml.merges") == 0;
    ahead.bytes += length * width(ValueType::i32) * (pairs ? 1 : 2);
    ahead.strings = merges_follow ? length : 0;
  }
  return ahead;
}

void HeaderReader::read_alignment(ValueType type, std::int64_t at) {
  if (type != ValueType::u32) {
    invalid(at, "general.alignment must be a 32-bit unsigned number");
  }
  const std::int64_t value_at = in_.position();
  const auto alignment = in_.number<std::uint32_t>("general.alignment");
  if (!std::has_single_bit(alignment)) {
    invalid(value_at, fmt::format("general.alignment is {}, not a power of two", alignment));
  }
  gguf_.alignment = alignment;
  gguf_.metadata.set(std::string(alignment_key), gguf_.alignment);
}

void HeaderReader::read_tensor() {
  std::int64_t at = in_.position();
  gguf_.places.push_back(at);
  Tensor tensor;
  tensor.name = in_.string(longest_tensor_name, "a tensor name");
  const std::string name = in_quotes(tensor.name);
  if (tensor.name.empty() || !one_line(tensor.name)) {
    invalid(at, fmt::format("the tensor name {} is empty or holds control characters", name));
  }
  if (!names_.insert(tensor.name).second) {
    invalid(at, fmt::format("the tensor {} is listed twice", name));
  }

  at = in_.position();
  const auto dimensions = in_.number<std::uint32_t>("a tensor's number of dimensions");
  if (dimensions == 0 || dimensions > most_dimensions) {
    invalid(at,
            fmt::format("the tensor {} has {} dimensions; 1 to 4 are possible", name, dimensions));
  }
  const std::int64_t shape_at = in_.position();
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    at = in_.position();
    const auto extent = in_.number<std::int64_t>("a tensor's shape");
    if (extent <= 0) {
      invalid(at, fmt::format("dimension {} of the tensor {} is {}", i, name,
                              static_cast<std::uint64_t>(extent)));
    }
    tensor.shape[i] = extent;
  }

  at = in_.position();
  const auto type_id = in_.number<std::uint32_t>("a tensor's type");
  const std::optional<ElementType> type = element_type_of_ggml(type_id);
  if (!type) {
    invalid(at, fmt::format("the tensor {} has the unknown type {}; if llama.cpp has dropped "
                            "it, quantize the model again, if it is new, update membudget",
                            name, type_id));
  }
  tensor.type = *type;
  std::int64_t size = 0;
  try {
    static_cast<void>(tensor.elements());
    size = tensor.size().count();
  } catch (const Error& error) {
    invalid(shape_at, fmt::format("the tensor {} has an impossible shape: {}", name, error.what()));
  }
  if (size > most_data - next_offset_) {
    invalid(shape_at, fmt::format("the tensors up to {} take more than 2^60 bytes", name));
  }

  // The engine wants the data of the tensors to follow each other without gaps, padded to the
  // alignment; that makes every offset a multiple of it.
  at = in_.position();
  const auto offset = in_.number<std::uint64_t>("a tensor's offset");
  if (offset != static_cast<std::uint64_t>(next_offset_)) {
    invalid(at, fmt::format("the data of the tensor {} is at offset {}; {} follows from the "
                            "tensors before it",
                            name, offset, next_offset_));
  }
  tensor.offset = next_offset_;
  next_offset_ = round_up(next_offset_ + size, gguf_.alignment);
  gguf_.tensors.push_back(std::move(tensor));
}

void HeaderReader::finish() {
  gguf_.data_offset = round_up(in_.position(), gguf_.alignment);
  gguf_.data_size = Bytes{next_offset_};
  if (gguf_.tensors.empty()) {
    return;
  }
  // Not every writer pads the last tensor, and no reader needs it.
  const Tensor& last = gguf_.tensors.back();
  const std::int64_t data = last.offset + last.size().count();
  // A file may even end in the padding before the data, which is none.
  gguf_.missing =
      Bytes{std::clamp<std::int64_t>(gguf_.data_offset + data - in_.source().size(), 0, data)};
}

}  // namespace

Gguf read_gguf(const ByteSource& source) {
  return HeaderReader(source).read();
}

}  // namespace membudget
