// SPDX-License-Identifier: MIT
#include "support/published.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "membudget/footprint.hpp"

namespace membudget::test {
namespace {

using Json = nlohmann::json;

// MLX gives every weight the same number of bits where llama.cpp's mixes keep some larger.
Model as_mlx(Model model, const std::string& published) {
  const bool eight = published == "8bit" || published == "MXFP4-Q8";
  std::vector<Tensor> tensors(model.tensors.all().begin(), model.tensors.all().end());
  for (Tensor& tensor : tensors) {
    if (format_of(tensor.type).quantized && tensor.type != ElementType::mxfp4) {
      tensor.type = eight ? ElementType::mlx8_g64 : ElementType::mlx4_g64;
    }
  }
  model.tensors = TensorTable(std::move(tensors));
  return model;
}

std::string id_of_chip(const Profiles& profiles, const std::string& name, std::int64_t gpu_cores) {
  for (const std::string& id : profiles.chip_ids()) {
    const Chip chip = profiles.chip(id);
    if (chip.name == name && chip.gpu_cores == gpu_cores) {
      return id;  // The amount of RAM does not change the speed.
    }
  }
  throw std::runtime_error("no profile of " + name + " with " + std::to_string(gpu_cores));
}

}  // namespace

SpeedRequest PublishedSpeed::generation_request() const {
  return {.depth = static_cast<std::int64_t>(depth), .prompt_tokens = 512, .generate_tokens = 1};
}

SpeedRequest PublishedSpeed::prompt_request() const {
  return {.depth = prompt_depth, .prompt_tokens = prompt, .generate_tokens = 1};
}

PublishedSpeeds::PublishedSpeeds(const Profiles& profiles, const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  const auto sources = Json::parse(line).at("sources").get<std::vector<std::string>>();
  std::map<std::string, std::shared_ptr<const Model>> models;
  std::map<std::pair<std::string, std::int64_t>, std::string> chips;
  std::map<std::string, Footprint> footprints;
  const Runtime runtime = profiles.runtime("llama.cpp");
  const Runtime mlx = profiles.runtime("mlx");
  while (std::getline(stream, line)) {
    const Json json = Json::parse(line);
    if (json.contains("aside")) {
      ++aside_[json.at("aside").get<std::string>()];
      continue;
    }
    PublishedSpeed row;
    row.chip = json.at("chip");
    row.gpu_cores = json.at("gpu_cores");
    row.runtime = json.at("runtime");
    row.model = json.at("model");
    row.quantization = json.at("published_quant");
    row.source = sources.at(json.at("source").get<std::size_t>());
    row.depth = json.value("depth", 0.0);
    if (json.contains("generation_tps")) {
      row.generation_tps = json.at("generation_tps").get<double>();
    }
    if (json.contains("prompt_tps")) {
      row.prompt = json.at("prompt");
      row.prompt_depth = json.at("prompt_depth");
      row.prompt_tps = json.at("prompt_tps").get<double>();
    }
    const std::string quant = json.at("quant");
    const std::string key = row.model + " " + (row.runtime == "mlx" ? row.quantization : quant);
    auto& model = models[row.model + " " + quant];
    if (model == nullptr) {
      model = std::make_shared<const Model>(profiles.model(row.model, quant));
    }
    row.content = model;
    if (row.runtime == "mlx") {
      auto& other = models[key + " mlx"];
      if (other == nullptr) {
        other = std::make_shared<const Model>(as_mlx(*model, row.quantization));
      }
      row.content = other;
    }
    auto& chip = chips[{row.chip, row.gpu_cores}];
    if (chip.empty()) {
      chip = id_of_chip(profiles, row.chip, row.gpu_cores);
    }
    row.machine = machine(profiles.chip(chip));
    const bool by_mlx = row.runtime == "mlx";
    Workload workload;
    workload.context = 4096;
    workload.parallel = 1;
    const auto together = json.at("ubatch").get<std::int64_t>();
    (by_mlx ? workload.prefill_step : workload.ubatch) = together;
    workload.flash_attention =
        json.at("flash_attention").get<bool>() ? FlashAttention::on : FlashAttention::off;
    const std::string how = key + row.runtime + std::to_string(together) +
                            (*workload.flash_attention == FlashAttention::on ? "+" : "-");
    if (!footprints.contains(how)) {
      footprints[how] = estimate(*row.content, by_mlx ? mlx : runtime, workload);
    }
    row.footprint = footprints[how];
    rows_.push_back(std::move(row));
  }
}

void Errors::add(double predicted, double measured) {
  values.push_back(predicted / measured - 1);
}

double Errors::quantile(double share) const {
  if (values.empty()) {
    return 0;
  }
  std::vector<double> sorted(values.size());
  std::transform(values.begin(), values.end(), sorted.begin(),
                 [](double value) { return std::abs(value); });
  std::sort(sorted.begin(), sorted.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

}  // namespace membudget::test
