// SPDX-License-Identifier: MIT
// The first line of the input says what is asked for: "model URL", "ollama NAME", "hub ORG/REPO",
// "text URL" or "monitor URL". Then follow the answers of the servers, in turn, with lines "%%"
// between them: a status, header lines "name: value", an empty line and a body. A header "serve: N"
// stands for the right answer to the request from a file of N bytes that starts as the seeds of
// the GGUF target do; other headers of the same answer stand before its.
#include "source/http.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "membudget/server_monitor.hpp"
#include "source/choose_file.hpp"
#include "source/remote.hpp"

namespace membudget::fuzz {
namespace {

constexpr std::string_view token = "hf_fuzzSECRET";
constexpr std::string_view hub = "https://hub.example";
constexpr std::string_view password = "passwordSECRET";

std::int64_t number_of(std::string_view text) {
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

/// Answers from the input, one for each exchange; when there are no more, every exchange fails.
class ScriptedTransport final : public Transport {
 public:
  ScriptedTransport(std::vector<std::string_view> answers, bool monitor)
      : answers_(std::move(answers)), monitor_(monitor) {}

  Outcome exchange(const HttpRequest& request, const std::string& bearer,
                   const BodySink& sink) override {
    check_request(request, bearer);
    // Redirects, second attempts and ranges of one load end.
    require(++exchanges_ < 1000, "a load makes a bounded number of requests");
    Outcome out;
    if (next_ >= answers_.size()) {
      out.failure = "the script ends";
      out.transient = exchanges_ % 2 == 0;
      return out;
    }
    std::string body = read(answers_[next_++], request, out);
    // In two pieces, as a network has them.
    const std::size_t half = body.size() / 2;
    const auto bytes = std::as_bytes(std::span(body));
    out.stopped =
        (half > 0 && !sink(out.reply, 0, bytes.first(half))) ||
        (!body.empty() && !sink(out.reply, static_cast<std::int64_t>(half), bytes.subspan(half)));
    return out;
  }

 private:
  void check_request(const HttpRequest& request, const std::string& bearer) const {
    const auto address = address_of(request.url);
    require(address.has_value(), "requests go to addresses");
    require(monitor_ || address->scheme == "https" || address->is_loopback(),
            "requests off this machine are encrypted");
    require(bearer.empty() || (bearer == token && address->origin() == hub),
            "the token goes to its own origin only");
    require(!request.range ||
                (request.range->first >= 0 && request.range->second >= request.range->first),
            "ranges are ranges");
  }

  static std::string read(std::string_view answer, const HttpRequest& request, Outcome& out) {
    HttpReply& reply = out.reply;
    reply.status = static_cast<int>(std::clamp<std::int64_t>(number_of(take_line(answer)), 0, 999));
    std::string served;
    while (!answer.empty()) {
      const std::string_view line = take_line(answer);
      if (line.empty()) {
        break;
      }
      const auto colon = std::min(line.find(": "), line.size());
      const std::string_view name = line.substr(0, colon);
      const std::string_view value = line.substr(std::min(colon + 2, line.size()));
      // Not Retry-After, which is slept for.
      if (name == "location") reply.location = value;
      if (name == "content-type") reply.content_type = value;
      if (name == "content-range") reply.content_range = value;
      if (name == "etag") reply.etag = value;
      if (name == "content-length") reply.content_length = number_of(value);
      if (name == "fail") out.failure = value.empty() ? "broke off" : value;
      if (name == "transient") out.transient = true;
      if (name == "serve") served = serve(number_of(value), request, reply);
    }
    return served.empty() ? std::string(answer) : served;
  }

  static std::string serve(std::int64_t size, const HttpRequest& request, HttpReply& reply) {
    static const std::string file = seeds_of("gguf").front();
    constexpr std::int64_t most = 1 << 20;
    size = std::clamp<std::int64_t>(size, 1, most);
    const auto [first, last] =
        request.range.value_or(std::pair<std::int64_t, std::int64_t>(0, size - 1));
    if (first >= size) {
      return {};
    }
    const std::int64_t end = std::min(last, size - 1);
    reply.content_range = fmt::format("bytes {}-{}/{}", first, end, size);
    std::string body(static_cast<std::size_t>(end - first + 1), '\0');
    for (std::size_t i = 0; i < body.size(); ++i) {
      const std::size_t at = static_cast<std::size_t>(first) + i;
      body[i] = at < file.size() ? file[at] : '\0';
    }
    return body;
  }

  std::vector<std::string_view> answers_;
  std::size_t next_ = 0;
  std::int64_t exchanges_ = 0;
  bool monitor_;
};

/// Whether the password stands where an address has one, before its host, and nowhere else: whoever
/// writes it elsewhere too shows it himself.
bool has_password(std::string_view url) {
  const std::string_view shown = url.substr(0, url.find_first_of("?#"));
  bool found = false;
  for (auto at = shown.find(password); at != std::string_view::npos;
       at = shown.find(password, at + 1)) {
    const auto slash = shown.rfind('/', at);
    const auto begin = slash == std::string_view::npos ? 0 : slash + 1;
    const std::string_view before = shown.substr(0, begin);
    const std::string_view part = shown.substr(begin, shown.find('/', at) - begin);
    const auto host = part.find('@', at - begin);
    const bool address = begin == 0 || (before.ends_with("//") && !before.ends_with("///"));
    if (host == std::string_view::npos || (!address && part.find(':') > host)) return false;
    found = true;
  }
  return found;
}

/// As read_or_refuse(), and what is refused shows no secret of what was asked for.
template <class Read>
auto ask(std::string_view url, const Read& read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const Error& error) {
    check_error(error);
    const std::string_view what = error.what();
    require(what.find(token) == std::string_view::npos, "no message shows the token");
    require(!has_password(url) || what.find(password) == std::string_view::npos,
            "no message shows a password");
    return std::nullopt;
  }
}

ReadOptions options() {
  ReadOptions out;
  out.places = {};
  out.places.hugging_face_endpoint = hub;
  out.places.hugging_face_token = token;
  out.cache = false;
  out.remote = true;
  out.network.attempts = 2;
  out.network.first_pause = std::chrono::milliseconds(0);
  return out;
}

}  // namespace

void http(std::string_view input) {
  // Whoever writes the token into an address shows it himself; libFuzzer learns it by comparing.
  if (input.find(token) != std::string_view::npos) return;
  std::string_view rest = input;
  const std::string_view line = take_line(rest);
  const auto space = std::min(line.find(' '), line.size());
  const std::string_view what = line.substr(0, space);
  const std::string argument(line.substr(std::min(space + 1, line.size())));
  const bool printable =
      std::all_of(argument.begin(), argument.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  // An address is what a user types; what servers answer is fuzzed.
  if (!printable || argument.empty() || argument.size() > 300) {
    return;
  }
  auto transport = std::make_unique<ScriptedTransport>(parts_of(rest), what == "monitor");
  const ReadOptions given = options();
  if (what == "text") {
    Http http(given.network, std::move(transport));
    constexpr std::int64_t most = 1000;
    HttpRequest request;
    request.url = argument;
    request.credential = {.origin = std::string(hub), .token = std::string(token)};
    if (const auto text = ask(argument, [&] { return http.text(request, most); })) {
      require(text->size() <= most, "an answer is as long as allowed");
    }
    return;
  }
  if (what == "monitor") {
    if (const auto server = ask(argument, [&] {
          ServerMonitor monitor(argument, std::move(transport));
          static_cast<void>(monitor.sample());
          return monitor.sample();
        })) {
      require(server->generation_tps.value_or(1) > 0, "a rate is above zero");
      for (const std::string& note : server->notes) {
        check_printable(note, "notes are fit for a terminal");
      }
    }
    return;
  }
  Remote remote(given, std::move(transport));
  const auto model = ask(argument, [&]() -> std::optional<Model> {
    if (what == "model") {
      return remote.model_at(argument);
    }
    if (what == "ollama") {
      return remote.ollama_model(parse_ollama_name(argument));
    }
    if (what == "hub") {
      const HubName name = parse_hub_name(argument);
      const auto files = remote.hub_files(name);
      const std::string file = choose_gguf(*files, name.wanted);
      static_cast<void>(files->open(file));
    }
    return std::nullopt;
  });
  if (model && *model) {
    check_plans(**model, hash_of(input));
  }
}

}  // namespace membudget::fuzz
