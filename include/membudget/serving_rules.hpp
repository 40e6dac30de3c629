// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace membudget {

/// Which model a server unloads when another one is asked for.
enum class Eviction : std::uint8_t {
  shortest_keep_alive,  ///< Idle before busy, then the shortest keep-alive, then by name (Ollama).
  least_recently_used,  ///< llama-server's router, LM Studio, mlx_lm.server.
};

/// How a server loads models on demand and lets them go (profiles/serving.json). Runtimes that are
/// one program, such as LM Studio's two engines, share an entry.
struct ServerRules {
  std::string name;                   ///< In words: "Ollama".
  std::vector<std::string> runtimes;  ///< Profile ids: "ollama".
  Eviction eviction = Eviction::least_recently_used;
  std::int64_t keep_alive_s = -1;  ///< After its last request; negative = until evicted.
  /// Models that it loads on demand, at once. Of Ollama the runtime's own OllamaRules say it.
  std::int64_t max_loaded = 1;
  /// A model is loaded once, whatever is asked of it: a second process of it cannot be had.
  bool one_process_per_model = false;
  /// Models that are loaded by hand stay out of this: they are neither counted nor evicted.
  bool pins_resident = true;
  /// One program holds all of its models: what a process takes by itself counts once.
  bool one_process = false;
  std::string source;
};

/// How fast a Mac's own SSD is read.
struct StorageSpeed {
  std::vector<std::string> chips;  ///< Chip::name: "Apple M1 Max".
  double read_gbs = 0;             ///< Sequentially, in 10^9 bytes per second.
  std::string source;
};

/// What is known about loading models (profiles/serving.json).
struct ServingRules {
  std::vector<ServerRules> servers;
  std::vector<StorageSpeed> storage;

  /// Of a runtime's server; one of its own that never lets go where nothing is known.
  [[nodiscard]] ServerRules server(std::string_view runtime) const;
  /// nullptr where nobody published a figure for the chip.
  [[nodiscard]] const StorageSpeed* storage_of(std::string_view chip_name) const;
};

}  // namespace membudget
#pragma GCC visibility pop
