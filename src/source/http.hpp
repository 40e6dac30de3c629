// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/load_model.hpp"

namespace membudget {

/// The parts of an http or https address that decide about trust.
struct Address {
  std::string scheme;  ///< In lower case.
  std::string host;    ///< In lower case, with the port if it is given.
  std::string path;    ///< From the first slash on, with the query.

  [[nodiscard]] std::string origin() const { return scheme + "://" + host; }
  /// Of this machine: 127.x.x.x, ::1 or localhost.
  [[nodiscard]] bool is_loopback() const;
};

/// nullopt for what is no http or https address.
[[nodiscard]] std::optional<Address> address_of(std::string_view url);

/// A credential and the one origin that may see it.
struct Credential {
  std::string origin;  ///< "https://huggingface.co"
  std::string token;   ///< Empty = none.
};

struct HttpRequest {
  std::string url;
  std::string accept;
  Credential credential;
  /// First and last byte of the range; nothing = the whole.
  std::optional<std::pair<std::int64_t, std::int64_t>> range;
};

/// What a server says before the body.
struct HttpReply {
  int status = 0;
  std::string url;  ///< The last one, after redirects.
  std::string location;
  std::string content_type;
  std::string content_range;
  std::string etag;
  std::string retry_after;
  std::int64_t content_length = -1;  ///< -1 = not said.
};

/// Takes a piece of the body; false ends the exchange there.
using BodySink =
    std::function<bool(const HttpReply& reply, std::int64_t offset, std::span<const std::byte>)>;

/// One exchange with a server, without redirects and second attempts.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  struct Outcome {
    HttpReply reply;
    std::string failure;     ///< Why the exchange broke off; empty when it did not.
    bool transient = false;  ///< The failure may go away.
    bool stopped = false;    ///< The sink ended it.
  };
  /// `bearer` is sent as it is.
  [[nodiscard]] virtual Outcome exchange(const HttpRequest& request, const std::string& bearer,
                                         const BodySink& sink) = 0;
};

/// libcurl. Throws Error{network} when this build has none or it cannot be loaded.
[[nodiscard]] std::unique_ptr<Transport> make_transport(const NetworkLimits& limits);

/// Requests as this library makes them: redirects are followed with the credential dropped off
/// its origin and never from https to http; 429, 5xx and broken exchanges are tried again.
class Http {
 public:
  explicit Http(const NetworkLimits& limits);
  /// With another transport, for tests.
  Http(const NetworkLimits& limits, std::unique_ptr<Transport> transport);
  ~Http();

  [[nodiscard]] const NetworkLimits& limits() const { return limits_; }

  /// The sink sees only bodies of status 200 and 206, each attempt from offset 0 on.
  /// Throws Error{network}; `missing` is the code for status 404.
  HttpReply get(const HttpRequest& request, const BodySink& sink, Errc missing = Errc::network);
  /// A whole text of at most `most` bytes.
  [[nodiscard]] std::string text(const HttpRequest& request, std::int64_t most,
                                 Errc missing = Errc::network);

 private:
  HttpReply get_once(const HttpRequest& request, const BodySink& sink, Errc missing,
                     bool last_attempt, std::optional<std::string>& again);

  NetworkLimits limits_;
  std::unique_ptr<Transport> transport_;
};

/// A URL as messages show it: without user, query and fragment, which may hold secrets.
[[nodiscard]] std::string shown_url(std::string_view url);

}  // namespace membudget
