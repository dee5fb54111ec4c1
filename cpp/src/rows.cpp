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

// Rows that share a value on some bits, as runs of memory that are contiguous in a block without
// gaps and in the packed copy alike.
struct Subset {
  simd::GroupSpace space;
  std::int64_t rows;  // in all

  [[nodiscard]] std::int64_t offset(std::int64_t number) const {
    auto row = static_cast<std::uint64_t>(number);
    for (int i = 0; i < space.fixed; ++i) {
      const std::uint64_t low = (std::uint64_t{1} << space.positions[i]) - 1;
      row = ((row & ~low) << 1) | (row & low);
    }
    return static_cast<std::int64_t>(row) * space.unit + space.origin;
  }
};

Subset make_subset(Shape shape, std::span<const int> bits, std::int64_t value, std::int64_t start,
                   std::int64_t count) {
  check_bits("bits", bits, shape.rows, 0, simd::kMaxBits);
  check_value("value", value, bits.size());
  const std::int64_t rows = shape.rows >> bits.size();
  if (start < 0 || count < 0 || start > rows - count) {
    throw std::invalid_argument("rows " + std::to_string(start) + " to " +
                                std::to_string(start + count) + " are not in the subset of " +
                                std::to_string(rows));
  }
  return {make_groups(shape, {}, bits, value, 0), rows};
}

// Call visit(offset in the block, offset in the packed copy) for each row, over the threads.
template <class Visit>
void visit_rows(const Subset& subset, std::int64_t start, std::int64_t count, std::int64_t columns,
                const Visit& visit) {
  parallel_for(count, count * columns, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) visit(subset.offset(start + i), i * columns);
  });
}

}  // namespace

template <class T>
void restride(std::span<std::complex<T>> storage, std::int64_t rows, std::int64_t columns,
              std::int64_t old_stride, std::int64_t new_stride) {
  if (rows < 0 || columns < 0 || old_stride < columns || new_stride < columns) {
    throw std::invalid_argument("strides must be at least columns = " + std::to_string(columns) +
                                ", not " + std::to_string(old_stride) + " and " +
                                std::to_string(new_stride));
  }
  if (rows == 0 || columns == 0 || old_stride == new_stride) return;
  const std::int64_t needed = (rows - 1) * std::max(old_stride, new_stride) + columns;
  if (static_cast<std::int64_t>(storage.size()) < needed) {
    throw std::invalid_argument("storage must hold " + std::to_string(needed) + " elements, not " +
                                std::to_string(storage.size()));
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

template <class T>
void pack_rows(ConstBlock<T> block, std::span<const int> bits, std::int64_t value,
               std::int64_t start, std::int64_t count, std::complex<T>* out) {
  const Subset subset = make_subset(shape_of(block), bits, value, start, count);
  visit_rows(subset, start, count, block.columns, [&](std::int64_t from, std::int64_t to) {
    std::copy_n(block.data + from, block.columns, out + to);
  });
}

template <class T>
void unpack_rows(Block<T> block, std::span<const int> bits, std::int64_t value, std::int64_t start,
                 std::int64_t count, const std::complex<T>* source) {
  const Subset subset = make_subset(shape_of(block), bits, value, start, count);
  visit_rows(subset, start, count, block.columns, [&](std::int64_t to, std::int64_t from) {
    std::copy_n(source + from, block.columns, block.data + to);
  });
}

#define LRET_INSTANTIATE(T)                                                                       \
  template void restride<T>(std::span<std::complex<T>>, std::int64_t, std::int64_t, std::int64_t, \
                            std::int64_t);                                                        \
  template void pack_rows<T>(ConstBlock<T>, std::span<const int>, std::int64_t, std::int64_t,     \
                             std::int64_t, std::complex<T>*);                                     \
  template void unpack_rows<T>(Block<T>, std::span<const int>, std::int64_t, std::int64_t,        \
                               std::int64_t, const std::complex<T>*);
LRET_INSTANTIATE(double)
LRET_INSTANTIATE(float)
#undef LRET_INSTANTIATE

}  // namespace lret
