// SPDX-License-Identifier: MIT
#include "support/measured_settings.hpp"

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "support/measured.hpp"

namespace membudget::test {
namespace {

using nlohmann::json;

// `pooling_type` as in llama.h; below 0, or left out, what the model's file asks for.
std::optional<Pooling> pooling_of(const std::string& model, const json& settings) {
  constexpr std::array kinds{Pooling::none, Pooling::mean, Pooling::first, Pooling::last,
                             Pooling::rank};
  const int kind = settings.value("pooling_type", -1);
  if (kind >= 0) {
    return kinds.at(static_cast<std::size_t>(kind));
  }
  // The files these rows were taken with asked for it; their other rows come from files without.
  if (model.starts_with("qwen3-embedding")) {
    return Pooling::last;
  }
  return std::nullopt;
}

Workload workload_of(const std::string& model, const json& settings) {
  Workload workload;
  workload.context = settings.at("n_ctx").get<std::int64_t>();
  workload.batch = settings.at("n_batch").get<std::int64_t>();
  workload.ubatch = settings.at("n_ubatch").get<std::int64_t>();
  workload.parallel = settings.at("n_seq_max").get<std::int64_t>();
  workload.cache_type_k = element_type_of_name(settings.at("type_k").get<std::string>());
  workload.cache_type_v = element_type_of_name(settings.at("type_v").get<std::string>());
  const int flash = settings.at("flash_attn").get<int>();
  workload.flash_attention = flash < 0    ? FlashAttention::automatic
                             : flash == 0 ? FlashAttention::off
                                          : FlashAttention::on;
  workload.kv_unified = settings.at("kv_unified").get<bool>();
  workload.swa_full = settings.at("swa_full").get<bool>();
  workload.outputs = settings.at("n_outputs_max").get<std::int64_t>();
  workload.kv_offload = settings.at("offload_kqv").get<bool>();
  workload.op_offload = settings.at("op_offload").get<bool>();
  workload.gpu_layers = settings.at("n_gpu_layers").get<std::int64_t>();
  // The older switch use_mmap is there too, but the mode decides.
  const std::string mode = settings.at("load_mode");
  workload.mmap = mode == "auto" || mode == "mmap" || mode == "mmap+mlock";
  workload.cpu_moe = settings.at("cpu_moe").get<bool>();
  workload.n_cpu_moe = settings.at("n_cpu_moe").get<std::int64_t>();
  workload.repack = settings.at("use_extra_bufts").get<bool>();
  workload.embeddings = settings.at("embeddings").get<bool>();
  workload.pooling = pooling_of(model, settings);
  return workload;
}

// Settings that change memory and that a Workload cannot state.
bool beyond_workload(const json& settings) {
  for (const char* key : {"lora", "cvec", "mtp", "spec_flags"}) {
    if (settings.contains(key)) {
      return true;
    }
  }
  return settings.value("n_rs_seq", 0) != 0 || settings.at("load_mtp").get<bool>();
}

void read_sizes(const json& row, MeasuredSettings& result) {
  for (const auto& item : row.at("buffers").items()) {
    const std::string& name = item.key();
    const auto bytes = [&](const char* kind) { return item.value().value(kind, std::int64_t{0}); };
    const bool metal = name.rfind("MTL0", 0) == 0;
    (name == "CPU_REPACK" ? result.repacked : metal ? result.gpu_model : result.host_model) += bytes("model");
    (metal ? result.gpu_kv : result.host_kv) += bytes("kv");
    (metal ? result.gpu_compute : result.host_compute) += bytes("compute");
  }
  result.flash_attention = row.at("flash_attn_effective").get<bool>();
  result.output = row.at("output_bytes").get<std::int64_t>();
  result.splits = row.at("splits").get<std::int64_t>();
}

}  // namespace

void for_each_settings_row(const std::filesystem::path& file,
                           const std::function<void(const MeasuredSettings&)>& use) {
  std::ifstream in(file);
  if (!in) {
    throw std::runtime_error("cannot read " + file.string());
  }
  json defaults = json::object();
  for (std::string line; std::getline(in, line);) {
    const json row = json::parse(line);
    if (row.contains("defaults")) {
      defaults = row.at("defaults");
      continue;
    }
    json settings = defaults;
    settings.update(row.at("settings"));
    if (!settings.contains("n_ctx")) {
      continue;  // a projector's row
    }
    MeasuredSettings result;
    result.section = row.at("section");
    result.model = row.at("model");
    result.architecture = row.at("arch");
    result.quantization = row.at("quant");
    result.workload = workload_of(result.model, settings);
    result.refused = row.contains("error");
    result.beyond_workload = beyond_workload(settings);
    if (!result.refused && row.contains("output_bytes")) {
      read_sizes(row, result);
    }
    result.text = line;
    const std::string variant = row.at("metal_variant");
    result.runtime = measured_runtime(variant.substr(0, variant.find(' ')));
    result.runtime.llama_cpp.accelerate = settings.at("blas").get<bool>();
    use(result);
    if (row.value("b10488_same", false)) {
      result.runtime = measured_runtime("b10488");
      result.runtime.llama_cpp.accelerate = settings.at("blas").get<bool>();
      use(result);
    }
  }
}

}  // namespace membudget::test
