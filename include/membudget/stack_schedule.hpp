// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/stack.hpp"

#pragma GCC visibility push(default)
namespace membudget {

/// One request to a member.
struct StackRequest {
  double at_s = 0;  ///< Since the start.
  std::size_t member = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t generate_tokens = 0;
};

/// What happens to a model while requests are served.
enum class ScheduleEventKind : std::uint8_t {
  loading,  ///< A load began; the memory is taken from here on.
  loaded,
  evicted,        ///< Unloaded to make room.
  expired,        ///< Unloaded because nobody asked for as long as it is kept.
  out_of_memory,  ///< A load the machine has no memory for: the request fails.
  served,         ///< A request ended.
};

/// One change of what is in memory, or the end of a request.
struct ScheduleEvent {
  double at_s = 0;
  ScheduleEventKind kind = ScheduleEventKind::served;
  std::size_t member = 0;
  Bytes gpu;  ///< Of all models, after the event.
  Bytes total;
  std::string why;  ///< "predicted 20.31 GiB, 80 % of 9.40 GiB free"; may be empty.
};

/// What became of one request.
struct RequestOutcome {
  StackRequest request;
  double waited_s = 0;    ///< Before its model computed: for others, for memory, for the load.
  double finished_s = 0;  ///< Since the start.
  bool failed = false;
};

/// What a series of requests makes servers load and unload.
struct Schedule {
  std::vector<ScheduleEvent> events;     ///< In the order of time.
  std::vector<RequestOutcome> outcomes;  ///< In the order of the requests.
  Bytes peak_gpu;  ///< The largest of all times; never more than `budget` grants.
  Bytes peak_total;
  double peak_at_s = 0;  ///< When peak_gpu was first reached.
  double end_s = 0;      ///< When the last request ended.
  double loading_s = 0;  ///< Spent reading models.
  std::int64_t loads = 0;
  std::int64_t evictions = 0;
  std::int64_t expirations = 0;
  std::int64_t failed = 0;  ///< Requests.
  Budget budget;
};

/// Runs requests through the servers of a stack, each by its own rules, as a discrete-event
/// simulation. Resident members are loaded at the start, as far as their server puts them beside
/// each other.
///
/// Ollama's are those of server/sched.go (commit fb307609, after 0.33.0-rc2): one load at a time;
/// the head of its queue holds up the rest, but models that are loaded answer at once; beside
/// others it loads only what it believes to need (ollama_belief()) no more than 80 % of what it
/// takes for free, which is the lesser of Metal's limit less its own models and of the system's
/// free memory; otherwise it unloads, idle models
/// first, by the shortest keep-alive and then by name; a busy one when its requests are done. A
/// load that the memory cannot take fails, and makes it unload what is idle.
///
/// The servers do not see each other's Metal memory. Requests that compute at once share the
/// machine evenly; a slot serves one request at a time. Loading takes the SSD's time, 0 where its
/// speed is not known, and a file that is still cached is read again. Throws Error{bad_request}
/// for more than 100000 requests.
[[nodiscard]] Schedule simulate(const Stack& stack, const StackPlan& plan,
                                std::span<const StackRequest> requests);

/// As JSON has it: "out-of-memory".
[[nodiscard]] std::string_view to_string(ScheduleEventKind kind);

}  // namespace membudget
#pragma GCC visibility pop
