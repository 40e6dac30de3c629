// SPDX-License-Identifier: MIT
#include "membudget/ollama.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "membudget/attachments.hpp"
#include "membudget/plan.hpp"
#include "membudget/profiles.hpp"
#include "support/embedded.hpp"
#include "support/refusal.hpp"

namespace membudget::ollama_test {
namespace {

using test::error_of;
using test::expect_refusal;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Runtime& ollama() {
  static const Runtime runtime = profiles().runtime("ollama");
  return runtime;
}

Budget budget_of(const std::string& chip, std::int64_t macos = 26) {
  Machine mac = machine(profiles().chip(chip));
  mac.macos = macos;
  return budget(mac, ollama());
}

Workload configured_for(const std::string& model, const std::string& chip,
                        const Workload& asked = {}, const Runtime& runtime = ollama()) {
  return configured(asked, runtime, profiles().model(model), budget_of(chip));
}

// ---- what it believes

TEST(OllamaBelief, IsFileAndF16CacheOfEveryLayer) {
  const Model model = profiles().model("llama3.1:8b");
  const OllamaBelief belief = ollama_belief(model, *ollama().ollama, 8192, 1024);
  constexpr std::int64_t layers = 32;
  constexpr std::int64_t kv_heads = 8;
  constexpr std::int64_t head = 128;
  EXPECT_EQ(belief.cache, Bytes(2 * layers * kv_heads * head * 8192 * 2));
  EXPECT_EQ(belief.surcharge, mib(768));
  // The published file, to the byte of what the catalog allows for its vocabulary.
  EXPECT_NEAR(static_cast<double>(belief.file.count()), 4920738944.0, 4920738944.0 * 1e-3);
  EXPECT_EQ(belief.total(), belief.file + belief.cache + belief.surcharge);
}

TEST(OllamaBelief, DividesTheEmbeddingByTheHeadsWhereHeadsAreWider) {
  // Qwen3 4B: 2560 / 32 = 80, and heads of 128.
  const Model model = profiles().model("qwen3:4b");
  const auto belief = ollama_belief(model, *ollama().ollama, 4096, 512);
  EXPECT_EQ(belief.cache, Bytes(std::int64_t{2} * 36 * 8 * 80 * 4096 * 2));
  EXPECT_EQ(belief.surcharge, Bytes());
}

TEST(OllamaBelief, TakesOneHeadWhereSomeLayerHasNone) {
  // Granite 4.0 H Tiny: 40 layers, four of them with attention, 1536 / 12 = 128.
  const Model model = profiles().model("granite-4.0-h-tiny");
  EXPECT_EQ(model.stated_kv_heads, 0);
  EXPECT_EQ(ollama_belief(model, *ollama().ollama, 4096, 512).cache,
            Bytes(std::int64_t{2} * 40 * 1 * (1536 / model.stated_heads) * 4096 * 2));
}

TEST(OllamaBelief, GoesByWhatOllamasConverterWrote) {
  // A list with 0 for layers without attention; all heads of a latent attention.
  EXPECT_EQ(profiles().model("qwen3.5:4b").stated_kv_heads, 0);
  EXPECT_EQ(profiles().model("qwen3.5-4b").stated_kv_heads, 4);
  EXPECT_EQ(profiles().model("qwen3-next:80b").stated_kv_heads, 0);
  EXPECT_EQ(profiles().model("glm-4.7-flash").stated_kv_heads, 1);
  for (const char* quantization : {"", "Q8_0"}) {
    const Model model = profiles().model("glm-4.7-flash:latest", quantization);
    EXPECT_EQ(ollama_belief(model, *ollama().ollama, 4096, 512).cache,
              Bytes(std::int64_t{2} * 47 * 20 * (2048 / 20) * 4096 * 2))
        << quantization;
  }
}

TEST(OllamaBelief, EvictsWhenItIsMoreThanFourFifthsOfWhatIsFree) {
  OllamaBelief belief;
  belief.file = gib(8);
  EXPECT_EQ(ollama_evicts_below(belief, *ollama().ollama), gib(10));
  belief.file += Bytes(1);
  EXPECT_EQ(ollama_evicts_below(belief, *ollama().ollama), gib(10) + Bytes(2));
}

TEST(OllamaView, SaysWhyTheBeliefIsOff) {
  const auto why = [](const std::string& name) {
    Workload asked;
    asked.context = 131072;
    return plan(profiles().model(name), ollama(), asked, budget_of("m4-max-128gb")).ollama->why;
  };
  EXPECT_THAT(why("llama3.1:8b"), IsEmpty());
  EXPECT_THAT(why("gemma-3-27b"), Contains(HasSubstr("look back over a window only")));
  // One head of 128 is not one latent of 576, but with the batch it adds it is off by 7 % only.
  EXPECT_THAT(why("deepseek-coder-v2-lite"), IsEmpty());
  EXPECT_THAT(why("qwen3.5-9b"), Contains(HasSubstr("8 of 32 layers keep keys and values")));
}

// ---- what it chooses

TEST(OllamaSettings, AreLeftAloneWhereTheUserChose) {
  Workload asked;
  asked.context = 20000;
  asked.parallel = 2;
  asked.ubatch = 256;
  asked.mmap = false;
  asked.cache_type_k = asked.cache_type_v = ElementType::q8_0;
  const Workload out = configured_for("llama3.1:8b", "m4-max-128gb", asked);
  EXPECT_EQ(out.context, 20000);
  EXPECT_EQ(out.parallel, 2);
  EXPECT_EQ(out.batch, 256);
  EXPECT_EQ(out.ubatch, 256);
  EXPECT_EQ(out.mmap, false);
  EXPECT_EQ(out.kv_unified, false);
  EXPECT_EQ(out.cache_type_k, ElementType::q8_0);
}

TEST(OllamaSettings, StayTheSameTheSecondTime) {
  for (const std::string name :
       {"llama3.1:8b", "qwen3.5-9b", "gemma3:12b", "bge-m3", "nomic-embed-text-v1.5"}) {
    const Model model = profiles().model(name);
    for (const std::int64_t slots : {1, 3}) {
      Workload asked;
      asked.parallel = slots;
      asked.context = 10000;
      const Budget limits = budget_of("m4-max-36gb");
      const Workload once = configured(asked, ollama(), model, limits);
      const Workload twice = configured(once, ollama(), model, limits);
      EXPECT_EQ(once.context, twice.context) << name;
      EXPECT_EQ(once.parallel, twice.parallel) << name;
      EXPECT_EQ(once.batch, twice.batch) << name;
      EXPECT_EQ(once.mmap, twice.mmap) << name;
      EXPECT_EQ(*once.context % *once.parallel, 0) << name;
    }
  }
}

TEST(OllamaSettings, GiveEverySlotAsMuchAndOneToSomeModels) {
  Workload asked;
  asked.context = 4 * 8192;
  asked.parallel = 4;
  EXPECT_EQ(configured_for("llama3.1:8b", "m1-max-32gb", asked).parallel, 4);
  const Workload one = configured_for("qwen3.5-9b", "m1-max-32gb", asked);
  EXPECT_EQ(one.parallel, 1);
  EXPECT_EQ(one.context, 4 * 8192);
  EXPECT_EQ(configured_for("bge-m3", "m1-max-32gb", asked).parallel, 1);
}

TEST(OllamaSettings, CountAContextBySlot) {
  Workload asked;
  asked.context = 8192;
  asked.parallel = 2;
  EXPECT_EQ(with_slot_context(asked, ollama(), profiles().model("llama3.1:8b")).context, 16384);
  EXPECT_EQ(with_slot_context(asked, ollama(), profiles().model("qwen3.5-9b")).context, 8192);
  EXPECT_EQ(
      with_slot_context(asked, profiles().runtime("llama.cpp"), profiles().model("llama3.1:8b"))
          .context,
      8192);
}

TEST(OllamaSettings, GoNoFurtherThanTheModelWasTrained) {
  Workload asked;
  asked.context = 2 * 1'000'000;
  asked.parallel = 2;
  EXPECT_EQ(configured_for("llama3.1:8b", "m4-max-128gb", asked).context, 2 * 131072);
  asked.context = 16;
  EXPECT_EQ(configured_for("gemma3:12b", "m4-max-128gb", asked).context, 2 * 2048);
}

TEST(OllamaSettings, CountTheOverheadForTheContextOnly) {
  Runtime runtime = ollama();
  EXPECT_EQ(configured_for("llama3.1:8b", "m1-max-32gb", {}, runtime).context, 32768);
  runtime.ollama->gpu_overhead = gib(2);
  EXPECT_EQ(configured_for("llama3.1:8b", "m1-max-32gb", {}, runtime).context, 4096);
}

TEST(OllamaSettings, DoNotMapWhatRunsOnTheCpu) {
  Workload asked;
  asked.gpu_layers = 0;
  EXPECT_EQ(configured_for("llama3.1:8b", "m1-max-32gb", asked).mmap, false);
  asked.gpu_layers = 32;
  EXPECT_EQ(configured_for("llama3.1:8b", "m1-max-32gb", asked).mmap, false);
  asked.gpu_layers = 33;
  EXPECT_EQ(configured_for("llama3.1:8b", "m1-max-32gb", asked).mmap, true);
  EXPECT_EQ(configured_for("llama3.3:70b", "m1-max-32gb").mmap, false);
}

TEST(OllamaSettings, RefuseWhatOllamaCannotBeTold) {
  const auto refusal = [](const Workload& asked) {
    return error_of([&] { return configured_for("llama3.1:8b", "m1-max-32gb", asked); });
  };
  Workload asked;
  asked.cache_type_k = ElementType::q8_0;
  expect_refusal(refusal(asked), Errc::bad_request, "--cache-type-k", "give --cache-type q8_0");
  asked = {};
  asked.batch = 2048;
  asked.ubatch = 512;
  expect_refusal(refusal(asked), Errc::bad_request, "--ubatch-size", "num_batch is both");
  asked = {};
  asked.n_cpu_moe = 4;
  expect_refusal(refusal(asked), Errc::bad_request, "--n-cpu-moe", "--runtime llama.cpp");
  asked = {};
  asked.kv_unified = true;
  expect_refusal(refusal(asked), Errc::bad_request, "--kv-unified", "no setting");
}

TEST(OllamaSettings, NeedFlashAttentionForAQuantizedCache) {
  Workload asked;
  asked.context = 4096;
  asked.cache_type_k = asked.cache_type_v = ElementType::q8_0;
  asked.flash_attention = FlashAttention::off;
  EXPECT_THROW(static_cast<void>(plan(profiles().model("llama3.1:8b"), ollama(), asked,
                                      budget_of("m1-max-32gb"))),
               Error);
}

// ---- what comes with a model

TEST(OllamaPlan, CountsTheVisionTowerInTheFile) {
  const Plan seeing = plan(profiles().model("gemma3:12b"), ollama(), {}, budget_of("m4-max-36gb"));
  const Model model = profiles().model("gemma3:12b");
  ASSERT_GT(model.beside, Bytes());
  EXPECT_EQ(seeing.footprint.total(PartName::projector), model.beside);
  EXPECT_TRUE(seeing.footprint.assumed());
  EXPECT_NE(seeing.verdict, Verdict::comfortable);
  // By its catalog name it is the text model alone.
  const Plan text = plan(profiles().model("gemma-3-12b"), ollama(), {}, budget_of("m4-max-36gb"));
  EXPECT_EQ(text.footprint.total(PartName::projector), Bytes());
  // llama-server loads a tower only when told to.
  const Plan server = plan(model, profiles().runtime("llama.cpp"), {}, budget_of("m4-max-36gb"));
  EXPECT_EQ(server.footprint.total(PartName::projector), Bytes());
}

// Ollama 0.30 logged of its gpt-oss:120b: model 61223 MiB on the device and 1104 MiB on the host
// (https://github.com/ollama/ollama/issues/16416).
TEST(OllamaPlan, HasTheTypesThatOllamaConvertedTo) {
  const auto weights = [](const std::string& name, Place place) {
    Workload asked;
    asked.context = 131072;
    asked.mmap = false;  // Nothing is mapped there.
    const Plan made = plan(profiles().model(name), ollama(), asked, budget_of("m3-ultra-96gb"));
    const auto part = std::ranges::find_if(made.footprint.parts, [&](const Part& each) {
      return each.name == PartName::weights && each.where == place;
    });
    return part->bytes.count() >> 20;
  };
  EXPECT_EQ(weights("gpt-oss:120b", Place::gpu), 61223);
  EXPECT_EQ(weights("gpt-oss:120b", Place::host), 1104);
  EXPECT_LT(weights("gpt-oss-120b", Place::gpu), 61223);
}

// With MTP, as its published size shows (81 GB) and llama-server does not load it unasked.
TEST(OllamaPlan, LeavesLayersForDraftingInTheFile) {
  const Model model = profiles().model("qwen3.5:122b");
  ASSERT_GT(model.drafting, Bytes());
  Workload asked;
  asked.mmap = false;
  const Plan made = plan(model, ollama(), asked, budget_of("m3-ultra-96gb"));
  EXPECT_EQ(made.footprint.total(PartName::weights), model.tensors.total());
  // What Ollama's scheduler goes by is the file.
  const OllamaBelief belief = ollama_belief(model, *ollama().ollama, 4096, 512);
  EXPECT_GT(belief.file, model.tensors.total() + model.beside + model.drafting);
}

// Ollama 0.34.2 with its qwen3.5:4b and num_ctx 16384, all layers on a GPU (public file no.
// 71104031062): "compat patch disabled mmap", 2513 MiB of weights, 562 of context; on the host
// 497.31 MiB of weights and 52 to compute in.
TEST(OllamaPlan, ReadsFilesThatItChangesWhileLoading) {
  const Model model = profiles().model("qwen3.5:4b");
  Workload asked;
  asked.context = 16384;
  asked.mmap = true;  // Neither use_mmap nor anything else changes that.
  const Plan made = plan(model, ollama(), asked, budget_of("m1-max-32gb"));
  EXPECT_FALSE(made.footprint.settings.mmap);
  const auto in_mib = [&](PartName name, Place place) {
    Bytes sum;
    for (const Part& part : made.footprint.parts) {
      sum += part.name == name && part.where == place ? part.bytes : Bytes{};
    }
    return static_cast<double>(sum.count()) / (1 << 20);
  };
  EXPECT_EQ(std::floor(in_mib(PartName::weights, Place::gpu)), 2513);
  EXPECT_NEAR(in_mib(PartName::weights, Place::host), 497.31, 0.005);
  EXPECT_EQ(std::floor(in_mib(PartName::kv_cache, Place::gpu) +
                       in_mib(PartName::recurrent_state, Place::gpu)),
            562);
  EXPECT_EQ(std::floor(in_mib(PartName::compute, Place::host)), 52);
  EXPECT_THAT(made.footprint.remarks,
              testing::Contains(HasSubstr("it changes some weights while it loads")));
  // llama-server maps such a model's own GGUF.
  EXPECT_TRUE(plan(model, profiles().runtime("llama.cpp"), asked, budget_of("m1-max-32gb"))
                  .footprint.settings.mmap);
}

// Its catalog name is Ollama's too, and without a tag it means the model.
TEST(OllamaModels, MeanOllamasFileByLatest) {
  const Model model = profiles().model("glm-4.7-flash");
  const Model tag = profiles().model("glm-4.7-flash:latest");
  EXPECT_EQ(tag.id, model.id);
  EXPECT_GT(tag.tensors.total(), model.tensors.total());
}

TEST(OllamaPlan, CountsAdaptersOfItsStore) {
  Model model = profiles().model("llama3.1:8b");
  auto adapter = std::make_shared<Adapter>();
  adapter->architecture = model.architecture;
  adapter->tensors = {{.name = "blk.0.attn_q.weight.lora_a", .shape = {4096, 16, 1, 1}},
                      {.name = "blk.0.attn_q.weight.lora_b", .shape = {16, 4096, 1, 1}}};
  Companion& companion = model.companions.emplace_back();
  companion.kind = Companion::Kind::adapter;
  companion.adapter = adapter;
  const Plan out = plan(model, ollama(), {}, budget_of("m4-max-36gb"));
  constexpr std::int64_t f32 = 4;
  EXPECT_EQ(out.footprint.total(PartName::adapter), Bytes(2 * 4096 * 16 * f32));
}

// ---- Docker

TEST(DockerOllama, HasNoGpuAndHalfOfTheRam) {
  const Runtime docker = profiles().runtime("docker-ollama");
  const Machine mac = machine(profiles().chip("m1-max-32gb"));
  const Plan out = plan(profiles().model("llama3.1:8b"), mac, docker, {});
  EXPECT_EQ(out.footprint.settings.backend, Backend::cpu);
  EXPECT_EQ(out.footprint.total(Place::gpu), Bytes());
  EXPECT_EQ(out.budget.ram_available, gib(16));
  EXPECT_EQ(out.binding, Binding::ram);
  EXPECT_EQ(out.headroom, gib(16) - out.footprint.total());
  // Without a GPU the context is the smallest, and nothing is mapped.
  EXPECT_EQ(out.footprint.settings.context, 4096);
  EXPECT_FALSE(out.footprint.settings.mmap);
  EXPECT_THAT(out.reasons, Contains(HasSubstr("no GPU")));
  EXPECT_FALSE(profiles().speed_rules(docker).has_value());
  Bytes kept;
  for (const ReservePart& part : out.budget.reserve_parts) kept += part.bytes;
  EXPECT_EQ(kept, out.budget.reserve);
}

// ---- the environment

struct Server {
  Runtime runtime;
  std::vector<std::string> warnings;
};

Server server(const std::map<std::string, std::string>& variables) {
  Server out;
  out.runtime = with_ollama_environment(ollama(), variables, out.warnings);
  return out;
}

TEST(OllamaEnvironment, SetsTheServersDefaults) {
  const Server out = server({{"OLLAMA_CONTEXT_LENGTH", "16384"},
                             {"OLLAMA_NUM_PARALLEL", " '2' "},
                             {"OLLAMA_KV_CACHE_TYPE", "Q8_0"},
                             {"OLLAMA_FLASH_ATTENTION", "1"},
                             {"OLLAMA_MAX_LOADED_MODELS", "2"},
                             {"HOME", "/"}});
  EXPECT_EQ(out.runtime.defaults.context, 16384);
  EXPECT_EQ(out.runtime.defaults.parallel, 2);
  EXPECT_EQ(out.runtime.defaults.cache_type_k, ElementType::q8_0);
  EXPECT_EQ(out.runtime.defaults.cache_type_v, ElementType::q8_0);
  EXPECT_EQ(out.runtime.defaults.flash_attention, FlashAttention::on);
  EXPECT_EQ(out.runtime.ollama->loaded_models, 2);
  EXPECT_THAT(out.warnings, IsEmpty());
  const Workload planned =
      configured({}, out.runtime, profiles().model("llama3.1:8b"), budget_of("m1-max-32gb"));
  EXPECT_EQ(planned.context, 2 * 16384);
  EXPECT_EQ(planned.parallel, 2);
}

TEST(OllamaEnvironment, StandsBehindTheModelAndTheUser) {
  const Runtime runtime = server({{"OLLAMA_CONTEXT_LENGTH", "16384"}}).runtime;
  Model model = profiles().model("llama3.1:8b");
  model.default_context = 2048;
  EXPECT_EQ(configured({}, runtime, model, budget_of("m1-max-32gb")).context, 2048);
  Workload asked;
  asked.context = 1024;
  EXPECT_EQ(configured(asked, runtime, model, budget_of("m1-max-32gb")).context, 1024);
}

TEST(OllamaEnvironment, ReadsFlagsAsGoDoes) {
  const auto flash = [](const char* value) {
    return server({{"OLLAMA_FLASH_ATTENTION", value}}).runtime.defaults.flash_attention;
  };
  EXPECT_EQ(flash("false"), FlashAttention::off);
  EXPECT_EQ(flash("0"), FlashAttention::off);
  EXPECT_EQ(flash("no"), FlashAttention::on);  // What Go cannot read counts as true.
  EXPECT_EQ(flash(""), FlashAttention::automatic);
}

TEST(OllamaEnvironment, WarnsOfWhatChangesNothing) {
  EXPECT_THAT(server({{"OLLAMA_NUM_PARALLEL", "many"}}).warnings,
              ElementsAre(HasSubstr("cannot read OLLAMA_NUM_PARALLEL=many")));
  EXPECT_EQ(server({{"OLLAMA_NUM_PARALLEL", "many"}}).runtime.defaults.parallel, 1);
  EXPECT_EQ(server({{"OLLAMA_NUM_PARALLEL", "0"}}).runtime.defaults.parallel, 1);
  const Server overhead = server({{"OLLAMA_GPU_OVERHEAD", "1073741824"}});
  EXPECT_EQ(overhead.runtime.ollama->gpu_overhead, gib(1));
  EXPECT_THAT(overhead.warnings, ElementsAre(HasSubstr("keeps nothing free")));
}

TEST(OllamaEnvironment, SetsWhatFitLeavesFree) {
  EXPECT_THAT(server({{"LLAMA_ARG_FIT_TARGET", "2048"}}).warnings, IsEmpty());
  EXPECT_EQ(server({{"LLAMA_ARG_FIT_TARGET", "2048"}}).runtime.fit->margin, gib(2));
  EXPECT_THAT(
      server({{"LLAMA_ARG_FIT_TARGET", "-1"}}).warnings,
      ElementsAre(HasSubstr("cannot read LLAMA_ARG_FIT_TARGET=-1 and goes by its default")));
}

TEST(OllamaEnvironment, IsOllamasAlone) {
  std::vector<std::string> warnings;
  expect_refusal(error_of([&] {
                   return with_ollama_environment(profiles().runtime("llama.cpp"), {}, warnings);
                 }),
                 Errc::bad_request, "--from-env", "--runtime ollama");
  expect_refusal(error_of([] {
                   return server({{"OLLAMA_KV_CACHE_TYPE", "q9"}});
                 }),
                 Errc::bad_request, "OLLAMA_KV_CACHE_TYPE", "q8_0");
}

// ---- Modelfiles

TEST(ModelfileReader, TakesWhatConcernsMemory) {
  const Modelfile out = read_modelfile("Modelfile",
                                       "# comment\n\nfrom llama3.1:8b\r\n"
                                       "PARAMETER num_ctx 16384\n"
                                       "parameter num_batch \"1024\"\n"
                                       "PARAMETER use_mmap false\n"
                                       "PARAMETER num_gpu -1\n"
                                       "PARAMETER stop \"say \"end\" now\"\n"
                                       "SYSTEM \"\"\"\nPARAMETER num_ctx 1\n\"\"\"\n"
                                       "MESSAGE user Hello there\n"
                                       "PARAMETER temperature 0.2");
  EXPECT_EQ(out.from, "llama3.1:8b");
  EXPECT_EQ(out.num_ctx, 16384);
  EXPECT_EQ(out.num_batch, 1024);
  EXPECT_EQ(out.num_gpu, -1);
  EXPECT_EQ(out.use_mmap, false);
  EXPECT_THAT(out.warnings, IsEmpty());
}

TEST(ModelfileReader, FillsWhatTheUserLeftOpen) {
  const Modelfile file =
      read_modelfile("f", "FROM x\nPARAMETER num_ctx 16384\nPARAMETER num_batch 64");
  Workload asked;
  asked.ubatch = 128;
  const Workload out = with_modelfile(asked, file);
  EXPECT_EQ(out.context, 16384);
  EXPECT_EQ(out.ubatch, 128);
  EXPECT_FALSE(out.batch.has_value());
}

TEST(ModelfileReader, SaysWhereAFaultIs) {
  const auto refusal = [](const std::string& text) {
    return error_of([&] { return read_modelfile("a/Modelfile", text); });
  };
  const std::vector<std::pair<std::string, std::pair<std::string, std::string>>> cases{
      {"FROM x\nPARAMETER num_ctx 8k", {"a/Modelfile:2", "num_ctx is '8k'"}},
      {"FROM x\nPARAMETER num_ctx 0", {"a/Modelfile:2", "from 1 to"}},
      {"FROM x\nPARAMETER num_ctx 99999999999999999999", {"a/Modelfile:2", "no whole number"}},
      {"FROM x\nPARAMETER use_mmap maybe", {"a/Modelfile:2", "neither true nor false"}},
      {"FROM x\n\nPARAMETER num_cxt 1", {"a/Modelfile:3", "'num_cxt' is no parameter"}},
      {"FROM x\nPARAMETER num_ctx", {"a/Modelfile:2", "'num_ctx' has no value"}},
      {"FROM x\nTEMPLATE \"\"\"\nopen", {"a/Modelfile:2", "never closed"}},
      {"FRM x", {"a/Modelfile:1", "'frm' is no instruction"}},
      {"PARAMETER num_ctx 1\n", {"a/Modelfile:2", "no FROM line"}},
      {"\xff\xfe", {"a/Modelfile:1", "expected an instruction"}},
      {"", {"a/Modelfile:1", "no FROM line"}},
  };
  for (const auto& [text, expected] : cases) {
    expect_refusal(refusal(text), Errc::bad_request, expected.first, expected.second);
  }
}

TEST(ModelfileReader, WarnsOfWhatIsNotPlannedFor) {
  EXPECT_THAT(read_modelfile("f", "FROM x\nADAPTER ./lora.gguf\nPARAMETER low_vram true").warnings,
              ElementsAre(HasSubstr("f:2: the adapter is not planned for"),
                          HasSubstr("f:3: Ollama no longer reads low_vram")));
}

}  // namespace
}  // namespace membudget::ollama_test
