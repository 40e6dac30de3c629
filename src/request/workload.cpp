// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ascii.hpp"
#include "membudget/request.hpp"
#include "request/options.hpp"

namespace membudget {
namespace {

using request::integer;
using request::wrong;

std::optional<ElementType> cache_type(const std::string& text, const std::string& option) {
  if (text.empty()) return std::nullopt;
  constexpr std::array<std::string_view, 9> known{"f32",  "f16",    "bf16", "q8_0", "q4_0",
                                                  "q4_1", "iq4_nl", "q5_0", "q5_1"};
  const auto name = lower(text);
  if (std::ranges::find(known, name) == known.end()) {
    wrong(option,
          fmt::format("'{}' is not a cache type; use one of {}", text, fmt::join(known, ", ")));
  }
  return element_type_of_name(name);
}

std::optional<ElementType> draft_cache_type(const std::string& text, const std::string& option) {
  if (text.empty()) return std::nullopt;
  const auto type = element_type_of_name(text);
  if (!type) wrong(option, fmt::format("'{}' is not a cache type such as f16 or q8_0", text));
  return type;
}

std::optional<FlashAttention> flash_attention(const std::string& text) {
  // llama.cpp's own synonyms.
  const auto word = lower(text);
  const auto any = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
  };
  if (word.empty()) return std::nullopt;
  if (any({"on", "enabled", "true", "1"})) return FlashAttention::on;
  if (any({"off", "disabled", "false", "0"})) return FlashAttention::off;
  if (any({"auto", "-1"})) return FlashAttention::automatic;
  wrong("--flash-attn", fmt::format("'{}' is not known; use on, off or auto", text));
}

std::optional<Pooling> pooling(const std::string& text) {
  if (text.empty()) return std::nullopt;
  for (const auto kind :
       {Pooling::none, Pooling::mean, Pooling::first, Pooling::last, Pooling::rank}) {
    if (to_string(kind) == lower(text)) return kind;
  }
  wrong("--pooling", fmt::format("'{}' is not known; use none, mean, cls, last or rank", text));
}

std::int64_t positive_tokens(const std::string& text, const std::string& option) {
  const auto value = parse_tokens(text, option);
  if (value < 1) wrong(option, fmt::format("'{}' is too small; use at least 1", text));
  return value;
}

/// Whether the weights are mapped, by llama.cpp's name of the way they are loaded.
bool maps_file(const std::string& mode) {
  const auto word = lower(mode);
  if (word == "auto" || word == "mmap" || word == "mmap+mlock") return true;
  if (word == "none" || word == "mlock" || word == "dio") return false;
  wrong("--load-mode",
        fmt::format("'{}' is not known; use auto, mmap, mmap+mlock, none, mlock or dio", mode));
}

/// "PATTERN=BUFFER,...": the buffers are those a Mac has, by llama.cpp's names.
std::vector<TensorOverride> tensor_overrides(const std::vector<std::string>& arguments) {
  std::vector<TensorOverride> out;
  for (const auto& argument : arguments) {
    for (std::size_t begin = 0; begin <= argument.size();) {
      const auto end = std::min(argument.find(',', begin), argument.size());
      const auto item = argument.substr(begin, end - begin);
      begin = end + 1;
      const auto equals = item.find('=');
      const auto buffer = equals == std::string::npos ? "" : item.substr(equals + 1);
      if (equals == 0 || (buffer != "CPU" && buffer != "MTL0")) {
        wrong("--override-tensor",
              fmt::format("'{}' is not PATTERN=BUFFER; the buffers are CPU and MTL0", item));
      }
      out.push_back({.pattern = item.substr(0, equals),
                     .buffer = buffer == "CPU" ? Backend::cpu : Backend::metal});
    }
  }
  return out;
}

/// What drafts, by llama.cpp's names; several may be named.
bool drafts_with_own_layers(const std::string& types) {
  bool own = false;
  for (std::size_t begin = 0; begin <= types.size();) {
    const auto end = std::min(types.find(',', begin), types.size());
    const auto type = types.substr(begin, end - begin);
    begin = end + 1;
    if (type == "draft-mtp") {
      own = true;
    } else if (type != "none" && type != "draft-simple" && !type.starts_with("ngram-")) {
      wrong("--spec-type",
            fmt::format("'{}' is not planned; use draft-mtp, draft-simple with --draft, an ngram "
                        "type or none",
                        type));
    }
  }
  return own;
}

/// What was told to stand in the context must have room there.
void check_room(const PlanRequest& request, const Workload& workload) {
  const auto context = workload.context.value_or(0);
  const auto depth = workload.depth.value_or(0);
  if (context <= 0) return;
  if (depth > context) {
    wrong("--depth", fmt::format("{} tokens do not stand in a context of {}; raise --ctx-size",
                                 request.depth, context));
  }
  if (workload.prompt_tokens.value_or(0) > context - depth) {
    wrong("--prompt-tokens",
          fmt::format("{} tokens have no room in a context of {}{}; raise --ctx-size",
                      request.prompt_tokens, context,
                      depth > 0 ? fmt::format(" that holds {} already", depth) : ""));
  }
}

}  // namespace

Workload requested_workload(const PlanRequest& request) {
  Workload out;
  const auto k = request.cache_type_k.empty() ? request.cache_type : request.cache_type_k;
  const auto v = request.cache_type_v.empty() ? request.cache_type : request.cache_type_v;
  out.cache_type_k =
      cache_type(k, request.cache_type_k.empty() ? "--cache-type" : "--cache-type-k");
  out.cache_type_v =
      cache_type(v, request.cache_type_v.empty() ? "--cache-type" : "--cache-type-v");
  out.flash_attention = flash_attention(request.flash_attention);
  if (!request.batch.empty()) out.batch = positive_tokens(request.batch, "--batch-size");
  if (!request.ubatch.empty()) out.ubatch = positive_tokens(request.ubatch, "--ubatch-size");
  // 256 is LLAMA_MAX_SEQ, beyond which llama.cpp refuses.
  if (!request.parallel.empty()) out.parallel = integer(request.parallel, "--parallel", 1, 256);
  if (!request.gpu_layers.empty()) {
    const auto word = lower(request.gpu_layers);
    out.gpu_layers = word == "all" || word == "auto"
                         ? -1
                         : integer(request.gpu_layers, "--gpu-layers", -1, 1'000'000);
  }
  if (request.kv_unified) out.kv_unified = true;
  if (request.swa_full) out.swa_full = true;
  if (!request.load_mode.empty()) out.mmap = maps_file(request.load_mode);
  if (request.no_mmap) out.mmap = false;
  if (request.cpu_moe) out.cpu_moe = true;
  if (!request.n_cpu_moe.empty()) {
    out.n_cpu_moe = integer(request.n_cpu_moe, "--n-cpu-moe", 0, 1'000'000);
  }
  out.tensor_overrides = tensor_overrides(request.override_tensor);
  if (request.no_kv_offload) out.kv_offload = false;
  if (request.no_repack) out.repack = false;
  if (request.no_op_offload) out.op_offload = false;
  if (request.embeddings) out.embeddings = true;
  out.pooling = pooling(request.pooling);
  if (!request.spec_type.empty()) out.predict = drafts_with_own_layers(request.spec_type);
  if (!request.draft_max.empty()) {
    out.draft_max = integer(request.draft_max, "--spec-draft-n-max", 1, 1024);
  }
  out.draft_cache_type_k = draft_cache_type(request.draft_cache_type_k, "--cache-type-k-draft");
  out.draft_cache_type_v = draft_cache_type(request.draft_cache_type_v, "--cache-type-v-draft");
  if (!request.cache_ram.empty()) {
    out.prompt_cache_mib = integer(request.cache_ram, "--cache-ram", -1, std::int64_t{1} << 30);
  }
  if (!request.checkpoints.empty()) {
    out.checkpoints = integer(request.checkpoints, "--ctx-checkpoints", 0, 1 << 16);
  }
  if (!request.prefill_step.empty()) {
    out.prefill_step = positive_tokens(request.prefill_step, "--prefill-step-size");
  }
  if (!request.kv_bits.empty()) out.kv_bits = integer(request.kv_bits, "--kv-bits", 0, 8);
  if (!request.depth.empty()) out.depth = parse_tokens(request.depth, "--depth");
  if (!request.prompt_tokens.empty()) {
    out.prompt_tokens = positive_tokens(request.prompt_tokens, "--prompt-tokens");
  }
  if (!request.generate_tokens.empty()) {
    out.generate_tokens = positive_tokens(request.generate_tokens, "--generate-tokens");
  }
  if (!request.context.empty() && lower(request.context) != "max") {
    out.context = parse_tokens(request.context, "--ctx-size");
  }
  check_room(request, out);
  return out;
}

}  // namespace membudget
