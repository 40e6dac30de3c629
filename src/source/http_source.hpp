// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "membudget/load_model.hpp"
#include "source/byte_source.hpp"
#include "source/header_cache.hpp"
#include "source/http.hpp"

namespace membudget {

/// Where a remote file is and how it is fetched.
struct RemoteFile {
  std::string url;
  std::string name;  ///< As messages call it.
  Credential credential;
  Errc missing = Errc::network;  ///< The code for a file that is not there.
  /// Bytes that are fetched at first and, when nothing is known of what is needed, more each time.
  std::int64_t block = std::int64_t{512} << 10;
};

/// The beginning of a file on a server, fetched by ranges as it is read and kept on disk meanwhile
/// and, if `cache` is not empty, afterwards.
class HttpSource final : public ByteSource {
 public:
  /// Throws Error{network} when the server cannot be reached, ignores ranges or contradicts
  /// itself, Error{unsupported} when it sends a web page instead.
  [[nodiscard]] static std::unique_ptr<HttpSource> open(
      Http& http, RemoteFile file, const std::filesystem::path& cache,
      std::function<void(const FetchProgress&)> progress);
  /// Puts what was fetched into the cache.
  ~HttpSource() override;

  void expect(std::int64_t end) const override;
  [[nodiscard]] std::int64_t at_hand(std::int64_t offset) const override;

 private:
  struct State;
  HttpSource(std::unique_ptr<State> state, std::int64_t size);
  void read_within(std::int64_t offset, std::span<std::byte> into) const override;

  std::unique_ptr<State> state_;
};

}  // namespace membudget
