// SPDX-License-Identifier: MIT
#include <algorithm>

#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {

std::vector<Link> decode_links(Faults& faults) {
  const auto value = parse_profile(faults);
  if (!value) {
    return {};
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.links/1"}));
  std::vector<Link> out;
  for (Fields& entry : fields.objects("links")) {
    Link link;
    link.id = entry.text("id");
    link.name = entry.text("name");
    link.gigabits_per_second = entry.positive("gigabits_per_second");
    link.message_us = entry.positive("message_us");
    link.rdma = entry.flag("rdma");
    link.source = entry.text("source");
    if (std::any_of(out.begin(), out.end(), [&](const Link& each) { return each.id == link.id; })) {
      entry.fail("id", "stands twice");
    }
    entry.finish();
    out.push_back(std::move(link));
  }
  fields.finish();
  return out;
}

}  // namespace membudget
