// SPDX-License-Identifier: MIT
#include "engine/llamacpp/simulate.hpp"
#include "membudget/footprint.hpp"

namespace membudget {

Footprint estimate(const Model& model, const Runtime& runtime, const Workload& workload) {
  const Settings settings = resolve(workload, runtime, model);
  switch (runtime.engine) {
    case Engine::llama_cpp: break;
  }
  return llamacpp::simulate(model, runtime, settings);
}

}  // namespace membudget
