// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace membudget::test {

/// AddressSanitizer keeps what is freed for a while, and ThreadSanitizer shadows every byte: what a
/// run then takes, memory or time, says nothing about the program.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool costs_are_of_the_program = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool costs_are_of_the_program = false;
#else
constexpr bool costs_are_of_the_program = true;
#endif
#else
constexpr bool costs_are_of_the_program = true;
#endif

/// Bytes of memory this process held at most; 0 where the system does not tell.
std::int64_t peak_memory();

}  // namespace membudget::test
