// SPDX-License-Identifier: MIT
// The input is what somebody types: sizes, token counts, tolerances, addresses, names and patterns
// of tensors.
#include "fuzz/checks.hpp"
#include "fuzz/target.hpp"
#include "membudget/units.hpp"
#include "membudget/verify.hpp"
#include "source/http.hpp"
#include "source/local_models.hpp"
#include "tensor_pattern.hpp"

namespace membudget::fuzz {

void words(std::string_view input) {
  if (const auto size = read_or_refuse([&] { return parse_size(input, "--size"); })) {
    require(*size >= Bytes{}, "no size is negative");
    check_printable(to_text(*size), "a size is fit for a terminal");
  }
  if (const auto tokens = read_or_refuse([&] { return parse_tokens(input, "--tokens"); })) {
    require(*tokens >= 0, "no count is negative");
  }
  if (const auto near = read_or_refuse([&] { return parse_tolerance(input, "--tolerance"); })) {
    require(near->bytes >= Bytes{} && near->percent >= 0, "no tolerance is negative");
  }
  if (const auto name = read_or_refuse([&] { return parse_hub_name(input); })) {
    // They become part of a path and of an address.
    require(name->organisation.find('/') == std::string::npos &&
                name->repository.find('/') == std::string::npos && name->organisation != ".." &&
                name->repository != "..",
            "no name leads out of a cache");
  }
  if (const auto address = address_of(input)) {
    require(address->scheme == "http" || address->scheme == "https", "an address is of the web");
    require(shown_url(input).find('@') == std::string::npos ||
                address->path.find('@') != std::string::npos,
            "an address is shown without its user");
  }
  static_cast<void>(read_or_refuse([&] {
    const TensorPattern pattern{std::string(input)};
    return pattern.is_in("blk.12.ffn_gate_up_exps.weight") != pattern.is_in("");
  }));
  // They look for near names through the whole catalog, so only now and then.
  const std::size_t salt = hash_of(input);
  if (salt % 256 == 0) {
    static_cast<void>(read_or_refuse([&] { return profiles().model(input); }));
  }
  if (salt % 32 == 1) {
    static_cast<void>(read_or_refuse([&] { return profiles().runtime(input); }));
    static_cast<void>(read_or_refuse([&] { return profiles().chip(input); }));
  }
}

}  // namespace membudget::fuzz
