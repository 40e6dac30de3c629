// SPDX-License-Identifier: MIT
#include "membudget/model_bytes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <variant>

#include "source/byte_source.hpp"
#include "source/gguf.hpp"
#include "source/gguf_model.hpp"

namespace membudget {
namespace {

/// The first bytes of a file whose rest nobody has.
class HeadSource final : public ByteSource {
 public:
  HeadSource(std::string name, std::span<const std::byte> head, std::int64_t size)
      : ByteSource(std::move(name), size), head_(head) {}

  void expect(std::int64_t end) const override { expected_ = std::max(expected_, end); }
  [[nodiscard]] std::int64_t at_hand(std::int64_t offset) const override {
    return std::max(std::int64_t{0}, length() - offset);
  }

 private:
  [[nodiscard]] std::int64_t length() const { return static_cast<std::int64_t>(head_.size()); }

  void read_within(std::int64_t offset, std::span<std::byte> into) const override {
    const auto end = offset + static_cast<std::int64_t>(into.size());
    if (end > length()) {
      // Below this a request costs more than its bytes.
      constexpr std::int64_t least = std::int64_t{1} << 16;
      throw HeaderCut(at(length()),
                      std::min(size(), std::max({end, expected_, 2 * length(), least})));
    }
    const auto from = head_.subspan(static_cast<std::size_t>(offset), into.size());
    std::copy(from.begin(), from.end(), into.begin());
  }

  std::span<const std::byte> head_;
  mutable std::int64_t expected_ = 0;
};

}  // namespace

HeaderCut::HeaderCut(const std::string& where, std::int64_t needed)
    : Error(Errc::truncated, where,
            fmt::format("the header goes on; give the first {} bytes of the file", needed)),
      needed_(needed) {}

Model model_of_gguf(std::span<const std::byte> head, std::uint64_t file_size,
                    const std::string& name) {
  if (file_size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) ||
      head.size() > file_size) {
    throw Error(Errc::bad_request, name,
                fmt::format("{} bytes of a file of {} cannot be; give the file's own size",
                            head.size(), file_size));
  }
  const HeadSource source(name, head, static_cast<std::int64_t>(file_size));
  Gguf gguf = read_gguf(source);
  const Metadata::Value* parts = gguf.metadata.find("split.count");
  const auto* count = parts == nullptr ? nullptr : std::get_if<std::int64_t>(parts);
  if (count != nullptr && *count > 1) {
    throw Error(Errc::unsupported, name,
                fmt::format("is one of {} parts of a model, which only together can be planned; "
                            "merge them with llama-gguf-split, or let the program read them",
                            *count));
  }
  return model_of(std::move(gguf), name, name);
}

}  // namespace membudget
