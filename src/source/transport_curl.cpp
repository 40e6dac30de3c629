// SPDX-License-Identifier: MIT
// libcurl is loaded when the first request is made: linked in, it and the twenty libraries behind
// it would more than double the time that every plan takes to start.
#ifdef MEMBUDGET_HAS_CURL

#include <curl/curl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "ascii.hpp"
#include "membudget/error.hpp"
#include "source/http.hpp"

namespace membudget {
namespace {

using Clock = std::chrono::steady_clock;

#ifdef __APPLE__
constexpr std::array<const char*, 2> library_names{"/usr/lib/libcurl.4.dylib", "libcurl.4.dylib"};
#else
constexpr std::array<const char*, 2> library_names{"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif

/// The functions of libcurl that are used, by its own declarations.
struct Curl {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_reset) easy_reset;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;

  static const Curl& loaded();
};

[[noreturn]] void fail_to_load(const std::string& why) {
  throw Error(Errc::network, "libcurl",
              fmt::format("cannot be loaded, so nothing is read over the network: {}; install it, "
                          "or download the file and give its path",
                          why));
}

template <class Function>
void find(void* library, Function& function, const char* name) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) {
    fail_to_load(fmt::format("it has no {}", name));
  }
}

const Curl& Curl::loaded() {
  static const Curl curl = [] {
    void* library = nullptr;
    for (const char* name : library_names) {
      library = library != nullptr ? library : ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    }
    if (library == nullptr) {
      const char* why = ::dlerror();
      fail_to_load(why == nullptr ? "it is not there" : why);
    }
    Curl out{};
    find(library, out.global_init, "curl_global_init");
    find(library, out.easy_init, "curl_easy_init");
    find(library, out.easy_reset, "curl_easy_reset");
    find(library, out.easy_cleanup, "curl_easy_cleanup");
    find(library, out.easy_setopt, "curl_easy_setopt");
    find(library, out.easy_perform, "curl_easy_perform");
    find(library, out.easy_getinfo, "curl_easy_getinfo");
    find(library, out.easy_strerror, "curl_easy_strerror");
    find(library, out.slist_append, "curl_slist_append");
    find(library, out.slist_free_all, "curl_slist_free_all");
    if (out.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      fail_to_load("it does not start");
    }
    return out;
  }();
  return curl;
}

/// What the callbacks of one exchange share.
struct Exchange {
  const BodySink* sink = nullptr;
  HttpReply reply;
  std::int64_t received = 0;
  Clock::time_point last_byte = Clock::now();
  std::chrono::milliseconds stall{};
  bool stalled = false;
  bool stopped = false;
  std::exception_ptr thrown;
};

template <class Number>
Number number_of(std::string_view text, Number fallback) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : fallback;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  HttpReply& reply = exchange.reply;
  std::string_view line(data, size * count);
  exchange.last_byte = Clock::now();
  if (line.starts_with("HTTP/")) {  // Also after "100 Continue": what follows counts.
    const auto space = line.find(' ');
    reply = {};
    reply.status = space == std::string_view::npos ? 0 : number_of(line.substr(space + 1, 3), 0);
    return size * count;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) {
    return size * count;
  }
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (name == "location") {
    reply.location = value;
  } else if (name == "content-type") {
    reply.content_type = value;
  } else if (name == "content-range") {
    reply.content_range = value;
  } else if (name == "etag") {
    reply.etag = value;
  } else if (name == "retry-after") {
    reply.retry_after = value;
  } else if (name == "content-length") {
    reply.content_length = number_of<std::int64_t>(value, -1);
  }
  return size * count;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::size_t bytes = size * count;
  exchange.last_byte = Clock::now();
  try {
    exchange.stopped = !(*exchange.sink)(exchange.reply, exchange.received,
                                         {reinterpret_cast<const std::byte*>(data), bytes});
  } catch (...) {
    // Past C code no exception may travel.
    exchange.thrown = std::current_exception();
  }
  if (exchange.stopped || exchange.thrown) {
    return bytes == 0 ? 1 : 0;  // Another number than it was given ends the exchange.
  }
  exchange.received += static_cast<std::int64_t>(bytes);
  return bytes;
}

int on_progress(void* user, curl_off_t /*all*/, curl_off_t /*now*/, curl_off_t /*all_up*/,
                curl_off_t /*now_up*/) {
  auto& exchange = *static_cast<Exchange*>(user);
  exchange.stalled = Clock::now() - exchange.last_byte > exchange.stall;
  return exchange.stalled ? 1 : 0;
}

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(const NetworkLimits& limits)
      : curl_(Curl::loaded()), limits_(limits), handle_(curl_.easy_init()) {
    if (handle_ == nullptr) {
      fail_to_load("it has no memory");
    }
  }
  ~CurlTransport() override { curl_.easy_cleanup(handle_); }

  Outcome exchange(const HttpRequest& request, const std::string& bearer,
                   const BodySink& sink) override {
    Exchange state;
    state.sink = &sink;
    state.stall = limits_.stall;
    // Keeps the connection; only the options are forgotten.
    curl_.easy_reset(handle_);
    const auto set = [&](CURLoption option, auto value) {
      curl_.easy_setopt(handle_, option, value);
    };
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_USERAGENT, "membudget");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits_.connect.count()));
    set(CURLOPT_BUFFERSIZE, 128L * 1024L);
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_HEADERDATA, &state);
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_WRITEDATA, &state);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, on_progress);
    set(CURLOPT_XFERINFODATA, &state);
    std::string range;
    if (request.range) {
      range = fmt::format("{}-{}", request.range->first, request.range->second);
      set(CURLOPT_RANGE, range.c_str());
    }
    curl_slist* lines = nullptr;
    const auto add = [&](const std::string& line) {
      lines = curl_.slist_append(lines, line.c_str());
    };
    if (!request.accept.empty()) {
      add("Accept: " + request.accept);
    }
    if (!bearer.empty()) {
      add("Authorization: Bearer " + bearer);
    }
    set(CURLOPT_HTTPHEADER, lines);
    const CURLcode code = curl_.easy_perform(handle_);
    curl_.slist_free_all(lines);
    if (state.thrown) {
      std::rethrow_exception(state.thrown);
    }
    return outcome(code, std::move(state));
  }

 private:
  [[nodiscard]] Outcome outcome(CURLcode code, Exchange state) const {
    Outcome out{.reply = std::move(state.reply), .failure = {}, .stopped = state.stopped};
    if (code == CURLE_OK || state.stopped) {
      return out;
    }
    if (state.stalled) {
      out.failure =
          fmt::format("the server sent nothing for {} ms; try again later", limits_.stall.count());
      out.transient = true;
      return out;
    }
    out.failure = fmt::format("cannot be read: {}; check the address and the network",
                              curl_.easy_strerror(code));
    switch (code) {
      case CURLE_OPERATION_TIMEDOUT:
      case CURLE_PARTIAL_FILE:
      case CURLE_RECV_ERROR:
      case CURLE_SEND_ERROR:
      case CURLE_GOT_NOTHING:
        out.transient = true;
        break;
      default:
        break;
    }
    return out;
  }

  const Curl& curl_;
  NetworkLimits limits_;
  CURL* handle_;
};

}  // namespace

std::unique_ptr<Transport> make_transport(const NetworkLimits& limits) {
  return std::make_unique<CurlTransport>(limits);
}

bool reads_over_network() {
  return true;
}

}  // namespace membudget

#endif
