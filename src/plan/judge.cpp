// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "membudget/error.hpp"
#include "membudget/plan.hpp"
#include "plan/fit.hpp"
#include "plan/grant.hpp"
#include "plan/ollama.hpp"

namespace membudget {
namespace {

constexpr std::size_t named_programs = 3;

std::string sentence(std::string_view what, Bytes used, std::string_view limit_name, Bytes limit,
                     std::string_view rule) {
  return used <= limit
             ? fmt::format("{} needs {} of the {} {} ({}); {} stay free.", what, to_text(used),
                           to_text(limit), limit_name, rule, to_text(limit - used))
             : fmt::format("{} needs {}, {} more than the {} {} ({}).", what, to_text(used),
                           to_text(used - limit), to_text(limit), limit_name, rule);
}

std::string_view kept_for(const Budget& budget) {
  if (budget.usual_reserve) {
    return "that others hold now";
  }
  return budget.metal ? "for macOS and other programs" : "for the system and other programs";
}

/// How what others hold now compares with what a plan keeps free, and who they are.
std::string held_now(const Budget& budget) {
  const Bytes usual = *budget.usual_reserve;
  if (budget.reserve <= usual) {
    return fmt::format(
        "Other programs hold {} now; without --now {} would be kept free for them, "
        "because they may grow.",
        to_text(budget.reserve), to_text(usual));
  }
  std::string most;
  for (std::size_t i = 0; i < std::min(budget.programs.size(), named_programs); ++i) {
    most += fmt::format("{}{} {}", most.empty() ? "" : ", ", budget.programs[i].name,
                        to_text(budget.programs[i].bytes));
  }
  return fmt::format(
      "Other programs hold {} now, {} more than the {} that a plan keeps free for "
      "them{}; what they give back is there for the model.",
      to_text(budget.reserve), to_text(budget.reserve - usual), to_text(usual),
      most.empty() ? "" : fmt::format(": {}", most));
}

/// What a context beyond the model's training means; empty where none is.
std::string beyond_training(const Model& model, Engine engine, const Settings& settings) {
  const std::int64_t trained = trained_tokens(model, engine, settings);
  if (trained <= 0 || settings.context <= trained) {
    return "";
  }
  // A table of positions (BERT, GPT-2) has no row for more, and nothing to scale.
  const auto& tensors = model.tensors.all();
  if (std::ranges::find(tensors, "position_embd.weight", &Tensor::name) != tensors.end()) {
    return fmt::format(
        "The model has positions for {} tokens only: the rest of a context of {} is "
        "of no use.",
        trained, settings.context);
  }
  return fmt::format(
      "The model was trained for {} tokens: in a context of {} what it writes beyond them falls "
      "apart without RoPE scaling (llama.cpp: {}).",
      trained, settings.context,
      rope_scaling_options(settings.context, trained, model.trained_context));
}

/// A model with a head of its own generates, whatever it is made for, unless it is told to embed.
bool serves_no_embeddings(const Model& model, const Runtime& runtime, const Settings& settings) {
  return runtime.engine == Engine::llama_cpp && model.logits && model.pooling != Pooling::none &&
         !settings.embeddings;
}

}  // namespace

Plan judge(Footprint footprint, Budget budget) {
  Plan plan;
  const Bytes gpu = footprint.total(Place::gpu);
  const Bytes all = footprint.total();
  const Bytes gpu_room = budget.gpu_limit - gpu;
  const Bytes ram_room = budget.ram_available - all;
  // Without a GPU its limit binds nothing.
  const bool on_gpu = budget.metal && footprint.settings.backend == Backend::metal;
  plan.binding = on_gpu && gpu_room <= ram_room ? Binding::gpu : Binding::ram;
  plan.headroom = plan.binding == Binding::gpu ? gpu_room : ram_room;

  const std::string in_ram = sentence(
      "Everything together", all, "of RAM that is left", budget.ram_available,
      fmt::format("{} less {} {}", to_text(budget.ram), to_text(budget.reserve), kept_for(budget)));
  plan.reasons.push_back(in_ram);
  if (on_gpu) {
    plan.reasons.insert(
        plan.binding == Binding::gpu ? plan.reasons.begin() : plan.reasons.end(),
        sentence("The GPU", gpu, "that Metal grants", budget.gpu_limit, budget.gpu_limit_rule));
  }

  const bool buffer_too_large =
      budget.largest_buffer > Bytes{} && footprint.largest_buffer > budget.largest_buffer;
  if (buffer_too_large) {
    plan.reasons.insert(
        plan.reasons.begin(),
        fmt::format("One buffer, of {}, would need {}; Metal gives none larger than {}.",
                    footprint.largest_buffer_name, to_text(footprint.largest_buffer),
                    to_text(budget.largest_buffer)));
    plan.headroom = std::min(plan.headroom, budget.largest_buffer - footprint.largest_buffer);
  }
  if (ram_room < Bytes{} || buffer_too_large) {
    plan.verdict = Verdict::does_not_fit;
  } else if (on_gpu && gpu_room < Bytes{} && !footprint.partial_offload) {
    plan.verdict = Verdict::does_not_fit;
    plan.reasons.emplace_back(
        "It fits in RAM but not in what the GPU may use, and this runtime keeps everything there.");
  } else if (on_gpu && gpu_room < Bytes{}) {
    plan.verdict = Verdict::crawls;
    plan.reasons.emplace_back(
        "It fits in RAM but not in what the GPU may use: part of the layers would run on the CPU, "
        "several times slower.");
  } else if (plan.headroom < budget.safety_margin) {
    plan.verdict = Verdict::tight;
    plan.reasons.push_back(
        fmt::format("Less than the safety margin of {} is left, so another "
                    "program can push it out.",
                    to_text(budget.safety_margin)));
  } else if (footprint.assumed()) {
    plan.verdict = Verdict::tight;
    plan.reasons.emplace_back("A part is only assumed, so it is not called comfortable.");
  } else {
    plan.verdict = Verdict::comfortable;
  }
  const bool other_reason = plan.verdict != Verdict::tight || plan.headroom < budget.safety_margin;
  if (footprint.assumed() && other_reason) {
    plan.reasons.emplace_back("A part is only assumed.");
  }
  if (budget.usual_reserve) {
    plan.reasons.push_back(held_now(budget));
  }
  if (!budget.gpu_limit_observed) {
    plan.reasons.emplace_back(
        "Metal's limit for this size of RAM is predicted; nobody has published it yet.");
  }
  plan.reasons.insert(plan.reasons.end(), footprint.remarks.begin(), footprint.remarks.end());
  // What grows with use is worth a word where it can outgrow the RAM.
  const Footprint::Growth& growth = footprint.growth;
  if (!growth.note.empty() && ram_room >= Bytes{} &&
      (growth.unlimited || growth.limit > ram_room)) {
    plan.reasons.push_back(growth.note);
  }
  plan.footprint = std::move(footprint);
  plan.budget = std::move(budget);
  return plan;
}

Plan plan(const Model& model, const Runtime& runtime, const Workload& workload,
          const Budget& budget) {
  if (!budget.metal && runtime.engine != Engine::llama_cpp) {
    throw Error(
        Errc::bad_request, "--runtime",
        fmt::format("{} computes on Apple's GPUs, and this machine has none; name a Mac with "
                    "--chip, or use --runtime llama.cpp",
                    runtime.id));
  }
  Footprint footprint = estimate(model, runtime, configured(workload, runtime, model, budget));
  std::optional<OllamaView> view;
  if (runtime.ollama) {
    // Without a GPU it does not look whether a model fits (server/sched.go:547).
    if (footprint.settings.backend == Backend::metal) {
      view = ollama::view(model, runtime, footprint);
    }
    auto remarks = ollama::remarks(model, runtime, workload, view, footprint, budget);
    footprint.remarks.insert(footprint.remarks.end(), remarks.begin(), remarks.end());
  }
  if (auto remark = fitted_context_remark(workload, runtime, model, footprint); !remark.empty()) {
    footprint.remarks.push_back(std::move(remark));
  }
  footprint.remarks.insert(footprint.remarks.end(), runtime.remarks.begin(), runtime.remarks.end());
  if (auto remark = beyond_training(model, runtime.engine, footprint.settings); !remark.empty()) {
    footprint.remarks.push_back(std::move(remark));
  }
  if (serves_no_embeddings(model, runtime, footprint.settings)) {
    footprint.remarks.emplace_back(
        "The model is made for embeddings, and llama.cpp gives none without --embeddings, which "
        "takes other memory.");
  }
  Plan out = judge(std::move(footprint), budget);
  out.ollama = std::move(view);
  hold_to_grant(out, runtime);
  return out;
}

Plan plan(const Model& model, const Machine& machine, const Runtime& runtime,
          const Workload& workload) {
  return plan(model, runtime, workload, budget(machine, runtime));
}

bool fits(Verdict verdict) {
  return verdict == Verdict::comfortable || verdict == Verdict::tight;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::comfortable:
      return "comfortable";
    case Verdict::tight:
      return "tight";
    case Verdict::crawls:
      return "crawls";
    case Verdict::does_not_fit:
      return "does-not-fit";
  }
  return "";
}

std::string_view to_string(Binding binding) {
  return binding == Binding::gpu ? "gpu" : "ram";
}

}  // namespace membudget
