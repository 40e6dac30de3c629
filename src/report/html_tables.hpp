// SPDX-License-Identifier: MIT
#pragma once

#include "report/html_page.hpp"
#include "report/sweep_panels.hpp"

namespace membudget::report {

/// Contexts by series, with the largest that fits.
void add_sweep_table(HtmlPage& page, const Sweep& sweep, const SweepPanel& panel);

}  // namespace membudget::report
