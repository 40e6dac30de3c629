// SPDX-License-Identifier: MIT
#include "membudget/server_monitor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "membudget/error.hpp"
#include "source/http.hpp"

namespace membudget {
namespace {

using nlohmann::json;

// What servers say of themselves takes a few KiB; /slots shows prompts in some builds.
constexpr std::size_t most_bytes = std::size_t{8} << 20;

enum class Server { unknown, ollama, llama_server };

struct Answer {
  int status = 0;
  std::string body;
};

/// The value of "llamacpp:NAME 12.5" in Prometheus' text format.
std::optional<double> metric(std::string_view text, std::string_view name) {
  const std::string key = fmt::format("llamacpp:{} ", name);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.starts_with(key)) {
      // As JSON, which has its exponents and no locale; nobody asks for a metric that is NaN.
      const json value = json::parse(line.substr(key.size(), 40), nullptr, false);
      return value.is_number() && value.get<double>() >= 0 ? std::optional(value.get<double>())
                                                           : std::nullopt;
    }
    at = end + 1;
  }
  return std::nullopt;
}

std::int64_t whole(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer()
             ? std::max<std::int64_t>(found->get<std::int64_t>(), 0)
             : 0;
}

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<ResidentModel> resident_model(const json& entry) {
  if (!entry.is_object()) {
    return std::nullopt;
  }
  ResidentModel out;
  out.name = text(entry, "name");
  out.size = Bytes(whole(entry, "size"));
  out.gpu = Bytes(whole(entry, "size_vram"));
  out.context = whole(entry, "context_length");
  if (const auto details = entry.find("details"); details != entry.end() && details->is_object()) {
    out.quantization = text(*details, "quantization_level");
  }
  return out;
}

/// A counter of tokens with the seconds that they took.
struct Work {
  double tokens = 0;
  double seconds = 0;
};

/// The rate since `before`, or since the server started when it is younger than that.
std::optional<double> rate_since(const std::optional<Work>& before, const Work& now) {
  const bool restarted = before && (now.tokens < before->tokens || now.seconds < before->seconds);
  const Work base = before && !restarted ? *before : Work{};
  const double tokens = now.tokens - base.tokens;
  const double seconds = now.seconds - base.seconds;
  return tokens > 0 && seconds > 0 ? std::optional(tokens / seconds) : std::nullopt;
}

}  // namespace

struct ServerMonitor::State {
  std::string base;
  Address address;
  std::unique_ptr<Transport> transport;
  Server server = Server::unknown;
  std::optional<Work> generated;
  std::optional<Work> prompted;

  [[nodiscard]] Answer get(const std::string& path) const;
  bool read_ollama(ServerSample& out, bool must) const;
  void read_metrics(ServerSample& out);
  void read_slots(ServerSample& out) const;
  [[noreturn]] void fail(const std::string& path, const std::string& problem) const {
    throw Error(Errc::network, shown_url(base + path), problem);
  }
};

// Not Http: a server that was named may be on the local network without encryption, nothing secret
// is sent, redirects lead elsewhere than was asked, and the next sample is the second attempt.
Answer ServerMonitor::State::get(const std::string& path) const {
  Answer out;
  bool too_long = false;
  HttpRequest request;
  request.url = base + path;
  const auto outcome = transport->exchange(
      request, "", [&](const HttpReply&, std::int64_t, std::span<const std::byte> bytes) {
        too_long = out.body.size() + bytes.size() > most_bytes;
        if (!too_long) {
          out.body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        }
        return !too_long;
      });
  if (too_long) {
    fail(path, "the answer is larger than any of its kind");
  }
  if (!outcome.failure.empty()) {
    fail(path, outcome.failure + "; is the server running?");
  }
  out.status = outcome.reply.status;
  return out;
}

bool ServerMonitor::State::read_ollama(ServerSample& out, bool must) const {
  constexpr const char* path = "/api/ps";
  const Answer answer = get(path);
  const json value = answer.status == 200 ? json::parse(answer.body, nullptr, false) : json();
  const auto models = value.is_object() ? value.find("models") : value.end();
  if (!value.is_object() || models == value.end() || !(models->is_array() || models->is_null())) {
    if (must) {
      fail(path, fmt::format("answers with status {} and no list of models", answer.status));
    }
    return false;
  }
  out.server = "Ollama";
  for (const json& entry : *models) {
    if (auto model = resident_model(entry)) {
      out.models.push_back(std::move(*model));
    }
  }
  out.notes.emplace_back("Ollama does not tell how fast it generates; give it with --tps");
  return true;
}

void ServerMonitor::State::read_metrics(ServerSample& out) {
  constexpr const char* path = "/metrics";
  const Answer answer = get(path);
  if (answer.status == 501 || answer.status == 404) {
    out.notes.emplace_back("no rates: llama-server tells them when it is started with --metrics");
    return;
  }
  if (answer.status == 401 || answer.status == 403) {
    fail(path, "the server wants an API key, which is never sent; ask one without");
  }
  const auto tokens = metric(answer.body, "tokens_predicted_total");
  if (answer.status != 200 || !tokens) {
    fail(path,
         fmt::format("answers with status {} and none of llama-server's metrics", answer.status));
  }
  const auto value = [&](std::string_view name) { return metric(answer.body, name).value_or(0); };
  const Work generation{*tokens, value("tokens_predicted_seconds_total")};
  const Work prompt{value("prompt_tokens_total"), value("prompt_seconds_total")};
  // Not the gauges: they start anew with every reader, and there may be others.
  out.generation_tps = rate_since(generated, generation);
  out.prompt_tps = rate_since(prompted, prompt);
  generated = generation;
  prompted = prompt;
  if (const auto busy = metric(answer.body, "requests_processing")) {
    out.busy_slots = static_cast<std::int64_t>(std::min(*busy, 1e6));
  }
}

void ServerMonitor::State::read_slots(ServerSample& out) const {
  constexpr const char* path = "/slots";
  const Answer answer = get(path);
  const json value = answer.status == 200 ? json::parse(answer.body, nullptr, false) : json();
  if (!value.is_array()) {
    out.notes.emplace_back("no slots: llama-server tells them when it is started with --slots");
    return;
  }
  std::int64_t slots = 0;
  std::int64_t busy = 0;
  for (const json& slot : value) {
    if (!slot.is_object()) {
      continue;
    }
    ++slots;
    const auto processing = slot.find("is_processing");
    busy += processing != slot.end() && processing->is_boolean() && processing->get<bool>() ? 1 : 0;
    if (const std::int64_t context = whole(slot, "n_ctx"); context > 0) {
      out.slot_context = std::max(out.slot_context.value_or(0), context);
    }
    if (slot.contains("n_prompt_tokens")) {
      out.context_used = std::max(out.context_used.value_or(0), whole(slot, "n_prompt_tokens"));
    }
  }
  out.slots = slots;
  out.busy_slots = busy;
}

ServerMonitor::ServerMonitor(std::string_view url, const NetworkLimits& limits)
    : ServerMonitor(url, make_transport(limits)) {}

ServerMonitor::ServerMonitor(std::string_view url, std::unique_ptr<Transport> transport)
    : state_(std::make_unique<State>()) {
  std::string base(url);
  if (base.find("://") == std::string::npos) {
    base.insert(0, "http://");
  }
  while (base.ends_with('/')) {
    base.pop_back();
  }
  const auto address = address_of(base);
  if (!address || base.find_first_of("?#") != std::string::npos) {
    throw Error(Errc::bad_request, "--url",
                fmt::format("'{}' is no address of a server; write http://127.0.0.1:11434",
                            shown_url(url)));
  }
  state_->base = std::move(base);
  state_->address = *address;
  state_->transport = std::move(transport);
}

ServerMonitor::~ServerMonitor() = default;

ServerSample ServerMonitor::sample() {
  ServerSample out;
  if (state_->server != Server::llama_server &&
      state_->read_ollama(out, state_->server == Server::ollama)) {
    state_->server = Server::ollama;
    return out;
  }
  out.server = "llama-server";
  state_->read_metrics(out);
  state_->read_slots(out);
  if (state_->server == Server::unknown && !state_->generated && !out.slots) {
    throw Error(Errc::network, shown_url(state_->base),
                "is neither Ollama (/api/ps) nor llama-server with --metrics or --slots");
  }
  state_->server = Server::llama_server;
  return out;
}

bool ServerMonitor::on_this_machine() const {
  return state_->address.is_loopback();
}

}  // namespace membudget
