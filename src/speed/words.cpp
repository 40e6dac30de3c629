// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <utility>

#include "membudget/speed.hpp"

namespace membudget {

Experience experience_of(double generation_tps) {
  if (generation_tps < 5) return Experience::unusable;
  if (generation_tps < 10) return Experience::frustrating;
  if (generation_tps < 15) return Experience::acceptable;
  if (generation_tps < 20) return Experience::good;
  return Experience::seamless;
}

FirstToken first_token_of(double milliseconds) {
  if (milliseconds < 300) return FirstToken::instant;
  if (milliseconds < 1000) return FirstToken::fast;
  if (milliseconds <= 3000) return FirstToken::noticeable;
  return FirstToken::slow;
}

std::string_view bottleneck(const Speed& speed) {
  const TokenTime& time = speed.token;
  const std::array parts{std::pair(time.weights, std::string_view("reading the weights")),
                         std::pair(time.cache, std::string_view("reading the cache")),
                         std::pair(time.state, std::string_view("the recurrent state")),
                         std::pair(time.kernels, std::string_view("starting kernels")),
                         std::pair(time.sampling, std::string_view("sampling")),
                         std::pair(time.cpu, std::string_view("the CPU's share"))};
  return std::max_element(parts.begin(), parts.end())->second;
}

std::string_view to_string(Experience experience) {
  switch (experience) {
    case Experience::unusable:
      return "unusable";
    case Experience::frustrating:
      return "frustrating";
    case Experience::acceptable:
      return "acceptable";
    case Experience::good:
      return "good";
    case Experience::seamless:
      return "seamless";
  }
  return "unknown";
}

std::string_view to_string(FirstToken first_token) {
  switch (first_token) {
    case FirstToken::instant:
      return "instant";
    case FirstToken::fast:
      return "fast";
    case FirstToken::noticeable:
      return "noticeable";
    case FirstToken::slow:
      return "slow";
  }
  return "unknown";
}

}  // namespace membudget
