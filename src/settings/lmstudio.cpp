// SPDX-License-Identifier: MIT
// `lms`: lmstudio-ai/lms src/subcommands/load.ts and importCmd.ts. The file of a model's defaults
// and its keys are not documented; they are what several public repositories write there.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "settings/format.hpp"
#include "settings/quoting.hpp"

namespace membudget::settings {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view defaults_folder =
    "~/.lmstudio/.internal/user-concrete-model-default-config";

/// How LM Studio finds a model: PUBLISHER/REPOSITORY/FILE under its folder.
struct Key {
  std::string folder;  ///< "PUBLISHER/REPOSITORY"
  std::string file;
};

Key key_of_file(const std::string& path, bool& imported) {
  const std::string file = path.substr(path.rfind('/') + 1);
  for (const std::string_view root : {"/.lmstudio/models/", "/.cache/lm-studio/models/"}) {
    const auto at = path.find(root);
    if (at == std::string::npos) continue;
    const std::string below = path.substr(at + root.size());
    if (std::count(below.begin(), below.end(), '/') == 2) {
      imported = true;
      return {below.substr(0, below.rfind('/')), file};
    }
  }
  imported = false;
  const auto dot = file.rfind('.');
  return {"local/" + file.substr(0, dot == 0 ? std::string::npos : dot), file};
}

/// The key, and before it the lines that must be said or run first.
Key key_of(const PlannedRun& run, std::vector<std::string>& lines) {
  const ModelNames& names = run.names;
  if (!names.file.empty()) {
    bool imported = false;
    Key key = key_of_file(names.file, imported);
    if (!imported) {
      // A relative target of a symbolic link would be looked for beside the link.
      const std::string absolute = names.file.starts_with('/')
                                       ? shell_word(names.file)
                                       : "\"$PWD\"/" + shell_word(names.file);
      lines.push_back(fmt::format("lms import --symbolic-link --user-repo {} -y {}",
                                  shell_word(key.folder), absolute));
    }
    return key;
  }
  const std::string file = usual_file(run);
  if (!names.gguf_repository.empty()) {
    lines.push_back(comment("File named as usual; `lms ls` shows what yours is called."));
    return {names.gguf_repository, file};
  }
  const std::string& title = names.title.empty() ? run.model.id : names.title;
  lines.push_back(comment(
      "Named as lmstudio-community names its uploads; `lms ls` shows what yours is called."));
  return {fmt::format("lmstudio-community/{}-GGUF", title), file};
}

/// The share of the layers that go to the GPU; nothing for all of them.
std::optional<double> gpu_share(const PlannedRun& run) {
  const auto chosen = chosen_gpu_layers(run);
  if (!chosen) return std::nullopt;
  return std::min(1.0, static_cast<double>(*chosen) / static_cast<double>(run.model.layers.size()));
}

Json fields_of(const PlannedRun& run) {
  const Settings& planned = run.plan.footprint.settings;
  const Settings& usual = run.lmstudio.defaults;
  Json fields = Json::array();
  const auto set = [&](const char* key, Json value) {
    fields.push_back({{"key", key}, {"value", std::move(value)}});
  };
  set("llm.load.contextLength", planned.context);
  if (planned.parallel != usual.parallel) set("llm.load.numParallelSessions", planned.parallel);
  if (planned.kv_unified != usual.kv_unified) {
    set("llm.load.useUnifiedKvCache", planned.kv_unified);
  }
  if (!planned.kv_offload) set("llm.load.offloadKVCacheToGpu", false);
  const auto layers = static_cast<double>(run.model.layers.size());
  if (planned.cpu_moe) {
    set("llm.load.numCpuExpertLayersRatio", 1);
  } else if (planned.n_cpu_moe > 0) {
    set("llm.load.numCpuExpertLayersRatio",
        std::min(1.0, static_cast<double>(planned.n_cpu_moe) / layers));
  }
  if (const auto share = gpu_share(run)) {
    set("llm.load.llama.acceleration.offloadRatio", *share);
  } else {
    set("llm.load.llama.acceleration.offloadRatio", "max");
  }
  if (planned.batch != usual.batch || planned.ubatch != usual.ubatch) {
    set("llm.load.llama.evalBatchSize", planned.batch);
    set("llm.load.llama.physicalBatchSize", planned.ubatch);
  }
  // Its default differs between versions.
  set("llm.load.llama.flashAttention", run.plan.footprint.flash_attention);
  const auto cache = [&](const char* key, ElementType type) {
    if (type != usual.cache_type_k) set(key, {{"checked", true}, {"value", type_name(type)}});
  };
  cache("llm.load.llama.kCacheQuantizationType", planned.cache_type_k);
  cache("llm.load.llama.vCacheQuantizationType", planned.cache_type_v);
  if (planned.mmap != usual.mmap) set("llm.load.llama.tryMmap", planned.mmap);
  return fields;
}

/// A line for each field, so that people can read it.
void add_document(const Json& fields, std::vector<std::string>& lines) {
  lines.emplace_back(R"({"preset":"","operation":{"fields":[]},"load":{"fields":[)");
  for (const Json& field : fields) {
    lines.push_back("  " + field.dump() + (&field == &fields.back() ? "" : ","));
  }
  lines.emplace_back("]}}");
}

/// The same for llama.cpp, which LM Studio runs.
Workload workload_of(const PlannedRun& run) {
  const Settings& planned = run.plan.footprint.settings;
  Workload out;
  out.context = planned.context;
  out.batch = planned.batch;
  out.ubatch = planned.ubatch;
  out.parallel = planned.parallel;
  out.kv_unified = planned.kv_unified;
  out.cache_type_k = planned.cache_type_k;
  out.cache_type_v = planned.cache_type_v;
  out.flash_attention =
      run.plan.footprint.flash_attention ? FlashAttention::on : FlashAttention::off;
  out.gpu_layers = chosen_gpu_layers(run).value_or(-1);
  out.kv_offload = planned.kv_offload;
  out.cpu_moe = planned.cpu_moe;
  out.n_cpu_moe = planned.n_cpu_moe;
  out.mmap = planned.mmap;
  return out;
}

void add_notes(const PlannedRun& run, std::vector<std::string>& lines) {
  const Settings& planned = run.plan.footprint.settings;
  if (const auto chosen = chosen_gpu_layers(run)) {
    lines.push_back(comment(fmt::format(
        "LM Studio takes a share of the {} layers, not a number: {} of them.",
        run.model.layers.size(),
        std::min<std::int64_t>(*chosen, static_cast<std::int64_t>(run.model.layers.size())))));
  }
  if (planned.n_cpu_moe > 0 && !planned.cpu_moe) {
    lines.push_back(comment(fmt::format(
        "LM Studio takes a share of the layers whose experts stay on the CPU: {} of {}.",
        planned.n_cpu_moe, run.model.layers.size())));
  }
  const auto missing = server_only(run, false);
  if (!missing.empty()) {
    lines.push_back(
        comment(fmt::format("LM Studio has no setting for {}.", fmt::join(missing, ", "))));
  }
  if (run.workload.draft != nullptr) {
    lines.push_back(comment(
        fmt::format("Choose {} under Speculative Decoding; this command loads the model alone.",
                    title_of(*run.workload.draft))));
  }
  if (const std::string note = memory_note(run, workload_of(run)); !note.empty()) {
    lines.push_back(comment(note));
  }
}

}  // namespace

std::vector<std::string> lmstudio_lines(const PlannedRun& run) {
  const Settings& planned = run.plan.footprint.settings;
  std::vector<std::string> out;
  add_notes(run, out);
  const Key key = key_of(run, out);
  const auto below = [&](const std::string& path) {
    return fmt::format("{}/{}", defaults_folder, shell_word(path));
  };
  out.push_back("mkdir -p " + below(key.folder));
  out.push_back(fmt::format("cat > {} <<'JSON'", below(key.folder + "/" + key.file + ".json")));
  add_document(fields_of(run), out);
  out.emplace_back("JSON");
  const auto share = gpu_share(run);
  std::string load =
      fmt::format("lms load {} --gpu {} -c {}", shell_word(key.folder + "/" + key.file),
                  share ? fmt::format("{}", *share) : "max", planned.context);
  if (planned.parallel != run.lmstudio.defaults.parallel)
    load += fmt::format(" --parallel {}", planned.parallel);
  out.push_back(load + " -y");
  return out;
}

}  // namespace membudget::settings
