// SPDX-License-Identifier: MIT
// The input is a config.json and, after a line "%%", the header of its safetensors file and an
// index.
#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "source/checkpoint.hpp"
#include "support/gguf_writer.hpp"

namespace membudget::fuzz {

void config(std::string_view input) {
  const auto parts = parts_of(input);
  constexpr std::string_view few =
      R"({"model.embed_tokens.weight": {"dtype": "BF16", "shape": [1000, 64], "data_offsets": [0, 128000]}})";
  const std::string_view json = parts.size() > 1 ? parts[1] : few;
  const std::string header = test::GgufWriter::bytes_of(std::uint64_t{json.size()}).append(json);
  std::map<std::string, std::string_view> files{{"config.json", parts[0]},
                                                {"model.safetensors", header}};
  if (parts.size() > 2) {
    files["model.safetensors.index.json"] = parts[2];
  }
  const TextFiles folder(std::move(files));
  const std::size_t salt = hash_of(input);
  const char* quantization = salt % 3 == 0 ? "Q4_K_M" : salt % 3 == 1 ? "" : "4bit";
  const auto model =
      read_twice([&] { return read_checkpoint(folder, "folder", quantization, profiles()); },
                 [](const Model& read) {
                   return read.architecture + std::to_string(read.tensors.data_size().count());
                 });
  if (model) {
    for (const std::string& note : model->notes) {
      check_printable(note, "notes are fit for a terminal");
    }
    check_plans(*model, salt / 3);
  }
}

}  // namespace membudget::fuzz
