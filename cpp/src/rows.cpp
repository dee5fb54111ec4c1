#include "lret/rows.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>

#include "checks.hpp"
#include "parallel.hpp"

namespace lret {
namespace {

// The element offset of a merged row of the space.
std::int64_t offset_of(const simd::GroupSpace& space, std::int64_t number) {
  auto row = static_cast<std::uint64_t>(number);
  for (int i = 0; i < space.fixed; ++i) {
    const std::uint64_t low = (std::uint64_t{1} << space.positions[i]) - 1;
    row = ((row & ~low) << 1) | (row & low);
  }
  return static_cast<std::int64_t>(row) * space.unit + space.origin;
}

// Call visit(offset in the block, offset in the packed copy, elements) for runs of memory that
// together are the packed rows, over the threads. Rows that follow each other in both are one run.
template <class E, class Visit>
void visit_runs(BasicBlock<const E> block, std::span<const int> bits, std::int64_t value,
                std::int64_t start, BasicBlock<const E> packed, const Visit& visit) {
  check_bits("bits", bits, block.rows, 0, simd::kMaxBits);
  check_value("value", value, bits.size());
  if (packed.columns != block.columns) {
    throw std::invalid_argument("the packed rows must have " + std::to_string(block.columns) +
                                " columns like block, not " + std::to_string(packed.columns));
  }
  if (share_storage(block, packed)) {
    throw std::invalid_argument("the packed rows must not overlap block");
  }
  const std::int64_t rows = block.rows >> bits.size();
  if (start < 0 || start > rows - packed.rows) {
    throw std::invalid_argument("rows " + std::to_string(start) + " to " +
                                std::to_string(start + packed.rows) + " are not in the subset of " +
                                std::to_string(rows));
  }
  constexpr std::int64_t kLongestRun = 4096;
  const bool gaps = packed.stride != packed.columns;
  const auto space =
      make_groups(shape_of(block), {}, bits, value, gaps ? block.columns : kLongestRun);
  const std::int64_t merged = block.columns == 0 ? 1 : space.run / block.columns;
  parallel_for(packed.rows, packed.rows * packed.columns,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t i = first; i < last;) {
                   const std::int64_t inner = (start + i) % merged;
                   const std::int64_t count = std::min(merged - inner, last - i);
                   visit(offset_of(space, (start + i) / merged) + inner * block.columns,
                         i * packed.stride, count * block.columns);
                   i += count;
                 }
               });
}

}  // namespace

template <class T>
void restride(std::span<std::complex<T>> storage, std::int64_t rows, std::int64_t columns,
              std::int64_t old_stride, std::int64_t new_stride) {
  if (rows < 0 || columns < 0) {
    throw std::invalid_argument("rows and columns must not be negative, as in " +
                                std::to_string(rows) + " x " + std::to_string(columns));
  }
  if (old_stride < columns || new_stride < columns) {
    throw std::invalid_argument("strides must be at least columns = " + std::to_string(columns) +
                                ", not " + std::to_string(old_stride) + " and " +
                                std::to_string(new_stride));
  }
  if (rows == 0 || columns == 0 || old_stride == new_stride) return;
  const auto size = static_cast<std::int64_t>(storage.size());
  const std::int64_t stride = std::max(old_stride, new_stride);
  if (columns > size || rows - 1 > (size - columns) / stride) {
    throw std::invalid_argument("storage must hold " + std::to_string(rows) +
                                " rows at a stride of " + std::to_string(stride) + ", but has " +
                                std::to_string(size) + " elements");
  }
  const auto move_row = [&](std::int64_t x) {
    std::memmove(static_cast<void*>(storage.data() + x * new_stride),
                 storage.data() + x * old_stride,
                 static_cast<std::size_t>(columns) * sizeof(std::complex<T>));
  };
  if (new_stride > old_stride) {
    for (std::int64_t x = rows - 1; x > 0; --x) move_row(x);
  } else {
    for (std::int64_t x = 1; x < rows; ++x) move_row(x);
  }
}

template <class E>
void pack_rows(BasicBlock<const E> block, std::span<const int> bits, std::int64_t value,
               std::int64_t start, BasicBlock<E> out) {
  visit_runs<E>(block, bits, value, start, out,
                [&](std::int64_t from, std::int64_t to, std::int64_t elements) {
                  std::copy_n(block.data + from, elements, out.data + to);
                });
}

template <class E>
void unpack_rows(BasicBlock<E> block, std::span<const int> bits, std::int64_t value,
                 std::int64_t start, BasicBlock<const E> source) {
  visit_runs<E>(block, bits, value, start, source,
                [&](std::int64_t to, std::int64_t from, std::int64_t elements) {
                  std::copy_n(source.data + from, elements, block.data + to);
                });
}

#define LRET_INSTANTIATE(E)                                                                     \
  template void pack_rows<E>(BasicBlock<const E>, std::span<const int>, std::int64_t,           \
                             std::int64_t, BasicBlock<E>);                                      \
  template void unpack_rows<E>(BasicBlock<E>, std::span<const int>, std::int64_t, std::int64_t, \
                               BasicBlock<const E>);
LRET_INSTANTIATE(std::complex<double>)
LRET_INSTANTIATE(std::complex<float>)
LRET_INSTANTIATE(double)
LRET_INSTANTIATE(float)
#undef LRET_INSTANTIATE

template void restride<double>(std::span<std::complex<double>>, std::int64_t, std::int64_t,
                               std::int64_t, std::int64_t);
template void restride<float>(std::span<std::complex<float>>, std::int64_t, std::int64_t,
                              std::int64_t, std::int64_t);

}  // namespace lret
