// SPDX-License-Identifier: MIT
#include "membudget/stack_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/ollama.hpp"
#include "plan/stack_pool.hpp"

namespace membudget {
namespace {

constexpr std::size_t most_requests = 100'000;
constexpr double never = std::numeric_limits<double>::infinity();
/// Seconds of computing that are none: what is left of a sum of many small steps.
constexpr double nothing_left = 1e-9;

struct Job {
  std::size_t outcome = 0;
  std::size_t member = 0;
  double left_s = 0;  ///< Of computing, with the machine to itself.
};

/// A member's place in its server.
struct Runner {
  bool loaded = false;   ///< Its memory is taken, from the start of the load on.
  bool pinned = false;   ///< Loaded by hand: its server neither counts nor evicts it.
  bool leaving = false;  ///< To be unloaded as soon as it is idle.
  std::string leaving_why;
  std::int64_t users = 0;  ///< Requests that hold it: sched.go's refCount.
  std::int64_t running = 0;
  std::deque<Job> waiting;  ///< For a slot.
  double session_s = 0;     ///< How long it is kept when idle.
  double expires_s = never;
  double last_used_s = 0;
};

struct Server {
  const ServerRules* rules = nullptr;
  std::vector<std::size_t> members;
  std::deque<Job> pending;
  std::optional<std::size_t> loading;
  double loading_until_s = never;
  bool waits_for_unload = false;  ///< A busy model was told to leave.
};

double seconds(std::int64_t keep_alive) {
  return keep_alive < 0 ? never : static_cast<double>(keep_alive);
}

/// How long a model is kept when idle; what is to be resident for ever, unless it says otherwise.
double kept(const StackMember& member) {
  const bool resident = member.residency == Residency::resident;
  return seconds(member.keep_alive_s.value_or(resident ? -1 : member.server.keep_alive_s));
}

class Simulation {
 public:
  Simulation(const Stack& stack, const StackPlan& plan, std::span<const StackRequest> requests)
      : stack_(stack), plan_(plan), runners_(stack.members.size()) {
    out_.budget = plan.peak.budget;
    for (std::size_t i = 0; i < stack.members.size(); ++i) {
      server_of(i).members.push_back(i);
    }
    arrivals_.resize(requests.size());
    std::iota(arrivals_.begin(), arrivals_.end(), std::size_t{0});
    std::stable_sort(arrivals_.begin(), arrivals_.end(), [&](std::size_t a, std::size_t b) {
      return requests[a].at_s < requests[b].at_s;
    });
    for (const StackRequest& request : requests) {
      out_.outcomes.push_back(
          {.request = request, .waited_s = 0, .finished_s = 0, .failed = false});
    }
  }

  Schedule run() {
    load_residents();
    while (const auto next = next_event()) {
      advance(*next);
      finish_jobs();
      finish_loads();
      expire();
      arrive();
      for (auto& [name, server] : servers_) {
        pump(server);
      }
    }
    for (auto& [name, server] : servers_) {
      for (const Job& job : server.pending) {
        fail(job);  // What waits for a model that never goes.
      }
    }
    return std::move(out_);
  }

 private:
  Server& server_of(std::size_t member) {
    const ServerRules& rules = stack_.members[member].server;
    Server& out = servers_[rules.name];
    out.rules = out.rules == nullptr ? &rules : out.rules;
    return out;
  }

  [[nodiscard]] Footprint used(std::optional<std::size_t> with = std::nullopt) const {
    std::vector<Holding> loaded;
    for (std::size_t i = 0; i < runners_.size(); ++i) {
      if (runners_[i].loaded || with == i) {
        loaded.push_back({.member = &stack_.members[i],
                          .one = &plan_.members[i].one,
                          .count = stack_.members[i].count});
      }
    }
    return pooled(loaded).sum;
  }

  [[nodiscard]] bool has_memory_for(std::size_t member) const {
    const Footprint then = used(member);
    return then.total(Place::gpu) <= out_.budget.gpu_limit &&
           then.total() <= out_.budget.ram_available;
  }

  void note(ScheduleEventKind kind, std::size_t member, std::string why = {}) {
    const Footprint now = used();
    ScheduleEvent event{.at_s = now_,
                        .kind = kind,
                        .member = member,
                        .gpu = now.total(Place::gpu),
                        .total = now.total(),
                        .why = std::move(why)};
    if (event.gpu > out_.peak_gpu) {
      out_.peak_gpu = event.gpu;
      out_.peak_at_s = now_;
    }
    out_.peak_total = std::max(out_.peak_total, event.total);
    out_.events.push_back(std::move(event));
  }

  void load_residents() {
    for (auto& [name, server] : servers_) {
      for (const std::size_t member : server.members) {
        const StackMember& asked = stack_.members[member];
        const bool pinned = server.rules->pins_resident;
        // What its server would not put beside the others waits until it is asked for.
        if (asked.residency != Residency::resident || (!pinned && why_not_beside(server, member))) {
          continue;
        }
        if (!has_memory_for(member)) {
          note(ScheduleEventKind::out_of_memory, member, "no memory at the start");
          continue;
        }
        Runner& runner = runners_[member];
        runner.loaded = true;
        runner.pinned = pinned;
        runner.session_s = pinned ? never : kept(asked);
        note(ScheduleEventKind::loaded, member, "at the start");
      }
    }
  }

  [[nodiscard]] std::optional<double> next_event() const {
    double next = never;
    if (next_arrival_ < arrivals_.size()) {
      next = out_.outcomes[arrivals_[next_arrival_]].request.at_s;
    }
    bool busy = next_arrival_ < arrivals_.size() || !jobs_.empty();
    for (const Job& job : jobs_) {
      next = std::min(next, now_ + std::max(job.left_s, 0.0) * static_cast<double>(jobs_.size()));
    }
    for (const auto& [name, server] : servers_) {
      next = std::min(next, server.loading_until_s);
      busy = busy || !server.pending.empty() || server.loading;
    }
    if (!busy) {
      return std::nullopt;
    }
    for (const Runner& runner : runners_) {
      next = std::min(next, runner.expires_s);
    }
    return next == never ? std::nullopt : std::optional(std::max(next, now_));
  }

  /// All that compute share the machine evenly.
  void advance(double to) {
    const double each = jobs_.empty() ? 0 : (to - now_) / static_cast<double>(jobs_.size());
    for (Job& job : jobs_) {
      job.left_s -= each;
    }
    now_ = to;
  }

  void finish_jobs() {
    for (std::size_t i = 0; i < jobs_.size();) {
      if (jobs_[i].left_s > nothing_left) {
        ++i;
        continue;
      }
      const Job job = jobs_[i];
      jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
      out_.outcomes[job.outcome].finished_s = now_;
      out_.end_s = std::max(out_.end_s, now_);
      Runner& runner = runners_[job.member];
      --runner.users;
      --runner.running;
      note(ScheduleEventKind::served, job.member);
      start_waiting(job.member);
      if (runner.users == 0) {
        become_idle(job.member);
      }
    }
  }

  // sched.go, processCompleted: a model without a keep-alive goes when it is idle.
  void become_idle(std::size_t member) {
    Runner& runner = runners_[member];
    if (runner.session_s <= 0) {
      unload(member, runner.leaving ? ScheduleEventKind::evicted : ScheduleEventKind::expired,
             runner.leaving ? runner.leaving_why : "it is not kept");
    } else {
      runner.expires_s = now_ + runner.session_s;
    }
  }

  void unload(std::size_t member, ScheduleEventKind kind, std::string why) {
    Runner& runner = runners_[member];
    runner.loaded = false;
    runner.leaving = false;
    runner.expires_s = never;
    server_of(member).waits_for_unload = false;
    ++(kind == ScheduleEventKind::evicted ? out_.evictions : out_.expirations);
    note(kind, member, std::move(why));
  }

  void finish_loads() {
    for (auto& [name, server] : servers_) {
      if (server.loading && server.loading_until_s <= now_) {
        const std::size_t member = *server.loading;
        server.loading.reset();
        server.loading_until_s = never;
        note(ScheduleEventKind::loaded, member);
      }
    }
  }

  void expire() {
    for (std::size_t i = 0; i < runners_.size(); ++i) {
      if (runners_[i].expires_s <= now_) {
        unload(i, ScheduleEventKind::expired,
               fmt::format("idle for {:.0f} s", runners_[i].session_s));
      }
    }
  }

  void arrive() {
    for (; next_arrival_ < arrivals_.size(); ++next_arrival_) {
      const std::size_t index = arrivals_[next_arrival_];
      const StackRequest& request = out_.outcomes[index].request;
      if (request.at_s > now_) {
        break;
      }
      const Job job{.outcome = index, .member = request.member, .left_s = alone(request)};
      Server& server = server_of(request.member);
      // sched.go, getRunner: what is loaded answers at once, past the queue.
      if (runners_[request.member].loaded && server.loading != request.member) {
        use(job);
      } else {
        server.pending.push_back(job);
      }
    }
  }

  /// Seconds that a request computes with the machine to itself; 0 where no speed is known.
  double alone(const StackRequest& request) {
    const StackMember& member = stack_.members[request.member];
    if (!member.speed_rules) {
      return 0;
    }
    const auto [known, fresh] = alone_.try_emplace(
        std::tuple(request.member, request.prompt_tokens, request.generate_tokens), 0.0);
    if (fresh) {
      const Speed rate = speed(
          *member.model, stack_.machine, plan_.members[request.member].one, *member.speed_rules,
          {.depth = 0,
           .prompt_tokens = std::max<std::int64_t>(request.prompt_tokens, 1),
           .generate_tokens = std::max<std::int64_t>(request.generate_tokens, 1),
           .after_prompt = true});
      known->second = rate.first_token_ms / 1000;
      if (rate.generation.tps > 0) {
        known->second += static_cast<double>(request.generate_tokens) / rate.generation.tps;
      }
    }
    return known->second;
  }

  // sched.go, useLoadedRunner: a keep-alive of the request's own replaces the model's.
  void use(const Job& job) {
    Runner& runner = runners_[job.member];
    ++runner.users;
    runner.expires_s = never;
    runner.last_used_s = now_;
    if (const auto own = stack_.members[job.member].keep_alive_s; own && !runner.pinned) {
      runner.session_s = seconds(*own);
    }
    runner.waiting.push_back(job);
    start_waiting(job.member);
  }

  void start_waiting(std::size_t member) {
    Runner& runner = runners_[member];
    const Settings& settings = plan_.members[member].one.settings;
    const std::int64_t slots =
        std::max<std::int64_t>(settings.parallel, 1) * stack_.members[member].count;
    while (runner.running < slots && !runner.waiting.empty()) {
      const Job job = runner.waiting.front();
      runner.waiting.pop_front();
      ++runner.running;
      RequestOutcome& outcome = out_.outcomes[job.outcome];
      outcome.waited_s = now_ - outcome.request.at_s;
      jobs_.push_back(job);
    }
  }

  void fail(const Job& job) {
    RequestOutcome& outcome = out_.outcomes[job.outcome];
    outcome.failed = true;
    outcome.waited_s = now_ - outcome.request.at_s;
    outcome.finished_s = now_;
    out_.end_s = std::max(out_.end_s, now_);
    ++out_.failed;
  }

  /// Serves the head of the queue as far as can be now: sched.go, processPending.
  void pump(Server& server) {
    while (!server.pending.empty() && !server.loading && !server.waits_for_unload) {
      const Job job = server.pending.front();
      if (runners_[job.member].loaded) {
        server.pending.pop_front();
        use(job);
        continue;
      }
      if (const auto why = why_not_beside(server, job.member)) {
        if (!make_room(server, *why)) {
          return;
        }
        continue;
      }
      if (!has_memory_for(job.member)) {
        server.pending.pop_front();
        run_out_of_memory(server, job);
        continue;
      }
      load(server, job.member);
    }
  }

  /// Why a model is not loaded beside what its server holds; nothing when it is.
  [[nodiscard]] std::optional<std::string> why_not_beside(const Server& server,
                                                          std::size_t member) const {
    std::int64_t loaded = 0;
    Bytes own_gpu;
    for (const std::size_t each : server.members) {
      if (runners_[each].loaded && !runners_[each].pinned) {
        ++loaded;
        const EngineBuffers& gpu = plan_.members[each].one.gpu;
        own_gpu += gpu.model + gpu.kv + gpu.compute;
      }
    }
    if (loaded >= server.rules->max_loaded) {
      return fmt::format("{} are loaded, the most that {} keeps", loaded, server.rules->name);
    }
    const StackMember& asked = stack_.members[member];
    if (loaded == 0 || !asked.runtime.ollama) {
      return std::nullopt;
    }
    const Bytes gpu_free = std::max(out_.budget.gpu_limit - own_gpu, Bytes());
    const Bytes system_free = std::max(out_.budget.ram_available - used().total(), Bytes());
    const Bytes free = std::min(gpu_free, system_free);
    const Settings& settings = plan_.members[member].one.settings;
    const OllamaBelief belief =
        ollama_belief(*asked.model, *asked.runtime.ollama, settings.context, settings.batch);
    if (free >= ollama_evicts_below(belief, *asked.runtime.ollama)) {
      return std::nullopt;
    }
    return fmt::format("{} is believed to need {}, more than {} % of {} free", asked.name,
                       to_text(belief.total()), asked.runtime.ollama->fit_percent, to_text(free));
  }

  /// True when something was unloaded; false when that has to be waited for.
  bool make_room(Server& server, const std::string& why) {
    const auto victim = victim_of(server);
    if (!victim) {
      return false;  // All are busy; looked at again when one is done.
    }
    Runner& runner = runners_[*victim];
    if (runner.users == 0) {
      unload(*victim, ScheduleEventKind::evicted, why);
      return true;
    }
    runner.session_s = 0;
    runner.leaving = true;
    runner.leaving_why = why + "; it had to end its requests first";
    server.waits_for_unload = true;
    return false;
  }

  [[nodiscard]] std::optional<std::size_t> victim_of(const Server& server) const {
    std::vector<std::size_t> loaded;
    for (const std::size_t each : server.members) {
      if (runners_[each].loaded && !runners_[each].pinned) {
        loaded.push_back(each);
      }
    }
    const bool by_keep_alive = server.rules->eviction == Eviction::shortest_keep_alive;
    std::stable_sort(loaded.begin(), loaded.end(), [&](std::size_t a, std::size_t b) {
      // Ollama goes by the path of the file, which is named by its digest; here by the name.
      const auto key = [&](std::size_t each) {
        return std::tuple(by_keep_alive ? runners_[each].session_s : runners_[each].last_used_s,
                          stack_.members[each].name);
      };
      return key(a) < key(b);
    });
    const auto idle = std::find_if(loaded.begin(), loaded.end(),
                                   [&](std::size_t each) { return runners_[each].users == 0; });
    if (idle != loaded.end()) {
      return *idle;
    }
    // Ollama waits for the first of them, others for whichever is done.
    return by_keep_alive && !loaded.empty() ? std::optional(loaded.front()) : std::nullopt;
  }

  void load(Server& server, std::size_t member) {
    const StackMember& asked = stack_.members[member];
    Runner& runner = runners_[member];
    runner.loaded = true;
    runner.session_s = kept(asked);
    const double takes = plan_.members[member].load_s.value_or(0);
    server.loading = member;
    server.loading_until_s = now_ + takes;
    ++out_.loads;
    out_.loading_s += takes;
    note(ScheduleEventKind::loading, member);
    if (takes <= 0) {
      finish_loads();
    }
  }

  // sched.go, expireRunnersForRuntimeOOM: everything goes that is idle, the rest when it is.
  void run_out_of_memory(Server& server, const Job& job) {
    const Footprint then = used(job.member);
    note(ScheduleEventKind::out_of_memory, job.member,
         fmt::format("with it {} on the GPU and {} in all", to_text(then.total(Place::gpu)),
                     to_text(then.total())));
    fail(job);
    if (server.rules->eviction != Eviction::shortest_keep_alive) {
      return;
    }
    for (const std::size_t each : server.members) {
      Runner& runner = runners_[each];
      if (!runner.loaded || runner.pinned) {
        continue;
      }
      runner.session_s = 0;
      runner.leaving = true;
      runner.leaving_why = "memory ran out";
      if (runner.users == 0) {
        unload(each, ScheduleEventKind::evicted, runner.leaving_why);
      }
    }
  }

  const Stack& stack_;
  const StackPlan& plan_;
  std::vector<Runner> runners_;
  std::map<std::string, Server> servers_;
  std::vector<std::size_t> arrivals_;  // Outcomes in the order of time.
  std::size_t next_arrival_ = 0;
  std::vector<Job> jobs_;  // Those that compute.
  std::map<std::tuple<std::size_t, std::int64_t, std::int64_t>, double> alone_;
  double now_ = 0;
  Schedule out_;
};

}  // namespace

Schedule simulate(const Stack& stack, const StackPlan& plan,
                  std::span<const StackRequest> requests) {
  if (requests.size() > most_requests) {
    throw Error(Errc::bad_request, "requests",
                fmt::format("are {}; at most {} are simulated", requests.size(), most_requests));
  }
  return Simulation(stack, plan, requests).run();
}

std::string_view to_string(ScheduleEventKind kind) {
  switch (kind) {
    case ScheduleEventKind::loading:
      return "loading";
    case ScheduleEventKind::loaded:
      return "loaded";
    case ScheduleEventKind::evicted:
      return "evicted";
    case ScheduleEventKind::expired:
      return "expired";
    case ScheduleEventKind::out_of_memory:
      return "out-of-memory";
    case ScheduleEventKind::served:
      return "served";
  }
  return "";
}

}  // namespace membudget
