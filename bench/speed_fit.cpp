// SPDX-License-Identifier: MIT
// Fits the constants of profiles/speed.json to the published rows, and again without each chip in
// turn, which says what a prediction for a chip is worth that nobody has measured.
//
//   membudget_speed_fit [tests/measured/data/throughput.jsonl]
//
// Prints the fitted constants beside those of the profile, and errors with and without the chip.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/published.hpp"

namespace membudget {
namespace {

using test::Errors;
using test::PublishedSpeed;

/// The rules of all engines, which share what belongs to the GPU.
using Rules = std::map<std::string, SpeedRules>;  // by runtime

/// A constant, as a multiple of what the profile says.
struct Constant {
  std::string name;
  double tolerance = 0.3;  ///< How far, in logarithm, it may stray without evidence.
  std::function<void(Rules&, double)> scale;
};

void scale(SpeedRules& rules, double SpeedRules::*member, double factor) {
  rules.*member *= factor;
}

Constant shared(std::string name, double SpeedRules::*member, double tolerance = 0.3) {
  return {std::move(name), tolerance, [member](Rules& all, double factor) {
            for (auto& [runtime, rules] : all) scale(rules, member, factor);
          }};
}

Constant of_engine(const std::string& engine, const std::string& name, double SpeedRules::*member,
                   double tolerance = 0.3) {
  return {engine + " " + name, tolerance, [engine, member](Rules& all, double factor) {
            for (auto& [runtime, rules] : all) {
              if (rules.engine == engine) scale(rules, member, factor);
            }
          }};
}

Constant of_family(const std::string& name, std::int64_t least, std::int64_t most,
                   double GpuFamilyRules::*member) {
  return {fmt::format("{} of family {}", name, least), 0.7, [=](Rules& all, double factor) {
            for (auto& [runtime, rules] : all) {
              for (auto& family : rules.families) {
                if (family.family >= least && family.family <= most) family.*member *= factor;
              }
            }
          }};
}

Constant of_types(const std::string& engine, const std::string& name,
                  const std::vector<ElementType>& types, double TypeSpeed::*member) {
  return {fmt::format("{} {} of {}", engine, name, format_of(types.front()).name), 0.3,
          [=](Rules& all, double factor) {
            for (auto& [runtime, rules] : all) {
              for (auto& type : rules.types) {
                if (rules.engine == engine && std::ranges::find(types, type.type) != types.end()) {
                  type.*member *= factor;
                }
              }
            }
          }};
}

using enum ElementType;

std::vector<Constant> generation_constants() {
  using R = SpeedRules;
  using T = TypeSpeed;
  const std::vector<ElementType> fours{q4_0, q4_1, iq4_nl, mxfp4, nvfp4};
  return {
      of_engine("llama.cpp", "bandwidth", &R::bandwidth_share, 0.02),
      of_engine("mlx", "bandwidth", &R::bandwidth_share, 0.02),
      of_engine("llama.cpp", "kernel", &R::kernel_us),
      of_engine("mlx", "kernel", &R::kernel_us),
      of_engine("llama.cpp", "state", &R::state_passes),
      of_engine("mlx", "state", &R::state_passes),
      of_types("llama.cpp", "unpacking", {f16, bf16, f32}, &T::unpacking),
      of_types("llama.cpp", "unpacking", {q8_0}, &T::unpacking),
      of_types("llama.cpp", "unpacking", fours, &T::unpacking),
      of_types("llama.cpp", "unpacking", {q6_k}, &T::unpacking),
      of_types("llama.cpp", "unpacking", {q5_k}, &T::unpacking),
      of_types("llama.cpp", "unpacking", {q3_k}, &T::unpacking),
      of_types("mlx", "unpacking", {q4_0, nvfp4}, &T::unpacking),
      of_types("mlx", "unpacking", {q8_0}, &T::unpacking),
      of_types("mlx", "unpacking", {mxfp4}, &T::unpacking),
      of_family("K-quants", 7, 7, &GpuFamilyRules::k_quants_gbs),
      of_family("K-quants", 8, 8, &GpuFamilyRules::k_quants_gbs),
      of_family("K-quants", 9, 10, &GpuFamilyRules::k_quants_gbs),
      of_family("launch", 7, 7, &GpuFamilyRules::launch),
      shared("two dies", &R::two_dies, 0.7),
      shared("expert reads", &R::expert_reads),
      shared("expert kernel", &R::expert_kernel_us),
      shared("plain attention", &R::plain_attention_us),
      shared("cache share", &R::cache_share, 0.05),
      shared("plain cache share", &R::plain_cache_share),
      shared("cache elements", &R::cache_gelements),
      shared("latent elements", &R::latent_gelements),
      {"ollama token", 0.5, [](Rules& all, double factor) { all["ollama"].token_us *= factor; }}};
}

std::vector<Constant> prompt_constants() {
  using R = SpeedRules;
  using T = TypeSpeed;
  return {of_types("llama.cpp", "products", {f16, bf16, f32}, &T::matmul),
          of_types("llama.cpp", "products", {q8_0}, &T::matmul),
          of_types("llama.cpp", "products", {q4_0, q4_1, iq4_nl, mxfp4, q5_0, q5_1}, &T::matmul),
          of_types("llama.cpp", "products", {q4_k, q5_k, q6_k, q3_k, q2_k}, &T::matmul),
          of_types("mlx", "products", {q4_0, q8_0, mxfp4, nvfp4, f16, bf16, f32}, &T::matmul),
          of_family("products", 7, 7, &GpuFamilyRules::matmul),
          of_family("products", 8, 8, &GpuFamilyRules::matmul),
          shared("prompt kernel", &R::prompt_kernel_us),
          shared("expert products", &R::expert_matmul),
          shared("expert tile", &R::expert_tile),
          shared("attention", &R::attention_matmul),
          shared("plain attention", &R::plain_attention_matmul),
          shared("latent attention", &R::latent_matmul),
          shared("matrix units", &R::matrix_unit_matmul),
          shared("activations", &R::activation_passes),
          shared("state", &R::state_matmul)};
}

double generation(const PublishedSpeed& row, const SpeedRules& rules) {
  return speed(*row.content, row.machine, row.footprint, rules, row.generation_request())
      .generation.tps;
}

double prompt(const PublishedSpeed& row, const SpeedRules& rules) {
  return speed(*row.content, row.machine, row.footprint, rules, row.prompt_request()).prompt.tps;
}

/// What is fitted: constants, and how a row is predicted and was measured.
struct Task {
  std::string name;
  std::vector<Constant> constants;
  double (*predict)(const PublishedSpeed&, const SpeedRules&) = nullptr;
  std::optional<double> PublishedSpeed::*measured = nullptr;
  std::vector<const PublishedSpeed*> rows;
  std::vector<double> weights;  ///< Rows that repeat one model on one chip count less.
};

using Rows = std::vector<std::size_t>;
using Vector = std::vector<double>;

Rules scaled(const Rules& base, const std::vector<Constant>& constants, const Vector& logs) {
  Rules out = base;
  for (std::size_t i = 0; i < logs.size(); ++i) constants[i].scale(out, std::exp(logs[i]));
  return out;
}

/// Weighted logarithmic errors, then what holds the constants near the profile's.
Vector residuals(const Task& task, const Rules& base, const Rows& rows, const Vector& logs) {
  constexpr double noise = 0.04;  // What two measurements of one thing differ by.
  const Rules rules = scaled(base, task.constants, logs);
  Vector out;
  for (const std::size_t i : rows) {
    const PublishedSpeed& row = *task.rows[i];
    const double error = std::log(task.predict(row, rules.at(row.runtime)) / *(row.*task.measured));
    out.push_back(error / noise * task.weights[i]);
  }
  for (std::size_t i = 0; i < logs.size(); ++i) {
    out.push_back(logs[i] / task.constants[i].tolerance);
  }
  return out;
}

/// Solves a x = b for a symmetric positive definite `a`, in place (Cholesky).
Vector solved(std::vector<Vector> a, Vector b) {
  const std::size_t n = b.size();
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) a[j][j] -= a[j][k] * a[j][k];
    a[j][j] = std::sqrt(a[j][j]);
    for (std::size_t i = j + 1; i < n; ++i) {
      for (std::size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
      a[i][j] /= a[j][j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

/// Gauss-Newton with outliers damped: a residual r counts as sqrt(1 + r^2) does.
Vector fit(const Task& task, const Rules& base, const Rows& rows) {
  constexpr int rounds = 12;
  constexpr double step = 1e-3;
  const std::size_t n = task.constants.size();
  Vector logs(n, 0.0);
  for (int round = 0; round < rounds; ++round) {
    const Vector here = residuals(task, base, rows, logs);
    std::vector<Vector> slopes;
    for (std::size_t i = 0; i < n; ++i) {
      Vector moved = logs;
      moved[i] += step;
      Vector slope = residuals(task, base, rows, moved);
      for (std::size_t k = 0; k < slope.size(); ++k) slope[k] = (slope[k] - here[k]) / step;
      slopes.push_back(std::move(slope));
    }
    std::vector<Vector> a(n, Vector(n, 0.0));
    Vector b(n, 0.0);
    for (std::size_t k = 0; k < here.size(); ++k) {
      const double weight = k < rows.size() ? 1 / std::sqrt(1 + here[k] * here[k]) : 1;
      for (std::size_t i = 0; i < n; ++i) {
        b[i] -= weight * slopes[i][k] * here[k];
        for (std::size_t j = 0; j <= i; ++j) a[i][j] += weight * slopes[i][k] * slopes[j][k];
      }
    }
    const Vector change = solved(std::move(a), std::move(b));
    for (std::size_t i = 0; i < n; ++i) logs[i] += std::clamp(change[i], -0.3, 0.3);
  }
  return logs;
}

Errors errors(const Task& task, const Rules& rules, const Rows& rows) {
  Errors out;
  for (const std::size_t i : rows) {
    const PublishedSpeed& row = *task.rows[i];
    out.add(task.predict(row, rules.at(row.runtime)), *(row.*task.measured));
  }
  return out;
}

void print(const std::string& name, const Errors& with, const Errors& without) {
  fmt::print("{:<12}{:>6}{:>9.1f}{:>7.1f}{:>9.1f}{:>7.1f}\n", name, with.values.size(),
             100 * with.quantile(0.5), 100 * with.quantile(0.9), 100 * without.quantile(0.5),
             100 * without.quantile(0.9));
}

/// The rules as someone would guess them who knows no chip from another: what the fit without a
/// chip starts from and is held near, so that the profile tells it nothing about that chip.
Rules generic(Rules all) {
  for (auto& [runtime, rules] : all) {
    double k_quants = 0;
    for (const auto& family : rules.families) k_quants += std::log(family.k_quants_gbs);
    k_quants = std::exp(k_quants / static_cast<double>(rules.families.size()));
    for (auto& family : rules.families) {
      family.launch = 1;
      family.k_quants_gbs = k_quants;
      family.matmul = 1;
    }
    rules.two_dies = 1;
    rules.matrix_unit_matmul = 1;
  }
  return all;
}

void leave_one_chip_out(const Task& task, const Rules& base) {
  Rows all(task.rows.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const Vector logs = fit(task, base, all);
  fmt::print("\n{}: constants as multiples of the profile's\n", task.name);
  for (std::size_t i = 0; i < logs.size(); ++i) {
    fmt::print("  {:<36}{:>7.3f}\n", task.constants[i].name, std::exp(logs[i]));
  }
  const Rules fitted = scaled(base, task.constants, logs);
  std::set<std::string> chips;
  for (const PublishedSpeed* row : task.rows) chips.insert(row->chip);
  fmt::print("\n{:<12}{:>6}{:>9}{:>7}{:>9}{:>7}\n", "error in %", "rows", "median", "p90",
             "without", "p90");
  Errors with;
  Errors without;
  for (const std::string& chip : chips) {
    Rows others;
    Rows own;
    for (const std::size_t i : all) (task.rows[i]->chip == chip ? own : others).push_back(i);
    const Errors known = errors(task, fitted, own);
    const Rules guess = generic(base);
    const Errors unknown =
        errors(task, scaled(guess, task.constants, fit(task, guess, others)), own);
    print(chip.substr(chip.find(' ') + 1), known, unknown);
    with.values.insert(with.values.end(), known.values.begin(), known.values.end());
    without.values.insert(without.values.end(), unknown.values.begin(), unknown.values.end());
  }
  print("all", with, without);
}

Task task_of(const std::string& name, std::vector<Constant> constants,
             double (*predict)(const PublishedSpeed&, const SpeedRules&),
             std::optional<double> PublishedSpeed::*measured,
             const std::vector<PublishedSpeed>& rows) {
  Task task{name, std::move(constants), predict, measured, {}, {}};
  std::map<std::string, int> count;
  const auto key = [](const PublishedSpeed& row) {
    return fmt::format("{} {} {} {} {}", row.chip, row.gpu_cores, row.model, row.quantization,
                       row.runtime);
  };
  for (const PublishedSpeed& row : rows) {
    if (row.*measured) {
      task.rows.push_back(&row);
      ++count[key(row)];
    }
  }
  for (const PublishedSpeed* row : task.rows) {
    task.weights.push_back(1 / std::sqrt(static_cast<double>(count[key(*row)])));
  }
  return task;
}

}  // namespace
}  // namespace membudget

int main(int argc, char** argv) {
  using namespace membudget;
  const Profiles profiles = Profiles::embedded();
  const test::PublishedSpeeds published(profiles, argc > 1 ? argv[1] : PUBLISHED_SPEEDS);
  Rules rules;
  for (const char* const id : {"llama.cpp", "ollama", "mlx"}) {
    Runtime runtime = profiles.runtime("llama.cpp");
    runtime.id = id;
    rules[id] = profiles.speed_rules(runtime).value();
  }
  leave_one_chip_out(task_of("generation", generation_constants(), generation,
                             &PublishedSpeed::generation_tps, published.rows()),
                     rules);
  leave_one_chip_out(
      task_of("prompts", prompt_constants(), prompt, &PublishedSpeed::prompt_tps, published.rows()),
      rules);
}
