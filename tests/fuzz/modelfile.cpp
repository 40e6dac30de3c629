// SPDX-License-Identifier: MIT
// The input is a Modelfile and, after a line "%%", lines NAME=VALUE of a server's environment.
#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "membudget/ollama.hpp"
#include "membudget/plan.hpp"

namespace membudget::fuzz {

void modelfile(std::string_view input) {
  const auto parts = parts_of(input);
  const auto file = read_or_refuse([&] { return read_modelfile("Modelfile", parts[0]); });
  if (file) {
    for (const std::string& warning : file->warnings) {
      check_printable(warning, "warnings are fit for a terminal");
    }
  }
  Runtime runtime = profiles().runtime("ollama");
  if (parts.size() > 1) {
    std::map<std::string, std::string> variables;
    for (std::string_view rest = parts[1]; !rest.empty();) {
      const std::string_view line = take_line(rest);
      const auto equals = std::min(line.find('='), line.size());
      variables[std::string(line.substr(0, equals))] =
          line.substr(std::min(equals + 1, line.size()));
    }
    std::vector<std::string> warnings;
    if (const auto set =
            read_or_refuse([&] { return with_ollama_environment(runtime, variables, warnings); })) {
      runtime = *set;
    }
    for (const std::string& warning : warnings) {
      check_printable(warning, "warnings are fit for a terminal");
    }
  }
  static const Model model = profiles().model("qwen2.5-0.5b", "Q4_K_M");
  static const Machine mac = machine(profiles().chip("m4-max-36gb"));
  const auto planned = read_or_refuse([&] {
    const Workload workload = file ? with_modelfile({}, *file) : Workload{};
    return plan(model, mac, runtime, with_slot_context(workload, runtime, model));
  });
  if (planned) {
    Bytes sum;
    for (const Part& part : planned->footprint.parts) {
      sum += part.bytes;
    }
    require(sum == planned->footprint.total(), "the parts of a plan sum to its total");
  }
}

}  // namespace membudget::fuzz
