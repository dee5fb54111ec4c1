// Random numbers that are found by what they are for, in any order.
#pragma once

#include <cstdint>
#include <span>

namespace lret {

/// out[i] = the number in [0, 1) of shot numbers[i] at its draw draws[i], under a key: the counter
/// (number, draw) of Philox 4x32-10. Throws std::invalid_argument where the lengths differ.
void uniform_numbers(std::span<double> out, std::uint64_t key, std::span<const std::int64_t> draws,
                     std::span<const std::int64_t> numbers);

}  // namespace lret
