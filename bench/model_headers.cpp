// SPDX-License-Identifier: MIT
#include "model_headers.hpp"

#include <unistd.h>

#include <string>
#include <system_error>

#include "membudget/profiles.hpp"
#include "support/model_headers.hpp"

namespace membudget::bench {

std::int64_t write_model(const HeaderKind& kind, const std::filesystem::path& file) {
  const Model model = Profiles::embedded().model(kind.catalog, "Q4_K_M");
  test::GgufWriter gguf = test::gguf_of(kind.catalog, model);
  test::add_vocabulary(gguf, kind.tokens, kind.merges);
  gguf.add_tensors(model.tensors.all());
  gguf.write(file);
  return static_cast<std::int64_t>(gguf.header().size());
}

ModelOnDisk::ModelOnDisk(const HeaderKind& kind)
    : path_(std::filesystem::temp_directory_path() /
            ("membudget-bench-" + std::to_string(::getpid()) + "-" + std::string(kind.name) +
             ".gguf")),
      header_bytes_(write_model(kind, path_)) {}

ModelOnDisk::~ModelOnDisk() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace membudget::bench
