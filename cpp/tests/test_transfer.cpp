#include "check.hpp"
#include "lret/transfer.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

std::vector<double> random_reals(std::size_t count) {
  std::vector<double> reals(count);
  for (auto& real : reals) real = uniform();
  return reals;
}

std::vector<double> applied(const std::vector<double>& old, const Transfer& step) {
  const std::size_t side = std::size_t{1} << step.bits.size();
  std::vector<double> out(old.size());
  for (std::size_t x = 0; x < old.size(); ++x) {
    const auto row = static_cast<std::size_t>(value_on(static_cast<std::int64_t>(x), step.bits));
    for (std::size_t b = 0; b < side; ++b) {
      std::size_t y = x;
      for (std::size_t i = 0; i < step.bits.size(); ++i) {
        const std::size_t bit = std::size_t{1} << step.bits[i];
        y = (b >> i & 1U) != 0 ? y | bit : y & ~bit;
      }
      out[x] += step.matrix[row * side + b] * old[y];
    }
  }
  return out;
}

template <class T>
void check_steps(int bits, const std::vector<int>& widths) {
  const auto touched = random_bits(bits, std::min(bits, 8));
  std::vector<std::vector<double>> matrices;
  std::vector<Transfer> steps;
  matrices.reserve(widths.size());
  std::vector<double> expected(std::size_t{1} << bits);
  std::vector<T> vector(expected.size());
  for (std::size_t i = 0; i < vector.size(); ++i) {
    vector[i] = static_cast<T>(uniform());
    expected[i] = static_cast<double>(vector[i]);
  }
  for (const int width : widths) {
    std::vector<int> chosen;
    for (const int place : random_bits(static_cast<int>(touched.size()), width)) {
      chosen.push_back(touched[static_cast<std::size_t>(place)]);
    }
    matrices.push_back(random_reals(std::size_t{1} << (2 * width)));
    steps.push_back({chosen, matrices.back()});
    expected = applied(expected, steps.back());
  }
  apply_transfers<T>(vector, steps);
  CHECK(distance(vector, expected) < kTolerance<T>);
}

template <class T>
void test_steps() {
  for (int bits = 2; bits <= 13; ++bits) {
    check_steps<T>(bits, {});
    check_steps<T>(bits, {2});
    if (bits >= 4) check_steps<T>(bits, {4, 2, 4});
    if (bits >= 6) check_steps<T>(bits, {4, 6, 3});
  }
}

void test_rejections() {
  std::vector<double> vector(64);
  const std::vector<double> matrix(16);
  const auto apply = [&](const std::vector<int>& bits, std::span<const double> values) {
    const std::vector<Transfer> steps = {{bits, values}};
    apply_transfers<double>(vector, steps);
  };
  CHECK_THROWS(apply({6, 0}, matrix), "out of range");
  CHECK_THROWS(apply({1, 1}, matrix), "occurs twice");
  CHECK_THROWS(apply({1}, matrix), "2 to 12 bits");
  CHECK_THROWS(apply({1, 2, 3}, matrix), "64 elements");
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  for (const int threads : {1, 3}) {
    start(threads);
    test_steps<double>();
    test_steps<float>();
    test_rejections();
  }
  return result();
}
