#include "check.hpp"
#include "lret/rows.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

template <class T>
void check_restride(std::int64_t old_stride, std::int64_t new_stride) {
  constexpr std::int64_t kRows = 9;
  constexpr std::int64_t kColumns = 3;
  std::vector<std::complex<T>> storage(
      static_cast<std::size_t>(kRows * std::max(old_stride, new_stride)));
  for (std::size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<T>(i);
  const auto before = storage;
  restride<T>(storage, kRows, kColumns, old_stride, new_stride);
  for (std::int64_t x = 0; x < kRows; ++x) {
    for (std::int64_t j = 0; j < kColumns; ++j) {
      CHECK(storage[static_cast<std::size_t>(x * new_stride + j)] ==
            before[static_cast<std::size_t>(x * old_stride + j)]);
    }
  }
}

template <class T>
void test_restride() {
  for (const std::int64_t old_stride : {3, 4, 7}) {
    for (const std::int64_t new_stride : {3, 4, 7}) check_restride<T>(old_stride, new_stride);
  }
}

template <class T>
void test_pack() {
  for_shapes([](int columns, int padding) {
    for (int k = 0; k <= 4; ++k) {
      const auto bits = random_bits(6, k);
      const auto value = static_cast<std::int64_t>(generator()() % (1U << k));
      Storage<T> storage(6, columns, padding);
      std::vector<std::complex<T>> expected;
      std::int64_t number = 0;
      for (std::int64_t x = 0; x < 64; ++x) {
        if (value_on(x, bits) != value || number++ == 0) continue;  // from row number 1
        for (std::int64_t j = 0; j < columns; ++j) expected.push_back(storage.at(x, j));
      }
      std::vector<std::complex<T>> out(expected.size());
      const Block<T> packed{out.data(), number - 1, columns, columns};
      pack_rows<std::complex<T>>(storage.block(), bits, value, 1, packed);
      CHECK(out == expected);

      const Storage<T> before = storage;
      for (auto& element : out) element *= 2;
      unpack_rows<std::complex<T>>(storage.block(), bits, value, 1, packed);
      std::int64_t seen = 0;
      CHECK(block_distance(storage, [&](auto x, auto j) {
              if (value_on(x, bits) != value) return before.get(x, j);
              if (j == 0) ++seen;
              return (seen == 1 ? 1.0 : 2.0) * before.get(x, j);
            }) == 0);
      CHECK(storage.gaps_untouched());
    }
  });
}

void test_rejections() {
  Storage<double> storage(3, 2, 0);
  std::vector<Wide> out(16);
  const std::vector<int> bits{0};
  const Block<double> two{out.data(), 2, 2, 2};
  const Block<double> narrow{out.data(), 2, 1, 2};
  const Block<double> inside{storage.data.data() + 8, 2, 2, 2};
  CHECK_THROWS(pack_rows<std::complex<double>>(storage.block(), bits, 0, 3, two),
               "not in the subset");
  CHECK_THROWS(pack_rows<std::complex<double>>(storage.block(), bits, 2, 0, two),
               "number of 1 bits");
  CHECK_THROWS(pack_rows<std::complex<double>>(storage.block(), bits, 0, 0, narrow),
               "2 columns like block");
  CHECK_THROWS(pack_rows<std::complex<double>>(storage.block(), bits, 0, 0, inside),
               "must not overlap");
  CHECK_THROWS(unpack_rows<std::complex<double>>(storage.block(), bits, 0, 0, inside),
               "must not overlap");
  CHECK_THROWS(restride<double>(out, -1, 3, 3, 4), "must not be negative");
  CHECK_THROWS(restride<double>(out, 2, 3, 2, 4), "at least columns = 3, not 2 and 4");
  CHECK_THROWS(restride<double>(out, 6, 3, 3, 4), "6 rows at a stride of 4, but has 16 elements");
  // So many rows that their storage cannot be counted in 64 bits.
  CHECK_THROWS(restride<double>(out, (std::int64_t{1} << 62) + 1, 1, 4, 8), "but has 16 elements");
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start(3);
  test_restride<double>();
  test_restride<float>();
  test_pack<double>();
  test_pack<float>();
  test_rejections();
  return result();
}
