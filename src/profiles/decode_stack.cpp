// SPDX-License-Identifier: MIT
#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {

StackProfile decode_stack(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  StackProfile out;
  out.id = take_header(fields, "membudget.stack/1");
  out.name = fields.text("name");
  out.aliases = fields.texts_or_none("aliases");
  out.chip = fields.text_or_none("chip").value_or("");
  out.reserve = Bytes(fields.whole_or_none("reserve_bytes", 0).value_or(0));
  for (Fields& entry : fields.objects("members")) {
    StackProfile::Member& member = out.members.emplace_back();
    member.model = entry.text("model");
    member.quantization = entry.text_or_none("quantization").value_or("");
    member.runtime = entry.text_or_none("runtime").value_or("");
    member.role = entry.text_or_none("role").value_or("");
    member.context = entry.whole_or_none("context", 1).value_or(0);
    member.parallel = entry.whole_or_none("parallel", 1).value_or(0);
    if (entry.has_optional("cache_type")) {
      member.cache_type = entry.one_of("cache_type", {"f32", "f16", "bf16", "q8_0", "q5_1", "q5_0",
                                                      "q4_1", "q4_0", "iq4_nl"});
    }
    member.count = entry.whole_or_none("count", 1).value_or(1);
    entry.finish();
  }
  if (fields.sound({"members"}) && out.members.empty()) {
    fields.fail("members", "is empty; a stack holds at least one model");
  }
  static_cast<void>(fields.some_texts("sources"));
  static_cast<void>(fields.texts_or_none("notes"));
  fields.finish();
  return out;
}

}  // namespace membudget
