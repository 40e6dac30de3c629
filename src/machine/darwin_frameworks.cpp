// SPDX-License-Identifier: MIT
// IOKit is called as C, Metal and Foundation through the Objective-C runtime, all of it by name.
// The names and their types are Apple's documented ones: IOKitLib.h, CFNumber.h, objc/message.h,
// MTLDevice.h, NSProcessInfo.h.
#ifdef __APPLE__

#include "machine/darwin_frameworks.hpp"

#include <dlfcn.h>
#include <mach/mach.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

namespace membudget::darwin {
namespace {

constexpr const char* io_kit = "/System/Library/Frameworks/IOKit.framework/IOKit";
constexpr const char* core_foundation =
    "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation";
constexpr const char* core_graphics =
    "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics";
constexpr const char* foundation = "/System/Library/Frameworks/Foundation.framework/Foundation";
constexpr const char* metal = "/System/Library/Frameworks/Metal.framework/Metal";
constexpr const char* objective_c = "/usr/lib/libobjc.A.dylib";

/// A library that stays open: unloading Apple's frameworks is not supported.
class Library {
 public:
  explicit Library(const char* path) : handle_(dlopen(path, RTLD_LAZY | RTLD_LOCAL)) {}

  [[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }

  template <class Function>
  [[nodiscard]] Function* find(const char* name) const {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): dlsym's contract.
    return handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(handle_, name));
  }

 private:
  void* handle_;
};

// CoreFoundation and IOKit, as far as they are used here.
using CFTypeRef = const void*;
using IoObject = mach_port_t;
constexpr std::uint32_t utf8 = 0x08000100;  // kCFStringEncodingUTF8
constexpr long signed_64 = 4;               // kCFNumberSInt64Type

struct CoreFoundation {
  Library library{core_foundation};
  void (*release)(CFTypeRef) = library.find<void(CFTypeRef)>("CFRelease");
  CFTypeRef (*string)(CFTypeRef, const char*, std::uint32_t) =
      library.find<CFTypeRef(CFTypeRef, const char*, std::uint32_t)>("CFStringCreateWithCString");
  unsigned long (*type)(CFTypeRef) = library.find<unsigned long(CFTypeRef)>("CFGetTypeID");
  unsigned long (*number_type)() = library.find<unsigned long()>("CFNumberGetTypeID");
  unsigned long (*dictionary_type)() = library.find<unsigned long()>("CFDictionaryGetTypeID");
  unsigned char (*number)(CFTypeRef, long, void*) =
      library.find<unsigned char(CFTypeRef, long, void*)>("CFNumberGetValue");
  CFTypeRef (*member)(CFTypeRef, CFTypeRef) =
      library.find<CFTypeRef(CFTypeRef, CFTypeRef)>("CFDictionaryGetValue");

  [[nodiscard]] bool complete() const {
    return release != nullptr && string != nullptr && type != nullptr && number_type != nullptr &&
           dictionary_type != nullptr && number != nullptr && member != nullptr;
  }
};

/// Owns one reference.
class Reference {
 public:
  Reference(const CoreFoundation& cf, CFTypeRef value) : cf_(cf), value_(value) {}
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;
  ~Reference() {
    if (value_ != nullptr) {
      cf_.release(value_);
    }
  }
  [[nodiscard]] CFTypeRef get() const { return value_; }

 private:
  const CoreFoundation& cf_;
  CFTypeRef value_;
};

std::optional<std::int64_t> number_of(const CoreFoundation& cf, CFTypeRef value) {
  std::int64_t out = 0;
  const bool number = value != nullptr && cf.type(value) == cf.number_type() &&
                      cf.number(value, signed_64, &out) != 0 && out >= 0;
  return number ? std::optional(out) : std::nullopt;
}

std::optional<Bytes> bytes_of(const CoreFoundation& cf, CFTypeRef dictionary, const char* name) {
  const Reference key(cf, cf.string(nullptr, name, utf8));
  const auto out = number_of(cf, cf.member(dictionary, key.get()));
  return out ? std::optional(Bytes(*out)) : std::nullopt;
}

/// The Objective-C runtime: messages are sent by the type of what is sent and answered.
class ObjectiveC {
 public:
  using Object = void*;
  using Selector = void*;

  [[nodiscard]] bool complete() const {
    return send_ != nullptr && selector_ != nullptr && class_ != nullptr && push_ != nullptr &&
           pop_ != nullptr;
  }
  [[nodiscard]] Object named(const char* name) const { return class_(name); }

  /// On both kinds of Mac integers and pointers are returned by this one entry.
  template <class Result>
  [[nodiscard]] Result send(Object object, const char* message) const {
    static_assert(std::is_integral_v<Result> || std::is_pointer_v<Result>);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): objc/message.h demands the cast.
    return reinterpret_cast<Result (*)(Object, Selector)>(send_)(object, selector_(message));
  }
  [[nodiscard]] void* push_pool() const { return push_(); }
  void pop_pool(void* pool) const { pop_(pool); }

 private:
  Library library_{objective_c};
  void (*send_)() = library_.find<void()>("objc_msgSend");
  Selector (*selector_)(const char*) = library_.find<Selector(const char*)>("sel_registerName");
  Object (*class_)(const char*) = library_.find<Object(const char*)>("objc_getClass");
  void* (*push_)() = library_.find<void*()>("objc_autoreleasePoolPush");
  void (*pop_)(void*) = library_.find<void(void*)>("objc_autoreleasePoolPop");
};

/// Objects that messages return for a while live as long as this.
class Pool {
 public:
  explicit Pool(const ObjectiveC& runtime) : runtime_(runtime), pool_(runtime.push_pool()) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { runtime_.pop_pool(pool_); }

 private:
  const ObjectiveC& runtime_;
  void* pool_;
};

}  // namespace

void add_accelerator(HostReadings& readings) {
  const CoreFoundation cf;
  const Library io(io_kit);
  const auto matching = io.find<CFTypeRef(const char*)>("IOServiceMatching");
  const auto service_of = io.find<IoObject(mach_port_t, CFTypeRef)>("IOServiceGetMatchingService");
  const auto property = io.find<CFTypeRef(IoObject, CFTypeRef, CFTypeRef, std::uint32_t)>(
      "IORegistryEntryCreateCFProperty");
  const auto release = io.find<int(IoObject)>("IOObjectRelease");
  if (!cf.complete() || matching == nullptr || service_of == nullptr || property == nullptr ||
      release == nullptr) {
    return;
  }
  // Takes over the reference to the dictionary; port 0 is the default one.
  const IoObject service = service_of(0, matching("IOAccelerator"));
  if (service == 0) {
    return;
  }
  const auto value_of = [&](const char* name) {
    const Reference key(cf, cf.string(nullptr, name, utf8));
    return property(service, key.get(), nullptr, 0);
  };
  AcceleratorReadings out;
  const Reference cores(cf, value_of("gpu-core-count"));
  out.cores = number_of(cf, cores.get());
  const Reference statistics(cf, value_of("PerformanceStatistics"));
  if (statistics.get() != nullptr && cf.type(statistics.get()) == cf.dictionary_type()) {
    out.in_use = bytes_of(cf, statistics.get(), "In use system memory");
    out.allocated = bytes_of(cf, statistics.get(), "Alloc system memory");
  }
  release(service);
  readings.accelerator = out;
}

void add_metal(HostReadings& readings) {
  const ObjectiveC runtime;
  // Without CoreGraphics Metal knows no default device (MTLCreateSystemDefaultDevice).
  const Library graphics(core_graphics);
  const Library library(metal);
  const auto create = library.find<void*()>("MTLCreateSystemDefaultDevice");
  if (!runtime.complete() || create == nullptr) {
    return;
  }
  const Pool pool(runtime);
  void* const device = create();
  if (device == nullptr) {
    return;
  }
  MetalReadings out;
  if (void* const name = runtime.send<void*>(device, "name"); name != nullptr) {
    if (const auto* text = runtime.send<const char*>(name, "UTF8String"); text != nullptr) {
      out.device = text;
    }
  }
  out.unified_memory = runtime.send<signed char>(device, "hasUnifiedMemory") != 0;
  const auto bytes = [&](const char* message) {
    return Bytes(static_cast<std::int64_t>(runtime.send<std::uint64_t>(device, message)));
  };
  out.working_set = bytes("recommendedMaxWorkingSetSize");
  out.largest_buffer = bytes("maxBufferLength");
  // The function's name begins with "Create", so the reference is the caller's.
  static_cast<void>(runtime.send<void*>(device, "release"));
  readings.metal = std::move(out);
}

void add_thermal_state(HostReadings& readings) {
  const ObjectiveC runtime;
  const Library library(foundation);
  if (!runtime.complete() || !library) {
    return;
  }
  const Pool pool(runtime);
  void* const type = runtime.named("NSProcessInfo");
  void* const info = type == nullptr ? nullptr : runtime.send<void*>(type, "processInfo");
  if (info != nullptr) {
    readings.thermal_state = runtime.send<long>(info, "thermalState");
  }
}

}  // namespace membudget::darwin

#endif
