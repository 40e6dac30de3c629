// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

#pragma GCC visibility push(default)
namespace membudget {

/// What went wrong; the command line maps each to an exit code (see tools/main.cpp).
enum class Errc {
  io,               ///< A file cannot be opened, read or written.
  truncated,        ///< The data ends before its own header says it may.
  invalid_model,    ///< A model file that contradicts its format.
  unsupported,      ///< A format, version or architecture this build does not know.
  invalid_profile,  ///< A profile that is not JSON or does not follow its schema.
  unknown_name,     ///< A chip, model, runtime or quantization nobody defined.
  bad_request,      ///< Settings the engine itself would refuse.
  overflow,         ///< A size beyond 63 bits.
  network,          ///< A remote model cannot be reached.
};

/// The only exception that leaves the library, but for std::bad_alloc. "Does not fit" is a Plan,
/// never an Error.
///
/// what() is one line, `<where>: <problem>; <remedy>`, ready to print.
class Error : public std::runtime_error {
 public:
  /// what() becomes `where: message`, or `message` alone where `where` is empty.
  Error(Errc code, std::string where, const std::string& message);

  /// What went wrong.
  [[nodiscard]] Errc code() const noexcept { return code_; }
  /// Place of the fault: `file@0x1c40`, `file#/json/pointer`, an option name; may be empty.
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  Errc code_;
  std::string where_;
};

}  // namespace membudget
#pragma GCC visibility pop
