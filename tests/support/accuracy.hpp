// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "membudget/footprint.hpp"
#include "support/measured.hpp"

namespace membudget::test {

/// Counts how many sizes were predicted exactly, per architecture and part.
class Accuracy {
 public:
  struct Difference {
    std::string architecture;
    std::string part;  ///< "weights", "cache", "gpu compute", "host compute"
    std::string text;
  };

  void compare(const MeasuredRow& row, const Footprint& footprint);
  /// A row whose prediction threw.
  void fail(const MeasuredRow& row, const std::string& reason);
  /// A row of an architecture that is not described yet.
  void skip(const MeasuredRow& row);

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] const std::vector<Difference>& differences() const { return differences_; }

  /// Writes the table per architecture, and the summary between the accuracy marks of a README.
  void write_tables(const std::string& per_architecture, const std::string& readme) const;

 private:
  struct Count {
    std::int64_t rows = 0;
    std::int64_t exact = 0;
    double worst = 0;  ///< Largest relative error.
    void add(std::int64_t predicted, std::int64_t measured);
    void add(const Count& other);
  };
  using Parts = std::map<std::string, Count>;

  void compare_part(const MeasuredRow& row, const std::string& part, std::int64_t predicted,
                    std::int64_t measured);

  std::int64_t rows_ = 0;
  std::int64_t skipped_ = 0;
  std::map<std::string, std::map<std::string, Parts>> counts_;  // architecture, build, part
  std::map<std::string, std::map<std::string, int>> models_;    // architecture, model
  std::vector<Difference> differences_;
};

}  // namespace membudget::test
