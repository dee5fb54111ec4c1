#include "check.hpp"
#include "groups.hpp"
#include "reference.hpp"

namespace lret::test {
namespace {

void test_row_bits() {
  CHECK(row_bits(1) == 0);
  CHECK(row_bits(64) == 6);
  CHECK_THROWS((void)row_bits(0), "power of two");
  CHECK_THROWS((void)row_bits(12), "not 12");
}

void test_merging() {
  CHECK(merged_bits({16, 3, 3}, 4, 1000) == 4);
  CHECK(merged_bits({16, 3, 3}, 2, 1000) == 2);
  CHECK(merged_bits({16, 3, 3}, 4, 12) == 2);
  CHECK(merged_bits({16, 3, 4}, 4, 1000) == 0);
}

void test_contiguous_rows_are_merged() {
  const auto space = make_groups({64, 3, 3}, std::vector<int>{4, 2}, {}, 0, 1000);
  CHECK(space.run == 12);
  CHECK(space.unit == 12);
  CHECK(space.groups == 4);
  CHECK(space.fixed_mask == 0b101);
  CHECK(space.members == 4);
  CHECK(space.offset[1] == 16 * 3);
  CHECK(space.offset[2] == 4 * 3);
  CHECK(space.offset[3] == 20 * 3);
}

void test_controls_are_an_origin() {
  const auto space =
      make_groups({64, 3, 5}, std::vector<int>{4}, std::vector<int>{0, 5}, 0b10, 1000);
  CHECK(space.run == 3);
  CHECK(space.groups == 8);
  CHECK(space.fixed_mask == 0b110001);
  CHECK(space.origin == 32 * 5);
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start();
  test_row_bits();
  test_merging();
  test_contiguous_rows_are_merged();
  test_controls_are_an_origin();
  return result();
}
