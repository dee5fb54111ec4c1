#include <string>

#include "check.hpp"
#include "lret/runtime.hpp"

namespace lret::test {
namespace {

void test_threads() {
  set_num_threads(3);
  CHECK(num_threads() == 3);
  CHECK_THROWS(set_num_threads(0), "1 to 4096, not 0");
  CHECK_THROWS(set_num_threads(1 << 20), "not 1048576");
  CHECK(num_threads() == 3);
}

void test_simd_level() {
  const std::string compiled = compiled_simd_levels();
  CHECK(compiled.starts_with("baseline"));
  CHECK(compiled.find(simd_level()) != std::string::npos);
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  start();
  test_threads();
  test_simd_level();
  return result();
}
