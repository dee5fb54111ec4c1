#include "check.hpp"
#include "lret/branch.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

struct Branches {
  std::vector<std::int64_t> operator_index;
  std::vector<std::int64_t> source;
  std::vector<double> scale;
};

Branches random_branches(int count, int operators, int columns, bool sorted) {
  Branches branches;
  for (int c = 0; c < count; ++c) {
    branches.operator_index.push_back(
        static_cast<std::int64_t>(generator()() % static_cast<unsigned>(operators)));
    branches.source.push_back(
        static_cast<std::int64_t>(generator()() % static_cast<unsigned>(columns)));
    branches.scale.push_back(uniform());
  }
  if (sorted) std::ranges::sort(branches.operator_index);
  return branches;
}

template <class T>
void check_branches(const Storage<T>& from, const Storage<T>& out, const std::vector<int>& bits,
                    const std::vector<Wide>& operators, const Branches& branches) {
  const auto size = std::ptrdiff_t{1} << (2 * bits.size());
  std::vector<std::vector<Wide>> matrices;
  for (auto it = operators.begin(); it != operators.end(); it += size) {
    matrices.emplace_back(it, it + size);
  }
  const auto expected = [&](auto x, auto j) {
    const auto c = static_cast<std::size_t>(j);
    const auto& matrix = matrices[static_cast<std::size_t>(branches.operator_index[c])];
    return branches.scale[c] * applied(from, bits, matrix, x, branches.source[c]);
  };
  CHECK(block_distance(out, expected) < kTolerance<T>);
  CHECK(out.gaps_untouched());
}

template <class T>
void test_branch() {
  for_shapes([](int columns, int padding) {
    for (const int k : {1, 2, 3, 6}) {
      for (const int count : {1, 3, 130}) {
        for (const bool sorted : {false, true}) {
          const auto bits = random_bits(6, k);
          const auto operators = random_numbers(std::size_t{3} << (2 * k));
          const auto branches = random_branches(count, 3, columns, sorted);
          Storage<T> from(6, columns, padding);
          Storage<T> out(6, count, padding);
          branch<T>(from.block(), out.block(), bits, operators, branches.operator_index,
                    branches.source, branches.scale);
          check_branches(from, out, bits, operators, branches);
        }
      }
    }
  });
}

void test_shared_storage() {
  Storage<double> storage(4, 7, 0);
  const Storage<double> before = storage;
  const auto whole = storage.block();
  const Block<double> left{whole.data, whole.rows, 4, whole.stride};
  const Block<double> right{whole.data + 4, whole.rows, 3, whole.stride};
  const std::vector<int> bits{2};
  const auto operators = random_numbers(8);
  const Branches branches = random_branches(3, 2, 4, false);
  branch<double>(left, right, bits, operators, branches.operator_index, branches.source,
                 branches.scale);
  Storage<double> out(4, 3, 0);
  for (std::int64_t x = 0; x < 16; ++x) {
    for (std::int64_t j = 0; j < 3; ++j) out.at(x, j) = storage.at(x, j + 4);
  }
  check_branches(before, out, bits, operators, branches);

  const Block<double> overlapping{whole.data + 3, whole.rows, 3, whole.stride};
  CHECK_THROWS(branch<double>(left, overlapping, bits, operators, branches.operator_index,
                              branches.source, branches.scale),
               "out must not overlap");
}

void test_rejections() {
  Storage<double> from(3, 2, 0);
  Storage<double> out(3, 1, 0);
  Storage<double> small(2, 1, 0);
  const std::vector<int> bits{0};
  const std::vector<Wide> operators(8);
  const std::vector<std::int64_t> zero{0};
  const std::vector<std::int64_t> two{2};
  const std::vector<double> scale{1};
  CHECK_THROWS(branch<double>(from.block(), out.block(), bits, operators, two, zero, scale),
               "operator_index must lie in 0..1, not 2");
  CHECK_THROWS(branch<double>(from.block(), out.block(), bits, operators, zero, two, scale),
               "source must lie in 0..1, not 2");
  CHECK_THROWS(branch<double>(from.block(), small.block(), bits, operators, zero, zero, scale),
               "out must have 8 rows");
  CHECK_THROWS(branch<double>(from.block(), out.block(), bits, operators, zero, zero,
                              std::vector<double>{1, 2}),
               "scale must hold 1 elements, not 2");
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start(3);
  test_branch<double>();
  test_branch<float>();
  test_shared_storage();
  test_rejections();
  return result();
}
