// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "membudget/distribute_report.hpp"
#include "report/bar.hpp"
#include "report/json_parts.hpp"
#include "report/layout.hpp"
#include "report/page.hpp"
#include "report/summary.hpp"

namespace membudget {
namespace {

using namespace report;

constexpr int mac_width = 20;
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
  const std::string out =
      share.last_layer > share.first_layer
          ? fmt::format("layers {} to {}", share.first_layer, share.last_layer - 1)
          : "no layer";
  return share.output ? out + " and the output" : out;
}

std::string headline(const DistributedReport& report) {
  const DistributedPlan& plan = report.plan;
  return fmt::format("{} {} on {} Macs with {} {} ({}), {} tokens, over {}", report.model.id,
                     report.model.quantization, plan.shares.size(), report.runtime.id,
                     report.runtime.version, to_string(plan.how),
                     plan.single.footprint.settings.context, plan.link.name);
}

/// "Fits, but tight: every Mac has room; ..."
std::string verdict_line(const DistributedPlan& plan) {
  std::string why = plan.reasons.front();
  // A reason against it begins with the name of a Mac.
  if (fits(plan.verdict)) {
    why.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(why.front())));
  }
  return fmt::format("{}: {}", words(plan.verdict), why);
}

std::string row(std::string_view mac, std::string_view weights, std::string_view cache,
                std::string_view compute, std::string_view limit, std::string_view room) {
  return "  " + left(mac, mac_width) +
         fmt::format("{:>11}{:>11}{:>11}{:>11}{:>11}", weights, cache, compute, limit, room);
}

void add_share(Page& page, const MachineShare& share, const TextStyle& style) {
  std::string mac = printable(share.machine.chip.id, style.unicode);
  if (columns(mac) > mac_width) {
    page.raw("  " + mac);
    mac.clear();
  }
  const Footprint& own = share.plan.footprint;
  page.raw(row(mac, to_text(own.total(PartName::weights)),
               to_text(own.total(PartName::kv_cache) + own.total(PartName::recurrent_state)),
               to_text(own.total(PartName::compute)), to_text(share.plan.budget.gpu_limit),
               to_text(share.plan.headroom)));
  page.paragraph("", 6, layers_of(share), dim);
}

void add_times(Page& page, const DistributedPlan& plan) {
  if (plan.generation_tps) {
    page.paragraph(
        "", 0,
        fmt::format("Generation: about {:.1f} tokens/s, of which the link takes {:.1f} ms a token.",
                    *plan.generation_tps, plan.link_ms_per_token));
  }
  if (plan.sent_to_load > Bytes{}) {
    const double seconds =
        static_cast<double>(plan.sent_to_load.count()) * 8 / (plan.link.gigabits_per_second * 1e9);
    page.paragraph("", 0,
                   fmt::format("Loading sends {} over the link: at least {:.0f} s the first time.",
                               to_text(plan.sent_to_load), seconds));
  }
}

std::vector<std::string> rpc_commands(const DistributedReport& report, std::size_t machine) {
  const DistributedPlan& plan = report.plan;
  if (machine > 0) {
    return {"# Trusts whoever can reach it: bind it to the cable between the Macs only.",
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
    return {"# Nothing: the first Mac starts it over ssh; mlx-lm must be installed here."};
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
  return {{"parts", parts_of(footprint)},
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
  Page page(style);
  page.paragraph("", 0, headline(report), bold);
  page.blank();
  page.paragraph("", 0, verdict_line(plan));
  page.blank();
  page.raw(painted(row("Mac", "weights", "cache", "compute", "GPU limit", "left"), dim, style));
  for (const MachineShare& share : plan.shares) add_share(page, share, style);
  page.blank();
  add_times(page, plan);
  for (std::size_t i = 1; i < plan.reasons.size(); ++i) page.paragraph("", 0, plan.reasons[i]);
  const auto commands = commands_of(report);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    page.blank();
    page.paragraph("", 0, fmt::format("On {} ({}):", host(i), plan.shares[i].machine.chip.id));
    // A command is never broken, so that it can be pasted.
    for (const std::string& line : commands[i]) page.raw("  " + printable(line, style.unicode));
  }
  return std::move(page).str();
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
