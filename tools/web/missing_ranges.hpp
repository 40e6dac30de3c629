// SPDX-License-Identifier: MIT
#pragma once

// libc++ 14, which Debian's Emscripten brings, has ranges but none of their algorithms. These are
// the ones the library uses, as the standard has them for containers; the build for WebAssembly
// includes this before each file, no other build does. It goes when that libc++ does: newer ones
// skip it.

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#if defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 15000

namespace std::ranges {

template <class Range, class Value, class Projection = identity>
auto find(Range&& range, const Value& value, Projection projection = {}) {
  auto at = std::begin(range);
  while (at != std::end(range) && !(std::invoke(projection, *at) == value)) ++at;
  return at;
}

template <class Range, class Predicate, class Projection = identity>
auto find_if(Range&& range, Predicate predicate, Projection projection = {}) {
  auto at = std::begin(range);
  while (at != std::end(range) && !std::invoke(predicate, std::invoke(projection, *at))) ++at;
  return at;
}

template <class Range, class Predicate, class Projection = identity>
bool any_of(Range&& range, Predicate predicate, Projection projection = {}) {
  return ranges::find_if(range, predicate, projection) != std::end(range);
}

template <class Range, class Predicate, class Projection = identity>
bool none_of(Range&& range, Predicate predicate, Projection projection = {}) {
  return !ranges::any_of(range, predicate, projection);
}

template <class Range, class Predicate, class Projection = identity>
bool all_of(Range&& range, Predicate predicate, Projection projection = {}) {
  return !ranges::any_of(range, std::not_fn(predicate), projection);
}

template <class Range, class Predicate, class Projection = identity>
auto count_if(Range&& range, Predicate predicate, Projection projection = {}) {
  return std::count_if(std::begin(range), std::end(range), [&](auto&& each) -> bool {
    return std::invoke(predicate, std::invoke(projection, each));
  });
}

template <class Range, class Value, class Projection = identity>
auto count(Range&& range, const Value& value, Projection projection = {}) {
  return ranges::count_if(
      range, [&](const auto& each) { return each == value; }, projection);
}

template <class Order, class Projection>
auto order_of(Order& order, Projection& projection) {
  return [&](const auto& a, const auto& b) -> bool {
    return std::invoke(order, std::invoke(projection, a), std::invoke(projection, b));
  };
}

template <class Range, class Order = less, class Projection = identity>
void sort(Range&& range, Order order = {}, Projection projection = {}) {
  std::sort(std::begin(range), std::end(range), ranges::order_of(order, projection));
}

template <class Range, class Order = less, class Projection = identity>
void stable_sort(Range&& range, Order order = {}, Projection projection = {}) {
  std::stable_sort(std::begin(range), std::end(range), ranges::order_of(order, projection));
}

template <class Range, class Order = less, class Projection = identity>
auto max_element(Range&& range, Order order = {}, Projection projection = {}) {
  return std::max_element(std::begin(range), std::end(range), ranges::order_of(order, projection));
}

template <class Range, class Order = less, class Projection = identity>
auto min_element(Range&& range, Order order = {}, Projection projection = {}) {
  return std::min_element(std::begin(range), std::end(range), ranges::order_of(order, projection));
}

template <class Range, class Out, class Function, class Projection = identity>
Out transform(Range&& range, Out out, Function function, Projection projection = {}) {
  return std::transform(std::begin(range), std::end(range), out, [&](auto&& each) {
    return std::invoke(function, std::invoke(projection, each));
  });
}

template <class Range, class Out>
Out copy(Range&& range, Out out) {
  return std::copy(std::begin(range), std::end(range), out);
}

template <class Range, class Value>
void replace(Range&& range, const Value& from, const Value& to) {
  std::replace(std::begin(range), std::end(range), from, to);
}

template <class Range>
void reverse(Range&& range) {
  std::reverse(std::begin(range), std::end(range));
}

template <class Range, class Value>
void fill(Range&& range, const Value& value) {
  std::fill(std::begin(range), std::end(range), value);
}

}  // namespace std::ranges

#endif
