// SPDX-License-Identifier: MIT
#pragma once

/// membudget: will this language model fit this Mac, and how far can its context go?
///
///   const auto profiles = membudget::Profiles::embedded();
///   const auto model = profiles.model("qwen2.5-coder:32b");
///   const auto mac = membudget::machine(profiles.chip("m1-max-32gb"));
///   const auto runtime = profiles.runtime("llama.cpp");
///   const auto plan = membudget::plan(model, mac, runtime, {.context = 8192});
///   std::puts(std::string(membudget::to_string(plan.verdict)).c_str());
///
/// Everything is a value; const objects may be used from several threads at once.

#include "membudget/advice_rules.hpp"
#include "membudget/advise.hpp"
#include "membudget/alternatives.hpp"
#include "membudget/attachments.hpp"
#include "membudget/budget.hpp"
#include "membudget/calibration.hpp"
#include "membudget/capability.hpp"
#include "membudget/check.hpp"
#include "membudget/distribute.hpp"
#include "membudget/distribute_report.hpp"
#include "membudget/engine_log.hpp"
#include "membudget/engine_rules.hpp"
#include "membudget/error.hpp"
#include "membudget/footprint.hpp"
#include "membudget/health.hpp"
#include "membudget/host_readings.hpp"
#include "membudget/inspect.hpp"
#include "membudget/link.hpp"
#include "membudget/load_model.hpp"
#include "membudget/machine.hpp"
#include "membudget/machine_report.hpp"
#include "membudget/model.hpp"
#include "membudget/model_bytes.hpp"
#include "membudget/model_names.hpp"
#include "membudget/ollama.hpp"
#include "membudget/plan.hpp"
#include "membudget/pooling.hpp"
#include "membudget/profile_list.hpp"
#include "membudget/profiles.hpp"
#include "membudget/quality.hpp"
#include "membudget/quality_table.hpp"
#include "membudget/rank.hpp"
#include "membudget/rank_report.hpp"
#include "membudget/record.hpp"
#include "membudget/report.hpp"
#include "membudget/request.hpp"
#include "membudget/runtime.hpp"
#include "membudget/runtimes_report.hpp"
#include "membudget/server_monitor.hpp"
#include "membudget/serving_rules.hpp"
#include "membudget/settings.hpp"
#include "membudget/speed.hpp"
#include "membudget/speed_rules.hpp"
#include "membudget/stack.hpp"
#include "membudget/stack_members.hpp"
#include "membudget/stack_profile.hpp"
#include "membudget/stack_report.hpp"
#include "membudget/stack_schedule.hpp"
#include "membudget/tensor.hpp"
#include "membudget/thermal_state.hpp"
#include "membudget/this_machine.hpp"
#include "membudget/units.hpp"
#include "membudget/verify.hpp"
#include "membudget/verify_report.hpp"
#include "membudget/version.h"
#include "membudget/words.hpp"
#include "membudget/workload.hpp"
