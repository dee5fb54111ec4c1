#include "check.hpp"
#include "lret/sampled.hpp"
#include "philox.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

constexpr int kQubits = 3;
constexpr std::int64_t kRows = 1 << kQubits;
constexpr std::int64_t kTail = 4;
constexpr std::int64_t kCapacity = 7;

using Matrix = std::vector<Wide>;

// Kraus operators of damping with rate g after a rotation by the angle t, or of bit flips.
Matrix damping(double g, double t) {
  const double c = std::cos(t);
  const double s = std::sin(t);
  const double k = std::sqrt(1 - g);
  const double r = std::sqrt(g);
  return {c, -s, k * s, k * c, r * s, r * c, 0, 0};
}

Matrix flips(double p) {
  const double k = std::sqrt(1 - p);
  const double r = std::sqrt(p);
  return {k, 0, 0, k, 0, r, r, 0};
}

struct Circuit {
  std::vector<Matrix> kraus;
  std::vector<double> flip_probabilities = {0.9, 0.1};
  std::vector<SampledStep> steps;

  Circuit() {
    for (int q = 0; q < kQubits; ++q) {
      kraus.push_back(damping(0.2, 0.7 + q));
      kraus.push_back(flips(0.1));
    }
    for (int q = 0; q < kQubits; ++q) {
      const auto place = static_cast<std::size_t>(2 * q);
      steps.push_back({{q}, kraus[place], {}, 0.9, 0.8});
      steps.push_back({{q}, kraus[place + 1], flip_probabilities, 0.9, 0.9});
    }
  }
};

// The density matrix after the steps, from the state of all qubits zero.
Matrix exact_state(const Circuit& circuit) {
  const auto size = static_cast<std::size_t>(kRows);
  Matrix rho(size * size);
  rho[0] = 1;
  for (const SampledStep& step : circuit.steps) {
    Matrix next(size * size);
    const int bit = step.bits[0];
    for (std::size_t k = 0; k < step.kraus.size() / 4; ++k) {
      const auto entry = [&](std::size_t x, std::size_t y) {
        const std::size_t row = x >> bit & 1U;
        const std::size_t column = y >> bit & 1U;
        return (x ^ y) & ~(std::size_t{1} << bit) ? Wide(0) : step.kraus[4 * k + 2 * row + column];
      };
      for (std::size_t a = 0; a < size; ++a) {
        for (std::size_t b = 0; b < size; ++b) {
          for (std::size_t c = 0; c < size; ++c) {
            for (std::size_t d = 0; d < size; ++d) {
              next[a * size + b] += entry(a, c) * rho[c * size + d] * std::conj(entry(b, d));
            }
          }
        }
      }
    }
    rho = next;
  }
  return rho;
}

template <class T>
struct Batch {
  std::vector<std::complex<T>> data;
  SampledColumns<T> columns;

  Batch(std::uint32_t number, double resolution)
      : data(start()),
        columns(data, kRows, {kTail, kCapacity, resolution, 0.05, 7, number}, kOne) {}

  static std::vector<std::complex<T>> start() {
    std::vector<std::complex<T>> all(static_cast<std::size_t>(kCapacity * kRows));
    all[static_cast<std::size_t>(kTail * kRows)] = 1;
    return all;
  }

  Matrix estimate() const {
    const auto size = static_cast<std::size_t>(kRows);
    Matrix rho(size * size);
    const auto weights = columns.weights();
    for (std::size_t c = 0; c < weights.size(); ++c) {
      const auto* v = data.data() + c * size;
      double norm = 0;
      for (std::size_t x = 0; x < size; ++x) norm += static_cast<double>(std::norm(v[x]));
      const double factor = norm > 0 ? weights[c] / norm : 0;
      for (std::size_t x = 0; x < size; ++x) {
        for (std::size_t y = 0; y < size; ++y) {
          rho[x * size + y] += factor * Wide(v[x]) * std::conj(Wide(v[y]));
        }
      }
    }
    return rho;
  }

  static constexpr double kOneData[] = {1.0};
  static constexpr std::span<const double> kOne{kOneData};
};

template <class T>
void test_no_bias(double resolution) {
  const Circuit circuit;
  const Matrix exact = exact_state(circuit);
  constexpr std::uint32_t kBatches = 2000;
  Matrix sum(exact.size());
  std::vector<double> squares(exact.size());
  for (std::uint32_t number = 0; number < kBatches; ++number) {
    Batch<T> batch(number, resolution);
    const auto ranks = batch.columns.run(circuit.steps, 0);
    CHECK(ranks.size() == circuit.steps.size() && ranks.back() == batch.columns.exact());
    CHECK(batch.columns.exact() <= kCapacity - kTail);
    const Matrix rho = batch.estimate();
    for (std::size_t i = 0; i < rho.size(); ++i) {
      sum[i] += rho[i];
      squares[i] += std::norm(rho[i]);
    }
  }
  double worst = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const Wide mean = sum[i] / static_cast<double>(kBatches);
    const double variance = squares[i] / kBatches - std::norm(mean);
    const double error = std::sqrt(std::max(variance, 0.0) / kBatches) + 1e-6;
    worst = larger(worst, std::abs(mean - exact[i]) / error);
  }
  CHECK(worst < 5);
}

// The way of spread rows, with all rows at one place, takes the same decisions.
template <class T>
void test_spread_rows() {
  const Circuit circuit;
  for (std::uint32_t number = 0; number < 20; ++number) {
    Batch<T> whole(number, 0.05);
    Batch<T> spread(number, 0.05);
    whole.columns.run(circuit.steps, 3);
    for (std::size_t i = 0; i < circuit.steps.size(); ++i) {
      auto& columns = spread.columns;
      const auto weights = columns.partial_weights(circuit.steps[i]);
      const auto joined =
          columns.advance(circuit.steps[i], 3 + static_cast<std::int64_t>(i), weights);
      auto all = columns.weights();
      for (const auto c : joined) {
        double norm = 0;
        for (std::int64_t x = 0; x < kRows; ++x) {
          norm +=
              static_cast<double>(std::norm(spread.data[static_cast<std::size_t>(c * kRows + x)]));
        }
        all[static_cast<std::size_t>(c)] = norm;
      }
      columns.set_weights(all);
    }
    CHECK(distance(spread.estimate(), whole.estimate()) < kTolerance<T>);
  }
}

// A diagonal step multiplies every row, whatever its bits.
template <class T>
void test_diagonal() {
  Batch<T> batch(0, 0.5);
  const Circuit circuit;
  batch.columns.run(std::span(circuit.steps).first(1), 0);
  const auto before = batch.data;
  const std::vector<int> bits = {2, 0};
  const std::vector<Wide> phases = {1, {0, 1}, {0.6, -0.8}, -1};
  Matrix matrix(16);
  for (std::size_t i = 0; i < 4; ++i) matrix[5 * i] = phases[i];
  const double one = 1;
  batch.columns.run(std::vector<SampledStep>{{bits, matrix, {&one, 1}, 1, 1}}, 1);
  double worst = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Wide phase = phases[(i >> 2 & 1) | (i & 1) << 1];
    worst = larger(worst, std::abs(Wide(batch.data[i]) - phase * Wide(before[i])));
  }
  CHECK(worst < kTolerance<T>);
}

template <class T>
void test_copy() {
  const Circuit circuit;
  Batch<T> batch(1, 0.05);
  batch.columns.run(circuit.steps, 0);
  auto data = batch.data;
  auto copy = batch.columns.on(data);
  CHECK(copy.weights() == batch.columns.weights());
  const auto before = batch.data;
  copy.run(circuit.steps, 6);
  CHECK(batch.data == before && data != before);
}

void test_rejections() {
  std::vector<Wide> data(8);
  const double one = 1;
  const auto make = [&](std::int64_t rows, std::int64_t tail, std::int64_t capacity) {
    return SampledColumns<double>(data, rows, {tail, capacity, 0.1, 0.1, 1, 1}, {&one, 1});
  };
  CHECK_THROWS(make(3, 1, 2), "power of two");
  CHECK_THROWS(make(4, 2, 2), "capacity");
  CHECK_THROWS(make(4, 1, 3), "12 elements");
  auto columns = make(4, 1, 2);
  const Matrix identity = {1, 0, 0, 1};
  const std::vector<SampledStep> steps = {{{2}, identity, {}, 1, 1}};
  CHECK_THROWS(columns.run(steps, 0), "out of range");
  CHECK_THROWS(columns.advance(steps[0], 0, {&one, 1}), "weights must hold 2");
}

// Known answers of the Random123 library, version 1.14, for philox4x32-10.
void test_philox() {
  constexpr std::uint32_t kAll = 0xffffffff;
  CHECK(philox({0, 0, 0, 0}, 0) == (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  CHECK(philox({kAll, kAll, kAll, kAll}, 0xffffffffffffffff) ==
        (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  CHECK(unit_interval({0, 0, 0, 0}) == 0 && unit_interval({kAll, kAll, 0, 0}) < 1);
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start();
  test_philox();
  for (const double resolution : {0.02, 0.5}) {
    test_no_bias<double>(resolution);
    test_no_bias<float>(resolution);
  }
  test_spread_rows<double>();
  test_spread_rows<float>();
  test_diagonal<double>();
  test_diagonal<float>();
  test_copy<double>();
  test_copy<float>();
  test_rejections();
  return result();
}
