// SPDX-License-Identifier: MIT
// What people will have read elsewhere and what is true instead, with the numbers of their plan.
// The claims are those of notes on local models from December 2025; forums repeat them.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <variant>

#include "report/summary.hpp"

namespace membudget::report {
namespace {

double bits(ElementType type) {
  const ElementFormat& format = format_of(type);
  constexpr double bits_per_byte = 8;
  return bits_per_byte * static_cast<double>(format.block_bytes) /
         static_cast<double>(format.block_elements);
}

/// "8.5 bits a value, 53.1 % of f16"
std::string share_of_f16(ElementType type) {
  return fmt::format("{} bits a value, {:.1f} % of f16", bits(type),
                     100 * bits(type) / bits(ElementType::f16));
}

/// The first layer whose heads share keys and values, as most models' do; nullptr for none.
const Attention* shared_heads(const Model& model) {
  for (const Layer& layer : model.layers) {
    const auto* attention = std::get_if<Attention>(&layer.mixer);
    if (attention != nullptr && attention->kv_heads > 0 && attention->kv_heads < attention->heads) {
      return attention;
    }
  }
  return nullptr;
}

bool offers(const PlanReport& report, Lever lever) {
  return std::ranges::any_of(report.changes, [&](const StepReport& row) {
    return std::ranges::find(row.step.changes, lever, &Change::lever) != row.step.changes.end();
  });
}

void add_cache(const PlanReport& report, std::vector<Entry>& out) {
  const Footprint& footprint = report.plan.footprint;
  const Settings& settings = footprint.settings;
  const Bytes cache = footprint.total(PartName::kv_cache);
  if (cache == Bytes{}) return;
  out.push_back({"\"The KV cache grows quadratically with the context\"",
                 fmt::format("It grows by as much with every token, and less where layers have a "
                             "window: {} at {} tokens here.",
                             to_text(cache), settings.context)});
  if (const Attention* attention = shared_heads(report.model)) {
    out.push_back(
        {"\"KV = 2 x batch x tokens x layers x heads x head size / 8\"",
         fmt::format("Only {} KV heads of {} heads are kept, in bytes per value, not eighths.",
                     attention->kv_heads, attention->heads)});
  }
  out.push_back({"\"The cache takes 4 bytes per parameter and token\"",
                 "The number of parameters does not enter: layers, KV heads and their size do."});
  if (format_of(settings.cache_type_k).quantized || format_of(settings.cache_type_v).quantized ||
      offers(report, Lever::cache_type)) {
    out.push_back({"\"q8_0 halves the cache and q4_0 quarters it\"",
                   fmt::format("Every block has a scale too: q8_0 takes {}, q4_0 {}.",
                               share_of_f16(ElementType::q8_0), share_of_f16(ElementType::q4_0))});
  }
  if (report.runtime.engine == Engine::llama_cpp) {
    out.push_back({"\"Flash attention cuts the KV cache by 20 to 30 %\"",
                   "It leaves the cache as it is. What it saves is the matrix of scores in the "
                   "compute buffer, the more the longer the context."});
  }
}

void add_weights(const PlanReport& report, std::vector<Entry>& out) {
  const Model& model = report.model;
  const std::string& name = model.quantization;
  const Bytes weights = model.tensors.total();
  const auto parameters = model.tensors.parameters();
  const auto digit =
      std::ranges::find_if(name, [](unsigned char letter) { return std::isdigit(letter) != 0; });
  if (!is_mlx(model) && digit != name.end() && !name.starts_with("F") && !name.starts_with("BF") &&
      parameters > 0) {
    const std::int64_t nominal = *digit - '0';
    out.push_back(
        {"\"Weights take parameters x bits of the name / 8\"",
         fmt::format("Blocks have scales, and files mix types: with {} {:.2f} bits a weight here, "
                     "{} where {} bits would be {}.",
                     name,
                     8.0 * static_cast<double>(weights.count()) / static_cast<double>(parameters),
                     to_text(weights), nominal, to_text(Bytes(parameters / 8 * nominal)))});
  }
  if (name.starts_with("IQ")) {
    out.push_back({"\"IQ stands for information quantization\"",
                   "IQ types look values up in a table, which costs time on Metal; the rest of the "
                   "name says how many bits and which mix."});
  } else if (name.find("_K") != std::string::npos) {
    out.push_back({"\"K stands for k-means and S for symmetric\"",
                   "K-quants are blocks of blocks with scales of both; S, M and L name the mix of "
                   "types that the tensors get."});
  }
  if (report.plan.budget.metal && weights > report.plan.budget.gpu_limit) {
    out.push_back({"\"Optimized, with flash attention, it takes much less\"",
                   fmt::format("Nothing but fewer bits shrinks the weights: {} alone are more than "
                               "the {} that Metal grants.",
                               to_text(weights), to_text(report.plan.budget.gpu_limit))});
  }
}

void add_runtime(const PlanReport& report, std::vector<Entry>& out) {
  const bool mlx = report.runtime.engine == Engine::mlx;
  if (mlx) {
    out.push_back({"\"MLX takes 15 to 25 % less memory than GGUF\"",
                   "Its 4-bit weights are 7 to 12 % smaller than Q4_K_M, for they have fewer bits; "
                   "what a long prompt takes on its way is more."});
  }
  if (mlx || report.runtime.ollama) {
    out.push_back({"\"MLX and Ollama use the Neural Engine\"",
                   "Neither does: they compute on the GPU, and llama.cpp on the CPU too."});
  }
  if (report.runtime.ollama) {
    out.push_back({"\"OLLAMA_FLASH_ATTENTION must be set by hand\"",
                   "Today's Ollama decides for every model, and on Metal takes it wherever the "
                   "model allows; the default context depends on the memory."});
  }
}

}  // namespace

std::vector<Entry> folklore(const PlanReport& report) {
  std::vector<Entry> out;
  add_cache(report, out);
  add_weights(report, out);
  const Budget& budget = report.plan.budget;
  if (budget.metal) {
    out.push_back({"\"Metal can use 75 % of the RAM\"",
                   fmt::format("By the size of RAM and the version of macOS: {} here, {}.",
                               to_text(budget.gpu_limit), budget.gpu_limit_rule)});
  }
  add_runtime(report, out);
  if (report.speed && report.machine.chip.id.starts_with("m1-max")) {
    out.push_back(
        {"\"On an M1 Max 32B generates 4 to 8 tokens/s\", \"8 to 12\"; \"7B 25 to 32\", "
         "\"55 to 65\"",
         "The notes contradict themselves; the speeds here follow from published "
         "benchmarks of the chip."});
  }
  return out;
}

}  // namespace membudget::report
