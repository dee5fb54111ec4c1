#include "lret/apply.hpp"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "checks.hpp"
#include "convert.hpp"
#include "dispatch.hpp"
#include "parallel.hpp"

namespace lret {
namespace {

constexpr int kDiagonalBits = 20;

// Rows are merged into runs long enough for full registers and prefetch, and short enough to leave
// groups for all threads. It depends on the shape alone.
std::int64_t run_limit(Shape shape, std::size_t bits) {
  constexpr std::int64_t kShortest = 256;
  constexpr std::int64_t kLongest = 4096;
  constexpr std::int64_t kGroups = 64;
  return std::clamp((shape.rows >> bits) * shape.columns / kGroups, kShortest, kLongest);
}

std::uint64_t as_unsigned(std::int64_t value) { return static_cast<std::uint64_t>(value); }

void check_permutation(std::span<const std::int64_t> source) {
  std::vector<bool> seen(source.size());
  for (const std::int64_t s : source) {
    const auto place = static_cast<std::size_t>(s);  // a negative number becomes a large one
    if (place >= source.size() || seen[place]) {
      throw std::invalid_argument("source must be a permutation of 0.." +
                                  std::to_string(source.size() - 1));
    }
    seen[place] = true;
  }
}

// Members that stay where they are with phase 1 belong to no cycle.
template <class T>
simd::Cycles<T> make_cycles(std::span<const std::int64_t> source,
                            std::span<const std::complex<double>> phases) {
  simd::Cycles<T> cycles{};
  std::vector<bool> seen(source.size());
  int place = 0;
  for (std::size_t start = 0; start < source.size(); ++start) {
    const bool fixed = std::cmp_equal(source[start], start) && phases[start] == 1.0;
    if (seen[start] || fixed) continue;
    for (std::size_t a = start; !seen[a]; a = static_cast<std::size_t>(source[a])) {
      seen[a] = true;
      cycles.members[place] = static_cast<int>(a);
      cycles.phase[place][0] = static_cast<T>(phases[a].real());
      cycles.phase[place][1] = static_cast<T>(phases[a].imag());
      cycles.pure[place] = phases[a] == 1.0;
      ++place;
    }
    cycles.first[++cycles.cycles] = place;
  }
  return cycles;
}

// Whether bits inside a register are all that make runs short, so that apply_lanes can be used: no
// gaps, a power of two of columns, one or two targets, and no control inside a register.
bool fits_lanes(Shape shape, std::span<const int> bits, std::span<const int> control_bits,
                std::int64_t register_elements) {
  const std::int64_t lowest = shape.columns << std::ranges::min(bits);
  const auto fixed = bits.size() + control_bits.size();
  return shape.stride == shape.columns && std::has_single_bit(as_unsigned(shape.columns)) &&
         bits.size() <= 2 && lowest < register_elements &&
         shape.rows * shape.columns >> fixed >= register_elements &&
         std::ranges::all_of(control_bits,
                             [&](int bit) { return shape.columns << bit >= register_elements; });
}

// The register seen as one row of a block: element index = register * register_elements + lane.
template <class T>
simd::LanePlan<T> make_lanes(Shape shape, std::span<const int> bits,
                             std::span<const int> control_bits, std::int64_t control_value,
                             std::span<const std::complex<double>> matrix, int register_elements) {
  const int shift = std::countr_zero(as_unsigned(register_elements)) -
                    std::countr_zero(as_unsigned(shape.columns));
  std::vector<int> high;
  std::vector<int> controls;
  for (const int bit : bits) {
    if (bit >= shift) high.push_back(bit - shift);
  }
  for (const int bit : control_bits) controls.push_back(bit - shift);

  simd::LanePlan<T> plan{};
  plan.space = make_groups({shape.rows >> shift, register_elements, register_elements}, high,
                           controls, control_value, register_elements);
  for (const int bit : bits) {
    if (bit < shift) plan.lane_mask |= static_cast<int>(shape.columns << bit);
  }
  // The matrix index of a lane of member a.
  const auto index = [&](int a, int lane) {
    std::size_t value = 0;
    int taken = 0;
    for (std::size_t i = 0; i < bits.size(); ++i) {
      const bool set =
          bits[i] < shift ? (lane & (shape.columns << bits[i])) != 0 : (a >> taken++ & 1) != 0;
      value |= static_cast<std::size_t>(set) << i;
    }
    return value;
  };
  const std::size_t side = std::size_t{1} << bits.size();
  T* factor = plan.factors;
  for (int a = 0; a < plan.space.members; ++a) {
    for (int b = 0; b < plan.space.members; ++b) {
      for (int x = 0; x <= plan.lane_mask; ++x) {
        if ((x & ~plan.lane_mask) != 0) continue;
        for (int lane = 0; lane < register_elements; ++lane, factor += 2) {
          const auto value = matrix[index(a, lane) * side + index(b, lane ^ x)];
          factor[0] = factor[1] = static_cast<T>(value.real());
          factor[2 * register_elements] = static_cast<T>(-value.imag());
          factor[2 * register_elements + 1] = static_cast<T>(value.imag());
        }
        factor += 2 * register_elements;
      }
    }
  }
  return plan;
}

}  // namespace

template <class T>
void apply_matrix(Block<T> block, std::span<const int> bits,
                  std::span<const std::complex<double>> matrix) {
  apply_controlled(block, {}, 0, bits, matrix);
}

template <class T>
void apply_controlled(Block<T> block, std::span<const int> control_bits, std::int64_t control_value,
                      std::span<const int> bits, std::span<const std::complex<double>> matrix) {
  check_bits("bits", bits, block.rows, 1, simd::kMatrixBits);
  std::vector<int> all(control_bits.begin(), control_bits.end());
  all.insert(all.end(), bits.begin(), bits.end());
  check_bits("control_bits and bits", all, block.rows, 1, simd::kMaxBits);
  check_value("control_value", control_value, control_bits.size());
  check_size("matrix", matrix.size(), std::size_t{1} << (2 * bits.size()));
  if (block.columns == 0) return;

  const Shape shape = shape_of(block);
  const int register_elements = kernels<T>().register_elements;
  if (fits_lanes(shape, bits, control_bits, register_elements)) {
    const auto plan =
        make_lanes<T>(shape, bits, control_bits, control_value, matrix, register_elements);
    const auto& run = kernels<T>().apply_lanes;
    parallel_for(plan.space.groups, plan.space.groups * plan.space.members * register_elements,
                 [&](std::int64_t first, std::int64_t last) {
                   run(plan, reals_of(block.data), first, last);
                 });
    return;
  }
  const auto space = make_groups(shape, bits, control_bits, control_value,
                                 run_limit(shape, bits.size() + control_bits.size()));
  const auto reals = interleaved<T>(matrix);
  const auto& run = kernels<T>().apply_matrix;
  parallel_for(space.groups, space.groups * space.members * space.run,
               [&](std::int64_t first, std::int64_t last) {
                 run(space, reals_of(block.data), reals.data(), first, last);
               });
}

template <class T>
void apply_diagonal(Block<T> block, std::span<const int> bits,
                    std::span<const std::complex<double>> diagonal) {
  check_bits("bits", bits, block.rows, 1, kDiagonalBits);
  check_size("diagonal", diagonal.size(), std::size_t{1} << bits.size());
  if (block.columns == 0) return;

  const Shape shape = shape_of(block);
  const int merged = merged_bits(shape, std::ranges::min(bits), run_limit(shape, 0));
  const auto reals = interleaved<T>(diagonal);
  simd::DiagonalPlan<T> plan{};
  plan.run = shape.columns << merged;
  plan.unit = shape.stride << merged;
  plan.bits = static_cast<int>(bits.size());
  for (std::size_t i = 0; i < bits.size(); ++i) plan.positions[i] = bits[i] - merged;
  plan.table = reals.data();
  const auto& run = kernels<T>().apply_diagonal;
  parallel_for(
      shape.rows >> merged, shape.rows * shape.columns,
      [&](std::int64_t first, std::int64_t last) { run(plan, reals_of(block.data), first, last); });
}

template <class T>
void apply_permutation(Block<T> block, std::span<const int> bits,
                       std::span<const std::int64_t> source,
                       std::span<const std::complex<double>> phases) {
  check_bits("bits", bits, block.rows, 1, simd::kMatrixBits);
  check_size("source", source.size(), std::size_t{1} << bits.size());
  check_size("phases", phases.size(), source.size());
  check_permutation(source);
  if (block.columns == 0) return;

  const auto cycles = make_cycles<T>(source, phases);
  if (cycles.cycles == 0) return;
  const Shape shape = shape_of(block);
  const auto space = make_groups(shape, bits, {}, 0, run_limit(shape, bits.size()));
  const auto& run = kernels<T>().apply_permutation;
  parallel_for(space.groups, space.groups * cycles.first[cycles.cycles] * space.run,
               [&](std::int64_t first, std::int64_t last) {
                 run(space, cycles, reals_of(block.data), first, last);
               });
}

#define LRET_INSTANTIATE(T)                                                                       \
  template void apply_matrix<T>(Block<T>, std::span<const int>,                                   \
                                std::span<const std::complex<double>>);                           \
  template void apply_controlled<T>(Block<T>, std::span<const int>, std::int64_t,                 \
                                    std::span<const int>, std::span<const std::complex<double>>); \
  template void apply_diagonal<T>(Block<T>, std::span<const int>,                                 \
                                  std::span<const std::complex<double>>);                         \
  template void apply_permutation<T>(Block<T>, std::span<const int>,                              \
                                     std::span<const std::int64_t>,                               \
                                     std::span<const std::complex<double>>);
LRET_INSTANTIATE(double)
LRET_INSTANTIATE(float)
#undef LRET_INSTANTIATE

}  // namespace lret
