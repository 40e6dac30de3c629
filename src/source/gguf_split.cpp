// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "membudget/error.hpp"
#include "source/byte_cursor.hpp"
#include "source/gguf.hpp"

namespace membudget {
namespace {

// Keys and names of split models: src/llama-model-loader.cpp and gguf-split of llama.cpp b10587.
constexpr std::string_view count_key = "split.count";
constexpr std::string_view number_key = "split.no";
constexpr std::string_view tensors_key = "split.tensors.count";
constexpr std::int64_t most_shards = 65535;  // split.count is a u16

/// Where the parts of a split lie: what is beside a file, by names as that file's.
struct Siblings {
  std::function<bool(const std::string&)> exists;
  std::function<std::unique_ptr<ByteSource>(const std::string&)> open;
};

std::int64_t whole_number(const Metadata& metadata, std::string_view key, std::int64_t fallback) {
  const Metadata::Value* value = metadata.find(key);
  if (value == nullptr) {
    return fallback;
  }
  const auto* number = std::get_if<std::int64_t>(value);
  if (number == nullptr || *number < 0) {
    throw Error(Errc::invalid_model, metadata.where(),
                fmt::format("metadata key '{}' must be a whole number of at least 0", key));
  }
  return *number;
}

std::string shard_ending(std::int64_t shard, std::int64_t shards) {
  return fmt::format("-{:05}-of-{:05}.gguf", shard + 1, shards);
}

// All shards of the split that `file` is shard `shard` of, in order.
std::vector<std::string> shard_files(const Siblings& siblings, const std::string& file,
                                     const std::string& where, std::int64_t shard,
                                     std::int64_t shards) {
  const std::string ending = shard_ending(shard, shards);
  if (!file.ends_with(ending)) {
    throw Error(Errc::invalid_model, where,
                fmt::format("is part {} of {}, but its name does not end in {}; "
                            "rename the parts as they were uploaded",
                            shard + 1, shards, ending));
  }
  const std::string stem = file.substr(0, file.size() - ending.size());
  std::vector<std::string> files;
  std::string missing;
  std::int64_t missing_count = 0;
  for (std::int64_t i = 0; i < shards; ++i) {
    files.push_back(stem + shard_ending(i, shards));
    if (siblings.exists(files.back())) {
      continue;
    }
    constexpr std::int64_t named = 8;  // keeps the message readable when all are missing
    if (++missing_count <= named) {
      missing += (missing.empty() ? "" : ", ") + files.back().substr(files.back().rfind('/') + 1);
    }
  }
  if (missing_count != 0) {
    throw Error(Errc::io, where,
                fmt::format("{} of its {} parts are missing: {}{}; put them beside it",
                            missing_count, shards, missing, missing_count > 8 ? ", ..." : ""));
  }
  return files;
}

Gguf read_shard(const Siblings& siblings, const std::vector<std::string>& files,
                std::size_t shard) {
  const std::unique_ptr<ByteSource> source = siblings.open(files[shard]);
  Gguf gguf = read_gguf(*source);
  const std::int64_t number = whole_number(gguf.metadata, number_key, -1);
  if (number != static_cast<std::int64_t>(shard)) {
    throw Error(Errc::invalid_model, source->name(),
                fmt::format("its split.no is {}, but its name says {}; rename the parts as they "
                            "were uploaded",
                            number, shard));
  }
  return gguf;
}

void append(Gguf& whole, Gguf shard, std::unordered_set<std::string>& names,
            const std::string& where) {
  for (Tensor& tensor : shard.tensors) {
    if (!names.insert(tensor.name).second) {
      throw Error(Errc::invalid_model, where,
                  fmt::format("the tensor {} is also in an earlier part of the model",
                              in_quotes(tensor.name)));
    }
    tensor.offset = (Bytes{tensor.offset} + whole.data_size).count();
    whole.tensors.push_back(std::move(tensor));
  }
  whole.data_size += shard.data_size;
  whole.missing += shard.missing;
}

Gguf read_whole(const Siblings& siblings, const std::string& file) {
  const std::unique_ptr<ByteSource> source = siblings.open(file);
  const std::string where = source->name();
  Gguf given = read_gguf(*source);
  const std::int64_t shards = whole_number(given.metadata, count_key, 0);
  if (shards <= 1) {
    return given;
  }
  const std::int64_t number = whole_number(given.metadata, number_key, 0);
  if (shards > most_shards || number >= shards) {
    throw Error(
        Errc::invalid_model, where,
        fmt::format("split.no {} and split.count {} contradict each other", number, shards));
  }
  const std::vector<std::string> files = shard_files(siblings, file, where, number, shards);

  Gguf whole = number == 0 ? std::move(given) : read_shard(siblings, files, 0);
  whole.places.clear();
  std::unordered_set<std::string> names;
  for (const Tensor& tensor : whole.tensors) {
    names.insert(tensor.name);
  }
  for (std::size_t i = 1; i < files.size(); ++i) {
    Gguf shard = read_shard(siblings, files, i);
    append(whole, std::move(shard), names, files[i]);
  }
  const auto found = static_cast<std::int64_t>(whole.tensors.size());
  const std::int64_t expected = whole_number(whole.metadata, tensors_key, found);
  if (found != expected) {
    throw Error(Errc::invalid_model, where,
                fmt::format("the parts hold {} tensors together, but the first announces {}; "
                            "they belong to different uploads",
                            found, expected));
  }
  return whole;
}

}  // namespace

Gguf read_gguf(const std::filesystem::path& file) {
  const Siblings siblings{
      .exists =
          [](const std::string& name) {
            std::error_code ignored;
            return std::filesystem::exists(std::filesystem::path(name), ignored);
          },
      .open = [](const std::string& name) { return std::make_unique<FileSource>(name); }};
  return read_whole(siblings, file.string());
}

Gguf read_gguf(const ModelFiles& files, const std::string& file) {
  const Siblings siblings{.exists = [&](const std::string& name) { return files.has(name); },
                          .open = [&](const std::string& name) { return files.open(name); }};
  return read_whole(siblings, file);
}

}  // namespace membudget
