// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>

#include "output.hpp"

// Each command adds itself to the program and sets `exit` when it has run.

void add_plan(CLI::App& program, Exit& exit);
void add_max_context(CLI::App& program, Exit& exit);
void add_compare(CLI::App& program, Exit& exit);
void add_compare_runtimes(CLI::App& program, Exit& exit);
void add_recommend(CLI::App& program, Exit& exit);
void add_sweep(CLI::App& program, Exit& exit);
void add_report(CLI::App& program, Exit& exit);
void add_stack(CLI::App& program, Exit& exit);
void add_inspect(CLI::App& program, Exit& exit);
void add_detect(CLI::App& program, Exit& exit);
void add_settings(CLI::App& program, Exit& exit);
void add_list(CLI::App& program, Exit& exit);
void add_show(CLI::App& program, Exit& exit);
void add_verify(CLI::App& program, Exit& exit);
void add_check(CLI::App& program, Exit& exit);
void add_health(CLI::App& program, Exit& exit);
void add_record(CLI::App& program, Exit& exit);
void add_records(CLI::App& program, Exit& exit);
void add_calibrate(CLI::App& program, Exit& exit);
void add_completion(CLI::App& program, Exit& exit);
void add_manual(CLI::App& program, Exit& exit);
