// SPDX-License-Identifier: MIT
#include "source/header_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "membudget/error.hpp"

namespace membudget {
namespace {

namespace fs = std::filesystem;

// The file starts with one line of JSON, padded to this; the header's bytes follow.
constexpr std::int64_t preamble = 4096;
constexpr std::string_view form = "membudget.header/1";
constexpr std::string_view unfinished = ".part";
constexpr std::uintmax_t most_cached = std::uintmax_t{256} << 20;

// FNV-1a; the line inside the file says which address it really is.
std::string name_of(const std::string& url) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : url) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return fmt::format("{:016x}.header", hash);
}

int make_file(const fs::path& folder, fs::path& name) {
  std::string pattern = (folder / "fetch-XXXXXX").string() + std::string(unfinished);
  const int descriptor = ::mkstemps(pattern.data(), static_cast<int>(unfinished.size()));
  name = descriptor < 0 ? fs::path() : fs::path(pattern);
  return descriptor;
}

[[noreturn]] void fail(const char* what) {
  throw Error(Errc::io, "temporary file",
              fmt::format("cannot be {}: {}", what, std::generic_category().message(errno)));
}

bool write_all(int descriptor, std::int64_t offset, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::pwrite(descriptor, data, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    data += count;
    size -= static_cast<std::size_t>(count);
    offset += count;
  }
  return true;
}

bool read_all(int descriptor, std::int64_t offset, char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::pread(descriptor, data, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    data += count;
    size -= static_cast<std::size_t>(count);
    offset += count;
  }
  return true;
}

/// Keeps the cache small: what was written longest ago goes first, and what a run left unfinished
/// yesterday.
void tidy(const fs::path& cache) {
  struct Entry {
    fs::file_time_type written;
    std::uintmax_t size;
    fs::path path;
  };
  std::vector<Entry> entries;
  std::uintmax_t sum = 0;
  std::error_code code;
  const auto yesterday = fs::file_time_type::clock::now() - std::chrono::hours(24);
  for (fs::directory_iterator each(cache, code), end; !code && each != end; each.increment(code)) {
    std::error_code ignored;
    const auto written = fs::last_write_time(each->path(), ignored);
    if (each->path().extension() == unfinished) {
      if (!ignored && written < yesterday) {
        fs::remove(each->path(), ignored);
      }
    } else if (each->path().extension() == ".header") {
      entries.push_back({written, fs::file_size(each->path(), ignored), each->path()});
      sum += entries.back().size;
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.written < b.written; });
  for (const Entry& entry : entries) {
    if (sum <= most_cached) {
      break;
    }
    std::error_code ignored;
    fs::remove(entry.path, ignored);
    sum -= entry.size;
  }
}

}  // namespace

HeaderFile::HeaderFile(fs::path cache) : cache_(std::move(cache)) {
  std::error_code code;
  if (!cache_.empty()) {
    fs::create_directories(cache_, code);
    descriptor_ = code ? -1 : make_file(cache_, beside_);
  }
  if (descriptor_ < 0) {
    cache_.clear();
    const fs::path folder = fs::temp_directory_path(code);
    descriptor_ = make_file(code ? fs::path("/tmp") : folder, beside_);
    if (descriptor_ < 0) {
      fail("made");
    }
    // Without a name it goes away by itself.
    ::unlink(beside_.c_str());
    beside_.clear();
  }
}

HeaderFile::HeaderFile(fs::path cache, int descriptor)
    : cache_(std::move(cache)), descriptor_(descriptor), from_cache_(true) {}

HeaderFile::HeaderFile(HeaderFile&& other) noexcept
    : cache_(std::move(other.cache_)),
      beside_(std::exchange(other.beside_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(other.bytes_),
      from_cache_(other.from_cache_),
      key_(std::move(other.key_)) {}

HeaderFile::~HeaderFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
  if (!beside_.empty()) {
    ::unlink(beside_.c_str());
  }
}

std::optional<HeaderFile> HeaderFile::cached(const fs::path& cache, const std::string& url) {
  if (cache.empty()) {
    return std::nullopt;
  }
  const int descriptor = ::open((cache / name_of(url)).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return std::nullopt;
  }
  HeaderFile out(cache, descriptor);
  std::array<char, preamble> line{};
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || status.st_size <= preamble ||
      !read_all(descriptor, 0, line.data(), line.size())) {
    return std::nullopt;
  }
  const auto json = nlohmann::json::parse(line.begin(), line.end(), nullptr, false);
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!json.is_object() || text("form") != form || text("url") != url || text("etag").empty() ||
      !json.contains("size") || !json["size"].is_number_integer()) {
    return std::nullopt;
  }
  out.key_ = {.url = url, .size = json["size"].get<std::int64_t>(), .etag = text("etag")};
  out.bytes_ = static_cast<std::int64_t>(status.st_size) - preamble;
  if (out.bytes_ > out.key_.size) {
    return std::nullopt;
  }
  return out;
}

// A file of the cache is never changed: another run may be reading it.
void HeaderFile::become_writable() {
  HeaderFile copy(cache_);
  std::vector<char> block(std::size_t{256} << 10);
  for (std::int64_t done = 0; done < bytes_;) {
    const auto piece =
        static_cast<std::size_t>(std::min(bytes_ - done, static_cast<std::int64_t>(block.size())));
    read(done, std::as_writable_bytes(std::span(block).first(piece)));
    copy.write(done, std::as_bytes(std::span(block).first(piece)));
    done += static_cast<std::int64_t>(piece);
  }
  std::swap(descriptor_, copy.descriptor_);
  std::swap(beside_, copy.beside_);
  std::swap(cache_, copy.cache_);
  from_cache_ = false;
}

void HeaderFile::write(std::int64_t offset, std::span<const std::byte> bytes) {
  if (from_cache_) {
    become_writable();
  }
  if (!write_all(descriptor_, preamble + offset, reinterpret_cast<const char*>(bytes.data()),
                 bytes.size())) {
    fail("written");
  }
  bytes_ = offset + static_cast<std::int64_t>(bytes.size());
}

void HeaderFile::read(std::int64_t offset, std::span<std::byte> into) const {
  if (!read_all(descriptor_, preamble + offset, reinterpret_cast<char*>(into.data()),
                into.size())) {
    fail("read");
  }
}

void HeaderFile::keep(const HeaderKey& key) {
  if (beside_.empty() || from_cache_ || key.etag.empty()) {
    return;
  }
  std::string line =
      nlohmann::json{{"form", form}, {"url", key.url}, {"size", key.size}, {"etag", key.etag}}.dump(
          -1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (line.size() + 1 > static_cast<std::size_t>(preamble)) {
    return;
  }
  line.resize(static_cast<std::size_t>(preamble) - 1, ' ');
  line += '\n';
  if (!write_all(descriptor_, 0, line.data(), line.size()) ||
      ::ftruncate(descriptor_, static_cast<off_t>(preamble + bytes_)) != 0) {
    return;
  }
  std::error_code code;
  fs::rename(beside_, cache_ / name_of(key.url), code);
  if (!code) {
    beside_.clear();
    tidy(cache_);
  }
}

}  // namespace membudget
