#include "lret/reduce.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <utility>
#include <vector>

#include "checks.hpp"
#include "convert.hpp"
#include "dispatch.hpp"
#include "parallel.hpp"

namespace lret {
namespace {

constexpr int kReducedBits = 3;
constexpr std::int64_t kLongestRun = 4096;

// The work is cut into row chunks x column tiles, which depend on the shape alone.
constexpr std::int64_t kColumnTile = 256;
constexpr std::int64_t kMostTasks = 64;
constexpr std::int64_t kLeastElements = 4096;

struct Partition {
  std::int64_t chunks;  // of rows or groups
  std::int64_t tiles;   // of columns
};

// A chunk has enough elements to pay for its own `sums_per_column` doubles of each column.
Partition make_partition(std::int64_t groups, std::int64_t rows, std::int64_t columns,
                         std::int64_t sums_per_column) {
  constexpr std::int64_t kElementsPerSum = 16;
  const std::int64_t tiles = (columns + kColumnTile - 1) / kColumnTile;
  const std::int64_t width = std::min(columns, kColumnTile);
  const std::int64_t least = std::max(kLeastElements, kElementsPerSum * sums_per_column * width);
  const std::int64_t wanted = std::min(kMostTasks / tiles, rows * width / least);
  return {std::clamp<std::int64_t>(wanted, 1, groups), tiles};
}

// Sums of the planes of all pairs (see Kernels::reduced) for one tile of columns over all rows, in
// the order of the chunks. `sums` holds one array for each chunk and ends in the first.
void add_chunks(std::span<double> sums, std::int64_t chunks) {
  const std::size_t size = sums.size() / static_cast<std::size_t>(chunks);
  for (std::size_t start = size; start < sums.size(); start += size) {
    for (std::size_t i = 0; i < size; ++i) sums[i] += sums[start + i];
  }
}

// Call visit(first column, last column, planes) for each tile of columns. A plane has two doubles
// for each column of the tile.
template <class T, class Visit>
void reduce_columns(ConstBlock<T> block, const simd::GroupSpace& space, const Visit& visit) {
  if (block.columns == 0) return;
  const std::int64_t elements = block.rows * block.columns;
  const int planes = space.members * (space.members + 1);
  const auto [chunks, tiles] =
      make_partition(space.groups, block.rows, block.columns, std::int64_t{2} * planes);
  const auto column_of = [&](std::int64_t tile) {
    return std::min(tile * kColumnTile, block.columns);
  };
  std::vector<std::vector<double>> sums;
  for (std::int64_t t = 0; t < tiles; ++t) {
    const auto width = static_cast<std::size_t>(column_of(t + 1) - column_of(t));
    sums.emplace_back(static_cast<std::size_t>(planes) * 2 * width *
                      static_cast<std::size_t>(chunks));
  }
  const auto& run = kernels<T>().reduced;
  parallel_for(chunks * tiles, elements, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t t = task / chunks;
      const std::int64_t c = task % chunks;
      auto& tile = sums[static_cast<std::size_t>(t)];
      const std::size_t size = tile.size() / static_cast<std::size_t>(chunks);
      run(space, reals_of(block.data), space.groups * c / chunks, space.groups * (c + 1) / chunks,
          column_of(t), column_of(t + 1), tile.data() + size * static_cast<std::size_t>(c));
    }
  });
  for (std::int64_t t = 0; t < tiles; ++t) {
    auto& tile = sums[static_cast<std::size_t>(t)];
    add_chunks(tile, chunks);
    visit(column_of(t), column_of(t + 1), tile.data());
  }
}

// A plan of pauli_overlap, and the number of low bits that are merged into runs.
template <class T>
std::pair<simd::OverlapPlan<T>, int> plan_overlap(ConstBlock<T> left, ConstBlock<T> right,
                                                  std::int64_t x_mask, std::int64_t z_mask) {
  const int bits = row_bits(left.rows);
  const auto mask = static_cast<std::uint64_t>(x_mask | z_mask);
  const int free_low = std::min(bits, std::countr_zero(mask));
  const int merged = std::min(merged_bits(shape_of(left), free_low, kLongestRun),
                              merged_bits(shape_of(right), free_low, kLongestRun));
  simd::OverlapPlan<T> plan{};
  plan.left = reals_of(left.data);
  plan.right = reals_of(right.data);
  plan.left_unit = left.stride << merged;
  plan.right_unit = right.stride << merged;
  plan.run = left.columns << merged;
  plan.x_mask = static_cast<std::uint64_t>(x_mask) >> merged;
  plan.z_mask = static_cast<std::uint64_t>(z_mask) >> merged;
  return {plan, merged};
}

// Elements of a column whose squares stay in the innermost cache.
constexpr std::int64_t kSquaresChunk = 512;

// out[i] = values[2 * i] + values[2 * i + 1]; may be in place.
void add_pairs(std::span<const double> values, std::span<double> out) {
  for (std::size_t i = 0; i < values.size() / 2; ++i) out[i] = values[2 * i] + values[2 * i + 1];
}

// out[b] = sum_x (-1)^(bit b of x) values[x] for all bits of a power of two of values, which are
// used up; returns the sum of all.
double signed_sums(std::span<double> values, std::span<double> out) {
  const double all = std::accumulate(values.begin(), values.end(), 0.0);
  for (std::size_t half = values.size() / 2; half > 0; half /= 2) {
    double ones = 0;
    for (std::size_t i = 0; i < half; ++i) {
      ones += values[half + i];
      values[i] += values[half + i];
    }
    out[static_cast<std::size_t>(std::countr_zero(half))] = all - 2 * ones;
  }
  return all;
}

// Complex doubles in the widest register.
constexpr std::int64_t kMostElements = 8;

int count_ys(std::int64_t x_mask, std::int64_t z_mask) {
  return std::popcount(static_cast<std::uint64_t>(x_mask & z_mask));
}

// With an even number of Ys the value is the sum of Re(conj(v[x]) * w[x]), with an odd one that of
// Im(conj(v[x]) * w[x]), where w[x] = (-1)^popcount(x & z_mask) * v[x ^ x_mask]. Both are
// sums of products of reals: re * re + im * im, and re * im - im * re.
simd::StringPlan plan_string(std::int64_t rows, std::int64_t x_mask, std::int64_t z_mask,
                             int elements) {
  const int low = std::countr_zero(static_cast<unsigned>(elements));
  const bool odd = count_ys(x_mask, z_mask) % 2 != 0;
  simd::StringPlan plan{};
  plan.exchange = static_cast<int>(2 * (x_mask & (elements - 1))) + (odd ? 1 : 0);
  for (int lane = 0; lane < 2 * elements; ++lane) {
    const auto element = static_cast<std::uint64_t>(lane / 2);
    const bool minus = std::popcount(element & static_cast<std::uint64_t>(z_mask)) % 2 != 0;
    if (minus != (odd && lane % 2 != 0)) plan.lane_signs |= std::uint64_t{1} << lane;
  }
  plan.x_mask = static_cast<std::uint64_t>(x_mask) >> low;
  plan.z_mask = static_cast<std::uint64_t>(z_mask) >> low;
  plan.registers = std::max<std::int64_t>(1, rows / elements);
  return plan;
}

// The sign in front of those sums: P = i^y X Z, for x ^ x_mask in place of x (-1)^y, and i for an
// imaginary part, where y is the number of Ys.
double sign_of(std::int64_t x_mask, std::int64_t z_mask) {
  const int ys = count_ys(x_mask, z_mask);
  return ys / 2 % 2 == 0 ? 1.0 : -1.0;
}

}  // namespace

template <class T>
void reduced_matrices(ConstBlock<T> block, std::span<const int> bits,
                      std::span<std::complex<double>> out) {
  check_bits("bits", bits, block.rows, 1, kReducedBits);
  const std::int64_t members = std::int64_t{1} << bits.size();
  check_size("out", out.size(), static_cast<std::size_t>(block.columns * members * members));
  const auto space = make_groups(shape_of(block), bits, {}, 0, 0);
  reduce_columns<T>(block, space, [&](std::int64_t first, std::int64_t last, const double* planes) {
    const std::int64_t plane = 2 * (last - first);
    std::int64_t pair = 0;
    for (std::int64_t a = 0; a < members; ++a) {
      for (std::int64_t b = a; b < members; ++b, ++pair) {
        const double* same = planes + 2 * pair * plane;
        const double* crossed = same + plane;
        for (std::int64_t i = 0; i < last - first; ++i) {
          const double re = same[2 * i] + same[2 * i + 1];
          const double im = a == b ? 0.0 : crossed[2 * i] - crossed[2 * i + 1];
          std::complex<double>* matrix = out.data() + (first + i) * members * members;
          matrix[a * members + b] = {re, im};
          matrix[b * members + a] = {re, -im};
        }
      }
    }
  });
}

template <class T>
void column_weights(ConstBlock<T> block, std::span<double> out) {
  check_rows(block.rows);
  check_size("out", out.size(), static_cast<std::size_t>(block.columns));
  const auto space = make_groups(shape_of(block), {}, {}, 0, 0);
  reduce_columns<T>(block, space, [&](std::int64_t first, std::int64_t last, const double* planes) {
    for (std::int64_t i = 0; i < last - first; ++i) {
      out[static_cast<std::size_t>(first + i)] = planes[2 * i] + planes[2 * i + 1];
    }
  });
}

template <class T>
void probabilities(ConstBlock<T> block, std::span<double> out) {
  check_rows(block.rows);
  check_size("out", out.size(), static_cast<std::size_t>(block.rows));
  const auto& run = kernels<T>().probabilities;
  parallel_for(block.rows, block.rows * block.columns, [&](std::int64_t first, std::int64_t last) {
    run(reals_of(block.data), block.stride, block.columns, first, last, out.data());
  });
}

template <class T>
void squared_norms(std::span<const std::complex<T>> columns, std::int64_t rows,
                   std::span<double> out) {
  check_rows(rows);
  const auto count = static_cast<std::int64_t>(out.size());
  check_size("columns", columns.size(), static_cast<std::size_t>(count * rows));
  // Each column as one row of as many columns.
  const auto& run = kernels<T>().probabilities;
  parallel_for(count, count * rows, [&](std::int64_t first, std::int64_t last) {
    run(reals_of(columns.data()), rows, rows, first, last, out.data());
  });
}

template <class T>
void z_values(std::span<const std::complex<T>> columns, std::int64_t rows, std::span<double> out) {
  const auto bits = static_cast<std::size_t>(row_bits(rows));
  const auto count = static_cast<std::int64_t>(columns.size()) / rows;
  check_size("columns", columns.size(), static_cast<std::size_t>(count * rows));
  check_size("out", out.size(), static_cast<std::size_t>(count) * (bits + 1));
  const std::int64_t chunk = std::min(rows, kSquaresChunk);
  const auto low = static_cast<std::size_t>(row_bits(chunk));
  const auto& add_squares = kernels<T>().add_squares;
  parallel_for(count, count * rows, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t c = first; c < last; ++c) {
      std::array<double, 2 * kSquaresChunk> folded{};
      std::vector<double> sums;
      const std::complex<T>* const column = columns.data() + c * rows;
      for (std::int64_t x = 0; x < rows; x += chunk) {
        sums.push_back(add_squares(reals_of(column + x), 2 * chunk, 1.0, folded.data()));
      }
      add_pairs(std::span(folded).first(static_cast<std::size_t>(2 * chunk)), folded);
      const auto values = out.subspan(static_cast<std::size_t>(c) * (bits + 1), bits + 1);
      values[bits] = signed_sums(sums, values.subspan(low));
      signed_sums(std::span(folded).first(static_cast<std::size_t>(chunk)), values);
    }
  });
}

template <class T>
void weighted_probabilities(std::span<const std::complex<T>> columns, std::int64_t rows,
                            std::span<const double> factors, std::span<double> out) {
  check_rows(rows);
  const auto count = static_cast<std::int64_t>(factors.size());
  check_size("columns", columns.size(), static_cast<std::size_t>(count * rows));
  check_size("out", out.size(), static_cast<std::size_t>(rows));
  const std::int64_t chunk = std::min(rows, kSquaresChunk);
  const auto& add_squares = kernels<T>().add_squares;
  parallel_for(rows / chunk, count * rows, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t x = first * chunk; x < last * chunk; x += chunk) {
      std::array<double, 2 * kSquaresChunk> sums{};
      for (std::int64_t c = 0; c < count; ++c) {
        add_squares(reals_of(columns.data() + c * rows + x), 2 * chunk,
                    factors[static_cast<std::size_t>(c)], sums.data());
      }
      add_pairs(std::span(sums).first(static_cast<std::size_t>(2 * chunk)),
                out.subspan(static_cast<std::size_t>(x)));
    }
  });
}

template <class T>
std::complex<double> pauli_overlap(ConstBlock<T> left, ConstBlock<T> right, std::int64_t x_mask,
                                   std::int64_t z_mask) {
  const auto bits = static_cast<std::size_t>(row_bits(left.rows));
  if (left.rows != right.rows || left.columns != right.columns) {
    throw std::invalid_argument("left and right must have the same shape");
  }
  check_value("x_mask", x_mask, bits);
  check_value("z_mask", z_mask, bits);
  if (left.columns == 0) return 0;

  const auto [plan, merged] = plan_overlap(left, right, x_mask, z_mask);
  const std::int64_t rows = left.rows >> merged;
  const std::int64_t elements = left.rows * left.columns;
  const std::int64_t chunks =
      std::clamp<std::int64_t>(elements / kLeastElements, 1, std::min(kMostTasks, rows));
  std::vector<std::complex<double>> sums(static_cast<std::size_t>(chunks));
  const auto& run = kernels<T>().overlap;
  parallel_for(chunks, elements, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      run(plan, rows * c / chunks, rows * (c + 1) / chunks,
          reals_of(&sums[static_cast<std::size_t>(c)]));
    }
  });
  std::complex<double> total = 0;
  for (const auto& sum : sums) total += sum;
  return total;
}

template <class T>
void pauli_values(std::span<const std::complex<T>> columns, std::int64_t rows,
                  std::span<const std::int64_t> x_masks, std::span<const std::int64_t> z_masks,
                  std::span<double> out) {
  const auto bits = static_cast<std::size_t>(row_bits(rows));
  const auto count = static_cast<std::int64_t>(columns.size()) / rows;
  check_size("columns", columns.size(), static_cast<std::size_t>(count * rows));
  check_size("z_masks", z_masks.size(), x_masks.size());
  check_size("out", out.size(), static_cast<std::size_t>(count) * x_masks.size());
  for (const std::int64_t mask : x_masks) check_value("x_masks", mask, bits);
  for (const std::int64_t mask : z_masks) check_value("z_masks", mask, bits);
  const auto strings = static_cast<std::int64_t>(x_masks.size());
  const auto& level = kernels<T>();
  std::vector<simd::StringPlan> plans;
  std::vector<double> signs;
  for (std::size_t s = 0; s < x_masks.size(); ++s) {
    plans.push_back(plan_string(rows, x_masks[s], z_masks[s], level.double_elements));
    signs.push_back(sign_of(x_masks[s], z_masks[s]));
  }
  parallel_for(count * strings, count * strings * rows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const auto s = static_cast<std::size_t>(task % strings);
      const std::complex<T>* column = columns.data() + task / strings * rows;
      std::array<std::complex<T>, kMostElements> padded{};
      if (rows < level.double_elements) {
        std::copy_n(column, rows, padded.data());
        column = padded.data();
      }
      out[static_cast<std::size_t>(task)] =
          signs[s] * level.pauli_value(plans[s], reals_of(column));
    }
  });
}

#define LRET_INSTANTIATE(T)                                                                     \
  template void reduced_matrices<T>(ConstBlock<T>, std::span<const int>,                        \
                                    std::span<std::complex<double>>);                           \
  template void column_weights<T>(ConstBlock<T>, std::span<double>);                            \
  template void probabilities<T>(ConstBlock<T>, std::span<double>);                             \
  template void squared_norms<T>(std::span<const std::complex<T>>, std::int64_t,                \
                                 std::span<double>);                                            \
  template void z_values<T>(std::span<const std::complex<T>>, std::int64_t, std::span<double>); \
  template void weighted_probabilities<T>(std::span<const std::complex<T>>, std::int64_t,       \
                                          std::span<const double>, std::span<double>);          \
  template void pauli_values<T>(std::span<const std::complex<T>>, std::int64_t,                 \
                                std::span<const std::int64_t>, std::span<const std::int64_t>,   \
                                std::span<double>);                                             \
  template std::complex<double> pauli_overlap<T>(ConstBlock<T>, ConstBlock<T>, std::int64_t,    \
                                                 std::int64_t);
LRET_INSTANTIATE(double)
LRET_INSTANTIATE(float)
#undef LRET_INSTANTIATE

}  // namespace lret
