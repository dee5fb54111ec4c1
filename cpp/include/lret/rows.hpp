// Moving rows: another row stride, and copies of the rows that share a value on some bits.
#pragma once

#include <complex>
#include <cstdint>
#include <span>

#include "lret/block.hpp"

namespace lret {

// All throw std::invalid_argument for sizes that do not fit.

/// Move row i of `columns` elements from storage[i * old_stride] to storage[i * new_stride], in
/// place: from the last row backwards when the stride grows, forwards when it shrinks. On one
/// thread. Cost: one read and one write of rows * columns elements.
template <class T>
void restride(std::span<std::complex<T>> storage, std::int64_t rows, std::int64_t columns,
              std::int64_t old_stride, std::int64_t new_stride);

/// Copy rows number start .. start + out.rows of those whose `bits` read `value`, in ascending
/// order, into `out`, which must not overlap `block`. Cost: one read and one write of `out`.
/// Elements are complex or real.
template <class E>
void pack_rows(BasicBlock<const E> block, std::span<const int> bits, std::int64_t value,
               std::int64_t start, BasicBlock<E> out);

/// The inverse of pack_rows: write the rows of `source` into those rows of `block`.
template <class E>
void unpack_rows(BasicBlock<E> block, std::span<const int> bits, std::int64_t value,
                 std::int64_t start, BasicBlock<const E> source);

}  // namespace lret
