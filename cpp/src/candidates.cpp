#include "lret/candidates.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "checks.hpp"

namespace lret {
namespace {

constexpr int kMantissaBits = 52;
constexpr int kExponentBias = 1023;
constexpr std::uint64_t kOne = std::uint64_t{kExponentBias} << kMantissaBits;
constexpr double kLeastBinned = 0x1p-56;
static_assert(kLeastBinned * (std::uint64_t{1} << kOctaves) == 1);

// 2^(i / 8).
constexpr std::array<double, kBinsPerOctave> kRoots = {
    1.0,
    1.0905077326652577,
    1.189207115002721,
    1.2968395546510096,
    1.4142135623730951,
    1.5422108254079407,
    1.681792830507429,
    1.8340080864093424,
};

int bin_of(double weight) {
  if (!(weight >= kLeastBinned)) return 0;
  if (weight >= 1) return kBins - 1;
  const auto pattern = std::bit_cast<std::uint64_t>(weight);
  const auto octave = static_cast<int>(pattern >> kMantissaBits) - kExponentBias + kOctaves;
  const auto mantissa =
      std::bit_cast<double>((pattern & ((std::uint64_t{1} << kMantissaBits) - 1)) | kOne);
  int place = 0;
  for (int i = 1; i < kBinsPerOctave; ++i) place += mantissa >= kRoots[i] ? 1 : 0;
  return 1 + kBinsPerOctave * octave + place;
}

}  // namespace

void bin_weights(std::span<const double> weights, std::span<double> totals,
                 std::span<double> numbers) {
  check_size("totals", totals.size(), kBins);
  check_size("numbers", numbers.size(), kBins);
  std::ranges::fill(totals, 0.0);
  std::ranges::fill(numbers, 0.0);
  for (const double weight : weights) {
    const auto bin = static_cast<std::size_t>(bin_of(weight));
    totals[bin] += weight > 0 ? weight : 0.0;
    numbers[bin] += 1;
  }
}

std::vector<std::int64_t> weights_from(std::span<const double> weights, std::int64_t cut) {
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (bin_of(weights[i]) >= cut) places.push_back(static_cast<std::int64_t>(i));
  }
  return places;
}

}  // namespace lret
