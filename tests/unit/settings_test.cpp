// SPDX-License-Identifier: MIT
// What is printed, read by the tools it is meant for where they can be had: bash, plutil, xmllint.
#include "membudget/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "membudget/load_model.hpp"
#include "membudget/profiles.hpp"
#include "settings/quoting.hpp"
#include "support/scratch_folder.hpp"
#include "support/settings_reader.hpp"

namespace membudget::settings_test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

Workload asked(std::int64_t context, std::optional<std::int64_t> parallel = {},
               std::optional<ElementType> k = {}, std::optional<ElementType> v = {}) {
  Workload out;
  out.context = context;
  out.parallel = parallel;
  out.cache_type_k = k;
  out.cache_type_v = v;
  return out;
}

PlannedRun planned(const std::string& name, const std::string& chip, const Workload& workload,
                   const std::string& quantization = "") {
  const auto profiles = Profiles::embedded();
  PlannedRun run;
  run.model = profiles.model(name, quantization);
  run.machine = machine(profiles.chip(chip));
  run.server = profiles.runtime("llama.cpp");
  run.ollama = profiles.runtime("ollama");
  run.lmstudio = profiles.runtime("lmstudio");
  run.workload = workload;
  run.names = names_of(name, run.model, profiles);
  run.plan = plan(run.model, run.machine, run.server, workload);
  return run;
}

PlannedRun of_file(const std::string& path) {
  auto run = planned("qwen2.5-coder:0.5b", "m1-max-32gb", asked(4096));
  run.names = {};
  run.names.file = path;
  return run;
}

/// A plan for Ollama itself. In Docker it has no GPU, and says so by itself.
PlannedRun planned_for(const std::string& ollama, const std::string& name, std::int64_t context) {
  auto run = planned(name, "m1-max-32gb", asked(context));
  run.ollama = Profiles::embedded().runtime(ollama);
  run.plan = plan(run.model, run.machine, run.ollama, run.workload);
  run.workload = configured(run.workload, run.ollama, run.model, run.plan.budget);
  return run;
}

std::string joined(const std::vector<std::string>& lines) {
  return settings::joined(lines) + "\n";
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What bash prints for the script, run in `folder` as home and place; "exit N" where it fails.
std::string bash(const std::string& script, const fs::path& folder) {
  std::ofstream(folder / "script", std::ios::binary) << script;
  const auto command = "cd '" + folder.string() + "' && HOME=\"$PWD\" bash -eu script >out 2>&1";
  const int status = std::system(command.c_str());
  const auto out = content(folder / "out");
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? out : "failed: " + out;
}

const std::vector<std::string>& hostile_names() {
  static const std::vector<std::string> names{"it's here.gguf",     "$(touch pwned).gguf",
                                              "`touch pwned`.gguf", "a\nb; touch pwned.gguf",
                                              "--help.gguf",        "~root.gguf",
                                              "\"quoted\".gguf",    "a\\b.gguf",
                                              " leading.gguf",      "-c 1.gguf",
                                              "tab\tbed.gguf",      "caf\xC3\xA9 \xE6\xA8\xA1.gguf",
                                              "\xFF\xFE.gguf",      "#hash.gguf",
                                              "JSON\n.gguf",        "*?[a].gguf",
                                              "sub dir/it's.gguf",  "!history.gguf",
                                              "a\rb.gguf"};
  return names;
}

TEST(ShellWord, IsTheTextAgainWhenBashReadsIt) {
  const test::ScratchFolder scratch;
  for (const auto& name : hostile_names()) {
    EXPECT_EQ(bash("printf '%s' " + settings::shell_word(name), scratch.path()), name);
  }
  EXPECT_EQ(settings::shell_word("q8_0"), "q8_0");
  EXPECT_EQ(settings::shell_word(""), "''");
  EXPECT_FALSE(fs::exists(scratch.path() / "pwned"));
}

TEST(SettingsComment, StaysOnItsLine) {
  EXPECT_EQ(settings::comment("a\nrm -rf /\rb\x1b[2J"), "# a?rm -rf /?b?[2J");
}

TEST(ModelfileValue, IsTheTextAgainWhenOllamaReadsIt) {
  int written = 0;
  for (const auto& name : hostile_names()) {
    const auto value = settings::modelfile_value(name);
    if (!value) continue;
    ++written;
    EXPECT_THAT(test::read_modelfile("FROM " + *value + "\nPARAMETER num_ctx 1\n"),
                ElementsAre(std::pair<std::string, std::string>("from", name),
                            std::pair<std::string, std::string>("num_ctx", "1")));
  }
  EXPECT_EQ(written, 14);
  // Ollama's parser drops what does not print, and a line ends the value.
  for (const char* name : {"a\nb", "a\tb", "\xFF", "a\xC2\xA0z", "", "a\xE2\x80\x8Bz"}) {
    EXPECT_FALSE(settings::modelfile_value(name)) << name;
  }
}

TEST(SettingsLlamaServer, GivesAHostilePathToTheServerAsItIs) {
  const test::ScratchFolder scratch;
  for (const auto& name : hostile_names()) {
    const auto script = "llama-server() { printf '%s' \"$2\"; }\n" +
                        runtime_commands(of_file(name)).llama_server + "\n";
    const auto heard = bash(script, scratch.path());
    EXPECT_TRUE(heard == name || heard == "./" + name) << heard;
    EXPECT_FALSE(heard.starts_with('-')) << heard;
  }
  EXPECT_FALSE(fs::exists(scratch.path() / "pwned"));
}

TEST(SettingsOllama, SetsTheSameVariablesForAppAndShell) {
  const test::ScratchFolder scratch;
  const auto run = planned("qwen2.5-coder:32b", "m1-max-32gb",
                           asked(8192, {}, ElementType::q8_0, ElementType::q8_0));
  const auto script = "launchctl() { echo \"app $2=$3\"; }\n" +
                      joined(runtime_commands(run).ollama) + "env | grep ^OLLAMA_ | sort\n";
  EXPECT_EQ(bash(script, scratch.path()),
            "app OLLAMA_CONTEXT_LENGTH=8192\napp OLLAMA_KV_CACHE_TYPE=q8_0\n"
            "OLLAMA_CONTEXT_LENGTH=8192\nOLLAMA_KV_CACHE_TYPE=q8_0\n");
}

TEST(SettingsOllama, RunsATagOnceTheServerIsSet) {
  const auto lines = [](const std::string& ollama, const std::string& name, std::int64_t context) {
    return runtime_commands(planned_for(ollama, name, context)).ollama_run;
  };
  // 32768 tokens are what it takes on that machine by itself.
  EXPECT_THAT(lines("ollama", "llama3.1:8b", 32768), ElementsAre("ollama run llama3.1:8b"));
  EXPECT_THAT(lines("ollama", "llama3.1:8b", 8192),
              ElementsAre(StartsWith("# Once"), "ollama run llama3.1:8b"));
  // The container starts with what it is told.
  EXPECT_THAT(lines("docker-ollama", "llama3.1:8b", 8192),
              ElementsAre("docker exec -it ollama ollama run llama3.1:8b"));
  // Nobody talks to what only embeds.
  EXPECT_THAT(lines("ollama", "nomic-embed-text", 2048),
              ElementsAre("ollama pull nomic-embed-text"));
}

TEST(SettingsOllama, MakesAModelOfAFileAndOfParameters) {
  const std::vector<std::string> lines{
      "# With what `membudget settings --for modelfile` prints, saved as Modelfile:",
      "ollama create my-model -f Modelfile", "ollama run my-model"};
  const auto made = IsSupersetOf(lines);
  EXPECT_THAT(runtime_commands(of_file("/models/x.gguf")).ollama_run, made);
  auto workload = asked(4096, 1);
  workload.batch = workload.ubatch = 128;
  const auto batches = planned("qwen2.5-coder:7b", "m1-16gb", workload);
  ASSERT_THAT(runtime_commands(batches).modelfile, HasSubstr("PARAMETER num_batch 128"));
  EXPECT_THAT(runtime_commands(batches).ollama_run, made);
}

TEST(SettingsOllama, LeavesOutWhatThisMachineDefaultsTo) {
  // 24.96 GiB of working set stand for 32768 tokens; 11.84 GiB for 4096.
  const auto large = planned("qwen2.5-coder:32b", "m1-max-32gb", asked(32768, 1));
  EXPECT_THAT(joined(runtime_commands(large).ollama), Not(HasSubstr("CONTEXT_LENGTH")));
  EXPECT_THAT(runtime_commands(large).modelfile, Not(HasSubstr("num_ctx")));
  const auto small = planned("qwen2.5-coder:7b", "m1-16gb", asked(4096, 1));
  EXPECT_EQ(runtime_commands(small).modelfile, "FROM qwen2.5-coder:7b");
  EXPECT_EQ(joined(runtime_commands(small).ollama),
            "# Ollama's defaults are the plan: no variable needs to be set.\n");
  const auto other = planned("qwen2.5-coder:7b", "m1-16gb", asked(32768, 1));
  EXPECT_THAT(runtime_commands(other).modelfile, HasSubstr("PARAMETER num_ctx 32768\n"));
}

TEST(SettingsOllama, SaysWhatItCannotDo) {
  auto workload = asked(8192, 1, ElementType::q8_0);
  workload.n_cpu_moe = 4;
  const auto run = planned("mixtral:8x7b", "m4-max-128gb", workload);
  const auto commands = runtime_commands(run);
  for (const auto& text : {commands.modelfile, joined(commands.ollama)}) {
    EXPECT_THAT(text, HasSubstr("# Ollama has one cache type: f16 for both, where q8_0 was planned "
                                "for K and f16 for V.\n"));
    EXPECT_THAT(text, HasSubstr("# Ollama has no setting for --n-cpu-moe 4.\n"));
    EXPECT_THAT(text, HasSubstr("# So it takes "));
  }
}

TEST(SettingsLlamaServer, IsEstimatedOnTheCpuWhereItIsKeptToIt) {
  const auto run = planned_for("docker-ollama", "llama3.1:8b", 4096);
  ASSERT_EQ(run.plan.footprint.total(Place::gpu), Bytes{});
  const auto text = runtime_commands(run).llama_server;
  EXPECT_THAT(text, HasSubstr("--device none"));
  EXPECT_THAT(text, Not(HasSubstr("on the GPU")));
  EXPECT_THAT(text, Not(HasSubstr("So it takes")));
}

TEST(SettingsOllama, HasNoGpuWhereTheMachineHasNone) {
  auto run = planned("qwen2.5:7b", "m1-max-32gb", asked(8192));
  run.machine.metal = false;
  run.workload.backend = Backend::cpu;
  run.plan = plan(run.model, run.machine, run.server, run.workload);
  const auto commands = runtime_commands(run);
  for (const auto& text : {joined(commands.ollama), commands.modelfile, commands.llama_server,
                           joined(commands.lmstudio)}) {
    EXPECT_THAT(text, Not(HasSubstr("of it on the GPU")));
  }
  // One slot instead of four asks for three rows of logits less: 3 x 152064 x 4 bytes.
  EXPECT_THAT(joined(commands.ollama), HasSubstr(", 1.7 MiB less than planned.\n"));
}

TEST(SettingsOllama, NamesNoDifferenceThatPrintsAlike) {
  const auto run = planned("llama3.3:70b", "m1-max-32gb", asked(131072));
  const auto text = joined(runtime_commands(run).ollama);
  EXPECT_THAT(text, HasSubstr("# So it takes 80.46 GiB, "));
  EXPECT_THAT(text, HasSubstr(" less than planned.\n"));
  EXPECT_THAT(text, Not(HasSubstr("on the GPU instead of")));
}

TEST(SettingsLmStudio, WritesTheDefaultsOfTheModelAndLoadsIt) {
  const test::ScratchFolder scratch;
  for (const auto& name : hostile_names()) {
#ifdef __APPLE__
    if (name.starts_with('\xFF')) continue;  // No name of a file there.
#endif
    fs::remove_all(scratch.path());
    fs::create_directories(scratch.path());
    const auto script = "lms() { for word; do printf '%s|' \"$word\"; done; }\n" +
                        joined(runtime_commands(of_file(name)).lmstudio);
    const auto heard = bash(script, scratch.path());
    const auto file = name.substr(name.rfind('/') + 1);
    const auto key = "local/" + file.substr(0, file.rfind('.')) + "/" + file;
    EXPECT_EQ(heard, "import|--symbolic-link|--user-repo|" + key.substr(0, key.rfind('/')) +
                         "|-y|" + fs::canonical(scratch.path()).string() + "/" + name + "|load|" +
                         key + "|--gpu|max|-c|4096|-y|");
    const auto written =
        scratch.path() / ".lmstudio/.internal/user-concrete-model-default-config" / (key + ".json");
    ASSERT_TRUE(fs::exists(written)) << name;
    const auto json = nlohmann::json::parse(content(written));
    EXPECT_EQ(json["preset"], "");
    EXPECT_EQ(json["operation"]["fields"].size(), 0U);
    EXPECT_EQ(json["load"]["fields"][0],
              (nlohmann::json{{"key", "llm.load.contextLength"}, {"value", 4096}}));
    EXPECT_FALSE(fs::exists(scratch.path() / "pwned"));
  }
}

TEST(SettingsLmStudio, KnowsAModelOfItsOwnFolder) {
  const auto text = joined(
      runtime_commands(of_file("/Users/x/.lmstudio/models/org/repo/model.Q4_K_M.gguf")).lmstudio);
  EXPECT_THAT(text, Not(HasSubstr("lms import")));
  EXPECT_THAT(text, HasSubstr("lms load org/repo/model.Q4_K_M.gguf --gpu max -c 4096 -y\n"));
}

TEST(SettingsMlx, TurnsBatchAndSlotsIntoItsOwnOptions) {
  const auto run = planned("qwen2.5-coder:32b", "m1-max-32gb",
                           asked(8192, {}, ElementType::q8_0, ElementType::q8_0));
  const auto commands = test::shell_commands(runtime_commands(run).mlx);
  ASSERT_EQ(commands.size(), 1U);
  // 64 layers x 8192 tokens x 8 heads x 128 x K and V x 2 bytes.
  EXPECT_THAT(
      commands[0],
      ElementsAre("mlx_lm.server", "--model", "mlx-community/Qwen2.5-Coder-32B-Instruct-4bit",
                  "--prefill-step-size", "512", "--decode-concurrency", "1", "--prompt-concurrency",
                  "1", "--prompt-cache-size", "1", "--prompt-cache-bytes", "2147483648"));
  EXPECT_THAT(runtime_commands(run).mlx, HasSubstr("keeps its cache in 16 bits: about 2.00 GiB"));
  EXPECT_THAT(test::shell_commands(runtime_commands(of_file("x.gguf")).mlx), IsEmpty());
}

TEST(SettingsMlx, DraftsWithTheDraftsOwnRepository) {
  auto run = planned("qwen2.5-coder:32b", "m4-max-36gb", asked(8192));
  run.workload.draft =
      std::make_shared<const Model>(Profiles::embedded().model("qwen2.5-coder:0.5b"));
  run.draft_names = names_of("qwen2.5-coder:0.5b", *run.workload.draft, Profiles::embedded());
  EXPECT_THAT(runtime_commands(run).mlx,
              HasSubstr("--draft-model mlx-community/Qwen2.5-Coder-0.5B-Instruct-"));
  EXPECT_THAT(joined(runtime_commands(run).lmstudio),
              HasSubstr("Choose qwen2.5-coder-0.5b Q4_K_M under Speculative Decoding"));
  run.draft_names = {};
  EXPECT_THAT(runtime_commands(run).mlx, HasSubstr("# MLX reads no GGUF: give --draft-model"));
}

TEST(SettingsSysctl, IsNamedBesideSettingsThatNeedIt) {
  auto run = planned("qwen2.5-coder:32b", "m1-max-32gb", asked(8192));
  const auto replanned = [&](std::int64_t context, std::int64_t limit) {
    run.machine.wired_limit_mib = limit;
    run.workload.context = context;
    run.plan = plan(run.model, run.machine, run.server, run.workload);
    return runtime_commands(run);
  };
  const auto needed = replanned(32768, 28672);
  ASSERT_TRUE(fits(run.plan.verdict));
  const std::string note = "sudo sysctl iogpu.wired_limit_mb=28672";
  for (const std::string& text : {needed.llama_server, needed.modelfile, needed.mlx,
                                  joined(needed.ollama), joined(needed.lmstudio)}) {
    EXPECT_THAT(text,
                StartsWith("# Planned with Metal's limit raised from 24.96 GiB to 28.00 GiB"));
    EXPECT_THAT(text, HasSubstr(note));
  }
  EXPECT_THAT(replanned(8192, 28672).llama_server, Not(HasSubstr(note)));
}

TEST(SettingsSysctl, RaisesTheLimitNowAndAfterEveryStart) {
  const test::ScratchFolder scratch;
  const auto run = planned("qwen2.5-coder:32b", "m1-max-32gb", asked(32768));
  ASSERT_EQ(run.plan.verdict, Verdict::crawls);
  const auto limit = std::to_string(wired_limit_for(run.plan).value_or(0));
  // Every command needs root; this sudo shows it, and takes the plist in.
  const auto heard = bash(
      "sudo() { if [ \"$1\" = tee ]; then cat >list.plist; fi; printf '%s ' \"$@\"; echo; }\n" +
          runtime_commands(run).sysctl + "\n",
      scratch.path());
  EXPECT_THAT(heard, StartsWith("sysctl iogpu.wired_limit_mb=" + limit + " \n"));
  EXPECT_THAT(heard,
              HasSubstr("chown root:wheel /Library/LaunchDaemons/membudget.wired-limit.plist \n"));
  EXPECT_THAT(heard, HasSubstr("chmod 644 /Library/LaunchDaemons/membudget.wired-limit.plist \n"));
  EXPECT_THAT(
      heard,
      HasSubstr(
          "launchctl bootstrap system /Library/LaunchDaemons/membudget.wired-limit.plist \n"));
  const auto plist = content(scratch.path() / "list.plist");
  EXPECT_THAT(plist,
              HasSubstr("<string>/usr/sbin/sysctl</string>\n    <string>iogpu.wired_limit_mb=" +
                        limit + "</string>"));
  const auto checked = bash(
      "if command -v plutil; then plutil -lint list.plist; else xmllint --nonet --noout "
      "list.plist; fi",
      scratch.path());
  EXPECT_THAT(checked, Not(StartsWith("failed"))) << plist;
}

TEST(SettingsSysctl, KeepsALimitThatWasPlannedWith) {
  auto run = planned("qwen2.5-coder:32b", "m1-max-32gb", asked(8192));
  EXPECT_EQ(runtime_commands(run).sysctl, "");
  run.machine.wired_limit_mib = 28000;
  run.plan = plan(run.model, run.machine, run.server, run.workload);
  EXPECT_THAT(runtime_commands(run).sysctl,
              HasSubstr("\nsudo sysctl iogpu.wired_limit_mb=28000\n"));
  // Nothing helps a plan that is larger than the RAM that is left.
  EXPECT_EQ(runtime_commands(planned("llama3.3:70b", "m1-16gb", asked(4096))).sysctl, "");
}

TEST(NamesOf, GiveOllamaATagOfTheQuantization) {
  const auto profiles = Profiles::embedded();
  const auto names = [&](const std::string& typed, const std::string& quantization) {
    return names_of(typed, profiles.model(typed, quantization), profiles);
  };
  EXPECT_EQ(names("qwen2.5-coder:32b", "").ollama, "qwen2.5-coder:32b");
  EXPECT_FALSE(names("qwen2.5-coder:32b", "").ollama_inferred);
  EXPECT_EQ(names("qwen2.5-coder-32b", "").ollama, "qwen2.5-coder:32b");
  EXPECT_EQ(names("Qwen/Qwen2.5-Coder-32B-Instruct", "").ollama, "qwen2.5-coder:32b");
  EXPECT_EQ(names("qwen2.5-coder:32b", "Q8_0").ollama, "qwen2.5-coder:32b-instruct-q8_0");
  EXPECT_TRUE(names("qwen2.5-coder:32b", "Q8_0").ollama_inferred);
  EXPECT_EQ(names("llama3.1:8b-instruct-q8_0", "").ollama, "llama3.1:8b-instruct-q8_0");
  EXPECT_FALSE(names("llama3.1:8b-instruct-q8_0", "").ollama_inferred);
  EXPECT_EQ(names("llama3.1:8b-instruct-q8_0", "Q5_K_M").ollama, "llama3.1:8b-instruct-q5_K_M");
  EXPECT_EQ(names("llama3.2", "F16").ollama, "llama3.2:3b-instruct-fp16");
  EXPECT_EQ(names("llama3.2:latest", "F16").ollama, "llama3.2:3b-instruct-fp16");
  EXPECT_EQ(names("llama3.2:latest", "").ollama, "llama3.2:latest");
  EXPECT_EQ(names("glm-4.7-flash", "").ollama, "glm-4.7-flash:latest");
  EXPECT_EQ(names("glm-4.7-flash", "Q8_0").ollama, "glm-4.7-flash:q8_0");
  // A fine-tune of the same shapes is another model.
  EXPECT_EQ(names("NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO", "").ollama, "");
  EXPECT_EQ(names("qwen2.5-coder:32b", "").title, "Qwen2.5-Coder-32B-Instruct");
}

TEST(OllamaSettings, DoNotAskForWhatOllamaDoesAnyway) {
  // It reads this file whatever use_mmap says.
  PlannedRun run = planned("qwen3.5:4b", "m1-max-32gb", asked(8192));
  EXPECT_THAT(runtime_commands(run).modelfile, Not(HasSubstr("use_mmap")));
  run.plan = plan(run.model, run.machine, run.ollama, run.workload);
  ASSERT_FALSE(run.plan.footprint.settings.mmap);
  EXPECT_THAT(runtime_commands(run).modelfile, Not(HasSubstr("use_mmap")));
}

}  // namespace
}  // namespace membudget::settings_test
