// SPDX-License-Identifier: MIT
#include "membudget/check.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "membudget/error.hpp"
#include "profiles/embedded.hpp"
#include "support/profile_texts.hpp"
#include "support/refusal.hpp"
#include "support/schema.hpp"
#include "support/scratch_folder.hpp"
#include "test_paths.hpp"

namespace membudget::check_test {
namespace {

using test::embedded_text;
using test::ScratchFolder;
using test::with;
using test::write;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<ProfileFault> faults_of(const std::filesystem::path& path) {
  const std::vector<std::filesystem::path> paths{path};
  return check_profiles(paths).faults;
}

std::string shown(const std::vector<ProfileFault>& faults) {
  std::string out;
  for (const ProfileFault& fault : faults) {
    out += fmt::format("{}:{}:{}: {}: {}\n", fault.file, fault.line, fault.column, fault.pointer,
                       fault.problem);
  }
  return out;
}

/// A valid profile with one mistake in it, and what a newcomer has to be told.
struct Broken {
  std::string_view name;   ///< Of the case.
  std::string_view path;   ///< Of the compiled-in profile.
  std::string_view piece;  ///< Replaced by ...
  std::string_view instead;
  /// What stands at the reported place: the fault's line and column are those of this text's first
  /// occurrence in the broken file.
  std::string_view place;
  std::string_view pointer;
  std::string_view words;  ///< A part of the message.
};

void PrintTo(const Broken& value, std::ostream* out) {
  *out << value.name;
}

constexpr std::string_view chip = "chips/m1-max-32gb.json";
constexpr std::string_view model = "models/qwen3-8b.json";
constexpr std::string_view moe = "models/qwen3-30b-a3b.json";
constexpr std::string_view quant = "quants/q4_k_m.json";
constexpr std::string_view mlx = "quants/4bit.json";
constexpr std::string_view grouped = "quants/q4f16_1.json";
constexpr std::string_view runtime = "runtimes/llama.cpp.json";
constexpr std::string_view mlx_runtime = "runtimes/lmstudio-mlx.json";
constexpr std::string_view ollama = "runtimes/ollama.json";
constexpr std::string_view docker = "runtimes/docker-ollama.json";
constexpr std::string_view candle = "runtimes/candle.json";
constexpr std::string_view mlc = "runtimes/mlc.json";
constexpr std::string_view mlc_server = "runtimes/mlc-server.json";
constexpr std::string_view core_ml = "runtimes/coreml.json";
constexpr std::string_view sets = "working_sets.json";
constexpr std::string_view tokenizers = "tokenizers.json";
constexpr std::string_view budget = "budget.json";
constexpr std::string_view serving = "serving.json";
constexpr std::string_view stack = "stacks/ensemble-m1-max-32gb.json";
constexpr std::string_view health = "health.json";
constexpr std::string_view calibration = "calibration.json";

constexpr Broken broken[] = {
    // Text that is no JSON.
    {"line_comment", chip, "{\n", "{\n  // my Mac\n", "// my", "", "no comments"},
    {"block_comment", chip, "\"ram_gib\"", "/* GiB */ \"ram_gib\"", "/* GiB", "", "no comments"},
    {"hash_comment", chip, "\"ram_gib\"", "# GiB\n\"ram_gib\"", "# GiB", "", "no comments"},
    {"comma_before_brace", runtime, "\"checkpoints\": 32", "\"checkpoints\": 32,", ",\n  },", "",
     "remove the comma"},
    {"comma_before_bracket", chip, "[\"m1-max-32c-32gb\"]", "[\"m1-max-32c-32gb\",]", ",]", "",
     "remove the comma"},
    {"missing_comma", chip, "\"cpu_cores\": 10,", "\"cpu_cores\": 10", "\n  \"gpu_cores\"", "",
     "a ',' or '}' is missing"},
    {"missing_colon", chip, "\"cpu_cores\": 10", "\"cpu_cores\" 10", " 10", "", "':' is missing"},
    {"single_quotes", chip, "\"T6001\"", "'T6001'", "'T6001'", "", "double quotes"},
    {"bare_key", chip, "\"ram_gib\"", "ram_gib", "ram_gib", "", "key in double quotes"},
    {"bare_word", chip, "\"ram_gib\": 32", "\"ram_gib\": thirty", "thirty", "", "no JSON value"},
    {"python_true", runtime, "\"mmap\": true", "\"mmap\": True", "True", "", "lower case"},
    {"open_string", chip, "\"T6001\"", "\"T6001", "\"T6001", "", "not closed on its line"},
    {"open_object", chip, "\n}\n", "\n", "{\n", "", "never closed"},
    {"two_documents", chip, "\n}\n", "\n}\n{}\n", "{}\n", "", "follows the end"},
    {"bad_number", chip, "\"ram_gib\": 32", "\"ram_gib\": 3.2.1", ".1,", "", "not JSON"},
    {"key_twice", chip, "\"ram_gib\": 32", "\"year\": 2022, \"ram_gib\": 32", "\"year\": 2022", "",
     "stands twice"},
    // Stacks and what serves them.
    {"stack_model", stack, "\"mistral:7b\"", "\"mistrall:7b\"", "\"mistrall:7b\"",
     "/members/0/model", "unknown model 'mistrall:7b'; did you mean mistral:7b"},
    {"stack_request", stack, "\"member\": \"fast\"", "\"member\": \"fasst\"", "\"fasst\"",
     "/requests/0/member", "did you mean 'fast'?"},
    {"stack_load", stack, "\"role\": \"quick tasks\"", "\"load\": \"lazy\"", "\"lazy\"",
     "/members/0/load", "on-demand"},
    {"stack_chip", stack, "\"m1-max-32gb\",\n", "\"m1-max-33gb\",\n", "\"m1-max-33gb\"", "/chip",
     "no chip is called 'm1-max-33gb'"},
    {"stack_beside", stack, "\"members\": [", "\"beside\": \"dokcer\", \"members\": [",
     "\"dokcer\"", "/beside", "known are docker"},
    {"serving_eviction", serving, "\"shortest-keep-alive\"", "\"shortest\"", "\"shortest\"",
     "/servers/0/eviction", "least-recently-used"},
    {"serving_speed", serving, "\"read_gbs\": 2.7", "\"read_gbs\": -2.7", "-2.7",
     "/storage/0/read_gbs", "must be"},
    // What engines other than llama.cpp bring.
    {"share_over_all", mlc, "\"utilization_percent\": 85", "\"utilization_percent\": 850", "850",
     "/versions/0/mlc/utilization_percent", "at most 100"},
    {"unknown_mode", mlc, "\"mode\": \"local\"", "\"mode\": \"remote\"", "\"remote\"", "/mode",
     "none of: local, interactive, server"},
    {"versions_of_nobody", mlc_server, "\"versions_of\": \"mlc\"", "\"versions_of\": \"nobody\"",
     "\"nobody\"", "/versions_of", "no runtime is called 'nobody'"},
    {"unknown_cache", candle, "\"cache\": \"whole\"", "\"cache\": \"hole\"", "\"hole\"",
     "/versions/0/candle/architectures/phi3/cache", "whole"},
    {"step_missing", candle, "            \"step\": 512,\n", "",
     "{\n            \"cache\": \"stepwise\"", "/versions/0/candle/architectures/glm4",
     "key 'step' is missing"},
    {"type_nobody_has", candle, "\"Q4_K\"", "\"Q4_X\"", "\"Q4_X\"", "/versions/0/candle/types/11",
     "is not a tensor type"},
    {"limits_missing", core_ml, "        \"dimension\": 65536,\n", "", "{\n        \"program_mib\"",
     "/versions/0/coreml", "key 'dimension' is missing"},
    {"bits_nobody_packs", grouped, "\"bits\": 4", "\"bits\": 5", "5,", "/bits", "are not known"},
    {"bits_without_group", grouped, "  \"bits\": 4,\n", "", "\"group_size\"", "/group_size",
     "unknown key"},
    // Members.
    {"unknown_key", chip, "\"ram_gib\": 32", "\"colour\": \"silver\", \"ram_gib\": 32",
     "\"colour\"", "/colour", "unknown key; remove it"},
    {"misspelt_key", chip, "\"bandwidth_gbs\"", "\"bandwith_gbs\"", "\"bandwith_gbs\"",
     "/bandwith_gbs", "did you mean 'bandwidth_gbs'?"},
    {"missing_key", chip, "  \"cpu_cores\": 10,\n", "", "{\n", "", "key 'cpu_cores' is missing"},
    {"bounds_in_disorder", budget, "\"most_bytes\": 4294967296", "\"most_bytes\": 4294967",
     "4294967,", "/hosts/reserve/most_bytes", "must not be less than least_bytes"},
    {"negative_container_reserve", budget, "\"reserve_bytes\": 268435456,",
     "\"reserve_bytes\": -1,", "-1,", "/hosts/container/reserve_bytes", "at least 0"},
    {"missing_source", chip, "    \"ram\": \"https://support.apple.com/en-us/111900\",\n", "",
     "{\n    \"cores\"", "/sources", "key 'ram' is missing"},
    {"wrong_schema", chip, "membudget.chip/1", "membudget.chp/1", "\"membudget.chp/1\"", "/schema",
     "did you mean 'membudget.chip/1'?"},
    {"missing_schema", chip, "  \"schema\": \"membudget.chip/1\",\n", "", "{\n", "",
     "key 'schema' is missing"},
    {"id_is_not_the_file", chip, "\"id\": \"m1-max-32gb\"", "\"id\": \"m1-max-33gb\"",
     "\"m1-max-33gb\"", "/id", "does not match the file's name"},
    {"id_in_upper_case", chip, "\"id\": \"m1-max-32gb\"", "\"id\": \"M1-Max\"", "\"M1-Max\"", "/id",
     "may hold only a-z"},
    {"number_as_text", chip, "\"cpu_cores\": 10", "\"cpu_cores\": \"10\"", "\"10\"", "/cpu_cores",
     "whole number"},
    {"fraction", chip, "\"gpu_cores\": 32", "\"gpu_cores\": 32.5", "32.5", "/gpu_cores",
     "whole number"},
    {"negative", chip, "\"gpu_cores\": 32", "\"gpu_cores\": -32", "-32,\n", "/gpu_cores",
     "at least 1"},
    {"ram_in_bytes", chip, "\"ram_gib\": 32", "\"ram_gib\": 34359738368", "34359738368", "/ram_gib",
     "the unit is GiB"},
    {"name_that_says_otherwise", chip, "\"ram_gib\": 32", "\"ram_gib\": 64", "\"m1-max-32gb\"",
     "/id", "says 32 GiB of RAM, but ram_gib is 64"},
    {"reserve_takes_everything", chip, "\"reserve_gib\": 4", "\"reserve_gib\": 32",
     "32,\n  \"machines\"", "/reserve_gib", "leaves no RAM"},
    {"limit_over_ram", chip, "  \"sources\"",
     "  \"working_sets\": [{\"macos_from\": 26, \"limit_bytes\": 68719476736, \"rule\": \"x\", "
     "\"source\": \"x\", \"observed\": true}],\n  \"sources\"",
     "68719476736", "/working_sets/0/limit_bytes", "more than the RAM"},
    {"two_limits_for_one_macos", sets, "\"macos_from\": 26", "\"macos_from\": 15", "",
     "/entries/13/macos_from", "two limits"},
    {"alias_that_says_otherwise", chip, "\"m1-max-32c-32gb\"", "\"m1-max-30c\"", "\"m1-max-30c\"",
     "/aliases/0", "says 30 GPU cores"},
    {"alias_twice", model, "\"aliases\": [", "\"aliases\": [\"twice\", \"twice\", ",
     "\"twice\", \"hermes", "/aliases/1", "stands twice"},
    {"name_of_another_model", model, "\"qwen3:8b\"", "\"llama3.1:8b\"", "\"llama3.1:8b\"", "",
     "already names the built-in model llama-3.1-8b"},
    {"repository_without_owner", model, "\"Qwen/Qwen3-8B\"", "\"Qwen_Qwen3-8B\"",
     "\"Qwen_Qwen3-8B\"", "/hf", "ORG/NAME"},
    {"unknown_modality", model, "\"modality\": \"text\"", "\"modality\": \"speech\"", "\"speech\"",
     "/modality", "none of: text, vision, embedding"},
    {"unknown_architecture", model, "\"architecture\": \"qwen3\"", "\"architecture\": \"qwne3\"",
     "\"qwne3\"", "/architecture", "did you mean 'qwen3'?"},
    {"wrong_parameters", model, "\"parameters\": 8190735360", "\"parameters\": 8290735360",
     "8290735360", "/parameters", ""},
    {"more_active_than_all", moe, "\"active_parameters\": 3353032704",
     "\"active_parameters\": 33530327040", "33530327040", "/active_parameters", "must not be more"},
    {"wrong_width", model, "\"embedding_length\": 4096", "\"embedding_length\": 4608", "8190735360",
     "/parameters", "hold"},
    {"metadata_without_layers", model, "    \"block_count\": 36,\n", "",
     "{\n    \"context_length\"", "/metadata", "block_count"},
    {"metadata_that_is_null", model, "\"block_count\": 36", "\"block_count\": null", "null",
     "/metadata/block_count", "must be a number"},
    {"unknown_default_quantization", model, "\"default_quantization\": \"Q4_K_M\"",
     "\"default_quantization\": \"Q4_KM\"", "\"Q4_KM\"", "/default_quantization",
     "no quantization is called 'Q4_KM'"},
    {"unknown_tokenizer", model, "\"tokenizer\": \"qwen2\"", "\"tokenizer\": \"qwen9\"",
     "\"qwen9\"", "/tokenizer", "no tokenizer 'qwen9'"},
    {"unknown_type_in_an_upload", model, "\"attn_v.weight\": \"F16\"", "\"attn_v.weight\": \"F17\"",
     "\"F17\"", "/uploads/0/tensors/attn_v.weight", "not a tensor type"},
    {"upload_of_every_name", model, "[\"qwen3\", ", "[\"*\", \"qwen3\", ", "\"*\"",
     "/uploads/0/names/0", "matches every name"},
    {"unknown_type_in_a_mix", quant, "\"base\": \"Q4_K\"", "\"base\": \"Q4K\"", "\"Q4K\"", "/base",
     "not a tensor type"},
    {"unknown_condition", quant, "\"when\": \"more_bits\"", "\"when\": \"often\"", "\"often\"",
     "/mix/attn_v/0/when", "none of: always"},
    {"too_many_steps", quant, "[{\"when\": \"more_bits\", \"type\": \"Q6_K\"}]",
     "[{\"when\": \"first_2\", \"type\": \"Q6_K\"}, {\"when\": \"first_4\", \"type\": \"Q6_K\"}, "
     "{\"when\": \"more_bits\", \"type\": \"Q6_K\"}]",
     "[{\"when\": \"first_2\"", "/mix/attn_v", "at most 2"},
    {"bits_that_mlx_has_not", mlx, "\"bits\": 4", "\"bits\": 7", "7,", "/bits",
     "MLX has no 7 bits"},
    {"build_range_with_a_gap", runtime, "\"to\": 10531", "\"to\": 10530", "10532", "/builds/7/from",
     "one more than"},
    {"context_tiers_out_of_order", ollama, "\"from_gib\": 23", "\"from_gib\": 50", "50",
     "/ollama/contexts/1/from_gib", "most memory comes first"},
    {"no_context_for_every_machine", ollama, "\"from_gib\": 0", "\"from_gib\": 1",
     "[\n      {\"from_gib\"", "/ollama/contexts", "must end in a tier from 0 GiB"},
    {"batch_tiers_out_of_order", ollama, "\"batch\": 1024", "\"batch\": 4096", "4096, \"percent\"",
     "/ollama/batches/1/batch", "must be smaller"},
    {"share_of_more_than_all", ollama, "\"fit_percent\": 80", "\"fit_percent\": 180", "180",
     "/ollama/fit_percent", "1 to 100"},
    {"variable_without_a_name", ollama, "\"OLLAMA_NUM_PARALLEL\"", "4", "4,\n      \"cache_type\"",
     "/ollama/variables/parallel", "must be"},
    {"ollama_of_nobody", docker, "\"ollama_of\": \"ollama\"", "\"ollama_of\": \"olama\"",
     "\"olama\"", "/ollama_of", "no runtime is called 'olama'"},
    {"settings_for_nobody", docker, "\"settings_for\": \"ollama\"", "\"settings_for\": \"sysctl\"",
     "\"sysctl\"", "/settings_for", "none of: llama-server, ollama, lmstudio, mlx"},
    {"virtual_machine_of_more_than_all", docker, "\"ram_percent\": 50", "\"ram_percent\": 500",
     "500", "/virtual_machine/ram_percent", "more than the machine has"},
    {"unknown_backend", docker, "\"backend\": \"cpu\"", "\"backend\": \"npu\"", "\"npu\"",
     "/defaults/backend", "none of: metal, cpu"},
    {"rule_that_is_no_truth", runtime, "\"cache_rotation\": false", "\"cache_rotation\": 0", "0,",
     "/builds/0/cache_rotation", "true or false"},
    {"unknown_rule", runtime, "\"fused_delta_net\": false", "\"fused_delta_nets\": false",
     "\"fused_delta_nets\"", "/builds/0/fused_delta_nets", "fused_delta_net"},
    {"unknown_cache_type", runtime, "\"cache_type_k\": \"f16\"", "\"cache_type_k\": \"q9_0\"",
     "\"q9_0\"", "/defaults/cache_type_k", "not a cache type"},
    {"mlx_rules_of_nobody", mlx_runtime, "\"rules_of\": \"mlx\"", "\"rules_of\": \"mls\"",
     "\"mls\"", "/rules_of", "no runtime is called 'mls'"},
    {"mlx_runtime_without_service", mlx_runtime, "\"service\"", "\"servic\"", "\"servic\"",
     "/servic", "did you mean 'service'?"},
    {"health_that_never_settles", health, "\"memory_below\": 0.60", "\"memory_below\": 0.90",
     "0.90", "/upgrade/memory_below", "better side of the downgrade's 0.85"},
    {"health_in_percent", health, "\"memory_above\": 0.85", "\"memory_above\": 85", "85,",
     "/downgrade/memory_above", "from 0 to 1"},
    {"health_without_a_limit", health, "    \"swap_above\": 100,\n", "", "{\n    \"memory_above\"",
     "/downgrade", "key 'swap_above' is missing"},
    {"health_that_is_cool_and_hot", health, "\"cool_to\": \"nominal\"", "\"cool_to\": \"serious\"",
     "\"serious\",\n    \"source\"", "/thermal_states/cool_to", "cooler than hot_from"},
    {"health_without_a_reason", health, "      \"swap_band\": \"half",
     "      \"swap_bend\": \"half", "\"swap_bend\"", "/hysteresis/reasons/swap_bend",
     "did you mean 'swap_band'?"},
    {"calibration_that_only_slows", calibration, "\"most_factor\": 1.5", "\"most_factor\": 0.9",
     "0.9,\n", "/most_factor", "must not be below 1"},
    {"calibration_without_records", calibration, "\"least_records\": 5", "\"least_records\": 0",
     "0,\n  \"prompt", "/least_records", "at least 1"},
    {"vocabulary_without_tokens", tokenizers, "\"tokens\": 30522", "\"tokens\": 0", "0,",
     "/entries/0/tokens", "at least 1"},
};

class BrokenProfile : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenProfile, IsReportedWhereItIsBroken) {
  const Broken& broken_one = GetParam();
  const std::string text =
      with(embedded_text(broken_one.path), broken_one.piece, broken_one.instead);
  const ScratchFolder folder;
  const std::filesystem::path path = folder / std::string(broken_one.path);
  write(path, text);

  const auto faults = faults_of(path);
  const auto told = std::find_if(faults.begin(), faults.end(), [&](const ProfileFault& fault) {
    return fault.problem.find(broken_one.words) != std::string::npos;
  });
  ASSERT_NE(told, faults.end()) << "no '" << broken_one.words << "' in\n" << shown(faults);
  EXPECT_EQ(told->file, path.generic_string());
  EXPECT_THAT(told->problem, Not(HasSubstr("\n")));
  EXPECT_GT(told->problem.size(), 15U) << "too short to act on";
  if (!broken_one.pointer.empty()) {
    EXPECT_EQ(told->pointer, broken_one.pointer) << shown(faults);
  }
  if (!broken_one.place.empty()) {
    const auto at = text.find(broken_one.place);
    ASSERT_NE(at, std::string::npos);
    const std::string before = text.substr(0, at);
    const auto line_start = before.rfind('\n') == std::string::npos ? 0 : before.rfind('\n') + 1;
    EXPECT_EQ(told->line, 1 + std::count(before.begin(), before.end(), '\n')) << shown(faults);
    EXPECT_EQ(told->column, static_cast<std::int64_t>(1 + at - line_start)) << shown(faults);
  }
  // One mistake is one fault: nothing that only follows from it.
  EXPECT_EQ(faults.size(), 1U) << shown(faults);
}

INSTANTIATE_TEST_SUITE_P(Check, BrokenProfile, ::testing::ValuesIn(broken),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Check, ReportsEveryFaultOfEveryFileInOneRun) {
  const ScratchFolder folder;
  std::string text = embedded_text(chip);
  text = with(text, "\"cpu_cores\": 10", "\"cpu_cores\": 0");
  text = with(text, "\"bandwidth_gbs\": 400", "\"bandwidth_gbs\": \"fast\"");
  text = with(text, "\"reserve_gib\": 4", "\"reserve_gib\": 4, \"colour\": \"grey\"");
  write(folder / "chips/m1-max-32gb.json", text);
  write(folder / "models/qwen3-8b.json", with(embedded_text(model), "\"text\"", "\"speech\""));
  write(folder / "quants/q4_k_m.json", embedded_text(quant));
  const auto faults = faults_of(folder.path());
  std::vector<std::string> pointers;
  for (const ProfileFault& fault : faults) {
    pointers.push_back(fault.pointer);
  }
  EXPECT_THAT(pointers, ElementsAre("/cpu_cores", "/bandwidth_gbs", "/colour", "/modality"))
      << shown(faults);
}

TEST(Check, AcceptsTheBuiltInFilesOneByOneAndAsAFolder) {
  const std::vector<std::filesystem::path> folder{PROFILES_DIR};
  const ProfileCheck all = check_profiles(folder);
  EXPECT_THAT(all.faults, IsEmpty()) << shown(all.faults);
  for (const std::string& file : all.files) {
    EXPECT_THAT(file, Not(HasSubstr(".schema.json")));
  }
  EXPECT_THAT(faults_of(std::filesystem::path(PROFILES_DIR) / "models/gemma-3-12b.json"),
              IsEmpty());
}

TEST(Check, FindsAnAliasThatTwoFilesClaim) {
  const ScratchFolder folder;
  std::string mine = with(embedded_text(chip), "\"m1-max-32gb\"", "\"my-mac\"");
  mine = with(mine, "[\"m1-max-32c-32gb\"]", "[\"home\"]");
  write(folder / "chips/my-mac.json", mine);
  write(folder / "chips/your-mac.json", with(mine, "\"my-mac\"", "\"your-mac\""));
  const auto faults = faults_of(folder.path());
  ASSERT_THAT(faults, SizeIs(1)) << shown(faults);
  EXPECT_THAT(faults[0].file, HasSubstr("your-mac.json"));
  EXPECT_EQ(faults[0].pointer, "/aliases/0");
  EXPECT_THAT(faults[0].problem, HasSubstr("'home' already names my-mac in"));
}

TEST(Check, LooksReferencesUpInTheFilesBesideAndInTheBuiltInOnes) {
  const ScratchFolder folder;
  const std::string_view desk = R"({
  "schema": "membudget.stack/1",
  "id": "desk",
  "name": "On my desk",
  "chip": "my-mac",
  "members": [
    {"model": "qwen3:8b", "quantization": "Q4_K_M", "runtime": "llama.cpp@b10587"},
    {"model": "qwen33:8b", "runtime": "ollamma"}
  ],
  "sources": ["me"]
}
)";
  write(folder / "stacks/desk.json", desk);
  std::string mine = with(embedded_text(chip), "\"m1-max-32gb\"", "\"my-mac\"");
  write(folder / "chips/my-mac.json", with(mine, "[\"m1-max-32c-32gb\"]", "[\"home\"]"));
  const auto faults = faults_of(folder.path());
  ASSERT_THAT(faults, SizeIs(2)) << shown(faults);
  EXPECT_EQ(faults[0].pointer, "/members/1/model");
  EXPECT_EQ(faults[0].line, 8);
  EXPECT_EQ(faults[1].pointer, "/members/1/runtime");
}

TEST(Check, SurvivesWhatIsNoProfileAtAll) {
  const ScratchFolder folder;
  const std::string deep(100'000, '[');
  const std::string deep_objects = [] {
    std::string out;
    for (int i = 0; i < 100'000; ++i) out += "{\"a\":";
    return out;
  }();
  const std::map<std::string, std::string> texts{{"empty.json", ""},
                                                 {"space.json", "  \n\t "},
                                                 {"null.json", "null"},
                                                 {"array.json", "[1, 2]"},
                                                 {"text.json", "\"hello\""},
                                                 {"deep.json", deep},
                                                 {"deeper.json", deep_objects},
                                                 {"binary.json", std::string("\x00\xff\xfe{", 4)},
                                                 {"latin.json", "{\"schema\": \"caf\xe9\"}"},
                                                 {"number.json", "{\"schema\": 1e999}"},
                                                 {"escape.json", "{\"schema\": \"\\uD800\"}"},
                                                 {"nul.json", std::string("{\"a\0b\": 1}", 10)}};
  for (const auto& [name, text] : texts) {
    write(folder / name, text);
    const auto faults = faults_of(folder / name);
    EXPECT_THAT(faults, SizeIs(1)) << name << "\n" << shown(faults);
  }
}

TEST(Check, SpellsOutControlCharactersOfFiles) {
  const ScratchFolder folder;
  write(folder / "a.json", "{\"red\x1b[31m\" 1}");
  const auto faults = faults_of(folder / "a.json");
  ASSERT_THAT(faults, SizeIs(1)) << shown(faults);
  EXPECT_THAT(faults[0].problem, HasSubstr("red\\x1b[31m"));
}

TEST(Check, CountsColumnsInCharacters) {
  const ScratchFolder folder;
  write(folder / "chips/m1-max-32gb.json",
        with(embedded_text(chip), "  \"soc\": \"T6001\",",
             "  \"soc\": \"T6001 \xC3\xA4\xE2\x82\xAC\", \"x\": 1,"));
  const auto faults = faults_of(folder.path());
  ASSERT_THAT(faults, SizeIs(1)) << shown(faults);
  EXPECT_EQ(faults[0].column, 22);
}

TEST(Check, WantsALimitForEveryAmountOfRam) {
  const ScratchFolder folder;
  std::string mine = with(embedded_text(chip), "\"m1-max-32gb\"", "\"my-mac\"");
  mine = with(mine, "[\"m1-max-32c-32gb\"]", "[\"home\"]");
  write(folder / "chips/my-mac.json", with(mine, "\"ram_gib\": 32", "\"ram_gib\": 40"));
  const auto faults = faults_of(folder.path());
  ASSERT_THAT(faults, SizeIs(1)) << shown(faults);
  EXPECT_EQ(faults[0].pointer, "/ram_gib");
  EXPECT_THAT(faults[0].problem, HasSubstr("no Metal working set is known for 40.00 GiB"));
}

TEST(Check, RefusesAPathThatHoldsNoProfile) {
  const ScratchFolder folder;
  test::expect_refusal(test::error_of([&] { return faults_of(folder / "none"); }), Errc::io,
                       (folder / "none").generic_string(), "does not exist");
  test::expect_refusal(test::error_of([&] { return faults_of(folder.path()); }), Errc::io,
                       folder.path().generic_string(), "holds no .json file");
}

// What JSON Schema can say about a profile, the decoder says too: for every broken file that the
// schema refuses there is a fault.
TEST(Check, IsAsStrictAsTheSchemas) {
  const std::map<std::string, std::string> schemas{{"chips", "chip"},
                                                   {"models", "model"},
                                                   {"quants", "quantization"},
                                                   {"runtimes", "runtime"},
                                                   {"working_sets.json", "working_sets"},
                                                   {"tokenizers.json", "tokenizers"},
                                                   {"budget.json", "budget"},
                                                   {"serving.json", "serving"},
                                                   {"stacks", "stack"}};
  const ScratchFolder folder;
  int refused = 0;
  for (const std::string_view path : {chip, model, moe, quant, mlx, grouped, runtime, candle, mlc,
                                      mlc_server, core_ml, tokenizers, budget, serving, stack}) {
    const auto valid = nlohmann::json::parse(embedded_text(path));
    const std::string kind(path.substr(0, path.find('/')));
    const auto schema =
        std::filesystem::path(PROFILES_DIR) / "schema" / (schemas.at(kind) + ".schema.json");
    // Every member, one level down too, in turn removed or replaced by each kind of value.
    std::vector<nlohmann::json> mutants;
    const auto mutate = [&](const nlohmann::json::json_pointer& at) {
      for (const nlohmann::json& value :
           {nlohmann::json(nullptr), nlohmann::json(-1), nlohmann::json(0), nlohmann::json(1.5),
            nlohmann::json(""), nlohmann::json("x"), nlohmann::json(true), nlohmann::json::array(),
            nlohmann::json::object()}) {
        mutants.push_back(valid);
        mutants.back()[at] = value;
      }
    };
    for (const auto& [key, member] : valid.items()) {
      const nlohmann::json::json_pointer at("/" + key);
      mutate(at);
      mutants.push_back(valid);
      mutants.back().erase(key);
      if (member.is_object()) {
        for (const auto& [inner, ignored] : member.items()) {
          mutate(at / inner);
          mutants.push_back(valid);
          mutants.back()[at].erase(inner);
        }
      } else if (member.is_array() && !member.empty()) {
        mutate(at / 0);
      }
    }
    mutants.push_back(valid);
    mutants.back()["unheard-of"] = 1;
    for (const nlohmann::json& mutant : mutants) {
      if (test::schema_faults(mutant, schema).empty()) {
        continue;
      }
      ++refused;
      const auto file = folder / std::string(path);
      write(file, mutant.dump(2));
      EXPECT_THAT(faults_of(file), Not(IsEmpty()))
          << path << ": " << test::schema_faults(mutant, schema);
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace membudget::check_test
