// SPDX-License-Identifier: MIT
#include "support/settings_reader.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace membudget::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

/// Behind the line that is `word` alone; the lines before it are appended to `out`.
std::size_t here_document(std::string_view script, std::size_t at, const std::string& word,
                          std::string& out) {
  while (at < script.size()) {
    const auto end = std::min(script.find('\n', at), script.size());
    const auto line = script.substr(at, end - at);
    at = std::min(end + 1, script.size());
    if (line == word) return at;
    out += std::string(line) + "\n";
  }
  fail("here-document without an end");
}

}  // namespace

std::vector<std::vector<std::string>> shell_commands(std::string_view script) {
  std::vector<std::vector<std::string>> out;
  std::vector<std::string> words;
  std::optional<std::string> word;
  std::optional<std::string> end_word;
  const auto end_of_word = [&] {
    if (!word) return;
    if (word->starts_with("<<")) {
      end_word = word->substr(2);
    } else {
      words.push_back(*word);
    }
    word.reset();
  };
  std::size_t at = 0;
  while (at <= script.size()) {
    const char c = at < script.size() ? script[at] : '\n';
    ++at;
    if (c == '\n') {
      end_of_word();
      if (end_word) {
        words.emplace_back();
        at = here_document(script, at, *end_word, words.back());
        end_word.reset();
      }
      if (!words.empty()) out.push_back(std::move(words));
      words.clear();
    } else if (c == ' ') {
      end_of_word();
    } else if (c == '#' && !word) {
      at = std::min(script.find('\n', at), script.size());
    } else if (c == '\'' || c == '"') {
      const auto close = script.find(c, at);
      if (close == std::string_view::npos) fail("quote without an end");
      word = word.value_or("") + std::string(script.substr(at, close - at));
      at = close + 1;
    } else if (c == '\\') {
      word = word.value_or("") + script[at++];
    } else {
      word = word.value_or("") + c;
    }
  }
  return out;
}

Workload read_llama_server(const std::vector<std::string>& words) {
  Workload out;
  std::size_t at = 1;
  const auto value = [&]() -> const std::string& { return words.at(at++); };
  const auto number = [&] { return std::stoll(value()); };
  while (at < words.size()) {
    const std::string& option = words[at++];
    if (option == "-m" || option == "-hf" || option == "-md" || option == "--spec-type")
      value();
    else if (option == "-c")
      out.context = number();
    else if (option == "-b")
      out.batch = number();
    else if (option == "-ub")
      out.ubatch = number();
    else if (option == "-np")
      out.parallel = number();
    else if (option == "-ngl")
      out.gpu_layers = number();
    else if (option == "-ctk")
      out.cache_type_k = element_type_of_name(value());
    else if (option == "-ctv")
      out.cache_type_v = element_type_of_name(value());
    else if (option == "-fa")
      out.flash_attention = value() == "on" ? FlashAttention::on : FlashAttention::off;
    else if (option == "--kv-unified")
      out.kv_unified = true;
    else if (option == "--swa-full")
      out.swa_full = true;
    else if (option == "--no-mmap")
      out.mmap = false;
    else if (option == "--cpu-moe")
      out.cpu_moe = true;
    else if (option == "--n-cpu-moe")
      out.n_cpu_moe = number();
    else if (option == "--no-kv-offload")
      out.kv_offload = false;
    else if (option == "--no-repack")
      out.repack = false;
    else if (option == "--no-op-offload")
      out.op_offload = false;
    else if (option == "--embeddings")
      out.embeddings = true;
    else if (option == "--fit") {
      if (value() != "off") fail("only --fit off keeps to what was planned");
    } else if (option == "-ot") {
      const std::string pair = value();
      const auto equals = pair.rfind('=');
      out.tensor_overrides.push_back(
          {.pattern = pair.substr(0, equals),
           .buffer = pair.substr(equals + 1) == "CPU" ? Backend::cpu : Backend::metal});
    } else {
      fail("unknown option " + option);
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> read_modelfile(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  std::size_t at = 0;
  const auto take_word = [&](auto accepts) {
    std::string word;
    while (at < text.size() && accepts(text[at])) word += lower(text[at++]);
    if (at == text.size() || text[at] != ' ') fail("no value after " + word);
    ++at;
    return word;
  };
  while (at < text.size()) {
    if (text[at] == ' ' || text[at] == '\n') {
      ++at;
    } else if (text[at] == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else {
      std::string name = take_word(letter);
      if (name != "from" && name != "parameter") fail("unknown instruction " + name);
      if (name == "parameter") {
        name = take_word([&](char c) { return letter(c) || c == '_' || (c >= '0' && c <= '9'); });
      }
      std::string value;
      for (;; value += text[at++]) {
        const bool end = at == text.size() || text[at] == '\n';
        if (!end) continue;
        if (value.starts_with("\"\"\"")) {
          if (value.size() >= 6 && value.ends_with("\"\"\"")) {
            value = value.substr(3, value.size() - 6);
            break;
          }
        } else if (value.starts_with('"')) {
          if (value.size() >= 2 && value.ends_with('"')) {
            value = value.substr(1, value.size() - 2);
            break;
          }
        } else {
          break;
        }
        if (at == text.size()) fail("quote without an end");
      }
      out.emplace_back(name, value);
    }
  }
  if (std::none_of(out.begin(), out.end(), [](const auto& each) { return each.first == "from"; })) {
    fail("no FROM line");
  }
  return out;
}

Workload read_ollama(const std::map<std::string, std::string>& environment,
                     const std::vector<std::pair<std::string, std::string>>& modelfile,
                     const Model& model, const Budget& budget) {
  const auto find = [](const auto& pairs, const std::string& key) -> std::optional<std::string> {
    for (const auto& [name, value] : pairs) {
      if (name == key) return value;
    }
    return std::nullopt;
  };
  // Ollama's documentation of context lengths: 256k from 48 GB of VRAM, 32k from 24 GB, else 4k,
  // where a little less than these counts too.
  std::int64_t context = budget.gpu_limit >= gib(47)   ? 1 << 18
                         : budget.gpu_limit >= gib(23) ? 1 << 15
                                                       : 1 << 12;
  context = std::min(context, model.trained_context);
  if (const auto text = find(environment, "OLLAMA_CONTEXT_LENGTH")) context = std::stoll(*text);
  if (const auto text = find(modelfile, "num_ctx")) context = std::stoll(*text);
  Workload out;
  out.parallel = 1;
  if (const auto text = find(environment, "OLLAMA_NUM_PARALLEL")) out.parallel = std::stoll(*text);
  // "model architecture does not currently support parallel requests"
  for (const char* one_at_a_time : {"qwen35", "qwen3next", "lfm2", "lfm2moe", "nemotron_h"}) {
    if (model.architecture == one_at_a_time) out.parallel = 1;
  }
  out.context = context * *out.parallel;
  if (const auto text = find(environment, "OLLAMA_KV_CACHE_TYPE")) {
    out.cache_type_k = out.cache_type_v = element_type_of_name(*text);
  }
  if (const auto text = find(environment, "OLLAMA_FLASH_ATTENTION")) {
    out.flash_attention = *text == "1" ? FlashAttention::on : FlashAttention::off;
  }
  // "generationBatchFits": what it predicts must leave room for 768 MiB or 2 GiB more.
  const std::int64_t free = std::min(budget.gpu_limit, budget.ram_available).count();
  const std::int64_t head_width = model.stated_heads > 0 ? model.embedding / model.stated_heads : 0;
  const auto blocks = static_cast<std::int64_t>(model.layers.size()) + model.draft_layers;
  const std::int64_t predicted =
      (model.header + model.tensors.data_size() + model.beside).count() +
      4 * blocks * std::max<std::int64_t>(model.stated_kv_heads, 1) * head_width * *out.context;
  const auto room_for = [&](std::int64_t percent, std::int64_t mebibytes) {
    return predicted <= free * percent / 100 && predicted + (mebibytes << 20) <= free * 80 / 100;
  };
  std::int64_t automatic = 512;
  if (*out.context > 32768 && room_for(60, 2048))
    automatic = 2048;
  else if (*out.context > 4096 && room_for(75, 768))
    automatic = 1024;
  out.batch = out.ubatch = automatic;
  out.mmap = predicted <= free;
  if (const auto text = find(modelfile, "num_batch")) out.batch = out.ubatch = std::stoll(*text);
  if (const auto text = find(modelfile, "num_gpu")) out.gpu_layers = std::stoll(*text);
  if (out.gpu_layers == 0 || (out.gpu_layers.value_or(-1) > 0 && *out.gpu_layers <= blocks)) {
    out.mmap = false;  // "cpu", "metal_partial_offload"
  } else if (out.gpu_layers.value_or(-1) > blocks) {
    out.mmap = true;
  }
  if (const auto text = find(modelfile, "use_mmap")) out.mmap = *text == "true";
  return out;
}

Workload read_mlx_server(const std::vector<std::string>& words) {
  if (words.at(0) != "mlx_lm.server") fail("not mlx_lm.server");
  Workload out;
  out.prefill_step = 2048;
  out.parallel = 32;
  for (std::size_t at = 1; at < words.size(); at += 2) {
    const std::string& option = words[at];
    const std::string& value = words.at(at + 1);
    if (option == "--prefill-step-size")
      out.prefill_step = std::stoll(value);
    else if (option == "--decode-concurrency")
      out.parallel = std::stoll(value);
    else if (option != "--model" && option != "--prompt-concurrency" &&
             option != "--prompt-cache-size" && option != "--prompt-cache-bytes")
      fail("unknown option " + option);
  }
  return out;
}

Workload read_lmstudio(const std::string& json, const Model& model) {
  Workload out;
  out.parallel = 4;
  out.kv_unified = true;
  out.batch = out.ubatch = 512;
  const auto layers = static_cast<double>(model.layers.size());
  const auto document = nlohmann::json::parse(json);
  for (const auto& field : document.at("load").at("fields")) {
    const std::string key = field.at("key");
    const auto& value = field.at("value");
    const auto type = [&] { return element_type_of_name(value.at("value").get<std::string>()); };
    if (key == "llm.load.contextLength")
      out.context = value;
    else if (key == "llm.load.numParallelSessions")
      out.parallel = value;
    else if (key == "llm.load.useUnifiedKvCache")
      out.kv_unified = value.get<bool>();
    else if (key == "llm.load.offloadKVCacheToGpu")
      out.kv_offload = value.get<bool>();
    else if (key == "llm.load.numCpuExpertLayersRatio")
      out.n_cpu_moe = std::llround(value.get<double>() * layers);
    else if (key == "llm.load.llama.acceleration.offloadRatio") {
      if (value != "max") out.gpu_layers = std::llround(value.get<double>() * layers);
    } else if (key == "llm.load.llama.evalBatchSize")
      out.batch = value;
    else if (key == "llm.load.llama.physicalBatchSize")
      out.ubatch = value;
    else if (key == "llm.load.llama.flashAttention")
      out.flash_attention = value.get<bool>() ? FlashAttention::on : FlashAttention::off;
    else if (key == "llm.load.llama.kCacheQuantizationType")
      out.cache_type_k = type();
    else if (key == "llm.load.llama.vCacheQuantizationType")
      out.cache_type_v = type();
    else if (key == "llm.load.llama.tryMmap")
      out.mmap = value.get<bool>();
    else
      fail("unknown key " + key);
  }
  return out;
}

}  // namespace membudget::test
