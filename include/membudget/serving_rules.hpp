// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "membudget/units.hpp"

namespace membudget {

/// Which model a server unloads when another one is asked for.
enum class Eviction : std::uint8_t {
  shortest_keep_alive,    ///< Idle before busy, then the shortest keep-alive, then by name (Ollama).
  least_recently_used,    ///< llama-server's router, LM Studio, mlx_lm.server.
};

/// How a server loads models on demand and lets them go (profiles/serving.json). Runtimes that are
/// one program, such as LM Studio's two engines, share an entry.
struct ServerRules {
  /// What a server adds to its estimate for a batch of at least so many tokens.
  struct BatchSurcharge {
    std::int64_t from = 0;
    Bytes bytes;
  };

  std::string name;                   ///< In words: "Ollama".
  std::vector<std::string> runtimes;  ///< Profile ids: "ollama".
  Eviction eviction = Eviction::least_recently_used;
  std::int64_t keep_alive_s = -1;     ///< After its last request; negative = until evicted.
  std::int64_t max_loaded = 1;        ///< Models that it loads on demand, at once.
  /// It loads beside others only what it estimates at no more than this share of what is free;
  /// 0 = it does not look at memory.
  std::int64_t fit_percent = 0;
  std::vector<BatchSurcharge> batch_surcharges;  ///< From small batches to large; the last counts.
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
