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

// Rows go through BLAS in chunks, as it counts in 32-bit integers.
constexpr std::int64_t kRowChunk = std::int64_t{1} << 20;
// Bytes of one thread's temporary in an in-place rotation.
constexpr std::int64_t kTemporaryBytes = std::int64_t{1} << 20;
// Parts that a rotation is cut into at least, to be shared by the threads.
constexpr std::int64_t kLeastChunks = 64;

// Columns are never more than the stride.
template <class E>
void check_stride(const char* name, const BasicBlock<E>& block) {
  if (block.stride > std::numeric_limits<int>::max()) {
    throw std::invalid_argument(std::string(name) +
                                " must have a stride that fits a 32-bit integer, not " +
                                std::to_string(block.stride));
  }
}

// For sizes that were checked or cut before: nothing may throw on the threads.
int blas_int(std::int64_t value) { return static_cast<int>(value); }

// BLAS takes no const; these arguments are only read.
template <class T>
std::complex<T>* blas_input(const std::complex<T>* data) {
  return const_cast<std::complex<T>*>(data);
}

// One task of the Gram matrix: the product of columns first_i .. and first_j .. of the block,
// first_i >= first_j, over some of its rows.
struct GramTask {
  std::int64_t first_i;
  std::int64_t count_i;
  std::int64_t first_j;
  std::int64_t count_j;
  std::int64_t chunk;  // of the rows
};

// Tiles on and above the diagonal, and chunks of rows where there are few tiles. Both follow from
// the shape alone, so that the sums are the same on any number of threads.
struct GramPlan {
  std::int64_t chunks;
  std::vector<GramTask> tasks;
};

GramPlan plan_gram(std::int64_t rows, std::int64_t columns, std::int64_t item_bytes) {
  constexpr std::int64_t kTile = 256;  // columns; BLAS is slow on narrower products
  constexpr std::int64_t kTasks = 64;
  constexpr std::int64_t kChunkRows = 1024;
  constexpr std::int64_t kMiB = std::int64_t{1} << 20;
  // Memory for partial sums: little beside the block.
  const std::int64_t partial_bytes =
      std::clamp(rows * columns * item_bytes / 4, 2 * kMiB, 16 * kMiB);
  const std::int64_t tiles = (columns + kTile - 1) / kTile;
  const std::int64_t chunks =
      std::max<std::int64_t>(1, std::min({2 * kTasks / (tiles * (tiles + 1)), rows / kChunkRows,
                                          partial_bytes / (item_bytes * columns * columns)}));
  GramPlan plan{chunks, {}};
  const auto start = [&](std::int64_t tile) { return columns * tile / tiles; };
  for (std::int64_t c = 0; c < chunks; ++c) {
    for (std::int64_t i = 0; i < tiles; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        plan.tasks.push_back(
            {start(i), start(i + 1) - start(i), start(j), start(j + 1) - start(j), c});
      }
    }
  }
  return plan;
}

// A row-major matrix is its transpose to Fortran, so the rows of L are the columns of A = L^T, and
// A A^dagger = (L^dagger L)^T: read in C order, its lower triangle is the upper one of the Gram
// matrix.
template <class T>
void run_gram_task(ConstBlock<T> block, const GramTask& tile, const Blas<T>& blas,
                   std::complex<T>* out) {
  char lower = 'L';
  char none = 'N';
  char adjoint = 'C';
  int n = blas_int(block.columns);
  int m_i = blas_int(tile.count_i);
  int m_j = blas_int(tile.count_j);
  int stride = blas_int(block.stride);
  std::complex<T>* const target = out + tile.first_i + tile.first_j * block.columns;
  for (std::int64_t x = 0; x < block.rows; x += kRowChunk) {
    int k = blas_int(std::min(kRowChunk, block.rows - x));
    std::complex<T>* const rows = blas_input(block.data + x * block.stride);
    if (tile.first_i == tile.first_j) {
      T one = 1;
      T beta = x == 0 ? 0 : 1;
      blas.herk(&lower, &none, &m_i, &k, &one, rows + tile.first_i, &stride, &beta, target, &n);
    } else {
      std::complex<T> one = 1;
      std::complex<T> beta = x == 0 ? 0 : 1;
      blas.gemm(&none, &adjoint, &m_i, &m_j, &k, &one, rows + tile.first_i, &stride,
                rows + tile.first_j, &stride, &beta, target, &n);
    }
  }
}

// target (rows x K, C order) = block * matrix, transposed for Fortran: M^T L^T.
template <class T>
void gemm_rows(ConstBlock<T> block, ConstBlock<T> matrix, Block<T> target, const Blas<T>& blas) {
  char none = 'N';
  int m = blas_int(matrix.columns);
  int n = blas_int(block.rows);
  int k = blas_int(block.columns);
  int matrix_stride = blas_int(matrix.stride);
  int block_stride = blas_int(block.stride);
  int target_stride = blas_int(target.stride);
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
  for (std::int64_t x = 0; x < from.rows; ++x) {
    std::copy_n(from.data + x * from.stride, from.columns, to.data + x * to.stride);
  }
}

// Add one upper triangle to another, both in C order.
template <class T>
void add_upper(std::int64_t columns, const std::complex<T>* from, std::complex<T>* to) {
  for (std::int64_t i = 0; i < columns; ++i) {
    for (std::int64_t j = i; j < columns; ++j) to[i * columns + j] += from[i * columns + j];
  }
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
  if (share_storage(block, out) && !column_shift(block, out)) {
    throw std::invalid_argument("out may share the storage of block only with the same rows");
  }
  check_stride("block", block);
  check_stride("matrix", matrix);
  check_stride("out", out);
}

}  // namespace

template <class T>
void gram(ConstBlock<T> block, const Blas<T>& blas, std::span<std::complex<T>> out) {
  const std::int64_t columns = block.columns;
  check_size("out", out.size(), static_cast<std::size_t>(columns * columns));
  check_stride("block", block);
  if (block.rows == 0) std::ranges::fill(out, std::complex<T>{});
  if (block.rows == 0 || columns == 0) return;
  const auto [chunks, tasks] = plan_gram(block.rows, columns, sizeof(std::complex<T>));
  // The first chunk goes to `out` itself.
  std::vector<std::complex<T>> partial(static_cast<std::size_t>((chunks - 1) * columns * columns));
  const auto count = static_cast<std::int64_t>(tasks.size());
  parallel_tasks(count, block.rows * columns, [&](std::int64_t t) {
    const GramTask& task = tasks[static_cast<std::size_t>(t)];
    const std::int64_t x = block.rows * task.chunk / chunks;
    const std::int64_t end = block.rows * (task.chunk + 1) / chunks;
    std::complex<T>* const target =
        task.chunk == 0 ? out.data() : partial.data() + (task.chunk - 1) * columns * columns;
    run_gram_task<T>(rows_of(block, x, end - x), task, blas, target);
  });
  for (std::int64_t c = 1; c < chunks; ++c) {
    add_upper<T>(columns, partial.data() + (c - 1) * columns * columns, out.data());
  }
  std::complex<T>* const g = out.data();
  for (std::int64_t i = 0; i < columns; ++i) {
    for (std::int64_t j = 0; j < i; ++j) g[i * columns + j] = std::conj(g[j * columns + i]);
  }
}

template <class T>
void rotate(ConstBlock<T> block, ConstBlock<T> matrix, Block<T> out, const Blas<T>& blas) {
  check_rotation(block, matrix, out);
  if (block.columns == 0) {
    for (std::int64_t x = 0; x < out.rows; ++x) {
      std::fill_n(out.data + x * out.stride, out.columns, std::complex<T>{});
    }
    return;
  }
  if (out.rows == 0 || out.columns == 0) return;
  const auto row_bytes = static_cast<std::int64_t>(sizeof(std::complex<T>)) * out.columns;
  const std::int64_t most = std::max<std::int64_t>(1, kTemporaryBytes / row_bytes);
  const std::int64_t chunk = std::min(most, (block.rows + kLeastChunks - 1) / kLeastChunks);
  const std::int64_t count = (block.rows + chunk - 1) / chunk;
  const bool in_place = share_storage(block, out);
  // One buffer for each share of the chunks, made before the threads start.
  const std::int64_t shares = std::min<std::int64_t>(num_threads(), count);
  const std::int64_t size = in_place ? chunk * out.columns : 0;
  std::vector<std::complex<T>> buffers(static_cast<std::size_t>(size * shares));
  parallel_for(shares, block.rows * block.columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      for (std::int64_t c = count * s / shares; c < count * (s + 1) / shares; ++c) {
        const std::int64_t x = c * chunk;
        const std::int64_t rows = std::min(chunk, block.rows - x);
        const Block<T> target = rows_of(out, x, rows);
        const Block<T> rotated{buffers.data() + s * size, rows, out.columns, out.columns};
        gemm_rows<T>(rows_of(block, x, rows), matrix, in_place ? rotated : target, blas);
        if (in_place) copy_block<T>(rotated, target);
      }
    }
  });
}

#define LRET_INSTANTIATE(T)                                                         \
  template void gram<T>(ConstBlock<T>, const Blas<T>&, std::span<std::complex<T>>); \
  template void rotate<T>(ConstBlock<T>, ConstBlock<T>, Block<T>, const Blas<T>&);
LRET_INSTANTIATE(double)
LRET_INSTANTIATE(float)
#undef LRET_INSTANTIATE

}  // namespace lret
