// SPDX-License-Identifier: MIT
#include "support/measured.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "model/quantize.hpp"
#include "support/packed.hpp"
#include "support/quantizations.hpp"

namespace membudget::test {
namespace {

using nlohmann::json;

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

void MeasuredModels::read_packed(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    throw std::runtime_error("cannot read " + file.string());
  }
  for (std::string text; std::getline(in, text);) {
    const json line = json::parse(text);
    const auto name = line.at("model").get<std::string>();
    const auto architecture = line.at("arch").get<std::string>();
    Entry entry{.metadata = Metadata(name), .shapes = unpack_shapes(line)};
    entry.metadata.set("general.architecture", architecture);
    for (const auto& [key, value] : line.at("metadata").items()) {
      entry.metadata.set(architecture + "." + key, value_of(value));
    }
    entries_.insert_or_assign(name, std::move(entry));
  }
}

void MeasuredModels::read(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    throw std::runtime_error("cannot read " + file.string());
  }
  for (std::string text; std::getline(in, text);) {
    // Most lines repeat a model without its tensors; only those with them are worth parsing.
    if (text.find("\"tensors\":[[") == std::string::npos) {
      continue;
    }
    const json line = json::parse(text);
    const auto name = line.at("model").get<std::string>();
    if (entries_.contains(name) || !line.contains("hparams")) {
      continue;
    }
    Entry entry{.metadata = Metadata(name), .shapes = {}};
    entry.metadata.set("general.architecture", line.at("arch").get<std::string>());
    for (const auto& [key, value] : line.at("hparams").items()) {
      entry.metadata.set(key, value_of(value));
    }
    for (const json& tensor : line.at("tensors")) {
      entry.shapes.push_back(shape_of(tensor.at(0).get<std::string>(), tensor.at(1), 0));
    }
    entries_.emplace(name, std::move(entry));
  }
}

void MeasuredModels::add_with_predictor(const std::string& name, const std::string& model,
                                        bool own_head) {
  const auto base = entries_.find(model);
  if (base == entries_.end()) {
    return;
  }
  Entry entry = base->second;
  const std::string architecture(entry.metadata.architecture());
  const std::int64_t layers = entry.metadata.integer("block_count");
  entry.metadata.set(architecture + ".block_count", layers + 1);
  entry.metadata.set(architecture + ".nextn_predict_layers", std::int64_t{1});
  std::vector<std::string> optional;
  for (const TensorShape& shape : entry.shapes) {
    optional.push_back(shape.name);
  }
  optional.emplace_back("nextn.shared_head_norm.weight");
  const std::int64_t embedding = entry.metadata.integer("embedding_length");
  std::int64_t vocabulary = 0;
  for (const TensorShape& shape : entry.shapes) {
    vocabulary = shape.name == "token_embd.weight" ? shape.shape[1] : vocabulary;
  }
  for (TensorShape& shape : find_architecture(architecture)->tensors(entry.metadata, optional)) {
    if (TensorTable::layer_of(shape.name) == layers) {
      entry.shapes.push_back(std::move(shape));
    }
  }
  if (own_head) {
    for (const char* suffix : {"embed_tokens", "shared_head_head"}) {
      entry.shapes.push_back(
          {.name = "blk." + std::to_string(layers) + ".nextn." + suffix + ".weight",
           .shape = {embedding, vocabulary, 1, 1}});
    }
  }
  entries_.insert_or_assign(name, std::move(entry));
}

const Model* MeasuredModels::find(const std::string& model, const std::string& quantization) {
  const std::string key = model + "/" + quantization;
  if (const auto known = models_.find(key); known != models_.end()) {
    return &known->second;
  }
  const auto entry = entries_.find(model);
  if (entry == entries_.end() ||
      find_architecture(entry->second.metadata.architecture()) == nullptr) {
    return nullptr;
  }
  const auto& [metadata, shapes] = entry->second;
  Model described = describe_model(metadata, quantize(shapes, metadata, file_type(quantization)));
  described.id = model;
  described.quantization = quantization;
  return &models_.emplace(key, std::move(described)).first->second;
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
