// Matrix products of a whole block, by BLAS.
#pragma once

#include <complex>
#include <span>

#include "lret/blas.hpp"
#include "lret/block.hpp"

namespace lret {

// Both call BLAS from the threads of the core, so BLAS itself should be limited to one thread.
// Both throw std::invalid_argument for sizes that do not fit and strides above 2^31 - 1.

/// G = L^dagger L, R x R in C order, full Hermitian with a real diagonal, for L of N x R.
/// Cost: 4 * N * R^2 flops (one triangle), one read of L.
template <class T>
void gram(ConstBlock<T> block, const Blas<T>& blas, std::span<std::complex<T>> out);

/// out = L M for M of R x K in C order. `out` may be columns of the same matrix as `block`, also
/// the same columns. Cost: 8 * N * R * K flops; a temporary of 1 MiB for each thread if they share
/// storage.
template <class T>
void rotate(ConstBlock<T> block, ConstBlock<T> matrix, Block<T> out, const Blas<T>& blas);

}  // namespace lret
