// SPDX-License-Identifier: MIT
#include "support/measured.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "membudget/error.hpp"
#include "model/arch/arch.hpp"

namespace membudget::test {
namespace {

using nlohmann::json;

Metadata metadata_of(const std::string& name, const json& hyperparameters) {
  Metadata metadata(name);
  std::string architecture;
  for (const auto& [key, value] : hyperparameters.items()) {
    if (architecture.empty() && key.find('.') != std::string::npos && !key.starts_with("tokenizer.") &&
        !key.starts_with("general.")) {
      architecture = key.substr(0, key.find('.'));
    }
    if (value.is_boolean()) {
      metadata.set(key, value.get<bool>());
    } else if (value.is_number_integer()) {
      metadata.set(key, value.get<std::int64_t>());
    } else if (value.is_number()) {
      metadata.set(key, value.get<double>());
    } else if (value.is_string()) {
      metadata.set(key, value.get<std::string>());
    } else if (value.is_array() && !value.empty() && value[0].is_boolean()) {
      std::vector<std::int64_t> flags;
      for (const auto& flag : value) {
        flags.push_back(flag.get<bool>() ? 1 : 0);
      }
      metadata.set(key, std::move(flags));
    } else if (value.is_array() && !value.empty() && value[0].is_number_integer()) {
      metadata.set(key, value.get<std::vector<std::int64_t>>());
    } else if (value.is_array() && !value.empty() && value[0].is_number()) {
      metadata.set(key, value.get<std::vector<double>>());
    }
  }
  metadata.set("general.architecture", architecture);
  return metadata;
}

// F16 rows list no tensors: they hold those of the other files, unquantized.
TensorTable table_of(const json& tensors, bool unquantized) {
  std::vector<Tensor> list;
  std::int64_t offset = 0;
  for (const auto& entry : tensors) {
    Tensor tensor;
    tensor.name = entry.at(0).get<std::string>();
    std::size_t i = 0;
    for (const auto& extent : entry.at(1)) {
      tensor.shape.at(i++) = extent.get<std::int64_t>();
    }
    tensor.type = element_type_of_name(entry.at(2).get<std::string>()).value();
    if (unquantized && format_of(tensor.type).quantized) {
      tensor.type = ElementType::f16;
    }
    tensor.offset = offset;
    offset += round_up(tensor.size().count(), 32);
    list.push_back(std::move(tensor));
  }
  return TensorTable(std::move(list));
}

}  // namespace

void for_each_row(const std::filesystem::path& file,
                  const std::function<void(const MeasuredRow&)>& use) {
  std::ifstream in(file);
  if (!in) {
    throw std::runtime_error("cannot read " + file.string());
  }
  for (std::string line; std::getline(in, line);) {
    const json row = json::parse(line);
    if (row.contains("error")) {
      continue;
    }
    MeasuredRow result;
    result.model = row.at("model");
    result.architecture = row.at("arch");
    result.quantization = row.at("quant");
    result.build = row.at("engine");
    result.backend = row.at("backend") == "metal" ? Backend::metal : Backend::cpu;
    Workload& workload = result.workload;
    workload.backend = result.backend;
    workload.context = row.at("ctx").get<std::int64_t>();
    workload.batch = row.at("batch").get<std::int64_t>();
    workload.ubatch = row.at("ubatch").get<std::int64_t>();
    workload.parallel = row.at("parallel").get<std::int64_t>();
    workload.cache_type_k = element_type_of_name(row.at("cache_type_k").get<std::string>());
    workload.cache_type_v = element_type_of_name(row.at("cache_type_v").get<std::string>());
    const std::string flash = row.at("flash_attn");
    workload.flash_attention = flash == "on"    ? FlashAttention::on
                               : flash == "off" ? FlashAttention::off
                                                : FlashAttention::automatic;
    workload.kv_unified = row.at("kv_unified").get<bool>();
    workload.swa_full = row.at("swa_full").get<bool>();
    workload.outputs = row.at("outputs").get<std::int64_t>();
    workload.embeddings = false;
    const auto& gpu = row.at("gpu");
    const auto& host = row.at("host");
    result.gpu_model = gpu.at("model");
    result.gpu_kv = gpu.at("kv");
    result.gpu_compute = gpu.at("compute");
    result.host_model = host.at("model");
    result.host_kv = host.at("kv");
    result.host_compute = host.at("compute");
    result.nodes = row.value("nodes", std::int64_t{0});
    result.text = line;
    use(result);
  }
}

void MeasuredModels::read(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    throw std::runtime_error("cannot read " + file.string());
  }
  std::streamoff at = 0;
  for (std::string line; std::getline(in, line); at = in.tellg()) {
    // Only the small head of each line is needed now: "model", "arch", "quant" come first.
    const auto field = [&](const std::string& key) {
      const std::string mark = "\"" + key + "\":\"";
      const auto from = line.find(mark) + mark.size();
      return line.substr(from, line.find('"', from) - from);
    };
    const std::string model = field("model");
    entries_.try_emplace(model + "/" + field("quant"), Entry{file, at});
    if (!hyper_.contains(model)) {
      const json row = json::parse(line);
      if (row.contains("hparams")) {
        hyper_[model] = row.at("hparams").dump();
      }
    }
  }
}

const Model* MeasuredModels::find(const std::string& model, const std::string& quantization) {
  const std::string key = model + "/" + quantization;
  if (const auto known = models_.find(key); known != models_.end()) {
    return &known->second;
  }
  const auto entry = entries_.find(key);
  if (entry == entries_.end() || !hyper_.contains(model) || failures_.contains(key)) {
    return nullptr;
  }
  const auto line_of = [](const Entry& place) {
    std::ifstream in(place.file);
    in.seekg(place.at);
    std::string line;
    std::getline(in, line);
    return json::parse(line);
  };
  json row = line_of(entry->second);
  const auto lists = [](const json& candidate) {
    return candidate.contains("tensors") && !candidate.at("tensors").empty();
  };
  const bool unquantized = !lists(row);
  for (const std::string other : {"Q8_0", "Q4_K_M", "Q6_K"}) {
    if (!lists(row) && entries_.contains(model + "/" + other)) {
      row = line_of(entries_.at(model + "/" + other));
    }
  }
  try {
    Model described = describe_model(metadata_of(model, json::parse(hyper_.at(model))),
                                     table_of(row.at("tensors"), unquantized));
    described.id = model;
    described.quantization = quantization;
    return &models_.emplace(key, std::move(described)).first->second;
  } catch (const Error& error) {
    failures_.emplace(key, error.what());
    return nullptr;
  }
}

Runtime measured_runtime(const std::string& build) {
  Runtime runtime;
  runtime.id = "llama.cpp";
  runtime.version = build;
  runtime.llama_cpp.flash_attn_kv_scratch = build == "b10587";
  return runtime;
}

Footprint estimate_row(const Model& model, const MeasuredRow& row) {
  const Runtime runtime = measured_runtime(row.build);
  Footprint plain = estimate(model, runtime, row.workload);
  const std::int64_t more = row.nodes - plain.graph_nodes;
  // A lookup, and a transpose, a copy and a matrix multiplication (llama-graph.cpp:3642-3652).
  constexpr std::int64_t one_token = 1;
  constexpr std::int64_t mean = 3;
  if (more != one_token && more != mean) {
    return plain;
  }
  Workload workload = row.workload;
  workload.embeddings = true;
  workload.pooling = more == mean ? Pooling::mean : Pooling::last;
  return estimate(model, runtime, workload);
}

}  // namespace membudget::test
