// SPDX-License-Identifier: MIT
#include "membudget/profiles.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "ascii.hpp"
#include "membudget/check.hpp"
#include "membudget/error.hpp"
#include "model/arch/arch.hpp"
#include "profiles/catalog_model.hpp"
#include "profiles/decode.hpp"
#include "profiles/embedded.hpp"
#include "support/profile_texts.hpp"
#include "support/refusal.hpp"
#include "support/schema.hpp"
#include "support/scratch_folder.hpp"
#include "test_paths.hpp"

namespace membudget::profiles_test {
namespace {

using test::embedded_text;
using test::error_of;
using test::expect_refusal;
using test::ScratchFolder;
using test::with;
using test::write;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// The embedded files of a folder such as "models/".
std::vector<EmbeddedFile> files_in(std::string_view folder) {
  std::vector<EmbeddedFile> out;
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.path.starts_with(folder)) {
      out.push_back(file);
    }
  }
  return out;
}

std::string stem(std::string_view path) {
  return std::filesystem::path(path).stem().string();
}

// ---- the files themselves

TEST(EmbeddedProfiles, HoldEveryFileByteForByte) {
  const std::filesystem::path root = PROFILES_DIR;
  std::set<std::string> on_disk;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() == ".json") {
      on_disk.insert(entry.path().lexically_relative(root).generic_string());
    }
  }
  std::set<std::string> embedded;
  for (const EmbeddedFile& file : embedded_files()) {
    embedded.insert(std::string(file.path));
    EXPECT_EQ(file.text, text_of(root / file.path)) << file.path;
  }
  EXPECT_EQ(embedded, on_disk);
}

TEST(EmbeddedProfiles, FollowTheirSchemas) {
  const std::map<std::string, std::string> schemas{{"chips/", "chip"},
                                                   {"models/", "model"},
                                                   {"quants/", "quantization"},
                                                   {"tokenizers.json", "tokenizers"},
                                                   {"budget.json", "budget"},
                                                   {"links.json", "links"},
                                                   {"runtimes/", "runtime"},
                                                   {"stacks/", "stack"},
                                                   {"working_sets.json", "working_sets"},
                                                   {"speed.json", "speed"},
                                                   {"quality.json", "quality"},
                                                   {"advice.json", "advice"},
                                                   {"capability.json", "capability"},
                                                   {"health.json", "health"},
                                                   {"calibration.json", "calibration"},
                                                   {"serving.json", "serving"}};
  for (const auto& [folder, name] : schemas) {
    const auto files = files_in(folder);
    EXPECT_FALSE(files.empty()) << folder;
    const auto schema = std::filesystem::path(PROFILES_DIR) / "schema" / (name + ".schema.json");
    for (const EmbeddedFile& file : files) {
      EXPECT_EQ(test::schema_faults(nlohmann::json::parse(file.text), schema), "") << file.path;
    }
  }
}

TEST(EmbeddedProfiles, AreRefusedByTheSchemaWhereTheDecoderRefusesThem) {
  const auto schema = std::filesystem::path(PROFILES_DIR) / "schema" / "chip.schema.json";
  auto chip = nlohmann::json::parse(embedded_text("chips/m1-16gb.json"));
  chip["ram_gb"] = 16;
  EXPECT_THAT(test::schema_faults(chip, schema), HasSubstr("ram_gb"));
}

TEST(EmbeddedProfiles, DecodeAndNameNothingTwice) {
  std::map<std::string, std::string> owner;
  const auto claim = [&](const std::string& name, const std::string& id) {
    const auto [at, fresh] = owner.emplace(lower(name), id);
    EXPECT_TRUE(fresh) << name << " names both " << at->second << " and " << id;
  };
  for (const EmbeddedFile& file : files_in("models/")) {
    const ModelProfile model = decode(decode_model, std::string(file.path), file.text);
    claim(model.id, model.id);
    for (const std::string& name : model.names) {
      // Every name means its ":latest" too; a tag says so where its bare name is the catalog's.
      EXPECT_TRUE(!lower(name).ends_with(":latest") || lower(name) == model.id + ":latest") << name;
      claim(name, model.id);
    }
  }
  EXPECT_THAT(owner, SizeIs(Gt(1000U)));
  owner.clear();
  for (const EmbeddedFile& file : files_in("chips/")) {
    const ChipProfile chip = decode(decode_chip, std::string(file.path), file.text);
    claim(chip.chip.id, chip.chip.id);
    for (const std::string& name : chip.aliases) {
      claim(name, chip.chip.id);
    }
  }
}

TEST(EmbeddedProfiles, AreKnownByTheirFileNames) {
  const Profiles profiles = Profiles::embedded();
  std::vector<std::string> models;
  for (const EmbeddedFile& file : files_in("models/")) {
    models.push_back(stem(file.path));
  }
  std::sort(models.begin(), models.end());
  EXPECT_EQ(profiles.model_ids(), models);
  std::vector<std::string> chips;
  for (const EmbeddedFile& file : files_in("chips/")) {
    chips.push_back(stem(file.path));
  }
  std::sort(chips.begin(), chips.end());
  EXPECT_EQ(profiles.chip_ids(), chips);
  EXPECT_THAT(profiles.runtime_ids(),
              ElementsAre("candle", "coreml", "docker-ollama", "llama-cli", "llama.cpp", "lmstudio",
                          "lmstudio-mlx", "mlc", "mlc-interactive", "mlc-server", "mlx", "ollama",
                          "ollama-mlx"));
}

// An entry is right when its tensors add up to what its publisher counts, which check_profiles()
// looks at among everything else.
TEST(EmbeddedProfiles, HaveNoFault) {
  const std::vector<std::filesystem::path> folder{PROFILES_DIR};
  const ProfileCheck check = check_profiles(folder);
  EXPECT_THAT(check.files, SizeIs(Gt(450U)));
  for (const ProfileFault& fault : check.faults) {
    ADD_FAILURE() << fault.file << ":" << fault.line << ": " << fault.pointer << ": "
                  << fault.problem;
  }
}

TEST(EmbeddedProfiles, CountEveryPublishedParameter) {
  std::int64_t published = 0;
  std::int64_t exact = 0;
  for (const EmbeddedFile& file : files_in("models/")) {
    const ModelProfile profile = decode(decode_model, std::string(file.path), file.text);
    published += profile.published_parameters > 0 ? 1 : 0;
    const Architecture* architecture = find_architecture(profile.architecture);
    ASSERT_NE(architecture, nullptr) << file.path;
    const std::int64_t counted =
        counted_parameters(profile, *architecture, metadata_of(profile, std::string(file.path)));
    exact += counted == profile.parameters ? 1 : 0;
    // Publishers leave small tables out.
    EXPECT_LE(std::abs(counted - profile.parameters), profile.parameters / 1000) << file.path;
  }
  EXPECT_GE(published, 270);
  EXPECT_GE(exact, 295);
}

// ---- runtimes

TEST(Runtimes, FollowTheRulesOfTheirBuild) {
  const Profiles profiles = Profiles::embedded();
  const Runtime newest = profiles.runtime("llama.cpp");
  EXPECT_EQ(newest.id, "llama.cpp");
  EXPECT_EQ(newest.version, "b10587");
  EXPECT_TRUE(newest.llama_cpp.flash_attn_kv_scratch);
  EXPECT_EQ(profiles.runtime("llama.cpp@b10488").version, "b10488");
  EXPECT_FALSE(profiles.runtime("llama.cpp@b10488").llama_cpp.flash_attn_kv_scratch);
  EXPECT_FALSE(profiles.runtime("llama.cpp@10531").llama_cpp.flash_attn_kv_scratch);
  EXPECT_TRUE(profiles.runtime("llama.cpp@b10532").llama_cpp.flash_attn_kv_scratch);
  EXPECT_TRUE(profiles.runtime("llama-cli@b99999").llama_cpp.flash_attn_kv_scratch);
}

TEST(Runtimes, DifferInSlotsAndOutputs) {
  const Profiles profiles = Profiles::embedded();
  const Runtime server = profiles.runtime("llama-server");
  EXPECT_EQ(server.id, "llama.cpp");
  EXPECT_EQ(server.outputs, OutputRule::slots);
  EXPECT_EQ(server.defaults.parallel, 4);
  EXPECT_TRUE(server.unified_when_slots_unset);
  const Runtime cli = profiles.runtime("llama-cli");
  EXPECT_EQ(cli.outputs, OutputRule::batch);
  EXPECT_EQ(cli.defaults.parallel, 1);
  EXPECT_FALSE(cli.unified_when_slots_unset);
  for (const Runtime& runtime : {server, cli}) {
    EXPECT_EQ(runtime.defaults.context, 0);
    EXPECT_EQ(runtime.defaults.batch, 2048);
    EXPECT_EQ(runtime.defaults.ubatch, 512);
    EXPECT_EQ(runtime.defaults.cache_type_k, ElementType::f16);
    EXPECT_EQ(runtime.defaults.flash_attention, FlashAttention::automatic);
    EXPECT_EQ(runtime.defaults.gpu_layers, -1);
    EXPECT_TRUE(runtime.defaults.mmap);
  }
}

TEST(Runtimes, RefuseBuildsTheyCannotAnswerFor) {
  const Profiles profiles = Profiles::embedded();
  expect_refusal(error_of([&] { return profiles.runtime("llama.cpp@b6000"); }), Errc::unknown_name,
                 "", "known are b6975 and newer");
  expect_refusal(error_of([&] { return profiles.runtime("llama.cpp@newest"); }), Errc::unknown_name,
                 "", "'newest' is not a build of llama.cpp");
  expect_refusal(error_of([&] { return profiles.runtime("llama.cpp@"); }), Errc::unknown_name, "",
                 "not a build");
  expect_refusal(error_of([&] { return profiles.runtime("lama.cpp"); }), Errc::unknown_name, "",
                 "unknown runtime 'lama.cpp'; did you mean llama.cpp?");
}

// ---- models

TEST(Models, AreFoundByEveryNamePeopleUse) {
  const Profiles profiles = Profiles::embedded();
  for (const std::string_view name :
       {"qwen2.5-coder-32b", "qwen2.5-coder:32b", "Qwen2.5-Coder:32B",
        "Qwen/Qwen2.5-Coder-32B-Instruct", "qwen/qwen2.5-coder-32b-instruct"}) {
    EXPECT_EQ(profiles.model(name).id, "qwen2.5-coder-32b") << name;
  }
  EXPECT_EQ(profiles.model("llama3.1").id, "llama-3.1-8b");
  EXPECT_EQ(profiles.model("llama3.1:latest").id, "llama-3.1-8b");
  EXPECT_EQ(profiles.model("mistral").id, "mistral-7b-v0.3");
}

TEST(Models, TakeRecordsOfGgufFilesForGgufOnly) {
  const Profiles profiles = Profiles::embedded();
  const auto size = [&](std::string_view name, std::string_view quantization) {
    return profiles.model(name, quantization).tensors.total();
  };
  // Ollama's file keeps attn_v in F16.
  EXPECT_GT(size("qwen3:8b", "Q4_K_M"), size("qwen3-8b", "Q4_K_M"));
  EXPECT_EQ(size("qwen3:8b", "4bit"), size("qwen3-8b", "4bit"));
  EXPECT_THAT(profiles.model("qwen3:8b", "4bit").notes, IsEmpty());
}

TEST(Models, ThatAreFurtherTrainedHaveTheirOwnContext) {
  const Profiles profiles = Profiles::embedded();
  for (const std::string_view name :
       {"deepseek-r1", "deepseek-r1:8b", "deepseek-r1:8b-0528-qwen3-q8_0"}) {
    EXPECT_EQ(profiles.model(name).trained_context, 131072) << name;
  }
  EXPECT_EQ(profiles.model("qwen3:8b").trained_context, 40960);
}

TEST(Models, CarryTheCatalogsFacts) {
  const Model model = Profiles::embedded().model("qwen2.5-coder:32b", "q5_k_m");
  EXPECT_EQ(model.architecture, "qwen2");
  EXPECT_EQ(model.quantization, "Q5_K_M");
  EXPECT_EQ(model.source, ModelSource::catalog);
  EXPECT_EQ(model.trained_context, 32768);
  EXPECT_EQ(model.vocabulary, 152064);
  EXPECT_THAT(model.layers, SizeIs(64));
  EXPECT_EQ(model.tensors.parameters(), 32763876352);
  EXPECT_EQ(Profiles::embedded().model("qwen2.5-coder:32b").quantization, "Q4_K_M");
}

TEST(Models, UnknownOnesAreAnsweredWithTheNearest) {
  const Profiles profiles = Profiles::embedded();
  const Error error = error_of([&] { return profiles.model("qwen2.5-codr:32b"); });
  expect_refusal(error, Errc::unknown_name, "",
                 "unknown model 'qwen2.5-codr:32b'; did you mean qwen2.5-coder:32b, ");
  const std::string text = error.what();
  EXPECT_EQ(std::count(text.begin(), text.end(), ','), 4) << "five names: " << text;
  expect_refusal(error_of([&] { return profiles.model("zzzzzzzzzzzz"); }), Errc::unknown_name, "",
                 "unknown model 'zzzzzzzzzzzz'");
  expect_refusal(error_of([&] { return profiles.model(""); }), Errc::unknown_name, "",
                 "unknown model ''; no known name is near it");
  // A piece of a name's JSON text is not a name.
  EXPECT_EQ(error_of([&] { return profiles.model("block_count"); }).code(), Errc::unknown_name);
  EXPECT_EQ(error_of([&] { return profiles.model("qwen3:8b", "Q4_K_XXL"); }).code(),
            Errc::unknown_name);
}

// ---- what the decoder refuses

TEST(Decoder, PointsAtAKeyItDoesNotKnow) {
  const std::string text = embedded_text("models/qwen3-8b.json");
  const auto decoding = [](const std::string& broken) {
    return [&broken] { return decode(decode_model, "models/qwen3-8b.json", broken); };
  };
  std::string broken = with(text, "\"parameters\"", "\"parametres\"");
  expect_refusal(error_of(decoding(broken)), Errc::invalid_profile,
                 "models/qwen3-8b.json#/parametres", "did you mean 'parameters'?");
  broken = with(text, "\"architecture\"", "\"vendor\": \"x\", \"architecture\"");
  expect_refusal(error_of(decoding(broken)), Errc::invalid_profile, "models/qwen3-8b.json#/vendor",
                 "unknown key; remove it");
  broken = with(text, "\"context_length\": 40960", "\"context/length\": null");
  expect_refusal(error_of(decoding(broken)), Errc::invalid_profile,
                 "models/qwen3-8b.json#/metadata/context~1length", "must be a number");
  broken = with(text, "\"id\": \"qwen3-8b\"", "\"id\": \"qwen3-9b\"");
  expect_refusal(error_of(decoding(broken)), Errc::invalid_profile, "models/qwen3-8b.json#/id",
                 "does not match the file's name");
  broken = with(text, "\"name\"", "\"id\": \"qwen3-8b\", \"name\"");
  expect_refusal(error_of(decoding(broken)), Errc::invalid_profile, "models/qwen3-8b.json:4:3",
                 "key 'id' stands twice");
  broken = with(text, "membudget.model/1", "membudget.model/2");
  expect_refusal(error_of(decoding(broken)), Errc::invalid_profile, "models/qwen3-8b.json#/schema",
                 "must be 'membudget.model/1'");
}

TEST(Decoder, SaysWhereTheTextIsNotJson) {
  const auto refusal = [](std::string_view text) {
    return error_of([&] { return decode(decode_chip, "x.json", text); });
  };
  expect_refusal(refusal("{\n  // mine\n}"), Errc::invalid_profile, "x.json:2:3", "no comments");
  expect_refusal(refusal("{\"a\": 1,}"), Errc::invalid_profile, "x.json:1:8", "remove the comma");
  EXPECT_EQ(refusal("").code(), Errc::invalid_profile);
  EXPECT_EQ(refusal("\xff\xfe").code(), Errc::invalid_profile);
  expect_refusal(refusal("[]"), Errc::invalid_profile, "x.json#", "must be an object");
}

TEST(Decoder, RefusesFiguresThatCannotBe) {
  const std::string text = embedded_text("chips/m1-max-32gb.json");
  const auto refusal = [](const std::string& broken) {
    return error_of([&] { return decode(decode_chip, "chips/m1-max-32gb.json", broken); });
  };
  const std::string file = "chips/m1-max-32gb.json#";
  expect_refusal(refusal(with(text, "\"ram_gib\": 32", "\"ram_gib\": 34359738368")),
                 Errc::invalid_profile, file + "/ram_gib", "the unit is GiB");
  expect_refusal(refusal(with(text, "\"ram_gib\": 32", "\"ram_gib\": -1")), Errc::invalid_profile,
                 file + "/ram_gib", "at least 1");
  expect_refusal(refusal(with(text, "\"ram_gib\": 32", "\"ram_gib\": 18446744073709551615")),
                 Errc::invalid_profile, file + "/ram_gib", "whole number");
  expect_refusal(refusal(with(text, "\"ram_gib\": 32", "\"ram_gib\": 32.5")), Errc::invalid_profile,
                 file + "/ram_gib", "whole number");
  expect_refusal(refusal(with(text, "\"reserve_gib\": 4", "\"reserve_gib\": 32")),
                 Errc::invalid_profile, file + "/reserve_gib", "leaves no RAM");
  expect_refusal(
      refusal(with(text, "\"sources\"",
                   "\"working_sets\": [{\"macos_from\": 26, \"limit_bytes\": 68719476736, "
                   "\"rule\": \"x\", \"source\": \"x\", \"observed\": true}], \"sources\"")),
      Errc::invalid_profile, file + "/working_sets/0/limit_bytes", "more than the RAM");
}

TEST(Decoder, WantsBuildRangesWithoutGaps) {
  const std::string text = embedded_text("runtimes/llama.cpp.json");
  const auto refusal = [](const std::string& broken) {
    return error_of([&] { return decode(decode_runtime, "llama.cpp.json", broken); });
  };
  expect_refusal(refusal(with(text, "\"to\": 10531", "\"to\": 10530")), Errc::invalid_profile,
                 "llama.cpp.json#/builds/7/from", "one more than");
  expect_refusal(refusal(with(text, "\"from\": 10532", "\"from\": 10532, \"to\": 10600")),
                 Errc::invalid_profile, "llama.cpp.json#/builds", "without 'to'");
  expect_refusal(refusal(with(text, "\"slots\"", "\"rows\"")), Errc::invalid_profile,
                 "llama.cpp.json#/outputs", "none of: batch, slots");
  expect_refusal(refusal(with(text, "\"f16\"", "\"q9_0\"")), Errc::invalid_profile,
                 "llama.cpp.json#/defaults/cache_type_k", "'q9_0' is not a cache type");
}

TEST(Decoder, WantsMlxRulesThatCanHold) {
  const std::string text = embedded_text("runtimes/mlx.json");
  const auto refusal = [](const std::string& broken) {
    return error_of([&] { return decode(decode_runtime, "mlx.json", broken); });
  };
  expect_refusal(refusal(with(text, "\"base_buffer_ops\": 40", "\"base_buffer_ops\": 60")),
                 Errc::invalid_profile, "mlx.json#/mlx/in_flight/base_buffer_ops",
                 "must not be more than buffer_ops");
  expect_refusal(refusal(with(text, "[64, 72,", "[0, 72,")), Errc::invalid_profile,
                 "mlx.json#/mlx/fused_heads/dims", "a list of elements per head");
  expect_refusal(refusal(with(text, "\"windows\": \"whole\"", "\"windows\": \"half\"")),
                 Errc::invalid_profile, "mlx.json#/mlx/architectures/14/windows",
                 "'half' is not known");
  expect_refusal(refusal(with(text, "\"soft_max\"", "\"hard_max\"")), Errc::invalid_profile,
                 "mlx.json#/mlx/architectures/24/routing", "no way of choosing experts");
  expect_refusal(refusal(with(text, "\"architecture\": \"qwen2\"", "\"architecture\": \"llama\"")),
                 Errc::invalid_profile, "mlx.json#/mlx/architectures/3/architecture",
                 "stands above");
}

TEST(Runtime, OfAProgramAroundMlxTakesMlxsRules) {
  const Profiles profiles = Profiles::embedded();
  const Runtime mlx = profiles.runtime("mlx");
  const Runtime studio = profiles.runtime("lmstudio-mlx");
  EXPECT_EQ(studio.mlx.in_flight, mlx.mlx.in_flight);
  EXPECT_EQ(studio.mlx.architectures.size(), mlx.mlx.architectures.size());
  EXPECT_FALSE(mlx.mlx.context_fit.has_value());
  ASSERT_TRUE(studio.mlx.context_fit.has_value());
  EXPECT_EQ(studio.mlx.context_fit->reserve, gib(3));
  EXPECT_EQ(profiles.runtime("ollama-mlx").mlx.kept_bytes, gib(8));
}

// ---- a user's own profiles

TEST(Overlay, AddsAndReplaces) {
  const ScratchFolder folder;
  const std::string chip = embedded_text("chips/m1-max-32gb.json");
  write(folder / "chips/m1-max-32gb.json", with(chip, "\"reserve_gib\": 4", "\"reserve_gib\": 6"));
  write(folder / "chips/m9-48gb.json",
        with(with(with(with(chip, "m1-max-32gb", "m9-48gb"), "m1-max-32c-32gb", "m9-32c-48gb"),
                  "\"ram_gib\": 32", "\"ram_gib\": 48"),
             "Apple M1 Max", "Apple M9"));
  write(folder / "models/mine.json",
        with(with(with(embedded_text("models/qwen3-8b.json"), "\"qwen3-8b\"", "\"mine\""),
                  "\"qwen3:8b\"", "\"mine:8b\""),
             "Qwen/Qwen3-8B", "Me/Mine"));
  write(folder / "models/read-me.txt", "not a profile");
  const Profiles embedded = Profiles::embedded();
  const Profiles profiles = embedded.overlaid_with(folder.path());
  EXPECT_EQ(profiles.chip("m1-max-32gb").reserve, gib(6));
  EXPECT_EQ(embedded.chip("m1-max-32gb").reserve, gib(4));
  EXPECT_EQ(profiles.chip("m9-48gb").working_sets.size(), 2U);
  EXPECT_THAT(profiles.chip_ids(), SizeIs(embedded.chip_ids().size() + 1));
  EXPECT_EQ(profiles.model("mine:8b").id, "mine");
  // Both files give themselves this tag; the user's wins.
  EXPECT_EQ(profiles.model("qwen3").id, "mine");
  EXPECT_EQ(embedded.model("qwen3").id, "qwen3-8b");
}

TEST(Overlay, ReportsAFaultBeforeTheFileIsAskedFor) {
  const ScratchFolder folder;
  write(folder / "models/mine.json", "{\"schema\": \"membudget.model/1\", \"id\": \"yours\"}");
  const auto path = (folder / "models/mine.json").generic_string();
  expect_refusal(error_of([&] { return Profiles::embedded().overlaid_with(folder.path()); }),
                 Errc::invalid_profile, path + "#/id", "does not match the file's name");
}

TEST(Overlay, RefusesAFolderWithoutProfiles) {
  const ScratchFolder folder;
  const auto overlay = [&] { return Profiles::embedded().overlaid_with(folder.path()); };
  expect_refusal(error_of(overlay), Errc::io, folder.path().string(), "holds no profiles");
  const auto missing = [&] { return Profiles::embedded().overlaid_with(folder / "none"); };
  expect_refusal(error_of(missing), Errc::io, (folder / "none").string(), "is not a folder");
}

TEST(Overlay, RefusesAnArchitectureNobodyModels) {
  const ScratchFolder folder;
  write(folder / "models/qwen3-8b.json",
        with(embedded_text("models/qwen3-8b.json"), "\"architecture\": \"qwen3\"",
             "\"architecture\": \"qwen99\""));
  const Profiles profiles = Profiles::embedded().overlaid_with(folder.path());
  expect_refusal(error_of([&] { return profiles.model("qwen3-8b"); }), Errc::unsupported,
                 (folder / "models/qwen3-8b.json").generic_string() + "#/architecture",
                 "architecture 'qwen99'");
}

}  // namespace
}  // namespace membudget::profiles_test
