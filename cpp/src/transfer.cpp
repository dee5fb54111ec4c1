#include "lret/transfer.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "checks.hpp"
#include "dispatch.hpp"
#include "parallel.hpp"

namespace lret {
namespace {

// The bits of `value` laid out over the positions in `mask`, lowest first.
std::int64_t deposit(std::uint64_t value, std::uint64_t mask) {
  std::uint64_t out = 0;
  for (std::uint64_t left = mask; left != 0; left &= left - 1, value >>= 1) {
    if ((value & 1) != 0) out |= left & -left;
  }
  return static_cast<std::int64_t>(out);
}

std::vector<std::int64_t> offsets_on(std::uint64_t mask) {
  std::vector<std::int64_t> offsets(std::size_t{1} << std::popcount(mask));
  for (std::size_t i = 0; i < offsets.size(); ++i) offsets[i] = deposit(i, mask);
  return offsets;
}

std::uint64_t mask_of(std::span<const int> bits) {
  std::uint64_t mask = 0;
  for (const int bit : bits) mask |= std::uint64_t{1} << bit;
  return mask;
}

// Check all steps; the bits that they touch together.
std::uint64_t checked_bits(std::int64_t size, std::span<const Transfer> steps) {
  std::uint64_t touched = 0;
  for (const Transfer& step : steps) {
    check_bits("bits", step.bits, size, 2, kTransferBits);
    check_size("matrix", step.matrix.size(), std::size_t{1} << (2 * step.bits.size()));
    touched |= mask_of(step.bits);
  }
  if (std::popcount(touched) > kTransferBits) {
    throw std::invalid_argument("the steps of one call may touch " + std::to_string(kTransferBits) +
                                " bits, not " + std::to_string(std::popcount(touched)));
  }
  return touched;
}

// A step with the memory that its plan points to.
template <class T>
struct OwnedStep {
  std::vector<std::int32_t> offset;
  std::vector<T> matrix;
  std::uint64_t mask = 0;

  OwnedStep(const Transfer& step, std::uint64_t touched) {
    std::vector<int> places;
    for (const int bit : step.bits) {
      const std::uint64_t below = touched & ((std::uint64_t{1} << bit) - 1);
      places.push_back(std::popcount(below));
    }
    mask = mask_of(places);
    offset.resize(std::size_t{1} << places.size());
    for (std::size_t a = 0; a < offset.size(); ++a) {
      std::int32_t line = 0;
      for (std::size_t i = 0; i < places.size(); ++i) {
        if ((a >> i & 1U) != 0) line |= std::int32_t{1} << places[i];
      }
      offset[a] = line * simd::kLineReals<T>;
    }
    matrix.reserve(step.matrix.size());
    for (const double value : step.matrix) matrix.push_back(static_cast<T>(value));
  }
};

}  // namespace

template <class T>
void apply_transfers(std::span<T> vector, std::span<const Transfer> steps) {
  const auto size = static_cast<std::int64_t>(vector.size());
  check_rows(size);
  const std::uint64_t touched = checked_bits(size, steps);
  if (steps.empty()) return;

  std::vector<OwnedStep<T>> owned;
  std::vector<simd::TransferStep<T>> plans;
  for (const Transfer& step : steps) owned.emplace_back(step, touched);
  for (const OwnedStep<T>& step : owned) {
    plans.push_back(
        {static_cast<int>(step.offset.size()), step.mask, step.offset.data(), step.matrix.data()});
  }
  std::uint64_t free = (static_cast<std::uint64_t>(size) - 1) & ~touched;
  std::uint64_t lanes = 0;
  while (free != 0 &&
         std::popcount(lanes) < std::countr_zero(static_cast<unsigned>(simd::kLineReals<T>))) {
    lanes |= free & -free;
    free &= free - 1;
  }
  const auto line = offsets_on(touched);
  const auto lane = offsets_on(lanes);
  simd::TransferPlan<T> plan{};
  plan.lines = static_cast<int>(line.size());
  plan.line = line.data();
  plan.lanes = static_cast<int>(lane.size());
  plan.lane = lane.data();
  plan.contiguous = (lanes & (lanes + 1)) == 0;
  plan.fixed_mask = touched | lanes;
  plan.steps = static_cast<int>(plans.size());
  plan.step = plans.data();

  const std::int64_t chunks = std::int64_t{1} << std::popcount(free);
  const std::int64_t shares = std::min<std::int64_t>(num_threads(), chunks);
  const std::int64_t length = std::int64_t{plan.lines} * simd::kLineReals<T>;
  // One buffer for each share of the chunks, made before the threads start.
  std::vector<T> buffers(static_cast<std::size_t>(length * shares));
  const auto& run = kernels<T>().transfer;
  parallel_for(shares, size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = begin; s < end; ++s) {
      run(plan, vector.data(), buffers.data() + length * s, chunks * s / shares,
          chunks * (s + 1) / shares);
    }
  });
}

template void apply_transfers<double>(std::span<double>, std::span<const Transfer>);
template void apply_transfers<float>(std::span<float>, std::span<const Transfer>);

}  // namespace lret
