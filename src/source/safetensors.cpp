// SPDX-License-Identifier: MIT
#include "source/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "membudget/error.hpp"
#include "source/byte_cursor.hpp"

namespace membudget {
namespace {

using nlohmann::json;

// As the reference implementation limits it (MAX_HEADER_SIZE).
constexpr std::int64_t longest_header = 100'000'000;
constexpr std::size_t longest_name = 65535;
constexpr std::size_t most_extents = 16;
constexpr std::int64_t most_tensor_bytes = std::int64_t{1} << 60;

struct Dtype {
  std::string_view name;
  std::int64_t bits;
};

// Dtype in safetensors/src/tensor.rs.
constexpr std::array<Dtype, 21> dtypes{{
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"F64", 64},    {"I64", 64},
    {"U64", 64},
}};

/// The characters of the header, one by one, so that it is never held as a whole.
class HeaderText {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  HeaderText() = default;
  HeaderText(ByteCursor* cursor, std::int64_t end) : cursor_(cursor), end_(end) { ++*this; }

  const char& operator*() const { return current_; }
  HeaderText& operator++() {
    if (cursor_->position() == end_) {
      cursor_ = nullptr;
    } else {
      current_ = cursor_->number<char>("the header");
    }
    return *this;
  }
  HeaderText operator++(int) {
    HeaderText before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const HeaderText& a, const HeaderText& b) {
    return a.cursor_ == b.cursor_;
  }
  friend bool operator!=(const HeaderText& a, const HeaderText& b) { return !(a == b); }

 private:
  ByteCursor* cursor_ = nullptr;
  std::int64_t end_ = 0;
  char current_ = '\0';
};

struct Entry {
  Checkpoint::Stored tensor;
  std::int64_t begin = -1;
  std::int64_t end = -1;
  std::int64_t at = 0;  ///< Where the header speaks of it.
};

/// Takes the header's JSON as it is parsed: {name: {dtype, shape, data_offsets}, __metadata__}.
/// What does not belong there is a fault at once, so that nothing is built of it.
class HeaderEvents {
 public:
  explicit HeaderEvents(const ByteCursor& in) : in_(in) {}

  std::vector<Entry> take() && { return std::move(entries_); }

  bool key(std::string& name) {
    if (depth_ == 1) {
      if (name.size() > longest_name) {
        fault("a tensor's name has more than 65535 bytes");
      }
      metadata_ = name == "__metadata__";
      if (!names_.insert(name).second) {
        fault(fmt::format("the tensor {} is listed twice", in_quotes(name)));
      }
      if (!metadata_) {
        entries_.push_back(
            {.tensor = {.name = name, .type = {}, .shape = {}, .size = {}}, .at = in_.position()});
        fields_.clear();
      }
    } else if (!metadata_ && std::find(fields_.begin(), fields_.end(), name) != fields_.end()) {
      fault(
          fmt::format("the tensor {} has two fields {}", quoted(entries_.back()), in_quotes(name)));
    } else if (!metadata_) {
      fields_.push_back(name);
    }
    field_ = name;
    return true;
  }
  bool start_object(std::size_t /*elements*/) {
    if (depth_ >= 2 || in_array_) {
      fault("an object stands where none belongs");
    }
    if (depth_ == 1 && field_.empty()) {
      fault("a tensor has an empty name");
    }
    ++depth_;
    field_.clear();
    return true;
  }
  bool end_object() {
    if (depth_ == 2 && !metadata_) {
      finish(entries_.back());
    }
    --depth_;
    return true;
  }
  bool start_array(std::size_t /*elements*/) {
    if (depth_ != 2 || metadata_ || in_array_ || (field_ != "shape" && field_ != "data_offsets")) {
      fault("an array stands where none belongs");
    }
    in_array_ = true;
    count_ = 0;
    return true;
  }
  bool end_array() {
    in_array_ = false;
    return true;
  }
  bool string(std::string& text) {
    if (depth_ != 2 || in_array_) {
      fault("a string stands where none belongs");
    }
    if (!metadata_ && field_ == "dtype") {
      entries_.back().tensor.type = text;
    }
    return true;
  }
  bool number_unsigned(std::uint64_t value) {
    if (depth_ != 2 || !in_array_) {
      fault("a number stands where none belongs");
    }
    if (value > static_cast<std::uint64_t>(most_tensor_bytes)) {
      fault(fmt::format("the number {} is beyond any model", value));
    }
    const auto number = static_cast<std::int64_t>(value);
    Entry& entry = entries_.back();
    ++count_;
    if (field_ == "shape") {
      if (count_ > most_extents) {
        fault(fmt::format("the tensor {} has more than 16 dimensions", quoted(entry)));
      }
      entry.tensor.shape.push_back(number);
    } else if (count_ > 2) {
      fault(fmt::format("the tensor {} has more than two data_offsets", quoted(entry)));
    } else {
      (count_ == 1 ? entry.begin : entry.end) = number;
    }
    return true;
  }
  bool number_integer(std::int64_t value) {
    fault(fmt::format("the number {} is negative", value));
  }
  bool number_float(double /*value*/, const std::string& text) {
    fault(fmt::format("{} is no whole number", in_quotes(text)));
  }
  bool boolean(bool /*value*/) { fault("true or false stands where neither belongs"); }
  bool null() { fault("null stands where it does not belong"); }
  bool binary(json::binary_t& /*value*/) { return false; }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const json::exception& /*error*/) {
    fault("the header is not JSON; fetch the file again");
  }

 private:
  [[noreturn]] void fault(const std::string& message) const {
    in_.fail(Errc::invalid_model, in_.position(), message);
  }
  static std::string quoted(const Entry& entry) { return in_quotes(entry.tensor.name); }

  void finish(Entry& entry) {
    const std::int64_t bits = bits_of_dtype(entry.tensor.type);
    if (bits == 0) {
      fault(fmt::format("the tensor {} has the unknown dtype {}; update membudget", quoted(entry),
                        in_quotes(entry.tensor.type)));
    }
    const bool has_shape = std::find(fields_.begin(), fields_.end(), "shape") != fields_.end();
    if (!has_shape || entry.begin < 0 || entry.end < entry.begin) {
      fault(fmt::format("the tensor {} lacks a shape or proper data_offsets", quoted(entry)));
    }
    std::int64_t elements = 1;
    for (const std::int64_t extent : entry.tensor.shape) {
      if (extent != 0 && elements > most_tensor_bytes / 64 / extent) {
        fault(fmt::format("the tensor {} is beyond any model", quoted(entry)));
      }
      elements *= extent;
    }
    const std::int64_t size = entry.end - entry.begin;
    if (elements * bits % 8 != 0 || elements * bits / 8 != size) {
      fault(fmt::format("the tensor {} takes {} bytes, but its shape and dtype {} need {} bits",
                        quoted(entry), size, entry.tensor.type, elements * bits));
    }
    entry.tensor.size = Bytes{size};
  }

  const ByteCursor& in_;
  std::vector<Entry> entries_;
  std::unordered_set<std::string> names_;
  std::string field_;
  int depth_ = 0;
  bool metadata_ = false;
  bool in_array_ = false;
  std::vector<std::string> fields_;  // of the tensor at hand
  std::size_t count_ = 0;
};

void refuse_what_is_none(const ByteCursor& in, std::uint64_t length, std::int64_t size) {
  constexpr std::uint64_t gguf = 0x46554747;  // "GGUF" as the low half of a little-endian u64
  if ((length & 0xffffffff) == gguf) {
    in.fail(Errc::unsupported, 0, "is a GGUF file, not safetensors; give it a name in .gguf");
  }
  if (length > static_cast<std::uint64_t>(longest_header)) {
    in.fail(Errc::unsupported, 0,
            fmt::format("announces a header of {} bytes, so it is no safetensors file; "
                        "a git-lfs pointer or a web page begins like this",
                        length));
  }
  if (static_cast<std::int64_t>(length) > size - 8) {
    in.fail(Errc::truncated, 0,
            fmt::format("the header should take {} bytes, but the file ends after {}; download it "
                        "again",
                        length, size));
  }
}

}  // namespace

std::int64_t bits_of_dtype(std::string_view name) {
  const auto* found = std::find_if(dtypes.begin(), dtypes.end(),
                                   [&](const Dtype& each) { return each.name == name; });
  return found == dtypes.end() ? 0 : found->bits;
}

Safetensors read_safetensors(const ByteSource& source) {
  ByteCursor in(source);
  const auto length = in.number<std::uint64_t>("the length of the header");
  refuse_what_is_none(in, length, source.size());
  const std::int64_t data = 8 + static_cast<std::int64_t>(length);
  source.expect(data);
  HeaderEvents events(in);
  static_cast<void>(json::sax_parse(HeaderText(&in, data), HeaderText(), &events));

  std::vector<Entry> entries = std::move(events).take();
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.begin < b.begin; });
  Safetensors out;
  std::int64_t end = 0;
  for (Entry& entry : entries) {
    if (entry.begin != end) {
      in.fail(Errc::invalid_model, entry.at,
              fmt::format("the data of the tensor {} starts at {}, {} the {} where the one before "
                          "it ends",
                          in_quotes(entry.tensor.name), entry.begin,
                          entry.begin < end ? "before" : "after", end));
    }
    end = entry.end;
    out.tensors.push_back(std::move(entry.tensor));
  }
  out.missing = Bytes{std::max<std::int64_t>(0, data + end - source.size())};
  return out;
}

}  // namespace membudget
