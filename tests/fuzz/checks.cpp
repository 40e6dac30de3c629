// SPDX-License-Identifier: MIT
#include "fuzz/checks.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "membudget/advise.hpp"
#include "membudget/inspect.hpp"
#include "membudget/plan.hpp"
#include "membudget/report.hpp"
#include "membudget/settings.hpp"

namespace membudget::fuzz {
namespace {

/// What models are planned for; the input picks one.
struct Case {
  const char* chip;
  const char* runtime;
  Workload workload;
};

std::vector<Case> all_cases() {
  const auto with = [](auto change) {
    Workload workload;
    change(workload);
    return workload;
  };
  return {
      {"m1-max-32gb", "llama.cpp", {}},
      {"m1-16gb", "llama-cli", with([](Workload& w) { w.context = 1; })},
      {"m4-max-36gb", "ollama", {}},
      {"m4-max-128gb", "mlx", with([](Workload& w) { w.context = 4096; })},
      {"m1-max-32gb", "candle", {}},
      {"m1-max-32gb", "llama.cpp", with([](Workload& w) {
         w.context = 1 << 20;
         w.parallel = 4;
         w.kv_unified = false;
         w.cache_type_k = w.cache_type_v = ElementType::q8_0;
       })},
      {"m1-16gb", "lmstudio", with([](Workload& w) {
         w.flash_attention = FlashAttention::off;
         w.gpu_layers = 1;
       })},
      {"m4-max-36gb", "llama.cpp", with([](Workload& w) {
         w.backend = Backend::cpu;
         w.swa_full = true;
         w.ubatch = 7;
       })},
      {"m4-max-36gb", "llama.cpp@b9000", with([](Workload& w) {
         w.cpu_moe = true;
         w.checkpoints = 8;
         w.prompt_cache_mib = 512;
       })},
      {"m4-max-36gb", "llama.cpp", with([](Workload& w) {
         w.predict = true;
         w.embeddings = true;
         w.outputs = 3;
       })},
      {"m4-max-36gb", "mlc", {}},
      {"m4-max-36gb", "lmstudio-mlx", with([](Workload& w) { w.kv_bits = 4; })},
  };
}

void check_sums(const Footprint& footprint) {
  Bytes gpu;
  Bytes host;
  for (const Part& part : footprint.parts) {
    require(part.bytes > Bytes{}, "parts are above zero");
    (part.where == Place::gpu ? gpu : host) += part.bytes;
  }
  require(gpu == footprint.total(Place::gpu) && gpu + host == footprint.total(),
          "the parts of a plan sum to its total");
}

}  // namespace

void require(bool holds, std::string_view what) {
  if (!holds) {
    std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
  }
}

const Profiles& profiles() {
  static const Profiles embedded = Profiles::embedded();
  return embedded;
}

void check_printable(std::string_view text, std::string_view what) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\n' || (byte >= 0x20 && byte != 0x7f);
  });
  if (!printable) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
  }
  require(printable, what);
}

void check_error(const Error& error) {
  const std::string_view what = error.what();
  require(!what.empty(), "an error says something");
  require(what.find('\n') == std::string_view::npos, "an error is one line");
  check_printable(what, "an error is printable");
  // A message names things of the input, but no whole documents.
  constexpr std::size_t longest = 4096;
  if (what.size() > longest) {
    std::fprintf(stderr, "%.*s\n", 500, what.data());
  }
  require(what.size() <= longest, "an error is a line that people read");
}

std::size_t hash_of(std::string_view input) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : input) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return static_cast<std::size_t>(hash ^ (hash >> 32U));
}

void check_plans(const Model& model, std::size_t salt) {
  static const std::vector<Case> cases = all_cases();
  const Case& chosen = cases[salt % cases.size()];
  const Machine mac = machine(profiles().chip(chosen.chip));
  const Runtime runtime = profiles().runtime(chosen.runtime);
  const auto planned = read_twice(
      [&] { return plan(model, mac, runtime, chosen.workload); },
      [&](const Plan& made) {
        PlanReport report;
        report.model = model;
        report.machine = mac;
        report.runtime = runtime;
        report.plan = made;
        check_printable(to_text(report, {.explain = true}), "a plan is fit for a terminal");
        check_printable(to_markdown(report, true), "a plan's markdown is fit for a terminal");
        return to_json(report);
      });
  if (!planned) {
    return;
  }
  check_sums(planned->footprint);
  // Some runtimes and buffers that cannot be split have limits of their own below these two.
  const Footprint& footprint = planned->footprint;
  require(planned->headroom <= planned->budget.ram_available - footprint.total(),
          "the headroom is no more than the RAM leaves");
  require(footprint.total(Place::gpu) == Bytes{} ||
              planned->headroom <= planned->budget.gpu_limit - footprint.total(Place::gpu),
          "the headroom is no more than the GPU's limit leaves");
  require(!fits(planned->verdict) || planned->headroom >= Bytes{}, "what fits has room");
  static_cast<void>(read_or_refuse([&] { return inspect(model); }));
  // A search over plans, so only now and then.
  if (salt / cases.size() % 16 == 0) {
    static_cast<void>(
        read_or_refuse([&] { return max_context(model, mac, runtime, chosen.workload); }));
  }
}

std::vector<std::string_view> parts_of(std::string_view input) {
  constexpr std::string_view line = "\n%%\n";
  std::vector<std::string_view> out;
  while (true) {
    const auto end = input.find(line);
    out.push_back(input.substr(0, end));
    if (end == std::string_view::npos) {
      return out;
    }
    input.remove_prefix(end + line.size());
  }
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

TextFiles::TextFiles(std::map<std::string, std::string_view> files) : files_(std::move(files)) {
  for (const auto& [name, text] : files_) {
    names_.push_back(name);
  }
}

std::unique_ptr<ByteSource> TextFiles::open(const std::string& file) const {
  const std::string_view text = files_.at(file);
  return std::make_unique<MemorySource>("folder/" + file, std::as_bytes(std::span(text)));
}

}  // namespace membudget::fuzz
