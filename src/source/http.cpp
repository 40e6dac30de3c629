// SPDX-License-Identifier: MIT
#include "source/http.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

#include "ascii.hpp"
#include "membudget/error.hpp"

namespace membudget {
namespace {

constexpr int most_redirects = 8;

[[noreturn]] void fail(std::string_view url, const std::string& problem,
                       Errc code = Errc::network) {
  throw Error(code, shown_url(url), problem);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool may_pass(int status) {
  return status == 429 || status >= 500;
}

/// Where a Location header leads, which may leave out the origin.
std::string resolved(std::string_view base, std::string_view location) {
  if (address_of(location)) {
    return std::string(location);
  }
  const auto from = address_of(base);
  if (location.starts_with("//")) {
    return from->scheme + ":" + std::string(location);
  }
  if (location.starts_with('/')) {
    return from->origin() + std::string(location);
  }
  const std::string path = from->path.substr(0, from->path.find('?'));
  return from->origin() + path.substr(0, path.rfind('/') + 1) + std::string(location);
}

void check_scheme(std::string_view url, bool redirected) {
  const auto address = address_of(url);
  if (!address) {
    fail(url, redirected ? "the server redirects to what is no web address"
                         : "is no https address; write https://HOST/PATH");
  }
  if (address->scheme == "http" && !address->is_loopback()) {
    fail(url, redirected ? "the server redirects to an unencrypted address, which is not followed"
                         : "is not encrypted; use https://");
  }
}

[[noreturn]] void refuse(int status, const HttpRequest& request, Errc missing) {
  if (status == 401 || status == 403) {
    fail(request.url,
         fmt::format("the server refuses access ({}); {}", status,
                     request.credential.origin.empty() ? "is the address complete?"
                     : request.credential.token.empty()
                         ? "the model is gated, private or misspelt; set HF_TOKEN to a token that "
                           "may read it"
                         : "the token in HF_TOKEN may not read it"));
  }
  if (status == 404 || status == 410) {
    fail(request.url, "there is no such thing on the server (404); check the name", missing);
  }
  fail(request.url, fmt::format("the server answers with status {}", status));
}

}  // namespace

bool Address::is_loopback() const {
  const std::string_view name = host.starts_with('[')
                                    ? std::string_view(host).substr(0, host.find(']') + 1)
                                    : std::string_view(host).substr(0, host.find(':'));
  const bool numeric = name.find_first_not_of("0123456789.") == std::string_view::npos;
  return name == "localhost" || name == "[::1]" || (numeric && name.starts_with("127."));
}

std::optional<Address> address_of(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  Address out{.scheme = lower(url.substr(0, colon)), .host = {}, .path = {}};
  url.remove_prefix(colon + 3);
  const auto end = std::min(url.find_first_of("/?#"), url.size());
  std::string_view host = url.substr(0, end);
  host.remove_prefix(host.rfind('@') == std::string_view::npos ? 0 : host.rfind('@') + 1);
  out.host = lower(host);
  out.path = std::string(url.substr(end));
  const bool control = std::any_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
  });
  if ((out.scheme != "http" && out.scheme != "https") || out.host.empty() || control) {
    return std::nullopt;
  }
  return out;
}

std::string shown_url(std::string_view url) {
  const auto address = address_of(url);
  std::string out = address ? address->origin() + address->path : std::string(url);
  out.resize(std::min(out.find_first_of("?#"), out.size()));
  // A slip makes an address none, but not its secrets: "htps://user:password@host", no scheme at
  // all, or pasted twice. So a user may stand at the start and after each "//"; with a password
  // after one "/" too, where another was forgotten.
  for (std::size_t from = 0;;) {
    const auto part = out.substr(from, out.find('/', from) - from);
    const auto at = part.rfind('@');
    const std::string_view before = std::string_view(out).substr(0, from);
    const bool begins = before.empty() || (before.ends_with("//") && !before.ends_with("///"));
    if (at != std::string::npos && (begins || part.find(':') < at)) out.erase(from, at + 1);
    const auto slash = out.find('/', from);
    if (slash == std::string::npos) return out;
    from = slash + 1;
  }
}

Http::Http(const NetworkLimits& limits) : Http(limits, make_transport(limits)) {}

Http::Http(const NetworkLimits& limits, std::unique_ptr<Transport> transport)
    : limits_(limits), transport_(std::move(transport)) {}

Http::~Http() = default;

HttpReply Http::get_once(const HttpRequest& request, const BodySink& sink, Errc missing,
                         bool last_attempt, std::optional<std::string>& again) {
  HttpRequest step = request;
  const auto trusted = address_of(request.credential.origin);
  for (int redirects = 0; redirects <= most_redirects; ++redirects) {
    check_scheme(step.url, redirects > 0);
    const auto address = address_of(step.url);
    const bool same = trusted && trusted->origin() == address->origin();
    const BodySink only_good = [&](const HttpReply& reply, std::int64_t offset,
                                   std::span<const std::byte> bytes) {
      // Of an error page nothing is used, and a connection may be worth more than its rest.
      constexpr std::int64_t most_of_a_page = 64 << 10;
      return reply.status != 200 && reply.status != 206 ? offset < most_of_a_page
                                                        : sink(reply, offset, bytes);
    };
    Transport::Outcome outcome =
        transport_->exchange(step, same ? request.credential.token : std::string(), only_good);
    if (!outcome.failure.empty() && !outcome.stopped) {
      if (outcome.transient && !last_attempt) {
        again = "";
        return outcome.reply;
      }
      fail(step.url, outcome.failure);
    }
    HttpReply& reply = outcome.reply;
    reply.url = step.url;
    if (reply.status == 200 || reply.status == 206) {
      return std::move(outcome.reply);
    }
    if (is_redirect(reply.status)) {
      if (reply.location.empty()) {
        fail(step.url, "the server redirects to nowhere");
      }
      const std::string next = resolved(step.url, reply.location);
      if (address->scheme == "https" && address_of(next) && address_of(next)->scheme == "http") {
        fail(step.url, "the server redirects to an unencrypted address, which is not followed");
      }
      step.url = next;
      continue;
    }
    if (may_pass(reply.status) && !last_attempt) {
      again = reply.retry_after;
      return std::move(outcome.reply);
    }
    HttpRequest shown = request;
    shown.url = step.url;
    refuse(reply.status, shown, missing);
  }
  fail(request.url, fmt::format("the server redirects more than {} times", most_redirects));
}

HttpReply Http::get(const HttpRequest& request, const BodySink& sink, Errc missing) {
  auto pause = limits_.first_pause;
  for (int attempt = 1;; ++attempt) {
    std::optional<std::string> again;
    HttpReply reply =
        get_once(request, sink, missing, attempt >= std::max(1, limits_.attempts), again);
    if (!again) {
      return reply;
    }
    // What a server asks for counts, but nobody waits for minutes for a plan.
    constexpr std::int64_t longest_wait = 15;
    std::int64_t seconds = 0;
    const auto [end, error] =
        std::from_chars(again->data(), again->data() + again->size(), seconds);
    auto wait = pause;
    if (error == std::errc{} && end == again->data() + again->size() && seconds > 0) {
      wait = std::max(wait, std::chrono::milliseconds(1000 * std::min(seconds, longest_wait)));
    }
    std::this_thread::sleep_for(wait);
    pause *= 2;
  }
}

std::string Http::text(const HttpRequest& request, std::int64_t most, Errc missing) {
  std::string out;
  bool too_long = false;
  const HttpReply reply = get(
      request,
      [&](const HttpReply&, std::int64_t offset, std::span<const std::byte> bytes) {
        out.resize(static_cast<std::size_t>(offset));
        too_long = offset + static_cast<std::int64_t>(bytes.size()) > most;
        if (!too_long) {
          out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        }
        return !too_long;
      },
      missing);
  if (too_long) {
    fail(reply.url,
         fmt::format("the server sends more than the {} bytes that such an answer takes", most));
  }
  return out;
}

}  // namespace membudget
