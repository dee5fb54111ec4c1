#include <cstdlib>
#include <string>

#include "check.hpp"
#include "lret/runtime.hpp"

namespace lret::test {
namespace {

void test_threads() {
  set_num_threads(3);
  CHECK(num_threads() == 3);
  CHECK_THROWS(set_num_threads(0), "at least 1, not 0");
  CHECK(num_threads() == 3);
}

// The processor of the test may lack what LRET_SIMD asks for; it never gets more.
void test_simd_level() {
  const std::string compiled = compiled_simd_levels();
  const std::string used = simd_level();
  CHECK(compiled.starts_with("baseline"));
  CHECK(compiled.find(used) != std::string::npos);
  const char* request = std::getenv("LRET_SIMD");
  if (request != nullptr) CHECK(compiled.find(used) <= compiled.find(request));
}

}  // namespace
}  // namespace lret::test

int main() {
  using namespace lret::test;
  test_threads();
  test_simd_level();
  return result();
}
