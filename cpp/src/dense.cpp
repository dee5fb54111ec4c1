#include "lret/dense.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "checks.hpp"
#include "parallel.hpp"

namespace lret {
namespace {

// BLAS counts in 32-bit integers; rows go through it in chunks far below that.
constexpr std::int64_t kRowChunk = std::int64_t{1} << 20;
// Bytes of the temporary of an in-place rotation.
constexpr std::int64_t kTemporaryBytes = std::int64_t{4} << 20;

int blas_int(const char* name, std::int64_t value) {
  if (value > std::numeric_limits<int>::max()) {
    throw std::invalid_argument(std::string(name) + " must fit a 32-bit integer, not " +
                                std::to_string(value));
  }
  return static_cast<int>(value);
}

// BLAS takes no const; these arguments are only read.
template <class T>
std::complex<T>* blas_input(const std::complex<T>* data) {
  return const_cast<std::complex<T>*>(data);
}

// A row-major matrix is its transpose to Fortran, so the rows of L are the columns of A = L^T, and
// A A^dagger = (L^dagger L)^T: read in C order, its lower triangle is the upper one of the Gram
// matrix.
template <class T>
void herk_rows(ConstBlock<T> block, const Blas<T>& blas, bool first, std::complex<T>* out) {
  char lower = 'L';
  char none = 'N';
  int n = blas_int("columns", block.columns);
  int k = blas_int("rows", block.rows);
  int stride = blas_int("stride", block.stride);
  T one = 1;
  T beta = first ? 0 : 1;
  blas.herk(&lower, &none, &n, &k, &one, blas_input(block.data), &stride, &beta, out, &n);
}

// target (rows x K, C order) = block * matrix, transposed for Fortran: M^T L^T.
template <class T>
void gemm_rows(ConstBlock<T> block, ConstBlock<T> matrix, Block<T> target, const Blas<T>& blas) {
  char none = 'N';
  int m = blas_int("columns of out", matrix.columns);
  int n = blas_int("rows", block.rows);
  int k = blas_int("columns", block.columns);
  int matrix_stride = blas_int("stride of matrix", matrix.stride);
  int block_stride = blas_int("stride", block.stride);
  int target_stride = blas_int("stride of out", target.stride);
  std::complex<T> one = 1;
  std::complex<T> zero = 0;
  blas.gemm(&none, &none, &m, &n, &k, &one, blas_input(matrix.data), &matrix_stride,
            blas_input(block.data), &block_stride, &zero, target.data, &target_stride);
}

template <class E>
BasicBlock<E> rows_of(const BasicBlock<E>& block, std::int64_t first, std::int64_t count) {
  return {block.data + first * block.stride, count, block.columns, block.stride};
}

template <class T>
void copy_block(ConstBlock<T> from, Block<T> to) {
  parallel_for(from.rows, from.rows * from.columns, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t x = first; x < last; ++x) {
      std::copy_n(from.data + x * from.stride, from.columns, to.data + x * to.stride);
    }
  });
}

template <class T>
void check_rotation(ConstBlock<T> block, ConstBlock<T> matrix, Block<T> out) {
  if (matrix.rows != block.columns || matrix.columns != out.columns || out.rows != block.rows) {
    throw std::invalid_argument(
        "matrix must have shape (" + std::to_string(block.columns) + ", " +
        std::to_string(out.columns) + ") and out " + std::to_string(block.rows) + " rows, not (" +
        std::to_string(matrix.rows) + ", " + std::to_string(matrix.columns) + ") and " +
        std::to_string(out.rows));
  }
  if (share_storage(matrix, ConstBlock<T>(out))) {
    throw std::invalid_argument("out must not overlap matrix");
  }
  const std::int64_t shift = out.data - block.data;
  const bool same_rows =
      block.stride == out.stride && shift >= 0 && shift + out.columns <= out.stride;
  if (share_storage(block, out) && !same_rows) {
    throw std::invalid_argument("out may share the storage of block only with the same rows");
  }
}

}  // namespace

template <class T>
void gram(ConstBlock<T> block, const Blas<T>& blas, std::span<std::complex<T>> out) {
  const std::int64_t columns = block.columns;
  check_size("out", out.size(), static_cast<std::size_t>(columns * columns));
  if (columns == 0) return;
  for (std::int64_t x = 0; x < block.rows; x += kRowChunk) {
    herk_rows<T>(rows_of(block, x, std::min(kRowChunk, block.rows - x)), blas, x == 0, out.data());
  }
  std::complex<T>* const g = out.data();
  for (std::int64_t i = 0; i < columns; ++i) {
    for (std::int64_t j = 0; j < i; ++j) g[i * columns + j] = std::conj(g[j * columns + i]);
  }
}

template <class T>
void rotate(ConstBlock<T> block, ConstBlock<T> matrix, Block<T> out, const Blas<T>& blas) {
  check_rotation(block, matrix, out);
  if (block.columns == 0 || out.columns == 0) return;
  if (!share_storage(block, out)) {
    for (std::int64_t x = 0; x < block.rows; x += kRowChunk) {
      const std::int64_t count = std::min(kRowChunk, block.rows - x);
      gemm_rows<T>(rows_of(block, x, count), matrix, rows_of(out, x, count), blas);
    }
    return;
  }
  const auto row_bytes = static_cast<std::int64_t>(sizeof(std::complex<T>)) * out.columns;
  const std::int64_t chunk = std::clamp<std::int64_t>(kTemporaryBytes / row_bytes, 1, block.rows);
  std::vector<std::complex<T>> buffer(static_cast<std::size_t>(chunk * out.columns));
  for (std::int64_t x = 0; x < block.rows; x += chunk) {
    const std::int64_t count = std::min(chunk, block.rows - x);
    const Block<T> rotated{buffer.data(), count, out.columns, out.columns};
    gemm_rows<T>(rows_of(block, x, count), matrix, rotated, blas);
    copy_block<T>(rotated, rows_of(out, x, count));
  }
}

#define LRET_INSTANTIATE(T)                                                         \
  template void gram<T>(ConstBlock<T>, const Blas<T>&, std::span<std::complex<T>>); \
  template void rotate<T>(ConstBlock<T>, ConstBlock<T>, Block<T>, const Blas<T>&);
LRET_INSTANTIATE(double)
LRET_INSTANTIATE(float)
#undef LRET_INSTANTIATE

}  // namespace lret
