// SPDX-License-Identifier: MIT
#include <fmt/format.h>

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
std::vector<std::filesystem::path> shard_files(const std::filesystem::path& file,
                                               std::int64_t shard, std::int64_t shards) {
  const std::string name = file.filename().string();
  const std::string ending = shard_ending(shard, shards);
  if (!name.ends_with(ending)) {
    throw Error(Errc::invalid_model, file.string(),
                fmt::format("is part {} of {}, but its name does not end in {}; "
                            "rename the parts as they were uploaded",
                            shard + 1, shards, ending));
  }
  const std::string stem = name.substr(0, name.size() - ending.size());
  std::vector<std::filesystem::path> files;
  std::string missing;
  std::int64_t missing_count = 0;
  for (std::int64_t i = 0; i < shards; ++i) {
    files.push_back(file.parent_path() / (stem + shard_ending(i, shards)));
    std::error_code ignored;
    if (std::filesystem::exists(files.back(), ignored)) {
      continue;
    }
    constexpr std::int64_t named = 8;  // keeps the message readable when all are missing
    if (++missing_count <= named) {
      missing += (missing.empty() ? "" : ", ") + files.back().filename().string();
    }
  }
  if (missing_count != 0) {
    throw Error(Errc::io, file.string(),
                fmt::format("{} of its {} parts are missing: {}{}; put them beside it",
                            missing_count, shards, missing, missing_count > 8 ? ", ..." : ""));
  }
  return files;
}

Gguf read_shard(const std::vector<std::filesystem::path>& files, std::size_t shard) {
  Gguf gguf = read_gguf(FileSource(files[shard]));
  const std::int64_t number = whole_number(gguf.metadata, number_key, -1);
  if (number != static_cast<std::int64_t>(shard)) {
    throw Error(Errc::invalid_model, files[shard].string(),
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

}  // namespace

Gguf read_gguf(const std::filesystem::path& file) {
  Gguf given = read_gguf(FileSource(file));
  const std::int64_t shards = whole_number(given.metadata, count_key, 0);
  if (shards <= 1) {
    return given;
  }
  const std::int64_t number = whole_number(given.metadata, number_key, 0);
  if (shards > most_shards || number >= shards) {
    throw Error(
        Errc::invalid_model, file.string(),
        fmt::format("split.no {} and split.count {} contradict each other", number, shards));
  }
  const std::vector<std::filesystem::path> files = shard_files(file, number, shards);

  Gguf whole = number == 0 ? std::move(given) : read_shard(files, 0);
  std::unordered_set<std::string> names;
  for (const Tensor& tensor : whole.tensors) {
    names.insert(tensor.name);
  }
  for (std::size_t i = 1; i < files.size(); ++i) {
    append(whole, read_shard(files, i), names, files[i].string());
  }
  const auto found = static_cast<std::int64_t>(whole.tensors.size());
  const std::int64_t expected = whole_number(whole.metadata, tensors_key, found);
  if (found != expected) {
    throw Error(Errc::invalid_model, files.front().string(),
                fmt::format("the parts hold {} tensors together, but the first announces {}; "
                            "they belong to different uploads",
                            found, expected));
  }
  return whole;
}

}  // namespace membudget
