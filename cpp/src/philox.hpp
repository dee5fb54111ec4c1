// Philox 4x32-10, a counter-based random number generator: Salmon, Moraes, Dror, Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011. Each counter gives its numbers on their own, so
// they do not depend on the order in which they are asked for.
#pragma once

#include <array>
#include <cstdint>

namespace lret {

using PhiloxCounter = std::array<std::uint32_t, 4>;

/// The 128 random bits of a counter under a key.
inline PhiloxCounter philox(PhiloxCounter counter, std::uint64_t key) {
  constexpr int kRounds = 10;
  auto low = static_cast<std::uint32_t>(key);
  auto high = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ low, static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ high, static_cast<std::uint32_t>(a)};
    low += 0x9E3779B9;
    high += 0xBB67AE85;
  }
  return counter;
}

/// A double in [0, 1) from the first 64 bits of a counter's.
inline double unit_interval(const PhiloxCounter& bits) {
  const std::uint64_t both = std::uint64_t{bits[0]} << 32 | bits[1];
  return static_cast<double>(both >> 11) * 0x1p-53;
}

}  // namespace lret
