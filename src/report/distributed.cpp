// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "membudget/distribute_report.hpp"
#include "report/layout.hpp"
#include "report/summary.hpp"

namespace membudget {
namespace {

using Json = nlohmann::ordered_json;

constexpr int rpc_port = 50052;  // llama.cpp tools/rpc/rpc-server.cpp, b10587.

std::string host(std::size_t machine) {
  return fmt::format("MAC{}", machine + 1);
}

bool is_mlx(const DistributedReport& report) {
  return report.plan.how != Distribution::llama_rpc;
}

std::string file_of(const DistributedReport& report) {
  if (!report.names.file.empty()) return report.names.file;
  const std::string& title = report.names.title.empty() ? report.model.id : report.names.title;
  return fmt::format("{}-{}.gguf", title, report.model.quantization);
}

std::string layers_of(const MachineShare& share) {
  std::string out = share.last_layer > share.first_layer
                        ? fmt::format("{}-{}", share.first_layer, share.last_layer - 1)
                        : "none";
  return share.output ? out + ", output" : out;
}

std::vector<std::string> rpc_commands(const DistributedReport& report, std::size_t machine) {
  const DistributedPlan& plan = report.plan;
  if (machine > 0) {
    return {"# Trusts everyone who can reach it: bind it to the cable between the Macs only.",
            fmt::format("rpc-server --host {} --port {} --cache", host(machine), rpc_port)};
  }
  std::vector<std::string> servers;
  for (const std::size_t at : plan.order) {
    if (at > 0) servers.push_back(fmt::format("{}:{}", host(at), rpc_port));
  }
  std::vector<std::string> split;
  const double smallest = *std::min_element(plan.split.begin(), plan.split.end());
  for (const double each : plan.split) {
    // In units that read well and name the same boundaries.
    split.push_back(smallest > 1e6 ? fmt::format("{}", static_cast<std::int64_t>(each) >> 20)
                                   : fmt::format("{}", each));
  }
  const Settings& settings = plan.single.footprint.settings;
  return {
      fmt::format("llama-server --model {} --rpc {} --tensor-split {} --ctx-size {} "
                  "--parallel {}{}",
                  file_of(report), fmt::join(servers, ","), fmt::join(split, ","), settings.context,
                  settings.parallel, settings.kv_unified ? " --kv-unified" : "")};
}

std::vector<std::string> mlx_commands(const DistributedReport& report, std::size_t machine) {
  if (machine > 0) {
    return {"# Nothing: the first Mac starts it over ssh; mlx-lm must be installed here too."};
  }
  const DistributedPlan& plan = report.plan;
  std::vector<std::string> hosts;
  for (std::size_t i = 0; i < plan.shares.size(); ++i) hosts.push_back(host(i));
  const std::string_view backend = plan.link.rdma ? "jaccl" : "ring";
  const std::string model =
      !report.names.folder.empty()
          ? report.names.folder
          : fmt::format("mlx-community/{}-{}", report.names.title, report.model.quantization);
  const bool cable = plan.link.id.starts_with("thunderbolt");
  return {
      fmt::format("mlx.distributed_config --backend {} --hosts {} --over {} --output hosts.json",
                  backend, fmt::join(hosts, ","), cable ? "thunderbolt" : "ethernet"),
      fmt::format("mlx.launch --backend {} --hostfile hosts.json -- mlx_lm.server --model {}{}",
                  backend, model, plan.how == Distribution::mlx_pipeline ? " --pipeline" : "")};
}

Json share_memory(const Footprint& footprint) {
  return {{"parts", report::parts_of(footprint)},
          {"gpu_bytes", footprint.total(Place::gpu).count()},
          {"host_bytes", footprint.total(Place::host).count()},
          {"total_bytes", footprint.total().count()}};
}

}  // namespace

std::vector<std::vector<std::string>> commands_of(const DistributedReport& report) {
  std::vector<std::vector<std::string>> out;
  for (std::size_t i = 0; i < report.plan.shares.size(); ++i) {
    out.push_back(is_mlx(report) ? mlx_commands(report, i) : rpc_commands(report, i));
  }
  return out;
}

std::string to_text(const DistributedReport& report, const TextStyle& style) {
  const DistributedPlan& plan = report.plan;
  std::string out = fmt::format("{} {} on {} Macs with {} {} ({}), {} tokens, over {}\n\n",
                                report.model.id, report.model.quantization, plan.shares.size(),
                                report.runtime.id, report.runtime.version, to_string(plan.how),
                                plan.single.footprint.settings.context, plan.link.name);
  out += fmt::format("{}: {}\n\n", report::words(plan.verdict), plan.reasons.front());
  out += fmt::format("  {:<18}{:<18}{:>11}{:>11}{:>11}{:>11}{:>11}\n", "Mac", "layers", "weights",
                     "cache", "compute", "GPU limit", "left");
  for (const MachineShare& share : plan.shares) {
    const Footprint& own = share.plan.footprint;
    out +=
        fmt::format("  {:<18}{:<18}{:>11}{:>11}{:>11}{:>11}{:>11}\n", share.machine.chip.id,
                    layers_of(share), to_text(own.total(PartName::weights)),
                    to_text(own.total(PartName::kv_cache) + own.total(PartName::recurrent_state)),
                    to_text(own.total(PartName::compute)), to_text(share.plan.budget.gpu_limit),
                    to_text(share.plan.headroom));
  }
  out += "\n";
  if (plan.generation_tps) {
    out += fmt::format(
        "Generation: about {:.1f} tokens/s, of which the link takes {:.1f} ms a token.\n",
        *plan.generation_tps, plan.link_ms_per_token);
  }
  if (plan.sent_to_load > Bytes{}) {
    const double seconds =
        static_cast<double>(plan.sent_to_load.count()) * 8 / (plan.link.gigabits_per_second * 1e9);
    out += fmt::format("Loading sends {} over the link: at least {:.0f} s the first time.\n",
                       to_text(plan.sent_to_load), seconds);
  }
  for (std::size_t i = 1; i < plan.reasons.size(); ++i) {
    for (const std::string& line : report::wrapped(plan.reasons[i], style.width))
      out += line + "\n";
  }
  const auto commands = commands_of(report);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    out += fmt::format("\nOn {} ({}):\n", host(i), plan.shares[i].machine.chip.id);
    for (const std::string& line : commands[i])
      out += "  " + report::printable(line, style.unicode) + "\n";
  }
  return out;
}

std::string to_json(const DistributedReport& report) {
  const DistributedPlan& plan = report.plan;
  const auto commands = commands_of(report);
  Json machines = Json::array();
  for (std::size_t i = 0; i < plan.shares.size(); ++i) {
    const MachineShare& share = plan.shares[i];
    machines.push_back({{"chip", share.machine.chip.id},
                        {"first_layer", share.first_layer},
                        {"last_layer", share.last_layer},
                        {"output", share.output},
                        {"memory", share_memory(share.plan.footprint)},
                        {"gpu_limit_bytes", share.plan.budget.gpu_limit.count()},
                        {"headroom_bytes", share.plan.headroom.count()},
                        {"verdict", to_string(share.plan.verdict)},
                        {"commands", commands[i]}});
  }
  Json out = {{"schema", "membudget.distributed-plan/1"},
              {"model", {{"id", report.model.id}, {"quantization", report.model.quantization}}},
              {"runtime", {{"id", report.runtime.id}, {"version", report.runtime.version}}},
              {"distribution", to_string(plan.how)},
              {"context", plan.single.footprint.settings.context},
              {"link",
               {{"id", plan.link.id},
                {"gigabits_per_second", plan.link.gigabits_per_second},
                {"message_us", plan.link.message_us}}},
              {"machines", std::move(machines)},
              {"order", plan.order},
              {"tensor_split", plan.split},
              {"binding", plan.binding},
              {"verdict", to_string(plan.verdict)},
              {"reasons", plan.reasons},
              {"single_bytes", plan.single.footprint.total().count()},
              {"duplicated_bytes", plan.duplicated.count()},
              {"sent_to_load_bytes", plan.sent_to_load.count()},
              {"traffic_per_token_bytes", plan.traffic_per_token.count()},
              {"messages_per_token", plan.messages_per_token},
              {"link_ms_per_token", plan.link_ms_per_token}};
  if (plan.generation_tps) out["generation_tps"] = *plan.generation_tps;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace membudget
