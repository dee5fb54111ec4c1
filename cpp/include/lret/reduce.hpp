// Sums over the rows or columns of a block.
#pragma once

#include <complex>
#include <cstdint>
#include <span>

#include "lret/block.hpp"

namespace lret {

// All sums are accumulated in double over a partition of the rows that depends on the shape alone,
// so results are bitwise the same for any number of threads. N is rows * columns.

/// out[j, a, b] = sum over groups g of L[g a, j] * conj(L[g b, j]): the reduced matrix of column j
/// on `bits`, k = 1..3. `out` holds columns * 4^k elements in C order.
/// Cost: 4 * 2^k * N flops (Hermitian: a <= b only), one read of the block.
template <class T>
void reduced_matrices(ConstBlock<T> block, std::span<const int> bits,
                      std::span<std::complex<double>> out);

/// out[j] = sum_x |L[x, j]|^2. Cost: 4 * N flops, one read of the block.
template <class T>
void column_weights(ConstBlock<T> block, std::span<double> out);

/// out[x] = sum_j |L[x, j]|^2. Cost: 4 * N flops, one read of the block.
template <class T>
void probabilities(ConstBlock<T> block, std::span<double> out);

// Columns one after the other, of `rows` elements each:

/// out[c] = |v_c|^2. Cost: 2 * N flops, one read of the columns.
template <class T>
void squared_norms(std::span<const std::complex<T>> columns, std::int64_t rows,
                   std::span<double> out);

/// out[c, b] = sum_x (-1)^(bit b of x) |v_c[x]|^2, <Z> of bit b < n, and out[c, n] = |v_c|^2.
/// Cost: 6 * N flops, one read of the columns.
template <class T>
void z_values(std::span<const std::complex<T>> columns, std::int64_t rows, std::span<double> out);

/// out[x] = sum_c factors[c] |v_c[x]|^2. Cost: 8 * N flops, one read of the columns.
template <class T>
void weighted_probabilities(std::span<const std::complex<T>> columns, std::int64_t rows,
                            std::span<const double> factors, std::span<double> out);

/// sum over x, j of conj(left[x, j]) * (-1)^popcount((x ^ x_mask) & z_mask) * right[x ^ x_mask, j].
/// Cost: 8 * N flops, one read of each block.
template <class T>
[[nodiscard]] std::complex<double> pauli_overlap(ConstBlock<T> left, ConstBlock<T> right,
                                                 std::int64_t x_mask, std::int64_t z_mask);

/// out[c, s] = <v|P|v> of column v number c, one after the other, and Pauli string number s, which
/// has X on the bits of its x mask alone, Z on those of its z mask alone, Y on those of both.
/// Cost: 2 * rows flops for each column and string; in the cache for short columns.
template <class T>
void pauli_values(std::span<const std::complex<T>> columns, std::int64_t rows,
                  std::span<const std::int64_t> x_masks, std::span<const std::int64_t> z_masks,
                  std::span<double> out);

}  // namespace lret
