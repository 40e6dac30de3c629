// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace membudget::test {

struct ServerRequest {
  std::string method;
  std::string path;                            ///< With the query.
  std::map<std::string, std::string> headers;  ///< Names in lower case.

  [[nodiscard]] std::string header(const std::string& name) const;
  /// First and last byte of "Range: bytes=a-b".
  [[nodiscard]] std::optional<std::pair<std::int64_t, std::int64_t>> range() const;
};

struct ServerResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// What Content-Length says; -1 = the truth.
  std::int64_t claimed_length = -1;
  /// Sends this much of the body and then closes the connection; -1 = all.
  std::int64_t cut_after = -1;
  /// Sends this much and then nothing, for as long; -1 = never.
  std::int64_t stall_after = -1;
  std::chrono::milliseconds stall{3000};
};

/// A file of `size` bytes that begins with `head`; the rest is zeros.
struct ServedFile {
  std::string head;
  std::int64_t size = 0;
  std::string etag = "\"one\"";
};

/// A real HTTP server on the loopback interface, one thread for each connection, for as long as it
/// lives. Paths that nobody serves get status 404.
class HttpServer {
 public:
  using Handler = std::function<ServerResponse(const ServerRequest&)>;

  HttpServer();
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "http://127.0.0.1:12345" and `path`.
  [[nodiscard]] std::string url(const std::string& path = "") const;
  [[nodiscard]] int port() const { return port_; }

  void serve(const std::string& path, Handler handler);
  /// By ranges, as file servers do.
  void serve_file(const std::string& path, ServedFile file);
  void serve_text(const std::string& path, std::string text);
  /// What serve_file() answers.
  [[nodiscard]] static ServerResponse file_response(const ServerRequest& request,
                                                    const ServedFile& file);

  /// Of all requests so far.
  [[nodiscard]] std::vector<ServerRequest> requests() const;
  [[nodiscard]] std::int64_t body_bytes_sent() const { return sent_; }
  void forget();

 private:
  void accept_all();
  void answer_all(int connection);
  void answer(int connection, const ServerRequest& request);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ends_ = false;
  std::atomic<std::int64_t> sent_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Handler> handlers_;
  std::vector<ServerRequest> requests_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace membudget::test
