// From target and control bits to the groups of rows that a kernel walks.
#pragma once

#include <cstdint>
#include <span>

#include "simd/plans.hpp"

namespace lret {

/// Shape of the block that a plan is made for.
struct Shape {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t stride;
};

/// log2(rows), for a power of two; throws std::invalid_argument otherwise.
[[nodiscard]] int row_bits(std::int64_t rows);

/// Throw std::invalid_argument unless rows is a power of two.
void check_rows(std::int64_t rows);

/// Throw std::invalid_argument unless `bits` are `least`..`most` distinct bits of a row index.
void check_bits(const char* name, std::span<const int> bits, std::int64_t rows, int least,
                int most);

/// The groups of 2^k rows on `bits`, of the rows whose `control_bits` read `control_value`.
///
/// When the rows are contiguous (stride == columns), rows below the lowest bit are merged into
/// longer runs, up to `run_limit` elements. Expects checked bits.
[[nodiscard]] simd::GroupSpace make_groups(Shape shape, std::span<const int> bits,
                                           std::span<const int> control_bits,
                                           std::int64_t control_value, std::int64_t run_limit);

/// Elements of a run for a kernel on so many bits: long enough for full registers and prefetch,
/// short enough to leave groups for all threads. It depends on the shape alone.
[[nodiscard]] std::int64_t run_limit(Shape shape, std::size_t bits);

/// The number of low row bits, at most `limit`, that can be merged without a run of more than
/// `run_limit` elements.
[[nodiscard]] int merged_bits(Shape shape, int limit, std::int64_t run_limit);

}  // namespace lret
