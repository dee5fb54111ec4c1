#include "lret/random.hpp"

#include <cstddef>

#include "checks.hpp"
#include "parallel.hpp"
#include "philox.hpp"

namespace lret {

void uniform_numbers(std::span<double> out, std::uint64_t key, std::span<const std::int64_t> draws,
                     std::span<const std::int64_t> numbers) {
  check_size("draws", draws.size(), out.size());
  check_size("numbers", numbers.size(), out.size());
  const auto count = static_cast<std::int64_t>(out.size());
  parallel_for(count, count, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const auto number = static_cast<std::uint64_t>(numbers[i]);
      const auto draw = static_cast<std::uint64_t>(draws[i]);
      out[i] = unit_interval(
          philox({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32),
                  static_cast<std::uint32_t>(draw), static_cast<std::uint32_t>(draw >> 32)},
                 key));
    }
  });
}

}  // namespace lret
