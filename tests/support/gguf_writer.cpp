// SPDX-License-Identifier: MIT
#include "support/gguf_writer.hpp"

#include <fstream>
#include <stdexcept>

namespace membudget::test {

std::string GgufWriter::encoded(std::string_view text) {
  std::string bytes = bytes_of(std::uint64_t{text.size()});
  bytes += text;
  return bytes;
}

void GgufWriter::begin_pair(std::string_view key, GgufType type) {
  pairs_ += encoded(key);
  append(pairs_, static_cast<std::uint32_t>(type));
  ++pair_count_;
}

void GgufWriter::begin_array(std::string_view key, GgufType type, std::size_t length) {
  begin_pair(key, GgufType::array);
  append(pairs_, static_cast<std::uint32_t>(type));
  append(pairs_, std::uint64_t{length});
}

GgufWriter& GgufWriter::set(std::string_view key, std::string_view value) {
  begin_pair(key, GgufType::string);
  pairs_ += encoded(value);
  return *this;
}

GgufWriter& GgufWriter::set_array(std::string_view key, const std::vector<std::string>& values) {
  begin_array(key, GgufType::string, values.size());
  for (const std::string& value : values) {
    pairs_ += encoded(value);
  }
  return *this;
}

GgufWriter& GgufWriter::set_raw(std::string_view key, std::uint32_t type, std::string_view value) {
  begin_pair(key, static_cast<GgufType>(type));
  pairs_ += value;
  return *this;
}

GgufWriter& GgufWriter::set_alignment(std::uint32_t alignment) {
  alignment_ = alignment;
  return set("general.alignment", alignment);
}

GgufWriter& GgufWriter::add_tensor(std::string_view name, std::initializer_list<std::int64_t> shape,
                                   ElementType type) {
  Tensor tensor{.name = std::string(name), .type = type};
  std::vector<std::uint64_t> extents;
  for (const std::int64_t extent : shape) {
    tensor.shape.at(extents.size()) = extent;
    extents.push_back(static_cast<std::uint64_t>(extent));
  }
  add_raw_tensor(name, extents, static_cast<std::uint32_t>(format_of(type).ggml_id),
                 static_cast<std::uint64_t>(next_offset_));
  next_offset_ = round_up(next_offset_ + tensor.size().count(), alignment_);
  return *this;
}

GgufWriter& GgufWriter::add_tensors(std::span<const Tensor> tensors) {
  for (const Tensor& tensor : tensors) {
    std::vector<std::uint64_t> extents;
    for (int i = 0; i < tensor.dimensions(); ++i) {
      extents.push_back(static_cast<std::uint64_t>(tensor.shape[static_cast<std::size_t>(i)]));
    }
    add_raw_tensor(tensor.name, extents, static_cast<std::uint32_t>(format_of(tensor.type).ggml_id),
                   static_cast<std::uint64_t>(next_offset_));
    next_offset_ = round_up(next_offset_ + tensor.size().count(), alignment_);
  }
  return *this;
}

GgufWriter& GgufWriter::add_raw_tensor(std::string_view name,
                                       const std::vector<std::uint64_t>& shape, std::uint32_t type,
                                       std::uint64_t offset) {
  tensors_ += encoded(name);
  append(tensors_, static_cast<std::uint32_t>(shape.size()));
  for (const std::uint64_t extent : shape) {
    append(tensors_, extent);
  }
  append(tensors_, type);
  append(tensors_, offset);
  ++tensor_count_;
  return *this;
}

GgufWriter& GgufWriter::claim_tensors(std::uint64_t count) {
  claimed_tensors_ = count;
  return *this;
}

GgufWriter& GgufWriter::claim_pairs(std::uint64_t count) {
  claimed_pairs_ = count;
  return *this;
}

std::string GgufWriter::header() const {
  std::string bytes = "GGUF";
  append(bytes, version_);
  append(bytes, claimed_tensors_.value_or(tensor_count_));
  append(bytes, claimed_pairs_.value_or(pair_count_));
  return bytes + pairs_ + tensors_;
}

std::string GgufWriter::padded_header() const {
  std::string bytes = header();
  bytes.resize(
      static_cast<std::size_t>(round_up(static_cast<std::int64_t>(bytes.size()), alignment_)));
  return bytes;
}

void GgufWriter::write(const std::filesystem::path& file, std::int64_t cut) const {
  const std::string bytes = padded_header();
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    throw std::runtime_error("cannot write " + file.string());
  }
  std::filesystem::resize_file(
      file,
      static_cast<std::uintmax_t>(static_cast<std::int64_t>(bytes.size()) + next_offset_ - cut));
}

}  // namespace membudget::test
