// SPDX-License-Identifier: MIT
// Files of architectures that did not exist when this was built: ten invented ones. Each gets a
// bound that says what it is, never better than tight, and the known model of the same shapes,
// where there is one, stays below it.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "membudget/load_model.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/gguf_writer.hpp"
#include "support/scratch_folder.hpp"

namespace membudget::unknown_architecture_test {
namespace {

using test::GgufWriter;
using test::ScratchFolder;
using ::testing::HasSubstr;

constexpr std::uint32_t layers = 6;
constexpr std::int64_t embedding = 1024;
constexpr std::int64_t width = 4096;
constexpr std::int64_t vocabulary = 32'000;

// What all files state; `heads` of 128 elements.
GgufWriter header(const std::string& name, std::uint32_t heads, std::uint32_t kv_heads,
                  std::uint32_t head = 128) {
  GgufWriter gguf;
  gguf.set("general.architecture", name)
      .set(name + ".block_count", layers)
      .set(name + ".context_length", std::uint32_t{32'768})
      .set(name + ".embedding_length", static_cast<std::uint32_t>(embedding))
      .set(name + ".feed_forward_length", static_cast<std::uint32_t>(width))
      .set(name + ".attention.head_count", heads)
      .set(name + ".attention.head_count_kv", kv_heads)
      .set(name + ".attention.key_length", head)
      .set(name + ".attention.value_length", head)
      .add_tensor("token_embd.weight", {embedding, vocabulary}, ElementType::q8_0)
      .add_tensor("output_norm.weight", {embedding}, ElementType::f32)
      .add_tensor("output.weight", {embedding, vocabulary}, ElementType::q8_0);
  return gguf;
}

using AddLayer = std::function<void(GgufWriter&, const std::string& prefix)>;

void add_attention(GgufWriter& gguf, const std::string& prefix, std::int64_t heads,
                   std::int64_t kv_heads) {
  constexpr std::int64_t head = 128;
  gguf.add_tensor(prefix + "attn_norm.weight", {embedding}, ElementType::f32)
      .add_tensor(prefix + "attn_q.weight", {embedding, head * heads}, ElementType::q8_0)
      .add_tensor(prefix + "attn_k.weight", {embedding, head * kv_heads}, ElementType::q8_0)
      .add_tensor(prefix + "attn_v.weight", {embedding, head * kv_heads}, ElementType::q8_0)
      .add_tensor(prefix + "attn_output.weight", {head * heads, embedding}, ElementType::q8_0);
}

void add_dense(GgufWriter& gguf, const std::string& prefix) {
  gguf.add_tensor(prefix + "ffn_norm.weight", {embedding}, ElementType::f32)
      .add_tensor(prefix + "ffn_gate.weight", {embedding, width}, ElementType::q8_0)
      .add_tensor(prefix + "ffn_up.weight", {embedding, width}, ElementType::q8_0)
      .add_tensor(prefix + "ffn_down.weight", {width, embedding}, ElementType::q8_0);
}

void add_experts(GgufWriter& gguf, const std::string& prefix, std::int64_t count) {
  constexpr std::int64_t expert = 512;
  gguf.add_tensor(prefix + "ffn_norm.weight", {embedding}, ElementType::f32)
      .add_tensor(prefix + "ffn_gate_inp.weight", {embedding, count}, ElementType::f32)
      .add_tensor(prefix + "ffn_gate_exps.weight", {embedding, expert, count}, ElementType::q8_0)
      .add_tensor(prefix + "ffn_up_exps.weight", {embedding, expert, count}, ElementType::q8_0)
      .add_tensor(prefix + "ffn_down_exps.weight", {expert, embedding, count}, ElementType::q8_0);
}

struct Invented {
  std::string name;
  std::string like;  // A known architecture that the same tensors make a model of; mostly none.
  std::function<GgufWriter(const std::string& name)> write;
};

GgufWriter with_layers(GgufWriter gguf, const AddLayer& add) {
  for (std::uint32_t i = 0; i < layers; ++i) {
    add(gguf, fmt::format("blk.{}.", i));
  }
  return gguf;
}

std::vector<Invented> invented() {
  std::vector<Invented> result;
  const auto dense = [](std::uint32_t heads, std::uint32_t kv_heads) {
    return [heads, kv_heads](const std::string& name) {
      return with_layers(header(name, heads, kv_heads),
                         [&](GgufWriter& gguf, const std::string& at) {
                           add_attention(gguf, at, heads, kv_heads);
                           add_dense(gguf, at);
                         });
    };
  };
  result.push_back({"quasar", "llama", dense(8, 8)});
  result.push_back({"gemstone9", "llama", dense(8, 1)});
  result.push_back({"thin-wide", "llama", dense(32, 4)});
  result.push_back({"mixtapes", "qwen3moe", [](const std::string& name) {
                      GgufWriter gguf = header(name, 8, 2);
                      gguf.set(name + ".expert_count", std::uint32_t{32})
                          .set(name + ".expert_used_count", std::uint32_t{4})
                          .set(name + ".expert_feed_forward_length", std::uint32_t{512});
                      return with_layers(
                          std::move(gguf), [](GgufWriter& each, const std::string& at) {
                            add_attention(each, at, 8, 2);
                            each.add_tensor(at + "attn_q_norm.weight", {128}, ElementType::f32)
                                .add_tensor(at + "attn_k_norm.weight", {128}, ElementType::f32);
                            add_experts(each, at, 32);
                          });
                    }});
  result.push_back(
      {"swarm2", "", [](const std::string& name) {
         GgufWriter gguf = header(name, 8, 2);
         gguf.set(name + ".expert_count", std::uint32_t{64})
             .set(name + ".expert_used_count", std::uint32_t{8});
         return with_layers(std::move(gguf), [](GgufWriter& each, const std::string& at) {
           add_attention(each, at, 8, 2);
           add_experts(each, at, 64);
           each.add_tensor(at + "ffn_up.weight", {embedding, width}, ElementType::q8_0)
               .add_tensor(at + "ffn_down.weight", {width, embedding}, ElementType::q8_0);
           each.add_tensor(at + "never_seen.weight", {embedding, 7 * 512}, ElementType::q8_0);
         });
       }});
  // States of a fixed size in all layers, keys and values in some.
  result.push_back(
      {"riverbed", "", [](const std::string& name) {
         GgufWriter gguf = header(name, 8, 2);
         gguf.set(name + ".ssm.conv_kernel", std::uint32_t{4})
             .set(name + ".ssm.inner_size", std::uint32_t{2048})
             .set(name + ".ssm.state_size", std::uint32_t{128})
             .set(name + ".ssm.group_count", std::uint32_t{1})
             .set(name + ".ssm.time_step_rank", std::uint32_t{32});
         return with_layers(std::move(gguf), [](GgufWriter& each, const std::string& at) {
           each.add_tensor(at + "ssm_in.weight", {embedding, 4384}, ElementType::q8_0)
               .add_tensor(at + "ssm_out.weight", {2048, embedding}, ElementType::q8_0);
           add_dense(each, at);
         });
       }});
  // The metadata say nothing of heads, the tensors do.
  result.push_back(
      {"taciturn", "", [](const std::string& name) {
         GgufWriter gguf;
         gguf.set("general.architecture", name)
             .set(name + ".block_count", layers)
             .set(name + ".context_length", std::uint32_t{4096})
             .set(name + ".embedding_length", static_cast<std::uint32_t>(embedding))
             .add_tensor("token_embd.weight", {embedding, vocabulary}, ElementType::f16);
         return with_layers(std::move(gguf), [](GgufWriter& each, const std::string& at) {
           add_attention(each, at, 8, 8);
         });
       }});
  // Heads of a size that Metal has no attention kernel for.
  result.push_back({"oddheads", "", [](const std::string& name) {
                      return with_layers(header(name, 8, 8, 168),
                                         [](GgufWriter& each, const std::string& at) {
                                           add_attention(each, at, 8, 8);
                                           add_dense(each, at);
                                         });
                    }});
  // One fused tensor for everything, and blocks of other names.
  result.push_back(
      {"monolith", "", [](const std::string& name) {
         return with_layers(header(name, 16, 16), [](GgufWriter& each, const std::string& at) {
           each.add_tensor(at + "attn_qkv.weight", {embedding, 3 * 2048}, ElementType::q8_0)
               .add_tensor(at + "everything.weight", {embedding, 16'384}, ElementType::q8_0);
         });
       }});
  // No output, no norms: an encoder of a new kind.
  result.push_back(
      {"embedder3000", "", [](const std::string& name) {
         GgufWriter gguf;
         gguf.set("general.architecture", name)
             .set(name + ".block_count", layers)
             .set(name + ".context_length", std::uint32_t{512})
             .set(name + ".embedding_length", static_cast<std::uint32_t>(embedding))
             .set(name + ".feed_forward_length", static_cast<std::uint32_t>(width))
             .set(name + ".attention.head_count", std::uint32_t{16})
             .set(name + ".attention.causal", false)
             .add_tensor("token_embd.weight", {embedding, vocabulary}, ElementType::f16);
         return with_layers(std::move(gguf), [](GgufWriter& each, const std::string& at) {
           each.add_tensor(at + "attn_qkv.weight", {embedding, 3 * embedding}, ElementType::f16);
           add_dense(each, at);
         });
       }});
  return result;
}

Workload tokens(std::int64_t context, std::optional<std::int64_t> parallel = std::nullopt) {
  Workload out;
  out.context = context;
  out.parallel = parallel;
  return out;
}

class UnknownArchitecture : public ::testing::Test {
 protected:
  [[nodiscard]] Model load(const Invented& one, const std::string& name) const {
    one.write(name).write(folder_ / (name + ".gguf"));
    return load_gguf(folder_ / (name + ".gguf"));
  }

  ScratchFolder folder_;
  Profiles profiles_ = Profiles::embedded();
  Machine mac_ = machine(profiles_.chip("m4-max-128gb"));
  Runtime server_ = profiles_.runtime("llama.cpp");
  Runtime cli_ = profiles_.runtime("llama-cli");
};

TEST_F(UnknownArchitecture, GetsABoundThatSaysSoAndIsNeverBetterThanTight) {
  const std::vector<Invented> all = invented();
  ASSERT_EQ(all.size(), 10U);
  for (const Invented& one : all) {
    SCOPED_TRACE(one.name);
    const Model model = load(one, one.name);
    EXPECT_THAT(model.not_understood, HasSubstr(one.name));
    for (const std::int64_t context : {512, 4096, 32'768}) {
      const Plan planned = plan(model, mac_, server_, tokens(context));
      EXPECT_EQ(planned.verdict, Verdict::tight);
      const Footprint& footprint = planned.footprint;
      EXPECT_TRUE(footprint.assumed());
      // The weights are in the file: they are no guess.
      EXPECT_GE(footprint.total(PartName::weights), model.tensors.total());
      EXPECT_LE(footprint.total(PartName::weights), model.tensors.data_size());
      EXPECT_GT(footprint.gpu.compute, Bytes{});
      // Useful: of the order of these toys' weights (some 90 MB), even with a full context.
      EXPECT_LT(footprint.total(), model.tensors.total() * 16);
      for (const Part& part : footprint.parts) {
        const bool of_file = part.name == PartName::weights || part.name == PartName::output;
        EXPECT_EQ(part.basis == Basis::assumed, !of_file) << to_string(part.name);
      }
    }
  }
}

TEST_F(UnknownArchitecture, TakesNoLessThanTheKnownModelOfTheSameShapes) {
  int compared = 0;
  for (const Invented& one : invented()) {
    if (one.like.empty()) {
      continue;
    }
    const Model unknown = load(one, one.name);
    const Model known = load(one, one.like);
    for (const Runtime& runtime : {server_, cli_}) {
      for (const std::int64_t context : {512, 4096, 32'768}) {
        for (const std::int64_t ubatch : {128, 512, 2048}) {
          for (const FlashAttention flash : {FlashAttention::automatic, FlashAttention::off}) {
            Workload workload = tokens(context);
            workload.ubatch = ubatch;
            workload.flash_attention = flash;
            const Footprint bound = estimate(unknown, runtime, workload);
            const Footprint exact = estimate(known, runtime, workload);
            ASSERT_FALSE(exact.assumed());
            const auto what =
                fmt::format("{} {} {} tokens, ubatch {}", one.name, runtime.id, context, ubatch);
            EXPECT_GE(bound.gpu.compute, exact.gpu.compute) << what;
            EXPECT_GE(bound.host.compute, exact.host.compute) << what;
            EXPECT_GE(bound.gpu.kv, exact.gpu.kv) << what;
            EXPECT_GE(bound.total(), exact.total()) << what;
            // ... and is of the same order.
            EXPECT_LE(bound.gpu.compute.count(), 4 * exact.gpu.compute.count()) << what;
            ++compared;
          }
        }
      }
    }
  }
  EXPECT_EQ(compared, 4 * 2 * 3 * 3 * 2);
}

TEST_F(UnknownArchitecture, CountsStatesThatDoNotGrow) {
  for (const Invented& one : invented()) {
    if (one.name != "riverbed") {
      continue;
    }
    const Footprint footprint = estimate(load(one, one.name), server_, tokens(512, 1));
    constexpr std::int64_t tail = 3 * (2048 + 2 * 128);
    constexpr std::int64_t state = 128 * 2048;
    EXPECT_EQ(footprint.total(PartName::recurrent_state), Bytes{4} * layers * (tail + state));
  }
}

TEST_F(UnknownArchitecture, WithoutLayersIsRefusedInOneSentence) {
  GgufWriter gguf;
  gguf.set("general.architecture", "nothing")
      .add_tensor("token_embd.weight", {embedding, vocabulary}, ElementType::f16)
      .write(folder_ / "nothing.gguf");
  try {
    static_cast<void>(load_gguf(folder_ / "nothing.gguf"));
    FAIL() << "no refusal";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("architecture 'nothing' is not known"));
  }
}

}  // namespace
}  // namespace membudget::unknown_architecture_test
