// SPDX-License-Identifier: MIT
#include "support/http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace membudget::test {
namespace {

#ifdef MSG_NOSIGNAL
constexpr int no_signal = MSG_NOSIGNAL;
#else
constexpr int no_signal = 0;
#endif

bool readable(int descriptor, int milliseconds) {
  pollfd wait{.fd = descriptor, .events = POLLIN, .revents = 0};
  return ::poll(&wait, 1, milliseconds) > 0;
}

/// Counts before it sends, so that whoever has received a byte finds it counted.
void send_all(int connection, std::string_view bytes, std::atomic<std::int64_t>& counted) {
  constexpr std::size_t piece = 64 << 10;
  while (!bytes.empty()) {
    const auto part = std::min(bytes.size(), piece);
    counted += static_cast<std::int64_t>(part);
    const ssize_t count = ::send(connection, bytes.data(), part, no_signal);
    counted -= static_cast<std::int64_t>(part) - std::max<ssize_t>(count, 0);
    if (count <= 0) {
      break;
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

ServerRequest parsed(std::string_view text) {
  ServerRequest out;
  const auto line = text.substr(0, text.find("\r\n"));
  const auto space = line.find(' ');
  out.method = line.substr(0, space);
  const auto rest = line.substr(space + 1);
  out.path = rest.substr(0, rest.find(' '));
  text.remove_prefix(line.size() + 2);
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    const auto header = text.substr(0, end);
    const auto colon = header.find(':');
    if (colon != std::string_view::npos) {
      std::string name(header.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      auto value = header.substr(colon + 1);
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
      out.headers[name] = value;
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
  return out;
}

}  // namespace

std::string ServerRequest::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::optional<std::pair<std::int64_t, std::int64_t>> ServerRequest::range() const {
  long long first = 0;
  long long last = 0;
  if (std::sscanf(header("range").c_str(), "bytes=%lld-%lld", &first, &last) != 2) {
    return std::nullopt;
  }
  return std::pair<std::int64_t, std::int64_t>(first, last);
}

HttpServer::HttpServer() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, length) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, generic, &length) != 0) {
    throw std::runtime_error("no server on the loopback interface");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

HttpServer::~HttpServer() {
  ends_ = true;
  acceptor_.join();
  for (std::thread& connection : connections_) {
    connection.join();
  }
  ::close(listener_);
}

std::string HttpServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

void HttpServer::serve(const std::string& path, Handler handler) {
  const std::lock_guard lock(mutex_);
  handlers_[path] = std::move(handler);
}

void HttpServer::serve_file(const std::string& path, ServedFile file) {
  serve(path, [file = std::move(file)](const ServerRequest& request) {
    return file_response(request, file);
  });
}

void HttpServer::serve_text(const std::string& path, std::string text) {
  const auto size = static_cast<std::int64_t>(text.size());
  serve_file(path, {.head = std::move(text), .size = size});
}

ServerResponse HttpServer::file_response(const ServerRequest& request, const ServedFile& file) {
  ServerResponse out;
  std::int64_t first = 0;
  std::int64_t last = file.size - 1;
  if (const auto range = request.range()) {
    first = range->first;
    last = std::min(range->second, last);
    if (first > last) {
      out.status = 416;
      return out;
    }
    out.status = 206;
    out.headers.emplace_back("Content-Range", "bytes " + std::to_string(first) + "-" +
                                                  std::to_string(last) + "/" +
                                                  std::to_string(file.size));
  }
  out.headers.emplace_back("ETag", file.etag);
  const auto from = static_cast<std::size_t>(first);
  if (from < file.head.size()) {
    out.body = file.head.substr(from, static_cast<std::size_t>(last - first + 1));
  }
  out.body.resize(static_cast<std::size_t>(last - first + 1), '\0');
  return out;
}

std::vector<ServerRequest> HttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpServer::forget() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
  sent_ = 0;
}

void HttpServer::accept_all() {
  while (!ends_) {
    if (!readable(listener_, 20)) {
      continue;
    }
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection >= 0) {
      connections_.emplace_back([this, connection] { answer_all(connection); });
    }
  }
}

void HttpServer::answer_all(int connection) {
  std::string text;
  while (!ends_) {
    if (!readable(connection, 20)) {
      continue;
    }
    char buffer[4096];
    const ssize_t count = ::recv(connection, buffer, sizeof buffer, 0);
    if (count <= 0) {
      break;
    }
    text.append(buffer, static_cast<std::size_t>(count));
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) {
      continue;
    }
    answer(connection, parsed(std::string_view(text).substr(0, end + 2)));
    text.erase(0, end + 4);
  }
  ::close(connection);
}

void HttpServer::answer(int connection, const ServerRequest& request) {
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    const auto found = handlers_.find(request.path.substr(0, request.path.find('?')));
    if (found != handlers_.end()) {
      handler = found->second;
    }
  }
  const ServerResponse response =
      handler ? handler(request) : ServerResponse{.status = 404, .headers = {}, .body = "none"};
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " X\r\n";
  for (const auto& [name, value] : response.headers) {
    head += name + ": " + value + "\r\n";
  }
  const auto size = static_cast<std::int64_t>(response.body.size());
  head += "Content-Length: " +
          std::to_string(response.claimed_length >= 0 ? response.claimed_length : size) +
          "\r\n\r\n";
  std::atomic<std::int64_t> uncounted = 0;
  send_all(connection, head, uncounted);
  const std::int64_t stop = response.cut_after >= 0     ? response.cut_after
                            : response.stall_after >= 0 ? response.stall_after
                                                        : size;
  send_all(connection, std::string_view(response.body).substr(0, static_cast<std::size_t>(stop)),
           sent_);
  if (response.stall_after >= 0) {
    const auto until = std::chrono::steady_clock::now() + response.stall;
    while (!ends_ && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  if (response.cut_after >= 0 || response.stall_after >= 0 || response.claimed_length >= 0) {
    ::shutdown(connection, SHUT_RDWR);
  }
}

}  // namespace membudget::test
