// SPDX-License-Identifier: MIT
#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

ServerRules take_server(Fields& entry) {
  ServerRules out;
  out.name = entry.text("name");
  out.runtimes = entry.some_texts("runtimes");
  out.eviction = entry.one_of("eviction", {"shortest-keep-alive", "least-recently-used"}) ==
                         "shortest-keep-alive"
                     ? Eviction::shortest_keep_alive
                     : Eviction::least_recently_used;
  out.keep_alive_s = entry.whole("keep_alive_s", -1);
  out.max_loaded = entry.whole_or_none("max_loaded", 1).value_or(out.max_loaded);
  out.one_process_per_model = entry.flag("one_process_per_model");
  out.pins_resident = entry.flag("pins_resident");
  out.one_process = entry.flag("one_process");
  out.source = entry.text("source");
  entry.finish();
  return out;
}

}  // namespace

ServingRules decode_serving(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  ServingRules out;
  static_cast<void>(fields.one_of("schema", {"membudget.serving/1"}));
  static_cast<void>(fields.texts_or_none("notes"));
  for (Fields& entry : fields.objects("servers")) {
    out.servers.push_back(take_server(entry));
  }
  for (Fields& entry : fields.objects("storage")) {
    StorageSpeed& speed = out.storage.emplace_back();
    speed.chips = entry.some_texts("chips");
    speed.read_gbs = entry.positive("read_gbs");
    speed.source = entry.text("source");
    entry.finish();
  }
  fields.finish();
  return out;
}

}  // namespace membudget
