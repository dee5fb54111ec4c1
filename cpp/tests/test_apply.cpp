#include <numeric>

#include "check.hpp"
#include "lret/apply.hpp"
#include "lret/runtime.hpp"
#include "matrix_plan.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

template <class T>
void check_matrix(Storage<T> storage, const std::vector<int>& bits) {
  const Storage<T> before = storage;
  const auto matrix = random_numbers(std::size_t{1} << (2 * bits.size()));
  apply_matrix<T>(storage.block(), bits, matrix);
  const auto expected = [&](auto x, auto j) { return applied(before, bits, matrix, x, j); };
  CHECK(block_distance(storage, expected) < kTolerance<T>);
  CHECK(storage.gaps_untouched());
}

// The same, added to another block.
template <class T>
void check_added(int qubits, int columns, int padding, const std::vector<int>& bits) {
  Storage<T> in(qubits, columns, padding);
  Storage<T> out(qubits, columns, padding);
  const Storage<T> before = out;
  const auto matrix = random_numbers(std::size_t{1} << (2 * bits.size()));
  const auto block = out.block();
  const MatrixPlan<T> plan({block.rows, block.columns, block.stride}, {}, 0, bits, matrix);
  plan.add(in.block().data, block.data);
  const auto expected = [&](auto x, auto j) {
    return before.get(x, j) + applied(in, bits, matrix, x, j);
  };
  CHECK(block_distance(out, expected) < kTolerance<T>);
  CHECK(out.gaps_untouched());
}

template <class T>
void test_added() {
  for_shapes([](int columns, int padding) {
    for (int k = 1; k <= 6; ++k) check_added<T>(7, columns, padding, random_bits(7, k));
  });
  for (int a = 0; a < 6; ++a) {
    check_added<T>(6, 1, 0, {a});
    for (int b = 0; b < 6; ++b) {
      if (a != b) check_added<T>(6, 1, 0, {a, b});
    }
  }
  for (const auto& bits : std::vector<std::vector<int>>{{0}, {13}, {1, 12}, {0, 1}, {2, 9, 4}}) {
    check_added<T>(14, 1, 0, bits);
  }
}

template <class T>
void test_matrix() {
  for_shapes([](int columns, int padding) {
    for (int k = 1; k <= 6; ++k) {
      for (const int qubits : {k, 7}) {
        check_matrix(Storage<T>(qubits, columns, padding), random_bits(qubits, k));
      }
    }
  });
  for (const int columns : {1, 2, 3}) {
    for (int a = 0; a < 6; ++a) {
      check_matrix(Storage<T>(6, columns, 0), {a});
      for (int b = 0; b < 6; ++b) {
        if (a != b) check_matrix(Storage<T>(6, columns, 0), {a, b});
      }
    }
  }
}

template <class T>
void test_many_rows() {
  for (const int columns : {1, 3, 5}) {
    for (const auto& bits : std::vector<std::vector<int>>{{0}, {13}, {1, 12}, {0, 1}, {2, 9, 4}}) {
      check_matrix(Storage<T>(14, columns, 0), bits);
    }
  }
}

template <class T>
void test_controlled() {
  for_shapes([](int columns, int padding) {
    for (int k = 1; k <= 3; ++k) {
      for (int controls = 0; controls <= 3; ++controls) {
        const auto all = random_bits(7, k + controls);
        const std::vector<int> bits(all.begin(), all.begin() + k);
        const std::vector<int> control_bits(all.begin() + k, all.end());
        const auto value = static_cast<std::int64_t>(generator()() % (1U << controls));
        Storage<T> storage(7, columns, padding);
        const Storage<T> before = storage;
        const auto matrix = random_numbers(std::size_t{1} << (2 * k));
        apply_controlled<T>(storage.block(), control_bits, value, bits, matrix);
        const auto expected = [&](auto x, auto j) {
          return value_on(x, control_bits) == value ? applied(before, bits, matrix, x, j)
                                                    : before.get(x, j);
        };
        CHECK(block_distance(storage, expected) < kTolerance<T>);
        CHECK(storage.gaps_untouched());
      }
    }
  });
}

template <class T>
void test_diagonal() {
  for_shapes([](int columns, int padding) {
    for (const int k : {1, 2, 5, 9}) {
      const auto bits = random_bits(9, k);
      auto diagonal = random_numbers(std::size_t{1} << k);
      diagonal[0] = 1;
      Storage<T> storage(9, columns, padding);
      const Storage<T> before = storage;
      apply_diagonal<T>(storage.block(), bits, diagonal);
      const auto expected = [&](auto x, auto j) {
        return diagonal[static_cast<std::size_t>(value_on(x, bits))] * before.get(x, j);
      };
      CHECK(block_distance(storage, expected) < kTolerance<T>);
      CHECK(storage.gaps_untouched());
    }
  });
}

template <class T>
void test_permutation() {
  for_shapes([](int columns, int padding) {
    for (int k = 1; k <= 6; ++k) {
      const auto bits = random_bits(7, k);
      std::vector<std::int64_t> source(std::size_t{1} << k);
      std::iota(source.begin(), source.end(), 0);
      std::shuffle(source.begin(), source.end(), generator());
      auto phases = random_numbers(source.size());
      for (std::size_t a = 0; a < phases.size(); a += 2) phases[a] = 1;
      Storage<T> storage(7, columns, padding);
      const Storage<T> before = storage;
      apply_permutation<T>(storage.block(), bits, source, phases);
      const auto expected = [&](auto x, auto j) {
        const auto a = static_cast<std::size_t>(value_on(x, bits));
        return phases[a] * before.get(with_value(x, bits, source[a]), j);
      };
      CHECK(block_distance(storage, expected) < kTolerance<T>);
      CHECK(storage.gaps_untouched());
    }
  });
}

void test_rejections() {
  Storage<double> storage(3, 2, 0);
  const auto block = storage.block();
  const std::vector<Wide> matrix(4);
  const std::vector<int> zero{0};
  CHECK_THROWS(apply_matrix<double>(block, std::vector<int>{3}, matrix), "out of range");
  CHECK_THROWS(apply_matrix<double>(block, std::vector<int>{0, 0}, matrix), "occurs twice");
  CHECK_THROWS(apply_matrix<double>(block, std::vector<int>{}, matrix), "1 to 6 bits, not 0");
  CHECK_THROWS(apply_matrix<double>(block, zero, std::vector<Wide>(3)), "4 elements, not 3");
  CHECK_THROWS(apply_matrix<double>({block.data, 6, 2, 2}, zero, matrix), "power of two");
  CHECK_THROWS(apply_controlled<double>(block, zero, 0, zero, matrix), "occurs twice");
  CHECK_THROWS(apply_controlled<double>(block, std::vector<int>{1}, 2, zero, matrix),
               "number of 1 bits, not 2");
  CHECK_THROWS(apply_diagonal<double>(block, zero, matrix), "2 elements, not 4");
  CHECK_THROWS(
      apply_permutation<double>(block, zero, std::vector<std::int64_t>{0, 0}, std::vector<Wide>(2)),
      "permutation of 0..1");
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start(3);
  test_matrix<double>();
  test_matrix<float>();
  test_added<double>();
  test_added<float>();
  test_many_rows<double>();
  test_many_rows<float>();
  test_controlled<double>();
  test_controlled<float>();
  test_diagonal<double>();
  test_diagonal<float>();
  test_permutation<double>();
  test_permutation<float>();
  test_rejections();
  return result();
}
