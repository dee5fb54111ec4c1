// Building chosen branches K_k L_j of a factor.
#pragma once

#include <complex>
#include <cstdint>
#include <span>

#include "lret/block.hpp"

namespace lret {

/// Branch c of B: out[:, c] = scale[c] * K[operator_index[c]] block[:, source[c]], with K a
/// 2^k x 2^k matrix on the row bits `bits`, k = 1..6.
///
/// Only the chosen columns are read. `out` may share the storage of `block` if both have the same
/// stride and their columns do not overlap. Cost: (8 * 2^k + 2) * rows * B flops and two passes
/// over rows * B elements. Throws std::invalid_argument for wrong bits, sizes or indices.
template <class T>
void branch(ConstBlock<T> block, Block<T> out, std::span<const int> bits,
            std::span<const std::complex<double>> operators,
            std::span<const std::int64_t> operator_index, std::span<const std::int64_t> source,
            std::span<const double> scale);

}  // namespace lret
