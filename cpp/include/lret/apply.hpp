// Kernels that act on the rows of a block in place.
#pragma once

#include <complex>
#include <cstdint>
#include <span>

#include "lret/block.hpp"

namespace lret {

// A target of k bits splits the 2^m rows into 2^(m-k) groups of 2^k rows: the rows that agree on
// all other bits. Member a of a group is the row whose value on `bits` is a; bits[0] is the lowest
// bit of a. N below is the number of elements, rows * columns, and c the size of one in bytes (16
// or 8). Every function throws std::invalid_argument for wrong bits or sizes.

/// Apply a dense matrix: new[a] = sum_b matrix[a * 2^k + b] * old[b] in every group, k = 1..6.
/// Cost: 8 * 2^k * N flops, 2 * c * N bytes.
template <class T>
void apply_matrix(Block<T> block, std::span<const int> bits,
                  std::span<const std::complex<double>> matrix);

/// Apply a dense matrix to the groups whose control bits read `control_value`; other rows are
/// neither read nor written. Cost: that of apply_matrix divided by 2^(number of controls).
template <class T>
void apply_controlled(Block<T> block, std::span<const int> control_bits, std::int64_t control_value,
                      std::span<const int> bits, std::span<const std::complex<double>> matrix);

/// Multiply row x by diagonal[value of x on bits], k = 1..20. Rows that fill a register and whose
/// entry is exactly 1 are skipped. Cost: at most 6 * N flops, 2 * c * N bytes.
template <class T>
void apply_diagonal(Block<T> block, std::span<const int> bits,
                    std::span<const std::complex<double>> diagonal);

/// Apply a monomial matrix: new[a] = phases[a] * old[source[a]] in every group, k = 1..6. Fixed
/// members with phase 1 are skipped. Cost: at most 6 * N flops, 2 * c * N bytes.
template <class T>
void apply_permutation(Block<T> block, std::span<const int> bits,
                       std::span<const std::int64_t> source,
                       std::span<const std::complex<double>> phases);

}  // namespace lret
