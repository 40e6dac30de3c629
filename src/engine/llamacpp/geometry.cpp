// SPDX-License-Identifier: MIT
#include "engine/llamacpp/geometry.hpp"

#include <algorithm>

#include "membudget/units.hpp"

namespace membudget::llamacpp {

Geometry geometry(const Settings& settings, const Model& model) {
  const std::int64_t asked = settings.context == 0 ? model.trained_context : settings.context;
  Geometry result;
  result.sequences = settings.parallel;
  // The batch is limited by the context as asked for, before padding (llama-context.cpp:245).
  result.batch = model.causal ? std::min(asked, settings.batch) : settings.batch;
  result.ubatch = std::min(result.batch, settings.ubatch);
  result.context = round_up(asked, context_step);
  if (settings.kv_unified || settings.parallel == 1) {
    result.cells = result.context;
  } else {
    result.cells = round_up(result.context / settings.parallel, context_step);
    result.context = result.cells * settings.parallel;
    result.streams = settings.parallel;
  }
  const std::int64_t tokens = std::min(result.context, result.ubatch);
  result.outputs = std::min(tokens, settings.outputs == 0 ? result.batch : settings.outputs);
  // graph_reserve gives every sequence the same number of tokens.
  result.tokens = round_up(tokens, settings.parallel);
  result.outputs = std::max(result.outputs, settings.parallel);
  return result;
}

}  // namespace membudget::llamacpp
