// Random blocks and naive dense references, row by row from the definitions.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "lret/block.hpp"

namespace lret::test {

using Wide = std::complex<double>;

template <class T>
constexpr double kTolerance = sizeof(T) == 8 ? 1e-12 : 3e-5;

inline std::mt19937_64& generator() {
  static std::mt19937_64 random(7);
  return random;
}

inline double uniform() { return std::uniform_real_distribution<double>(-1, 1)(generator()); }

inline std::vector<Wide> random_numbers(std::size_t count) {
  std::vector<Wide> numbers(count);
  for (auto& number : numbers) number = {uniform(), uniform()};
  return numbers;
}

/// A block with its storage; elements between the rows hold a mark that no kernel may change.
template <class T>
struct Storage {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t stride;
  std::vector<std::complex<T>> data;

  Storage(int qubits, std::int64_t width, std::int64_t padding)
      : rows(std::int64_t{1} << qubits),
        columns(width),
        stride(width + padding),
        data(static_cast<std::size_t>(rows * stride), std::complex<T>(77)) {
    for (std::int64_t x = 0; x < rows; ++x) {
      for (std::int64_t j = 0; j < columns; ++j) {
        at(x, j) = {static_cast<T>(uniform()), static_cast<T>(uniform())};
      }
    }
  }

  std::complex<T>& at(std::int64_t x, std::int64_t j) {
    return data[static_cast<std::size_t>(x * stride + j)];
  }
  [[nodiscard]] Wide get(std::int64_t x, std::int64_t j) const {
    return Wide(data[static_cast<std::size_t>(x * stride + j)]);
  }
  Block<T> block() { return {data.data(), rows, columns, stride}; }

  [[nodiscard]] bool gaps_untouched() const {
    for (std::int64_t x = 0; x < rows; ++x) {
      for (std::int64_t j = columns; j < stride; ++j) {
        if (get(x, j) != Wide(77)) return false;
      }
    }
    return true;
  }
};

/// The number that the bits of a row spell, bits[0] lowest.
inline std::int64_t value_on(std::int64_t row, const std::vector<int>& bits) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) value |= (row >> bits[i] & 1) << i;
  return value;
}

inline std::int64_t with_value(std::int64_t row, const std::vector<int>& bits, std::int64_t value) {
  for (std::size_t i = 0; i < bits.size(); ++i) {
    row = (row & ~(std::int64_t{1} << bits[i])) | ((value >> i & 1) << bits[i]);
  }
  return row;
}

/// Element (x, j) of the block with `matrix` applied on `bits`.
template <class T>
Wide applied(const Storage<T>& storage, const std::vector<int>& bits,
             const std::vector<Wide>& matrix, std::int64_t x, std::int64_t j) {
  const std::int64_t side = std::int64_t{1} << bits.size();
  Wide sum = 0;
  for (std::int64_t b = 0; b < side; ++b) {
    sum += matrix[static_cast<std::size_t>(value_on(x, bits) * side + b)] *
           storage.get(with_value(x, bits, b), j);
  }
  return sum;
}

/// Largest distance of the block from expected(x, j), relative to the largest element.
template <class T, class Expected>
double block_distance(const Storage<T>& storage, const Expected& expected) {
  double worst = 0;
  double scale = 1;
  for (std::int64_t x = 0; x < storage.rows; ++x) {
    for (std::int64_t j = 0; j < storage.columns; ++j) {
      const Wide value = expected(x, j);
      worst = larger(worst, std::abs(storage.get(x, j) - value));
      scale = larger(scale, std::abs(value));
    }
  }
  return worst / scale;
}

/// Bits of a block in random order.
inline std::vector<int> random_bits(int qubits, int count) {
  std::vector<int> bits(static_cast<std::size_t>(qubits));
  for (int i = 0; i < qubits; ++i) bits[static_cast<std::size_t>(i)] = i;
  std::shuffle(bits.begin(), bits.end(), generator());
  bits.resize(static_cast<std::size_t>(count));
  return bits;
}

/// Call visit(columns, padding) for runs around the lengths of all registers, with and without
/// gaps. The longest is work for several threads from 6 qubits up.
template <class Visit>
void for_shapes(const Visit& visit) {
  for (const int columns : {1, 2, 3, 4, 5, 8, 11, 27, 64, 300}) {
    for (const int padding : {0, 3}) visit(columns, padding);
  }
}

}  // namespace lret::test
