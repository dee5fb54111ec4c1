#include <bit>

#include "check.hpp"
#include "lret/dense.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

// Naive BLAS with the Fortran interface, for the arguments that the core uses.
template <class T>
void naive_gemm(char* trans_a, char* trans_b, int* m, int* n, int* k, std::complex<T>* alpha,
                std::complex<T>* a, int* lda, std::complex<T>* b, int* ldb, std::complex<T>* beta,
                std::complex<T>* c, int* ldc) {
  CHECK(*trans_a == 'N' && (*trans_b == 'N' || *trans_b == 'C'));
  for (int i = 0; i < *m; ++i) {
    for (int j = 0; j < *n; ++j) {
      Wide sum = 0;
      for (int l = 0; l < *k; ++l) {
        const Wide right =
            *trans_b == 'N' ? Wide(b[l + j * *ldb]) : std::conj(Wide(b[j + l * *ldb]));
        sum += Wide(a[i + l * *lda]) * right;
      }
      const Wide old = *beta == T{0} ? Wide(0) : Wide(*beta) * Wide(c[i + j * *ldc]);
      c[i + j * *ldc] = std::complex<T>(Wide(*alpha) * sum + old);
    }
  }
}

template <class T>
void naive_herk(char* uplo, char* trans, int* n, int* k, T* alpha, std::complex<T>* a, int* lda,
                T* beta, std::complex<T>* c, int* ldc) {
  CHECK(*uplo == 'L' && *trans == 'N');
  for (int i = 0; i < *n; ++i) {
    for (int j = 0; j <= i; ++j) {
      Wide sum = 0;
      for (int l = 0; l < *k; ++l) sum += Wide(a[i + l * *lda]) * std::conj(Wide(a[j + l * *lda]));
      const Wide old = *beta == 0 ? Wide(0) : double{*beta} * Wide(c[i + j * *ldc]);
      c[i + j * *ldc] = std::complex<T>(double{*alpha} * sum + old);
    }
  }
}

template <class T>
constexpr Blas<T> kBlas{naive_gemm<T>, naive_herk<T>};

template <class T>
void check_gram(Storage<T> storage) {
  const auto columns = storage.columns;
  std::vector<std::complex<T>> out(static_cast<std::size_t>(columns * columns));
  gram<T>(storage.block(), kBlas<T>, out);
  std::vector<std::complex<T>> expected;
  for (std::int64_t i = 0; i < columns; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      Wide sum = 0;
      for (std::int64_t x = 0; x < storage.rows; ++x) {
        sum += std::conj(storage.get(x, i)) * storage.get(x, j);
      }
      expected.emplace_back(sum);
    }
  }
  CHECK(distance(out, expected) < kTolerance<T>);
}

template <class T>
void test_gram() {
  check_gram(Storage<T>(7, 300, 1));  // several tiles
  check_gram(Storage<T>(13, 9, 1));   // several chunks of rows
  for_shapes([](int columns, int padding) { check_gram(Storage<T>(5, columns, padding)); });
}
template <class T>
void check_rotation(Storage<T> storage, int new_columns, bool in_place) {
  const Storage<T> before = storage;
  const auto columns = storage.columns;
  std::vector<std::complex<T>> matrix;
  for (const auto& value : random_numbers(static_cast<std::size_t>(columns * new_columns))) {
    matrix.emplace_back(value);
  }
  Storage<T> apart(std::countr_zero(static_cast<std::uint64_t>(storage.rows)), new_columns, 2);
  const auto block = storage.block();
  const Block<T> out =
      in_place ? Block<T>{block.data, block.rows, new_columns, block.stride} : apart.block();
  rotate<T>(block, {matrix.data(), columns, new_columns, new_columns}, out, kBlas<T>);
  double worst = 0;
  for (std::int64_t x = 0; x < out.rows; ++x) {
    for (std::int64_t j = 0; j < new_columns; ++j) {
      Wide sum = 0;
      for (std::int64_t i = 0; i < columns; ++i) {
        sum += before.get(x, i) * Wide(matrix[static_cast<std::size_t>(i * new_columns + j)]);
      }
      worst = larger(worst, std::abs(Wide(out.data[x * out.stride + j]) - sum));
    }
  }
  CHECK(worst < 10 * kTolerance<T>);
  CHECK(storage.gaps_untouched() && apart.gaps_untouched());
}

template <class T>
void test_rotate() {
  check_rotation(Storage<T>(11, 40, 1), 30, true);  // several chunks, on all threads
  check_rotation(Storage<T>(11, 40, 1), 50, false);
  for_shapes([](int columns, int padding) {
    check_rotation(Storage<T>(5, columns, padding), (columns + 1) / 2, true);
    check_rotation(Storage<T>(5, columns, padding), columns, true);
    check_rotation(Storage<T>(5, columns, padding), columns + 2, false);
  });
}

void test_edges() {
  Storage<double> storage(3, 4, 0);
  const auto block = storage.block();
  std::vector<Wide> numbers(16, Wide(9));
  gram<double>({block.data, 0, 4, 4}, kBlas<double>, numbers);
  CHECK(numbers == std::vector<Wide>(16));
  const ConstBlock<double> matrix{numbers.data(), 4, 4, 4};
  rotate<double>({block.data, 0, 4, 4}, matrix, {block.data, 0, 4, 4}, kBlas<double>);
  // A product over no columns is zero.
  rotate<double>({block.data, 8, 0, 4}, {numbers.data(), 0, 4, 4}, block, kBlas<double>);
  CHECK(storage.data == std::vector<Wide>(32));
  // One row in place, where strides say nothing.
  std::vector<Wide> row{1, 2, 3, 4};
  numbers = {0, 1, 0, 0, 1, 0, 0, 0};
  rotate<double>({row.data(), 1, 4, 4}, {numbers.data(), 4, 2, 2}, {row.data(), 1, 2, 2},
                 kBlas<double>);
  CHECK(row == (std::vector<Wide>{3, 1, 3, 4}));
}

void test_rejections() {
  Storage<double> storage(3, 4, 0);
  const auto block = storage.block();
  std::vector<Wide> numbers(16);
  const ConstBlock<double> matrix{numbers.data(), 4, 4, 4};
  const Block<double> shifted{block.data + 4, 4, 4, 4};
  const Block<double> narrow{block.data, 8, 2, 4};
  CHECK_THROWS(gram<double>(block, kBlas<double>, std::span(numbers).first(3)), "16 elements");
  CHECK_THROWS(rotate<double>(block, matrix, narrow, kBlas<double>), "must have shape (4, 2)");
  CHECK_THROWS(rotate<double>({block.data, 4, 4, 4}, matrix, shifted, kBlas<double>), "same rows");
  const ConstBlock<double> huge{block.data, 1, 4, std::int64_t{1} << 31};
  CHECK_THROWS(gram<double>(huge, kBlas<double>, numbers), "fits a 32-bit integer, not 2147483648");
  std::vector<Wide> out(4);
  CHECK_THROWS(rotate<double>(huge, matrix, {out.data(), 1, 4, 4}, kBlas<double>), "stride");
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start(3);
  test_gram<double>();
  test_gram<float>();
  test_rotate<double>();
  test_rotate<float>();
  test_edges();
  test_rejections();
  return result();
}
