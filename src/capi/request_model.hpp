// SPDX-License-Identifier: MIT
#pragma once

#include "capi/boundary.hpp"
#include "membudget/request.hpp"

namespace membudget::capi {

/// A copy that is called what the request says, as reading that file would call it.
[[nodiscard]] Model named_for(const PlanRequest& request, const membudget_model& model);

}  // namespace membudget::capi
