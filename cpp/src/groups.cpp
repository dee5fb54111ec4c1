#include "groups.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>
#include <vector>

namespace lret {

void check_rows(std::int64_t rows) {
  if (rows < 1 || !std::has_single_bit(static_cast<std::uint64_t>(rows))) {
    throw std::invalid_argument("block must have a power of two of rows, not " +
                                std::to_string(rows));
  }
}

int row_bits(std::int64_t rows) {
  check_rows(rows);
  return std::countr_zero(static_cast<std::uint64_t>(rows));
}

void check_bits(const char* name, std::span<const int> bits, std::int64_t rows, int least,
                int most) {
  const int available = row_bits(rows);
  const auto count = static_cast<int>(bits.size());
  if (count < least || count > most) {
    throw std::invalid_argument(std::string(name) + " must hold " + std::to_string(least) + " to " +
                                std::to_string(most) + " bits, not " + std::to_string(count));
  }
  std::uint64_t seen = 0;
  for (const int bit : bits) {
    if (bit < 0 || bit >= available) {
      throw std::invalid_argument(std::string(name) + ": bit " + std::to_string(bit) +
                                  " is out of range for a block with " + std::to_string(available) +
                                  " row bits");
    }
    if ((seen >> bit & 1U) != 0) {
      throw std::invalid_argument(std::string(name) + ": bit " + std::to_string(bit) +
                                  " occurs twice");
    }
    seen |= std::uint64_t{1} << bit;
  }
}

int merged_bits(Shape shape, int limit, std::int64_t run_limit) {
  if (shape.stride != shape.columns) return 0;
  int merged = 0;
  while (merged < limit && (shape.columns << (merged + 1)) <= run_limit) ++merged;
  return merged;
}

std::int64_t run_limit(Shape shape, std::size_t bits) {
  constexpr std::int64_t kShortest = 256;
  constexpr std::int64_t kLongest = 4096;
  constexpr std::int64_t kGroups = 64;
  return std::clamp((shape.rows >> bits) * shape.columns / kGroups, kShortest, kLongest);
}

simd::GroupSpace make_groups(Shape shape, std::span<const int> bits,
                             std::span<const int> control_bits, std::int64_t control_value,
                             std::int64_t run_limit) {
  std::vector<int> fixed(bits.begin(), bits.end());
  fixed.insert(fixed.end(), control_bits.begin(), control_bits.end());
  std::ranges::sort(fixed);

  const int lowest = fixed.empty() ? row_bits(shape.rows) : fixed.front();
  const int merged = merged_bits(shape, lowest, run_limit);

  simd::GroupSpace space{};
  space.run = shape.columns << merged;
  space.unit = shape.stride << merged;
  space.groups = shape.rows >> (merged + static_cast<int>(fixed.size()));
  space.fixed = static_cast<int>(fixed.size());
  for (std::size_t i = 0; i < fixed.size(); ++i) {
    space.positions[i] = fixed[i] - merged;
    space.fixed_mask |= std::uint64_t{1} << space.positions[i];
  }
  space.members = 1 << bits.size();
  for (std::size_t a = 0; a < std::size_t{1} << bits.size(); ++a) {
    for (std::size_t i = 0; i < bits.size(); ++i) {
      if ((a >> i & 1U) != 0) space.offset[a] += shape.stride << bits[i];
    }
  }
  for (std::size_t i = 0; i < control_bits.size(); ++i) {
    if ((control_value >> i & 1) != 0) space.origin += shape.stride << control_bits[i];
  }
  return space;
}

}  // namespace lret
