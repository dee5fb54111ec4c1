#include <bit>

#include "check.hpp"
#include "lret/reduce.hpp"
#include "lret/runtime.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

// Sums are in double whatever the precision of the block.
constexpr double kSumTolerance = 1e-12;

template <class T>
std::vector<Wide> naive_reduced(const Storage<T>& storage, const std::vector<int>& bits) {
  const std::int64_t side = std::int64_t{1} << bits.size();
  std::vector<Wide> out(static_cast<std::size_t>(storage.columns * side * side));
  for (std::int64_t x = 0; x < storage.rows; ++x) {
    for (std::int64_t b = 0; b < side; ++b) {
      for (std::int64_t j = 0; j < storage.columns; ++j) {
        out[static_cast<std::size_t>((j * side + value_on(x, bits)) * side + b)] +=
            storage.get(x, j) * std::conj(storage.get(with_value(x, bits, b), j));
      }
    }
  }
  return out;
}

template <class T>
void check_reduced(Storage<T> storage, const std::vector<int>& bits) {
  const auto expected = naive_reduced(storage, bits);
  std::vector<Wide> out(expected.size());
  reduced_matrices<T>(storage.block(), bits, out);
  CHECK(distance(out, expected) < kSumTolerance);
}

template <class T>
void check_sums(Storage<T> storage) {
  std::vector<double> of_columns(static_cast<std::size_t>(storage.columns));
  std::vector<double> of_rows(static_cast<std::size_t>(storage.rows));
  for (std::int64_t x = 0; x < storage.rows; ++x) {
    for (std::int64_t j = 0; j < storage.columns; ++j) {
      of_columns[static_cast<std::size_t>(j)] += std::norm(storage.get(x, j));
      of_rows[static_cast<std::size_t>(x)] += std::norm(storage.get(x, j));
    }
  }
  std::vector<double> weights(of_columns.size());
  column_weights<T>(storage.block(), weights);
  CHECK(distance(weights, of_columns) < kSumTolerance);
  std::vector<double> rows(of_rows.size());
  probabilities<T>(storage.block(), rows);
  CHECK(distance(rows, of_rows) < kSumTolerance);
}

template <class T>
void check_overlap(Storage<T> left, Storage<T> right, std::int64_t x_mask, std::int64_t z_mask) {
  Wide expected = 0;
  for (std::int64_t x = 0; x < left.rows; ++x) {
    const auto parity = std::popcount(static_cast<std::uint64_t>((x ^ x_mask) & z_mask)) % 2;
    for (std::int64_t j = 0; j < left.columns; ++j) {
      expected += (parity == 0 ? 1.0 : -1.0) * std::conj(left.get(x, j)) * right.get(x ^ x_mask, j);
    }
  }
  const auto out = pauli_overlap<T>(left.block(), right.block(), x_mask, z_mask);
  CHECK(std::abs(out - expected) < kSumTolerance * static_cast<double>(left.rows * left.columns));
}

// <v|P|v> from the definition, of columns shorter than a register and longer.
template <class T>
void check_strings(int qubits) {
  constexpr std::size_t kColumns = 3;
  constexpr std::int64_t kStrings = 40;
  const std::int64_t rows = std::int64_t{1} << qubits;
  const Wide phases[] = {1.0, {0.0, 1.0}, -1.0, {0.0, -1.0}};
  std::vector<std::complex<T>> columns;
  for (const Wide value : random_numbers(kColumns * static_cast<std::size_t>(rows))) {
    columns.emplace_back(value);
  }
  std::vector<std::int64_t> x_masks;
  std::vector<std::int64_t> z_masks;
  for (std::int64_t s = 0; s < kStrings; ++s) {
    x_masks.push_back(static_cast<std::int64_t>(generator()() % static_cast<std::uint64_t>(rows)));
    z_masks.push_back(static_cast<std::int64_t>(generator()() % static_cast<std::uint64_t>(rows)));
  }
  std::vector<double> expected;
  for (std::size_t c = 0; c < kColumns; ++c) {
    const auto* column = columns.data() + c * static_cast<std::size_t>(rows);
    for (std::size_t s = 0; s < x_masks.size(); ++s) {
      const auto ys = std::popcount(static_cast<std::uint64_t>(x_masks[s] & z_masks[s]));
      Wide sum = 0;
      for (std::int64_t x = 0; x < rows; ++x) {
        const std::int64_t from = x ^ x_masks[s];
        const auto parity = std::popcount(static_cast<std::uint64_t>(from & z_masks[s]));
        sum += std::conj(Wide(column[x])) * phases[(ys + 2 * parity) % 4] * Wide(column[from]);
      }
      expected.push_back(sum.real());
    }
  }
  std::vector<double> out(expected.size());
  pauli_values<T>(columns, rows, x_masks, z_masks, out);
  CHECK(distance(out, expected) < kTolerance<T>);
}

// <Z> of every bit and sums over columns from the definition, in one chunk of squares and in
// several.
template <class T>
void check_squares(int qubits) {
  constexpr std::int64_t kColumns = 3;
  const std::int64_t rows = std::int64_t{1} << qubits;
  std::vector<std::complex<T>> columns;
  for (const Wide value : random_numbers(static_cast<std::size_t>(kColumns * rows))) {
    columns.emplace_back(value);
  }
  const std::vector<double> factors{0.5, 2.0, 3.0};
  std::vector<double> z;
  std::vector<double> weighted(static_cast<std::size_t>(rows));
  for (std::int64_t c = 0; c < kColumns; ++c) {
    std::vector<double> values(static_cast<std::size_t>(qubits) + 1);
    for (std::int64_t x = 0; x < rows; ++x) {
      const double square = std::norm(Wide(columns[static_cast<std::size_t>(c * rows + x)]));
      weighted[static_cast<std::size_t>(x)] += factors[static_cast<std::size_t>(c)] * square;
      for (int b = 0; b <= qubits; ++b) {
        values[static_cast<std::size_t>(b)] += b < qubits && (x >> b & 1) != 0 ? -square : square;
      }
    }
    z.insert(z.end(), values.begin(), values.end());
  }
  std::vector<double> norms;
  for (std::size_t c = 1; c <= kColumns; ++c) norms.push_back(z[c * (z.size() / kColumns) - 1]);
  std::vector<double> squared(norms.size());
  squared_norms<T>(columns, rows, squared);
  CHECK(distance(squared, norms) < kSumTolerance * static_cast<double>(rows));
  std::vector<double> found(z.size());
  z_values<T>(columns, rows, found);
  CHECK(distance(found, z) < kSumTolerance * static_cast<double>(rows));
  std::vector<double> sums(weighted.size());
  weighted_probabilities<T>(columns, rows, factors, sums);
  CHECK(distance(sums, weighted) < kSumTolerance);
}

template <class T>
void test_all() {
  for (int qubits = 0; qubits <= 8; ++qubits) check_strings<T>(qubits);
  for (const int qubits : {0, 1, 2, 3, 8, 9, 10, 12}) check_squares<T>(qubits);
  for_shapes([](int columns, int padding) {
    for (int k = 1; k <= 3; ++k) {
      check_reduced(Storage<T>(k, columns, padding), random_bits(k, k));
      check_reduced(Storage<T>(7, columns, padding), random_bits(7, k));
    }
    check_sums(Storage<T>(0, columns, padding));
    check_sums(Storage<T>(7, columns, padding));
    for (const std::int64_t x_mask : {0, 1, 6, 64}) {
      for (const std::int64_t z_mask : {0, 2, 96}) {
        check_overlap(Storage<T>(7, columns, padding), Storage<T>(7, columns, 3 - padding), x_mask,
                      z_mask);
        check_overlap(Storage<T>(7, columns, padding), Storage<T>(7, columns, padding), x_mask,
                      z_mask);
      }
    }
  });
}

// Several tiles of columns and chunks of rows, whatever the number of threads.
void test_partition() {
  Storage<double> storage(8, 600, 0);
  const std::vector<int> bits{3, 0};
  const auto expected = naive_reduced(storage, bits);
  std::vector<Wide> single(expected.size());
  set_num_threads(1);
  reduced_matrices<double>(storage.block(), bits, single);
  CHECK(distance(single, expected) < kSumTolerance);
  for (const int threads : {2, 3, 5}) {
    set_num_threads(threads);
    std::vector<Wide> out(expected.size());
    reduced_matrices<double>(storage.block(), bits, out);
    CHECK(out == single);
  }
  set_num_threads(3);
}

void test_edges() {
  Storage<double> storage(4, 2, 0);
  const auto block = storage.block();
  const ConstBlock<double> empty{block.data, 16, 0, 0};
  std::vector<double> rows(16, 1.0);
  probabilities<double>(empty, rows);
  CHECK(rows == std::vector<double>(16, 0.0));
  column_weights<double>(empty, {});
  reduced_matrices<double>(empty, std::vector<int>{0}, {});
  CHECK(pauli_overlap<double>(empty, empty, 1, 1) == Wide(0));

  std::vector<Wide> out(2 * 256);
  CHECK_THROWS(reduced_matrices<double>(block, std::vector<int>{0, 1, 2, 3}, out),
               "1 to 3 bits, not 4");
  CHECK_THROWS(column_weights<double>({block.data, 3, 2, 2}, rows), "power of two");
  CHECK_THROWS((void)pauli_overlap<double>(block, block, 16, 0), "x_mask must be");
  CHECK_THROWS((void)pauli_overlap<double>(block, block, 0, -1), "z_mask must be");
  CHECK_THROWS((void)pauli_overlap<double>(block, empty, 0, 0), "same shape");

  const std::vector<std::int64_t> masks{1, 16};
  std::vector<double> values(2);
  CHECK_THROWS(pauli_values<double>(std::span(out).first(16), 16, masks, masks, values),
               "x_masks must be");
  CHECK_THROWS(pauli_values<double>(std::span(out).first(17), 16, masks, masks, values),
               "columns must hold");
  CHECK_THROWS(pauli_values<double>(std::span(out).first(16), 16, masks, {}, values),
               "z_masks must hold");
  std::vector<double> z(5);
  CHECK_THROWS(z_values<double>(std::span(out).first(15), 15, z), "power of two");
  CHECK_THROWS(z_values<double>(std::span(out).first(17), 16, z), "columns must hold");
  CHECK_THROWS(z_values<double>(std::span(out).first(16), 16, std::span(z).first(4)), "out must");
  CHECK_THROWS(weighted_probabilities<double>(std::span(out).first(16), 16, values, z),
               "columns must hold");
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start(3);
  test_all<double>();
  test_all<float>();
  test_partition();
  test_edges();
  return result();
}
