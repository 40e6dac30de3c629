// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "membudget/membudget.hpp"
#include "plan_options.hpp"

namespace {

using membudget::Inspection;
using membudget::Model;

struct InspectOptions {
  std::string model;
  ModelOptions source;
  std::string quantization;
  std::string profiles;
  bool json = false;
  std::string output;
};

std::string as_json(const Model& model, const Inspection& inspection) {
  nlohmann::ordered_json kinds = nlohmann::ordered_json::array();
  for (const auto& layers : inspection.layers) {
    kinds.push_back({{"kind", layers.kind}, {"count", layers.count}});
  }
  nlohmann::ordered_json tensors = nlohmann::ordered_json::object();
  for (const auto& tensor : inspection.tensors) {
    tensors[std::string(membudget::format_of(tensor.type).name)] = {
        {"count", tensor.count}, {"elements", tensor.elements}, {"bytes", tensor.bytes.count()}};
  }
  nlohmann::ordered_json out{{"schema", "membudget.inspect/1"},
                             {"id", model.id},
                             {"architecture", model.architecture},
                             {"quantization", model.quantization},
                             {"source", membudget::to_string(model.source)},
                             {"layers", model.layers.size()},
                             {"layer_kinds", std::move(kinds)},
                             {"embedding", model.embedding},
                             {"vocabulary", model.vocabulary},
                             {"trained_context", model.trained_context},
                             {"parameters", inspection.parameters},
                             {"tensors", std::move(tensors)},
                             {"weights_bytes", inspection.weights.count()},
                             {"bits_per_weight", inspection.bits_per_weight},
                             {"file_size_estimate_bytes", inspection.file_size.count()},
                             {"kv_bytes_per_token", inspection.cache_per_token.count()},
                             {"kv_window_bytes", inspection.cache_of_windows.count()},
                             {"recurrent_state_bytes", inspection.recurrent_state.count()}};
  if (!model.notes.empty()) out["notes"] = model.notes;
  if (!model.not_understood.empty()) out["not_understood"] = model.not_understood;
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string as_text(const Model& model, const Inspection& inspection) {
  std::string out = fmt::format(
      "{}{}{}: {}, {:.2f} billion parameters\n", model.id, model.quantization.empty() ? "" : " ",
      model.quantization, model.architecture, static_cast<double>(inspection.parameters) / 1e9);
  out += fmt::format("trained for {} tokens, {} of vocabulary, embedding {}\n\n",
                     model.trained_context, model.vocabulary, model.embedding);
  out += "layers\n";
  for (const auto& layers : inspection.layers) {
    out += fmt::format("  {:>4}  {}\n", layers.count, layers.kind);
  }
  out += "\ntensors        count        weights          size\n";
  for (const auto& tensor : inspection.tensors) {
    out += fmt::format("  {:<10} {:>7} {:>14} {:>13}\n", membudget::format_of(tensor.type).name,
                       tensor.count, tensor.elements, to_text(tensor.bytes));
  }
  out += fmt::format("\n{:<26}{:>13}  {:.3f} bits per weight\n", "all tensors",
                     to_text(inspection.weights), inspection.bits_per_weight);
  if (inspection.file_size > membudget::Bytes{}) {
    out += fmt::format("{:<26}{:>13}\n",
                       model.source == membudget::ModelSource::catalog ? "file, estimated" : "file",
                       to_text(inspection.file_size));
  }
  if (inspection.cache_per_token > membudget::Bytes{}) {
    out += fmt::format("{:<26}{:>13}  F16, 1000 tokens: {}\n", "each token of context",
                       fmt::format("{} B", inspection.cache_per_token.count()),
                       to_text(inspection.cache_per_token * 1000));
  }
  if (inspection.cache_of_windows > membudget::Bytes{}) {
    out += fmt::format("{:<26}{:>13}  once full\n", "sliding windows",
                       to_text(inspection.cache_of_windows));
  }
  if (inspection.recurrent_state > membudget::Bytes{}) {
    out += fmt::format("{:<26}{:>13}  per sequence, whatever its length\n", "recurrent state",
                       to_text(inspection.recurrent_state));
  }
  for (const std::string& note : model.notes) out += fmt::format("\nnote: {}\n", note);
  if (!model.not_understood.empty()) {
    out += fmt::format("\nnot understood: {}; the figures of its cache are no more than a bound\n",
                       model.not_understood);
  }
  return out;
}

Exit run(const InspectOptions& options) {
  auto profiles = membudget::Profiles::embedded();
  if (!options.profiles.empty()) profiles = profiles.overlaid_with(options.profiles);
  const Model model = read_model(options.model, options.quantization, profiles, options.source);
  const Inspection inspection = membudget::inspect(model);
  write_result(options.json ? as_json(model, inspection) : as_text(model, inspection),
               options.output);
  return exit_fits;
}

}  // namespace

void add_inspect(CLI::App& program, Exit& exit) {
  auto* command = program.add_subcommand("inspect", "What MODEL is: layers, tensors, bytes");
  auto options = std::make_shared<InspectOptions>();
  command->add_option("MODEL", options->model, "As in plan: a name, file, folder or address")
      ->required();
  options->source.add_to(*command);
  command->add_option("--quant", options->quantization, "Q4_K_M, 4bit, ...; default: its usual")
      ->type_name("NAME");
  command->add_option("--profiles", options->profiles, "Folder that adds to the built-in profiles")
      ->type_name("DIR");
  command->add_flag("--json", options->json, "One JSON object")->group("Output");
  command->add_option("-o,--output", options->output, "Write to FILE instead of standard output")
      ->type_name("FILE")
      ->group("Output");
  command->callback([options, &exit] { exit = run(*options); });
}
