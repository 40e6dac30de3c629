// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "membudget/host_readings.hpp"
#include "profiles/faults.hpp"
#include "profiles/fields.hpp"

namespace membudget {
namespace {

/// More than any machine has, so that sums of a few stay far from overflowing.
constexpr std::int64_t most_bytes = std::int64_t{1} << 50;

std::int64_t bounded(Fields& fields, std::string_view key, std::int64_t most) {
  const std::int64_t value = fields.whole(key, 0);
  if (value > most) {
    fields.fail(key, "is more than any machine has");
  }
  return std::min(value, most);
}

Bytes bytes(Fields& fields, std::string_view key) {
  return Bytes(bounded(fields, key, most_bytes));
}

std::optional<Bytes> bytes_or_none(Fields& fields, std::string_view key) {
  return fields.has_optional(key) ? std::optional(bytes(fields, key)) : std::nullopt;
}

void take_sysctl(Fields fields, HostReadings& out) {
  for (const auto& [name, value] : fields.members()) {
    if (value.is_string()) {
      out.texts[name] = value.get<std::string>();
    } else {
      // Sizes and counts, which are never negative.
      out.numbers[name] = bounded(fields, name, most_bytes);
    }
  }
  fields.finish();
}

void take_files(Fields fields, HostReadings& out) {
  for (const auto& [path, value] : fields.members()) {
    if (value.is_string()) {
      out.files[path] = value.get<std::string>();
    } else {
      fields.fail(path, "must be the file's text");
    }
  }
  fields.finish();
}

PageCounts take_pages(Fields fields) {
  constexpr std::int64_t largest_page = 1 << 20;
  constexpr std::int64_t most_pages = std::int64_t{1} << 36;
  PageCounts out;
  out.page_bytes = bounded(fields, "page_bytes", largest_page);
  for (const auto& [key, count] : {std::pair{"free", &out.free},
                                   {"wired", &out.wired},
                                   {"internal", &out.internal},
                                   {"external", &out.external},
                                   {"purgeable", &out.purgeable},
                                   {"compressor", &out.compressor}}) {
    *count = bounded(fields, key, most_pages);
  }
  fields.finish();
  return out;
}

SwapUse take_swap(Fields fields) {
  SwapUse out{bytes(fields, "total_bytes"), bytes(fields, "used_bytes")};
  fields.finish();
  return out;
}

AcceleratorReadings take_accelerator(Fields fields) {
  AcceleratorReadings out;
  out.cores = fields.whole_or_none("cores", 1);
  out.in_use = bytes_or_none(fields, "in_use_bytes");
  out.allocated = bytes_or_none(fields, "allocated_bytes");
  fields.finish();
  return out;
}

MetalReadings take_metal(Fields fields) {
  MetalReadings out;
  out.device = fields.text("device");
  out.unified_memory = fields.flag("unified_memory");
  out.working_set = bytes(fields, "working_set_bytes");
  out.largest_buffer = bytes(fields, "largest_buffer_bytes");
  fields.finish();
  return out;
}

System system_of(const std::string& name) {
  if (name == to_string(System::macos)) return System::macos;
  return name == to_string(System::gnu_linux) ? System::gnu_linux : System::other;
}

HostReadings decode_readings(Faults& faults) {
  HostReadings out;
  const auto value = parse_profile(faults);
  if (!value) {
    return out;
  }
  Fields fields(*value, faults);
  static_cast<void>(fields.one_of("schema", {"membudget.readings/1"}));
  out.system = system_of(fields.one_of("system", {"macos", "linux", "other"}));
  out.architecture = fields.text_or_none("architecture").value_or("");
  out.notes = fields.texts_or_none("notes");
  if (fields.has_optional("sysctl")) take_sysctl(fields.object("sysctl"), out);
  if (fields.has_optional("files")) take_files(fields.object("files"), out);
  if (fields.has_optional("pages")) out.pages = take_pages(fields.object("pages"));
  if (fields.has_optional("swap")) out.swap = take_swap(fields.object("swap"));
  if (fields.has_optional("accelerator")) {
    out.accelerator = take_accelerator(fields.object("accelerator"));
  }
  if (fields.has_optional("metal")) out.metal = take_metal(fields.object("metal"));
  out.thermal_state = fields.whole_or_none("thermal_state", 0);
  for (Fields& process : fields.objects_or_none("processes")) {
    out.processes.push_back({process.text("name"), bytes(process, "bytes")});
    process.finish();
  }
  fields.finish();
  return out;
}

}  // namespace

HostReadings parse_readings(std::string_view text, const std::string& file) {
  Faults faults(file, text);
  HostReadings out = decode_readings(faults);
  faults.throw_first();
  return out;
}

}  // namespace membudget
