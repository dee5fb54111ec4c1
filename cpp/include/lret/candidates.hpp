// The candidates K_k L_j of a channel, sorted by weight into bins.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lret {

/// Bins in a factor of two of weight, and factors of two below one that have bins.
inline constexpr int kBinsPerOctave = 8;
inline constexpr int kOctaves = 56;

/// Bin 0 holds what is no more than rounding, bin b > 0 the weights from
/// 2^((b - 1) / kBinsPerOctave - kOctaves) up to the next one, the last bin all from one up.
inline constexpr int kBins = kBinsPerOctave * kOctaves + 2;

/// totals[b] = sum of the weights in bin b, numbers[b] = how many there are; both of kBins.
/// What is not a number counts as zero. Throws std::invalid_argument for wrong sizes.
void bin_weights(std::span<const double> weights, std::span<double> totals,
                 std::span<double> numbers);

/// Places of the weights in bin `cut` and above, in order.
[[nodiscard]] std::vector<std::int64_t> weights_from(std::span<const double> weights,
                                                     std::int64_t cut);

}  // namespace lret
