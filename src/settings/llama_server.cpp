// SPDX-License-Identifier: MIT
// llama.cpp b10587: common/arg.cpp for the options, common/common.h for their defaults.
#include <fmt/format.h>

#include "membudget/attachments.hpp"
#include "plan/fit.hpp"
#include "settings/format.hpp"
#include "settings/quoting.hpp"

namespace membudget::settings {
namespace {

/// "-hf ORG/REPO:QUANT" or "-m FILE", with what must be said about it.
std::string model_option(const PlannedRun& run, std::vector<std::string>& notes) {
  if (!run.names.file.empty()) {
    return "-m " + shell_word(plain_path(run.names.file));
  }
  if (!run.names.gguf_repository.empty()) {
    return "-hf " + shell_word(run.names.gguf_repository + ":" + run.model.quantization);
  }
  notes.push_back(comment(fmt::format("-m: where your {} file is", title_of(run.model))));
  return "-m " + shell_word(plain_path(usual_file(run)));
}

std::string draft_option(const PlannedRun& run, std::vector<std::string>& notes) {
  const ModelNames& names = run.draft_names;
  const Model& draft = *run.workload.draft;
  if (!names.file.empty()) {
    return "-md " + shell_word(plain_path(names.file));
  }
  notes.push_back(comment(fmt::format("-md: where your {} file is", title_of(draft))));
  return "-md " +
         shell_word(plain_path(fmt::format(
             "{}-{}.gguf", names.title.empty() ? draft.id : names.title, draft.quantization)));
}

/// What the server does with this model when nobody asks for anything.
Settings unasked(const PlannedRun& run) {
  Workload workload;
  workload.embeddings = run.plan.footprint.settings.embeddings;
  // Without a trained context there is no default to resolve; any other is then not the planned
  // one.
  if (run.model.trained_context == 0 && run.server.defaults.context == 0) workload.context = 1;
  return resolve(workload, run.server, run.model);
}

void add_memory(const PlannedRun& run, std::vector<std::string>& words) {
  const Settings& now = run.plan.footprint.settings;
  const Settings usual = unasked(run);
  if (!run.own_context || !fits(run.plan.verdict)) {
    words.push_back(fmt::format("-c {}", now.context));
  }
  if (now.cache_type_k != usual.cache_type_k)
    words.push_back("-ctk " + type_name(now.cache_type_k));
  if (now.cache_type_v != usual.cache_type_v)
    words.push_back("-ctv " + type_name(now.cache_type_v));
  if (now.flash_attention != usual.flash_attention) {
    words.emplace_back(now.flash_attention == FlashAttention::on    ? "-fa on"
                       : now.flash_attention == FlashAttention::off ? "-fa off"
                                                                    : "-fa auto");
  }
  if (now.batch != usual.batch) words.push_back(fmt::format("-b {}", now.batch));
  if (now.ubatch != usual.ubatch) words.push_back(fmt::format("-ub {}", now.ubatch));
  // A number of slots, even the usual one, gives each slot a cache of its own.
  if (now.parallel != usual.parallel || now.kv_unified != usual.kv_unified) {
    words.push_back(fmt::format("-np {}", now.parallel));
    if (now.kv_unified) words.emplace_back("--kv-unified");
  }
}

void add_placement(const PlannedRun& run, std::vector<std::string>& words) {
  const Settings& now = run.plan.footprint.settings;
  if (now.gpu_layers >= 0) words.push_back(fmt::format("-ngl {}", now.gpu_layers));
  if (fit_moves_layers(run.plan.footprint, run.workload, run.server, run.model, run.plan.budget)) {
    words.emplace_back("--fit off");
  }
  if (now.cpu_moe) words.emplace_back("--cpu-moe");
  if (now.n_cpu_moe > 0) words.push_back(fmt::format("--n-cpu-moe {}", now.n_cpu_moe));
  for (const auto& [pattern, buffer] : now.tensor_overrides) {
    words.push_back("-ot " + shell_word(fmt::format("{}={}", pattern,
                                                    buffer == Backend::cpu ? "CPU" : "MTL0")));
  }
  if (now.swa_full) words.emplace_back("--swa-full");
  if (!now.mmap) words.emplace_back("--no-mmap");
  if (!now.kv_offload) words.emplace_back("--no-kv-offload");
  if (!now.repack) words.emplace_back("--no-repack");
  if (!now.op_offload) words.emplace_back("--no-op-offload");
  if (now.backend == Backend::cpu) words.emplace_back("--device none");
}

void add_attachments(const PlannedRun& run, std::vector<std::string>& words) {
  const Settings& now = run.plan.footprint.settings;
  for (const auto& adapter : now.adapters) words.push_back("--lora " + shell_word(adapter->name));
  if (now.control_vector) {
    words.push_back("--control-vector " + shell_word(now.control_vector->name));
  }
  if (now.projector) words.push_back("--mmproj " + shell_word(now.projector->name));
  if (now.predict) words.emplace_back("--spec-type draft-mtp");
  if (now.predict || run.workload.draft) {
    const Settings usual = run.server.defaults;
    if (now.draft_max != usual.draft_max) {
      words.push_back(fmt::format("--spec-draft-n-max {}", now.draft_max));
    }
    if (now.draft_cache_type_k != usual.draft_cache_type_k) {
      words.push_back("-ctkd " + type_name(now.draft_cache_type_k));
    }
    if (now.draft_cache_type_v != usual.draft_cache_type_v) {
      words.push_back("-ctvd " + type_name(now.draft_cache_type_v));
    }
  }
  if (now.prompt_cache_counted)
    words.push_back(fmt::format("--cache-ram {}", now.prompt_cache_mib));
  if (now.checkpoints_counted)
    words.push_back(fmt::format("--ctx-checkpoints {}", now.checkpoints));
}

}  // namespace

std::vector<std::string> llama_server_lines(const PlannedRun& run) {
  const Settings& now = run.plan.footprint.settings;
  std::vector<std::string> lines;
  std::vector<std::string> words{"llama-server", model_option(run, lines)};
  add_memory(run, words);
  add_placement(run, words);
  add_attachments(run, words);
  if (now.embeddings) {
    words.emplace_back("--embeddings");
    if (now.pooling != run.model.pooling) {
      words.push_back(fmt::format("--pooling {}", to_string(now.pooling)));
    }
  }
  if (run.workload.draft != nullptr) {
    // -md alone does not say how the model drafts, and nothing drafts unless a type is given.
    words.emplace_back("--spec-type draft-simple");
    words.push_back(draft_option(run, lines));
  }
  if (now.backend == Backend::cpu) {
    lines.push_back(
        comment("Planned for a build without Metal; --device none keeps to the CPU in "
                "one that has it."));
  }
  Workload workload = run.workload;
  // How many logits a batch may ask for is the server's own business.
  workload.outputs.reset();
  workload.context = now.context;
  // --device none, where the planned runtime has no GPU by itself (Ollama in Docker).
  workload.backend = now.backend;
  if (const std::string note = memory_note(run, workload); !note.empty()) {
    lines.push_back(comment("llama-server asks for the logits of one token per slot. " + note));
  }
  std::string command;
  for (const std::string& word : words) command += (command.empty() ? "" : " ") + word;
  lines.push_back(std::move(command));
  return lines;
}

}  // namespace membudget::settings
