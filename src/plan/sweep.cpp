// SPDX-License-Identifier: MIT
#include "membudget/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "membudget/advise.hpp"
#include "membudget/error.hpp"

namespace membudget {
namespace {

std::string lower_name(ElementType type) {
  std::string out(format_of(type).name);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// An Error's words without the place, which is an option nobody gave for this combination alone.
std::string refusal_words(const Error& error) {
  std::string_view text = error.what();
  if (const auto place = error.where() + ": "; !error.where().empty() && text.starts_with(place)) {
    text.remove_prefix(place.size());
  }
  return std::string(text);
}

std::int64_t kv_bits_of(ElementType type) {
  switch (type) {
    case ElementType::f16:
      return 0;
    case ElementType::q8_0:
      return 8;
    case ElementType::q4_0:
      return 4;
    default:
      throw Error(Errc::bad_request, "--cache-type",
                  fmt::format("MLX has no {} cache; use f16, q8_0 or q4_0, which stand for "
                              "--kv-bits 0, 8 and 4",
                              lower_name(type)));
  }
}

Workload swept_workload(const SweepSubject& subject, const CacheTypes& types) {
  Workload out = subject.workload;
  if (subject.runtime.engine == Engine::mlx) {
    if (types.k != types.v) {
      throw Error(Errc::bad_request, "--cache-type", "MLX has one number of bits for K and V");
    }
    if (types.k) {
      out.cache_type_k = out.cache_type_v = std::nullopt;
      out.kv_bits = kv_bits_of(*types.k);
    }
    return out;
  }
  if (types.k) out.cache_type_k = types.k;
  if (types.v) out.cache_type_v = types.v;
  return out;
}

std::string cache_words(const CacheTypes& types) {
  if (!types.k && !types.v) return "default";
  const auto name = [](const std::optional<ElementType>& type) {
    return type ? lower_name(*type) : std::string("default");
  };
  return types.k == types.v ? name(types.k)
                            : fmt::format("K {}, V {}", name(types.k), name(types.v));
}

/// What is called once a subject's settings are known.
void name_cache(SweepSeries& series, const Settings& settings, Engine engine) {
  if (engine == Engine::mlx) {
    series.kv_bits = settings.kv_bits;
    series.cache_type = settings.kv_bits == 0 ? "16-bit" : fmt::format("{}-bit", settings.kv_bits);
    return;
  }
  series.cache_type_k = lower_name(settings.cache_type_k);
  series.cache_type_v = lower_name(settings.cache_type_v);
  series.cache_type = cache_words({.k = settings.cache_type_k, .v = settings.cache_type_v});
}

/// A series before it is planned, and what its points need.
struct Prepared {
  SweepSeries series;
  const SweepSubject* subject = nullptr;
  Workload workload;
  Budget budget;
  bool plannable = false;
};

Prepared prepared(const SweepSubject& subject, const CacheTypes& types,
                  const std::vector<std::int64_t>& contexts) {
  Prepared out;
  out.subject = &subject;
  SweepSeries& series = out.series;
  const Machine& machine = subject.machine;
  series.chip = machine.chip.id;
  series.chip_name = machine.chip.name;
  series.system = machine.system == System::macos       ? fmt::format("macOS {}", machine.macos)
                  : machine.system == System::gnu_linux ? "Linux"
                                                        : "another system";
  series.ram = machine.chip.ram;
  series.runtime = subject.runtime.id;
  series.runtime_version = subject.runtime.version;
  series.engine = to_string(subject.runtime.engine);
  series.grows_with_use = grows_with_use(subject.runtime.engine);
  series.quantization = subject.quantization;
  series.cache_type = cache_words(types);
  for (const auto context : contexts) {
    series.points.push_back({.asked = context, .plan = {}, .refusal = {}});
  }
  if (subject.model == nullptr) {
    series.refusal = subject.refusal;
    return out;
  }
  series.quantization = subject.model->quantization;
  try {
    out.workload = swept_workload(subject, types);
    out.budget = budget(machine, subject.runtime);
  } catch (const Error& error) {
    series.refusal = refusal_words(error);
    return out;
  }
  series.metal = out.budget.metal && out.workload.backend == Backend::metal;
  series.gpu_limit = out.budget.gpu_limit;
  series.gpu_limit_rule = out.budget.gpu_limit_rule;
  series.ram = out.budget.ram;
  series.ram_available = out.budget.ram_available;
  series.safety_margin = out.budget.safety_margin;
  out.plannable = true;
  return out;
}

PlanFigures figures_at(const Prepared& of, const Workload& workload) {
  const SweepSubject& subject = *of.subject;
  const Plan made = plan(*subject.model, subject.runtime, workload, of.budget);
  PlanFigures out = figures_of(made);
  if (subject.speed_rules) {
    out.speed =
        speed(*subject.model, subject.machine, made.footprint, *subject.speed_rules, subject.speed);
  }
  return out;
}

/// The exact end of what fits, and how the cache is called.
void plan_largest(Prepared& of) {
  const SweepSubject& subject = *of.subject;
  SweepSeries& series = of.series;
  try {
    Workload workload = of.workload;
    if (!series.points.empty()) workload.context = series.points.front().asked;
    name_cache(series,
               resolve(configured(workload, subject.runtime, *subject.model, of.budget),
                       subject.runtime, *subject.model),
               subject.runtime.engine);
    series.max_context = max_context(*subject.model, subject.machine, subject.runtime, of.workload);
    if (series.max_context == 0) return;
    workload.context = series.max_context;
    // As max_context() does: the context is full, whatever is prompted otherwise.
    workload.depth = workload.prompt_tokens = std::nullopt;
    series.at_max = figures_at(of, workload);
  } catch (const Error& error) {
    series.refusal = refusal_words(error);
  }
}

void plan_point(const Prepared& of, SweepPoint& point) {
  try {
    Workload workload = of.workload;
    workload.context = point.asked;
    point.plan = figures_at(of, workload);
  } catch (const Error& error) {
    point.refusal = refusal_words(error);
  }
}

/// Hands out the numbers below `all` to threads. Of several exceptions the one of the lowest number
/// is thrown, whichever thread met it first: lower numbers are always handed out before.
class Threads {
 public:
  Threads(std::size_t all, const std::function<void(std::size_t)>& work,
          const SweepProgress& progress)
      : all_(all), work_(work), progress_(progress) {}

  void run(unsigned threads) {
    if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::thread> others;
    try {
      while (others.size() + 1 < std::min<std::size_t>(threads, all_)) {
        others.emplace_back([this] { take(); });
      }
    } catch (const std::system_error&) {
      // Where no more threads are to be had (a browser, a limit) those that are do all of it.
    }
    take();
    for (auto& other : others) other.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void take() {
    // Whoever took a number works on it, so that all below one that failed have been tried.
    while (!stopped_) {
      const std::size_t at = next_++;
      if (at >= all_) return;
      try {
        work_(at);
        const std::lock_guard lock(mutex_);
        ++done_;
        if (progress_) progress_(done_, all_);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        if (!failure_ || at < failed_at_) {
          failure_ = std::current_exception();
          failed_at_ = at;
        }
      }
    }
  }

  std::size_t all_;
  const std::function<void(std::size_t)>& work_;
  const SweepProgress& progress_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;  // Of what follows.
  std::size_t done_ = 0;
  std::exception_ptr failure_;
  std::size_t failed_at_ = 0;
};

}  // namespace

Bytes PlanFigures::total(PartName name) const {
  Bytes out;
  for (const PartSize& part : parts) {
    if (part.name == name) out += part.bytes;
  }
  return out;
}

PlanFigures figures_of(const Plan& plan) {
  PlanFigures out;
  out.context = plan.footprint.settings.context;
  for (const Part& part : plan.footprint.parts) {
    out.parts.push_back({part.name, part.where, part.bytes, part.basis});
  }
  out.gpu = plan.footprint.total(Place::gpu);
  out.host = plan.footprint.total(Place::host);
  out.peak = plan.footprint.peak;
  out.binding = plan.binding;
  out.headroom = plan.headroom;
  out.verdict = plan.verdict;
  return out;
}

Sweep sweep(const SweepRequest& request, unsigned threads, const SweepProgress& progress) {
  Sweep out;
  out.model = request.model;
  out.contexts = request.contexts;
  const auto types = request.cache_types.empty() ? std::vector<CacheTypes>(1) : request.cache_types;
  std::vector<Prepared> work;
  for (const SweepSubject& subject : request.subjects) {
    if (subject.model != nullptr && out.architecture.empty()) {
      out.model = subject.model->id;
      out.architecture = subject.model->architecture;
      out.trained_context = subject.model->trained_context;
    }
    for (const CacheTypes& type : types) work.push_back(prepared(subject, type, out.contexts));
  }
  // The largest context of a series costs several plans and stands before its points.
  const std::size_t items = out.contexts.size() + 1;
  const std::function<void(std::size_t)> one = [&](std::size_t at) {
    Prepared& of = work[at / items];
    if (!of.plannable) return;
    if (at % items == 0) {
      plan_largest(of);
    } else {
      plan_point(of, of.series.points[at % items - 1]);
    }
  };
  Threads(work.size() * items, one, progress).run(threads);
  for (Prepared& of : work) {
    SweepSeries& series = of.series;
    const bool any = std::ranges::any_of(
        series.points, [](const SweepPoint& point) { return point.plan.has_value(); });
    if (any) {
      series.refusal.clear();
    } else if (!series.points.empty() && series.refusal.empty()) {
      series.refusal = series.points.front().refusal;
    }
    for (SweepPoint& point : series.points) {
      if (!point.plan && point.refusal.empty()) point.refusal = series.refusal;
    }
    out.series.push_back(std::move(series));
  }
  return out;
}

const SweepPoint* largest_fitting(const SweepSeries& series) {
  const auto last =
      std::find_if(series.points.rbegin(), series.points.rend(), [&](const auto& point) {
        return point.plan && fits(point.plan->verdict) && point.asked <= series.max_context;
      });
  return last == series.points.rend() ? nullptr : &*last;
}

bool any_fits(const Sweep& sweep) {
  return std::ranges::any_of(sweep.series, [](const SweepSeries& series) {
    return std::ranges::any_of(series.points, [](const SweepPoint& point) {
      return point.plan && fits(point.plan->verdict);
    });
  });
}

}  // namespace membudget
