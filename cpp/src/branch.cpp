#include "lret/branch.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "checks.hpp"
#include "convert.hpp"
#include "dispatch.hpp"
#include "parallel.hpp"

namespace lret {
namespace {

void check_indices(const char* name, std::span<const std::int64_t> indices, std::int64_t bound) {
  for (const std::int64_t index : indices) {
    if (index < 0 || index >= bound) {
      throw std::invalid_argument(std::string(name) + " must lie in 0.." +
                                  std::to_string(bound - 1) + ", not " + std::to_string(index));
    }
  }
}

// Shared storage is safe if both blocks are columns of one matrix, and not the same ones.
template <class T>
void check_columns_apart(ConstBlock<T> block, Block<T> out) {
  if (!share_storage(block, out)) return;
  const auto shift = column_shift(block, out);
  if (!shift || (*shift < block.columns && -*shift < out.columns)) {
    throw std::invalid_argument("out must not overlap the columns of block");
  }
}

// The branches sorted by operator, as the kernel wants them.
template <class T>
struct SortedBranches {
  std::vector<T> matrices;
  std::vector<simd::Segment<T>> segments;
  std::vector<std::int64_t> source;
  std::vector<std::int64_t> target;
  std::vector<T> scale;
  bool contiguous;

  SortedBranches(std::span<const std::complex<double>> operators, std::size_t operator_size,
                 std::span<const std::int64_t> operator_index,
                 std::span<const std::int64_t> branch_source, std::span<const double> branch_scale)
      : matrices(interleaved<T>(operators)),
        target(operator_index.size()),
        contiguous(std::ranges::is_sorted(operator_index)) {
    std::iota(target.begin(), target.end(), 0);
    std::ranges::sort(target, {}, [&](std::int64_t c) {
      return std::pair(operator_index[static_cast<std::size_t>(c)], c);
    });
    std::int64_t last_operator = -1;
    for (const std::int64_t t : target) {
      const auto c = static_cast<std::size_t>(t);
      const auto place = static_cast<std::int64_t>(source.size());
      if (operator_index[c] != last_operator) {
        last_operator = operator_index[c];
        const auto offset = 2 * operator_size * static_cast<std::size_t>(last_operator);
        segments.push_back({matrices.data() + offset, place, place});
      }
      source.push_back(2 * branch_source[c]);
      scale.insert(scale.end(), 2, static_cast<T>(branch_scale[c]));
      segments.back().last = place + 1;
    }
    for (auto& place : target) place *= 2;
  }
};

}  // namespace

template <class T>
void branch(ConstBlock<T> block, Block<T> out, std::span<const int> bits,
            std::span<const std::complex<double>> operators,
            std::span<const std::int64_t> operator_index, std::span<const std::int64_t> source,
            std::span<const double> scale) {
  check_bits("bits", bits, block.rows, 1, simd::kMatrixBits);
  const std::size_t size = std::size_t{1} << (2 * bits.size());
  const auto branches = static_cast<std::size_t>(out.columns);
  if (out.rows != block.rows) {
    throw std::invalid_argument("out must have " + std::to_string(block.rows) +
                                " rows like block, not " + std::to_string(out.rows));
  }
  if (operators.size() % size != 0) {
    throw std::invalid_argument("operators must hold matrices of " + std::to_string(size) +
                                " elements");
  }
  check_size("operator_index", operator_index.size(), branches);
  check_size("source", source.size(), branches);
  check_size("scale", scale.size(), branches);
  check_indices("operator_index", operator_index,
                static_cast<std::int64_t>(operators.size() / size));
  check_indices("source", source, block.columns);
  check_columns_apart(block, out);
  if (branches == 0) return;

  const SortedBranches<T> sorted(operators, size, operator_index, source, scale);
  const auto space = make_groups({block.rows, 1, 1}, bits, {}, 0, 1);
  simd::BranchPlan<T> plan{};
  plan.space = &space;
  plan.block_stride = block.stride;
  plan.out_stride = out.stride;
  plan.segments = static_cast<std::int64_t>(sorted.segments.size());
  plan.segment = sorted.segments.data();
  plan.source = sorted.source.data();
  plan.target = sorted.target.data();
  plan.scale = sorted.scale.data();
  plan.contiguous = sorted.contiguous;
  const auto& run = kernels<T>().branch;
  parallel_for(space.groups, block.rows * out.columns, [&](std::int64_t first, std::int64_t last) {
    run(plan, reals_of(block.data), reals_of(out.data), first, last);
  });
}

#define LRET_INSTANTIATE(T)                                                                     \
  template void branch<T>(ConstBlock<T>, Block<T>, std::span<const int>,                        \
                          std::span<const std::complex<double>>, std::span<const std::int64_t>, \
                          std::span<const std::int64_t>, std::span<const double>);
LRET_INSTANTIATE(double)
LRET_INSTANTIATE(float)
#undef LRET_INSTANTIATE

}  // namespace lret
