// SPDX-License-Identifier: MIT
#pragma once

#include "membudget/plan.hpp"

namespace membudget {

/// MLC-LLM loads nothing when its weights and workspaces exceed the share of Metal's working set
/// that it grants itself, though they might fit (mlc-llm 79d603f0, cpp/serve/config.cc:728-751).
/// Such a plan does not fit. Plans of other engines stay as they are.
void hold_to_grant(Plan& plan, const Runtime& runtime);

}  // namespace membudget
