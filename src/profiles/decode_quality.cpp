// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <limits>

#include "ascii.hpp"
#include "profiles/decode.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

/// The members that figures of weights and of caches share.
template <class Figure>
void take_measures(Fields& fields, Figure& figure) {
  constexpr double most = std::numeric_limits<double>::max();
  figure.perplexity_increase = fields.number_or_none("perplexity_increase", -1, most);
  figure.mean_kld = fields.number_or_none("mean_kld", 0, most);
  figure.median_kld = fields.number_or_none("median_kld", 0, most);
  figure.same_top = fields.number_or_none("same_top", 0, 1);
  if (!figure.perplexity_increase && !figure.mean_kld && !figure.median_kld && !figure.same_top) {
    fields.fail("perplexity_increase", "is missing, as is every other measure; give at least one");
  }
}

void take_set(Fields& fields, std::vector<QualityFigure>& out) {
  QualityFigure set;
  set.model = fields.text("model");
  set.parameters = fields.whole("parameters", 1);
  set.year = fields.whole("year", 2022);
  set.text = fields.text("text");
  set.source = fields.text("source");
  for (Fields& each : fields.objects("figures")) {
    QualityFigure figure = set;
    figure.quantization = each.text("quantization");
    figure.method = each.one_of("method", {"plain", "imatrix", "tuned"});
    take_measures(each, figure);
    each.finish();
    out.push_back(std::move(figure));
  }
  fields.finish();
}

}  // namespace

QualityTable decode_quality(Faults& faults) {
  QualityTable out;
  const auto value = parse_profile(faults);
  if (!value) {
    return out;
  }
  Fields fields(*value, faults);
  if (fields.text("schema") != "membudget.quality/1") {
    fields.fail("schema", "must be 'membudget.quality/1'");
  }
  static_cast<void>(fields.texts_or_none("notes"));
  for (Fields& set : fields.objects("weights")) {
    take_set(set, out.weights);
  }
  for (Fields& each : fields.objects("cache")) {
    CacheQualityFigure figure;
    figure.model = each.text("model");
    figure.parameters = each.whole("parameters", 1);
    figure.weights = each.text("weights");
    figure.key_type = each.cache_type("key_type");
    figure.value_type = each.cache_type("value_type");
    take_measures(each, figure);
    figure.note = each.text_or_none("note").value_or("");
    figure.source = each.text("source");
    each.finish();
    out.cache.push_back(std::move(figure));
  }
  for (Fields& each : fields.objects("claims")) {
    QualityClaim claim;
    claim.quantization = each.text("quantization");
    claim.claim = each.text("claim");
    claim.document = each.text("document");
    claim.measured = each.text("measured");
    each.finish();
    out.claims.push_back(std::move(claim));
  }
  fields.finish();
  return out;
}

}  // namespace membudget
