// SPDX-License-Identifier: MIT
#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {

CalibrationRules decode_calibration(Faults& faults) {
  CalibrationRules out;
  const auto value = parse_profile(faults);
  if (!value) {
    return out;
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.calibration/1"}));
  static_cast<void>(fields.texts_or_none("notes"));
  out.least_records = fields.whole("least_records", 1);
  out.prompt_tokens = fields.whole("prompt_tokens", 1);
  out.generated_tokens = fields.whole("generated_tokens", 1);
  out.least_factor = fields.positive("least_factor");
  out.most_factor = fields.positive("most_factor");
  out.most_overhead = fields.positive("most_overhead");
  if (fields.sound({"least_factor"}) && out.least_factor > 1) {
    fields.fail("least_factor", "must not be above 1, the factor of a Mac like all others");
  }
  if (fields.sound({"most_factor"}) && out.most_factor < 1) {
    fields.fail("most_factor", "must not be below 1, the factor of a Mac like all others");
  }
  Fields reasons = fields.object("reasons");
  for (const std::string_view key : {"least_records", "prompt_tokens", "generated_tokens",
                                     "least_factor", "most_factor", "most_overhead"}) {
    static_cast<void>(reasons.text(key));
  }
  reasons.finish();
  fields.finish();
  return out;
}

}  // namespace membudget
