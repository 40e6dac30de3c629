// SPDX-License-Identifier: MIT
#include "support/measured_settings.hpp"

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

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

// What is attached to the model. With a context for drafting the row states that context's
// settings, and those of the model's own beside them.
void read_attachments(const json& settings, MeasuredSettings& result) {
  Workload& workload = result.workload;
  workload.predict = settings.value("load_mtp", false);
  workload.rollback = settings.value("n_rs_seq", std::int64_t{0});
  if (settings.value("mtp", false)) {
    const json& target = settings.at("target");
    result.drafting = MeasuredSettings::Drafting{};
    result.drafting->hands_hidden_on = settings.value("spec_flags", false);
    workload.draft_cache_type_k = workload.cache_type_k;
    workload.draft_cache_type_v = workload.cache_type_v;
    workload.cache_type_k = element_type_of_name(target.value("type_k", "f16"));
    workload.cache_type_v = element_type_of_name(target.value("type_v", "f16"));
    workload.rollback = target.at("n_rs_seq").get<std::int64_t>();
    workload.outputs = target.at("n_outputs_max").get<std::int64_t>();
  }
  if (settings.value("lora", false)) {
    settings.at("lora_files").get_to(result.adapters);
  }
  result.control_vector = settings.value("cvec", false);
}

// The model's own buffers of a row with a context for drafting are a list.
json buffers_of(const json& row) {
  if (!row.contains("target_bytes")) {
    return row.at("buffers");
  }
  json result = json::object();
  for (const json& buffer : row.at("target_bytes")) {
    result[buffer.at("buft").get<std::string>()] = buffer;
  }
  return result;
}

void read_sizes(const json& row, MeasuredSettings& result) {
  const json buffers = buffers_of(row);
  for (const auto& item : buffers.items()) {
    const std::string& name = item.key();
    const auto bytes = [&](const char* kind) { return item.value().value(kind, std::int64_t{0}); };
    const bool metal = name.rfind("MTL0", 0) == 0;
    (name == "CPU_REPACK" ? result.repacked
     : metal              ? result.gpu_model
                          : result.host_model) += bytes("model");
    (metal ? result.gpu_kv : result.host_kv) += bytes("kv");
    (metal ? result.gpu_compute : result.host_compute) += bytes("compute");
  }
  result.flash_attention = row.at("flash_attn_effective").get<bool>();
  result.output = row.at("output_bytes").get<std::int64_t>();
  result.splits = row.at("splits").get<std::int64_t>();
  if (result.drafting) {
    for (const auto& item : row.at("buffers").items()) {
      const bool metal = item.key().rfind("MTL0", 0) == 0;
      const auto bytes = [&](const char* kind) {
        return item.value().value(kind, std::int64_t{0});
      };
      result.drafting->gpu_kv += metal ? bytes("kv") : 0;
      (metal ? result.drafting->gpu_compute : result.drafting->host_compute) += bytes("compute");
    }
    result.drafting->output = result.output;
  }
  for (const json& adapter : row.value("lora_buffers", json::array())) {
    const bool metal = adapter.at("buft").get<std::string>().rfind("MTL0", 0) == 0;
    (metal ? result.gpu_adapters : result.host_adapters) += adapter.at("bytes").get<std::int64_t>();
  }
  if (!result.drafting && row.contains("n_rs_seq_effective")) {
    result.rollback = row.at("n_rs_seq_effective").get<std::int64_t>();
  }
  for (const json& state : row.value("state", json::array())) {
    result.states.push_back(
        {.tokens = state.at("tokens"), .full = state.at("full"), .partial = state.at("partial")});
  }
}

bool adapts(const std::string& which, const Tensor& tensor) {
  const std::string_view name = TensorTable::suffix_of(tensor.name);
  if (TensorTable::layer_of(tensor.name) < 0 || tensor.dimensions() < 2 ||
      !name.ends_with(".weight") || name.find("norm") != std::string_view::npos ||
      name.starts_with("ffn_gate_inp") || name.starts_with("ssm_conv1d") ||
      name.starts_with("nextn.")) {
    return false;
  }
  if (which == "attn") {
    return name.starts_with("attn_");
  }
  return which == "exps" || name.find("_exps.") == std::string_view::npos;
}

}  // namespace

std::vector<std::shared_ptr<const Adapter>> adapters_of(const MeasuredSettings& row,
                                                        const Model& model) {
  std::vector<std::shared_ptr<const Adapter>> result;
  for (const std::string& text : row.adapters) {
    std::istringstream in(text);
    std::string word;
    std::string type;
    std::string which;
    std::int64_t rank = 0;
    std::int64_t count = 0;
    std::int64_t bytes = 0;
    in >> word >> rank >> type >> which >> count >> word >> bytes;
    which.pop_back();  // the colon
    Adapter adapter{.name = text, .architecture = model.architecture, .tensors = {}};
    for (const Tensor& tensor : model.tensors.all()) {
      if (!adapts(which, tensor)) {
        continue;
      }
      const ElementType element = element_type_of_name(type).value();
      const std::array<std::int64_t, 4> w = tensor.shape;
      adapter.tensors.push_back({.name = tensor.name + ".lora_a",
                                 .shape = {w[0], rank, w[2], 1},
                                 .type = element,
                                 .offset = 0});
      adapter.tensors.push_back({.name = tensor.name + ".lora_b",
                                 .shape = {rank, w[1], w[2], 1},
                                 .type = element,
                                 .offset = 0});
    }
    std::int64_t total = 0;
    for (const Tensor& tensor : adapter.tensors) {
      total += tensor.size().count();
    }
    if (static_cast<std::int64_t>(adapter.tensors.size()) != count || total != bytes) {
      throw std::runtime_error("not the adapter of " + row.model + ": " + text + ", but " +
                               std::to_string(adapter.tensors.size()) + " tensors and " +
                               std::to_string(total) + " bytes");
    }
    result.push_back(std::make_shared<const Adapter>(std::move(adapter)));
  }
  return result;
}

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
    read_attachments(settings, result);
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
