// Argument checks shared by the kernels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "groups.hpp"
#include "lret/block.hpp"

namespace lret {

template <class E>
Shape shape_of(const BasicBlock<E>& block) {
  return {block.rows, block.columns, block.stride};
}

inline void check_size(const char* name, std::size_t size, std::size_t expected) {
  if (size != expected) {
    throw std::invalid_argument(std::string(name) + " must hold " + std::to_string(expected) +
                                " elements, not " + std::to_string(size));
  }
}

/// A value of `count` bits, such as a control value.
inline void check_value(const char* name, std::int64_t value, std::size_t count) {
  if (value < 0 || value >> count != 0) {
    throw std::invalid_argument(std::string(name) + " must be a number of " +
                                std::to_string(count) + " bits, not " + std::to_string(value));
  }
}

/// Whether the two blocks overlap in memory as a whole (their columns may still be disjoint).
template <class A, class B>
bool share_storage(const BasicBlock<A>& a, const BasicBlock<B>& b) {
  return static_cast<const void*>(a.data) < static_cast<const void*>(b.end()) &&
         static_cast<const void*>(b.data) < static_cast<const void*>(a.end());
}

/// How many columns to the right of `a` the block `b` starts, if both are columns of one matrix:
/// the same rows at the same stride, no row of one reaching into another row of the other.
template <class A, class B>
std::optional<std::int64_t> column_shift(const BasicBlock<A>& a, const BasicBlock<B>& b) {
  constexpr auto kItem = static_cast<std::intptr_t>(sizeof(A));
  const auto bytes =
      reinterpret_cast<std::intptr_t>(b.data) - reinterpret_cast<std::intptr_t>(a.data);
  if (a.rows != b.rows || bytes % kItem != 0) return std::nullopt;
  const std::int64_t shift = bytes / kItem;
  const std::int64_t width =
      std::max(a.columns, shift + b.columns) - std::min<std::int64_t>(shift, 0);
  if (a.rows > 1 && (a.stride != b.stride || width > a.stride)) return std::nullopt;
  return shift;
}

}  // namespace lret
