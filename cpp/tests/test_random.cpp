#include <vector>

#include "check.hpp"
#include "lret/random.hpp"

namespace lret::test {
namespace {

using Numbers = std::vector<std::int64_t>;

std::vector<double> uniforms(std::uint64_t key, const Numbers& draws, const Numbers& numbers) {
  std::vector<double> out(numbers.size());
  uniform_numbers(out, key, draws, numbers);
  return out;
}

// The first 53 bits of known answers of the Random123 library, version 1.14, for philox4x32-10.
void test_known_answers() {
  constexpr std::int64_t kAll = -1;
  CHECK(uniforms(0, {0}, {0}).front() == static_cast<double>(0x6627e8d5e169c58d >> 11) * 0x1p-53);
  CHECK(uniforms(0xffffffffffffffff, {kAll}, {kAll}).front() ==
        static_cast<double>(0x408f276d41c83b0e >> 11) * 0x1p-53);
}

// Whichever others are asked for, and however many threads there are.
void test_each_by_itself() {
  constexpr std::int64_t kCount = 1 << 15;
  Numbers draws;
  Numbers numbers;
  for (std::int64_t i = 0; i < kCount; ++i) {
    draws.push_back(i % 7);
    numbers.push_back((i << 33) + i);
  }
  const auto all = uniforms(5, draws, numbers);
  double sum = 0;
  for (const double each : all) sum += each;
  CHECK(std::abs(sum / kCount - 0.5) < 0.01);
  for (const std::size_t i : {std::size_t{0}, std::size_t{9}, std::size_t{kCount - 1}}) {
    CHECK(uniforms(5, {draws[i]}, {numbers[i]}).front() == all[i]);
  }
}

void test_rejections() {
  CHECK_THROWS(uniforms(0, {0}, {0, 1}), "draws must hold 2 elements, not 1");
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  for (const int threads : {1, 3}) {
    start(threads);
    test_known_answers();
    test_each_by_itself();
    test_rejections();
  }
  return result();
}
