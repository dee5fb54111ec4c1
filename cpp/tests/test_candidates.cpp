#include <cmath>
#include <limits>
#include <random>

#include "check.hpp"
#include "lret/candidates.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

constexpr auto kNaN = std::numeric_limits<double>::quiet_NaN();

double edge_of(int bin) {
  return std::ldexp(std::exp2((bin - 1) % kBinsPerOctave / double{kBinsPerOctave}),
                    (bin - 1) / kBinsPerOctave - kOctaves);
}

void test_edges() {
  for (int bin = 1; bin < kBins; ++bin) {
    const double edge = edge_of(bin);
    const std::vector<double> weights = {edge * (1 + 1e-15), edge * (1 - 1e-15)};
    CHECK(weights_from(weights, bin) == std::vector<std::int64_t>{0});
    CHECK((weights_from(weights, bin - 1) == std::vector<std::int64_t>{0, 1}));
  }
}

void test_sums() {
  std::vector<double> weights = {0.0, kNaN, 1.0, 1.5, 1e-300, 0x1p-56};
  std::exponential_distribution<double> octaves(0.1);
  for (int i = 0; i < 1000; ++i) weights.push_back(std::exp2(-octaves(generator())));
  std::vector<double> totals(kBins, kNaN);
  std::vector<double> numbers(kBins, kNaN);
  bin_weights(weights, totals, numbers);
  CHECK(numbers[0] >= 3);
  CHECK(numbers[1] >= 1);
  CHECK(numbers[kBins - 1] >= 2);
  double total = 0;
  double number = 0;
  for (int bin = kBins - 1; bin >= 0; --bin) {
    total += totals[static_cast<std::size_t>(bin)];
    number += numbers[static_cast<std::size_t>(bin)];
    const auto places = weights_from(weights, bin);
    double expected = 0;
    for (const auto place : places) {
      const double weight = weights[static_cast<std::size_t>(place)];
      expected += std::isnan(weight) ? 0 : weight;
    }
    CHECK(number == static_cast<double>(places.size()));
    CHECK(std::abs(total - expected) < 1e-12 * static_cast<double>(weights.size()));
  }
  CHECK(weights_from(weights, kBins).empty());
  CHECK_THROWS(bin_weights(weights, std::span(totals).first(3), numbers), "totals must hold");
  CHECK_THROWS(bin_weights(weights, totals, std::span(numbers).first(3)), "numbers must hold");
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start();
  test_edges();
  test_sums();
  return result();
}
