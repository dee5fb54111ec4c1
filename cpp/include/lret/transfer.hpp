// Real transfer matrices on the bits of a real vector: channels on Pauli coefficients.
#pragma once

#include <span>
#include <vector>

namespace lret {

/// A 2^k x 2^k real matrix in C order on k distinct bits of the index of a vector; bits[0] is the
/// lowest bit of the index of the matrix.
struct Transfer {
  std::vector<int> bits;
  std::span<const double> matrix;
};

/// The most distinct bits that the steps of one call may touch.
inline constexpr int kTransferBits = 12;

/// Apply the steps one after the other: new[a] = sum_b matrix[a * 2^k + b] * old[b] in every group
/// of 2^k elements that agree on all other bits.
///
/// The vector is read and written once, whatever the number of steps: each part of it that agrees
/// on all bits which no step touches is worked on in the cache. Cost: 2^(k + 1) flops for each
/// element and step. Throws std::invalid_argument for wrong bits or sizes.
template <class T>
void apply_transfers(std::span<T> vector, std::span<const Transfer> steps);

}  // namespace lret
