#include "lret/apply.hpp"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "checks.hpp"
#include "convert.hpp"
#include "dispatch.hpp"
#include "matrix_plan.hpp"
#include "parallel.hpp"

namespace lret {
namespace {

constexpr int kDiagonalBits = 20;

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

}  // namespace

template <class T>
void apply_matrix(Block<T> block, std::span<const int> bits,
                  std::span<const std::complex<double>> matrix) {
  apply_controlled(block, {}, 0, bits, matrix);
}

template <class T>
void apply_controlled(Block<T> block, std::span<const int> control_bits, std::int64_t control_value,
                      std::span<const int> bits, std::span<const std::complex<double>> matrix) {
  const MatrixPlan<T> plan(shape_of(block), control_bits, control_value, bits, matrix);
  if (block.columns > 0) plan.run(block.data);
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
