// SPDX-License-Identifier: MIT
// Counts what `new` gives out, so that a target can say how much memory an input took. The memory
// itself still comes from malloc(), where the sanitizers watch it.
#include "fuzz/memory.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#ifdef __APPLE__
#include <malloc/malloc.h>
#else
#include <malloc.h>
#endif

namespace {

std::atomic<std::int64_t> live{0};
std::atomic<std::int64_t> most{0};

std::int64_t size_of(void* memory) {
#ifdef __APPLE__
  return static_cast<std::int64_t>(malloc_size(memory));
#else
  return static_cast<std::int64_t>(malloc_usable_size(memory));
#endif
}

void* take_or_null(std::size_t bytes) noexcept {
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) {
    return nullptr;
  }
  const std::int64_t now = live += size_of(memory);
  std::int64_t seen = most;
  while (now > seen && !most.compare_exchange_weak(seen, now)) {
  }
  return memory;
}

void* take(std::size_t bytes) {
  void* memory = take_or_null(bytes);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

void give_back(void* memory) {
  if (memory != nullptr) {
    live -= size_of(memory);
    std::free(memory);
  }
}

}  // namespace

// Those with an alignment, which nothing here uses, stay as they are.
void* operator new(std::size_t bytes) {
  return take(bytes);
}
void* operator new[](std::size_t bytes) {
  return take(bytes);
}
// AddressSanitizer has its own of these, which give back to another delete.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return take_or_null(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return take_or_null(bytes);
}
void operator delete(void* memory) noexcept {
  give_back(memory);
}
void operator delete[](void* memory) noexcept {
  give_back(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  give_back(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  give_back(memory);
}

namespace membudget::fuzz {

MemoryWatch::MemoryWatch() : before_(live) {
  most = before_;
}

std::int64_t MemoryWatch::peak() const {
  return most - before_;
}

}  // namespace membudget::fuzz
