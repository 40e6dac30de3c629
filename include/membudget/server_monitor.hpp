// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/health.hpp"
#include "membudget/load_model.hpp"
#include "membudget/thermal_state.hpp"
#include "membudget/units.hpp"

#pragma GCC visibility push(default)
namespace membudget {

class Transport;

/// A model that a server holds in memory.
struct ResidentModel {
  std::string name;
  std::string quantization;  ///< Empty where the server does not say.
  Bytes size;
  Bytes gpu;                 ///< Of it, on the GPU.
  std::int64_t context = 0;  ///< In tokens; 0 = not said.
};

/// What a server tells about itself.
struct ServerSample {
  std::string server;  ///< "Ollama" or "llama-server"
  std::vector<ResidentModel> models;
  /// Rates of one request, over what was served since the sample before; nothing when idle.
  std::optional<double> generation_tps;
  std::optional<double> prompt_tps;
  std::optional<std::int64_t> slots;
  std::optional<std::int64_t> busy_slots;
  std::optional<std::int64_t> slot_context;  ///< Tokens there is room for in one slot.
  std::optional<std::int64_t> context_used;  ///< In the fullest slot.
  std::vector<std::string> notes;            ///< What the server does not say, and how it would.
};

/// Asks a running server again and again: Ollama by /api/ps (api/types.go, 0.33), llama-server by
/// /metrics and /slots (tools/server/server-context.cpp, b10587).
class ServerMonitor {
 public:
  /// `url` as "http://127.0.0.1:11434"; without a scheme http is meant. Which server it is turns
  /// out at the first sample. Throws Error{bad_request} for what is no address. `limits.attempts`
  /// does not count: a sample that fails is not asked for again.
  explicit ServerMonitor(std::string_view url, const NetworkLimits& limits);
  /// With another way to the server, for tests.
  ServerMonitor(std::string_view url, std::unique_ptr<Transport> transport);
  ~ServerMonitor();
  ServerMonitor(const ServerMonitor&) = delete;
  ServerMonitor& operator=(const ServerMonitor&) = delete;

  /// Throws Error{network} when the server cannot be reached or answers with something else.
  [[nodiscard]] ServerSample sample();
  /// Whether the server runs on this machine, so that its measurements are the server's too.
  [[nodiscard]] bool on_this_machine() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Reads one set of measurements: an object with any of `memory` (0.91 or "91%"; or
/// `memory_percent`), `swap`, `temperature`, `thermal_state` and `generation_tps` (or `tps`).
/// Throws Error{bad_request} with `where#/member` for anything else, unknown members included.
[[nodiscard]] HealthMeasurements read_measurements(std::string_view json, const std::string& where);

/// Counters of this machine, so far as the system tells them without asking for rights.
struct HostCounters {
  std::optional<double> memory;               ///< Share of the RAM in use.
  std::optional<double> swapped_pages;        ///< In and out since the system started; Linux only.
  std::optional<ThermalState> thermal_state;  ///< macOS only.
};

/// Of this machine; what it does not tell is missing.
[[nodiscard]] HostCounters host_counters();

}  // namespace membudget
#pragma GCC visibility pop
