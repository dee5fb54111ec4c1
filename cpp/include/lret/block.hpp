// A block: a row-major matrix of complex numbers whose rows are basis states.
#pragma once

#include <complex>
#include <cstdint>
#include <type_traits>

namespace lret {

/// `rows` x `columns` elements; row x, column j is `data[x * stride + j]`, stride >= columns.
template <class E>
struct BasicBlock {
  E* data;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t stride;

  /// One past the last element that the block can touch.
  [[nodiscard]] E* end() const { return rows == 0 ? data : data + (rows - 1) * stride + columns; }

  operator BasicBlock<const E>() const  // NOLINT(misc-explicit-constructor): as T* to const T*
    requires(!std::is_const_v<E>)
  {
    return {data, rows, columns, stride};
  }
};

template <class T>
using Block = BasicBlock<std::complex<T>>;
template <class T>
using ConstBlock = BasicBlock<const std::complex<T>>;

}  // namespace lret
