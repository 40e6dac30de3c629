// SPDX-License-Identifier: MIT
#include "source/http_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "membudget/error.hpp"

namespace membudget {
namespace {

/// "bytes 0-1023/4096"
struct ContentRange {
  std::int64_t first = -1;
  std::int64_t last = -1;
  std::int64_t size = -1;
};

ContentRange parsed(std::string_view text) {
  ContentRange out;
  constexpr std::string_view unit = "bytes ";
  if (!text.starts_with(unit)) {
    return out;
  }
  const char* at = text.data() + unit.size();
  const char* end = text.data() + text.size();
  const auto number = [&](std::int64_t& value, char after) {
    const auto [stop, error] = std::from_chars(at, end, value);
    const bool good = error == std::errc{} && value >= 0 &&
                      (after == '\0' ? stop == end : stop != end && *stop == after);
    at = good && after != '\0' ? stop + 1 : stop;
    return good;
  };
  if (!number(out.first, '-') || !number(out.last, '/') || !number(out.size, '\0')) {
    return {};
  }
  return out;
}

bool is_web_page(const HttpReply& reply) {
  return reply.content_type.starts_with("text/html");
}

}  // namespace

struct HttpSource::State {
  Http& http;
  RemoteFile file;
  std::function<void(const FetchProgress&)> progress;
  HeaderFile header;
  std::int64_t size = -1;
  std::string etag;
  std::string address;  // where redirects led; asking there again saves them
  std::int64_t expected = 0;
  bool fetched = false;

  [[noreturn]] void fail(const std::string& problem, Errc code = Errc::network) const {
    throw Error(code, file.name, problem);
  }

  [[nodiscard]] bool is_known() const { return size >= 0; }

  void check_reply(const HttpReply& reply, std::int64_t first, std::int64_t last);
  void request(std::int64_t first, std::int64_t last, bool keep_bytes);
  void fetch_to(std::int64_t end);
};

// Before any byte is taken: whether the server sends what it was asked for.
void HttpSource::State::check_reply(const HttpReply& reply, std::int64_t first, std::int64_t last) {
  if (is_web_page(reply)) {
    fail("the server sends a web page instead of a file; check the address, it may need a login",
         Errc::unsupported);
  }
  ContentRange range;
  if (reply.status == 206) {
    range = parsed(reply.content_range);
    if (range.first != first || range.last < range.first || range.last > last ||
        range.last >= range.size) {
      fail(fmt::format("the server answers a request for bytes {} to {} with the range '{}'", first,
                       last, reply.content_range));
    }
    const std::int64_t promised = std::min(last, range.size - 1) - first + 1;
    if (range.last - range.first + 1 != promised) {
      fail(fmt::format("the server sends {} bytes where it was asked for {}",
                       range.last - range.first + 1, promised));
    }
  } else if (first == 0 && reply.content_length >= 0 && reply.content_length <= last + 1) {
    range = {.first = 0, .last = reply.content_length - 1, .size = reply.content_length};
  } else {
    fail(
        "the server ignores range requests, so the header cannot be read without the whole file; "
        "download it and give its path");
  }
  if (is_known() && (range.size != size || reply.etag != etag)) {
    fail("the file on the server changed while it was read; try again");
  }
  size = range.size;
  etag = reply.etag;
}

void HttpSource::State::request(std::int64_t first, std::int64_t last, bool keep_bytes) {
  HttpRequest request{.url = address.empty() ? file.url : address,
                      .accept = {},
                      .credential = file.credential,
                      .range = std::pair(first, last)};
  std::int64_t received = 0;
  const BodySink sink = [&](const HttpReply& reply, std::int64_t offset,
                            std::span<const std::byte> bytes) {
    if (offset == 0) {
      check_reply(reply, first, last);
    }
    received = offset + static_cast<std::int64_t>(bytes.size());
    if (received > last - first + 1) {
      fail(fmt::format("the server sends more than the {} bytes it was asked for",
                       last - first + 1));
    }
    if (keep_bytes) {
      header.write(first + offset, bytes);
      if (progress) {
        progress({.source = file.name, .fetched = Bytes{header.bytes()}});
      }
    }
    return true;
  };
  HttpReply reply;
  try {
    reply = http.get(request, sink, file.missing);
  } catch (const Error& error) {
    // An address that a redirect gave may hold for a while only.
    if (address.empty() || error.code() != Errc::network || error.where() == file.name) {
      throw;
    }
    address.clear();
    request.url = file.url;
    reply = http.get(request, sink, file.missing);
  }
  if (received == 0) {
    check_reply(reply, first, last);
  }
  const std::int64_t promised = std::min(last, size - 1) - first + 1;
  if (received < promised) {
    fail(fmt::format("the server sends {} of the {} bytes it promises", received, promised));
  }
  address = reply.url;
}

void HttpSource::State::fetch_to(std::int64_t end) {
  const std::int64_t most = http.limits().most_bytes;
  if (end > most) {
    fail(fmt::format("the header is longer than {} bytes, which no model needs", most));
  }
  const std::int64_t have = header.bytes();
  request(have, std::min({end, size, most}) - 1, true);
  fetched = true;
}

HttpSource::HttpSource(std::unique_ptr<State> state, std::int64_t size)
    : ByteSource(state->file.name, size), state_(std::move(state)) {}

std::unique_ptr<HttpSource> HttpSource::open(Http& http, RemoteFile file,
                                             const std::filesystem::path& cache,
                                             std::function<void(const FetchProgress&)> progress) {
  std::optional<HeaderFile> cached = HeaderFile::cached(cache, file.url);
  const bool had = cached.has_value();
  const HeaderKey key = had ? cached->key() : HeaderKey{};
  auto state = std::make_unique<State>(State{.http = http,
                                             .file = std::move(file),
                                             .progress = std::move(progress),
                                             .header = had ? std::move(*cached) : HeaderFile(cache),
                                             .etag = {},
                                             .address = {}});
  if (had) {
    // One byte tells whether the file is still the same.
    state->request(0, 0, false);
    if (state->size == key.size && state->etag == key.etag) {
      const std::int64_t size = state->size;
      return std::unique_ptr<HttpSource>(new HttpSource(std::move(state), size));
    }
    state = std::make_unique<State>(State{.http = http,
                                          .file = std::move(state->file),
                                          .progress = std::move(state->progress),
                                          .header = HeaderFile(cache),
                                          .etag = {},
                                          .address = std::move(state->address)});
  }
  state->request(0, state->file.block - 1, true);
  state->fetched = true;
  const std::int64_t size = state->size;
  return std::unique_ptr<HttpSource>(new HttpSource(std::move(state), size));
}

HttpSource::~HttpSource() {
  if (state_->fetched) {
    try {
      state_->header.keep({.url = state_->file.url, .size = state_->size, .etag = state_->etag});
    } catch (...) {
      // The cache is a convenience.
    }
  }
}

void HttpSource::expect(std::int64_t end) const {
  state_->expected = std::min(end, size());
}

std::int64_t HttpSource::at_hand(std::int64_t offset) const {
  return std::max<std::int64_t>(0, state_->header.bytes() - offset);
}

void HttpSource::read_within(std::int64_t offset, std::span<std::byte> into) const {
  const std::int64_t end = offset + static_cast<std::int64_t>(into.size());
  const std::int64_t have = state_->header.bytes();
  if (end > have) {
    // A little more than is missing, in proportion, so that a wrong guess costs few requests.
    const std::int64_t least = have + std::max(state_->file.block, have / 16);
    state_->fetch_to(std::max(
        end, state_->expected > have ? std::max(state_->expected, have + have / 16) : least));
  }
  state_->header.read(offset, into);
}

}  // namespace membudget
