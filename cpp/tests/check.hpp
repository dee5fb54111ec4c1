// Just enough of a test framework: checks that count failures and say where.
#pragma once

#include <cmath>
#include <complex>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include "lret/runtime.hpp"

namespace lret::test {

inline int& failures() {
  static int count = 0;
  return count;
}

inline void report(bool passed, const char* file, int line, std::string_view text) {
  if (passed) return;
  ++failures();
  std::cerr << file << ":" << line << ": failed: " << text << "\n";
}

/// The larger of two numbers, or NaN if one of them is NaN, which compares as false with all.
inline double larger(double a, double b) { return a >= b || std::isnan(a) ? a : b; }

/// Largest distance between the elements of two ranges, relative to the largest element; infinite
/// for different sizes.
template <class A, class B>
double distance(const A& actual, const B& expected) {
  if (std::size(actual) != std::size(expected)) return std::numeric_limits<double>::infinity();
  double worst = 0;
  double scale = 1;
  auto it = actual.begin();
  for (const auto& value : expected) {
    worst = larger(worst, static_cast<double>(std::abs(*it - value)));
    scale = larger(scale, static_cast<double>(std::abs(value)));
    ++it;
  }
  return worst / scale;
}

/// Whether `call` throws std::invalid_argument with `part` in its message.
template <class Call>
bool throws_invalid(const Call& call, std::string_view part) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return std::string_view(error.what()).find(part) != std::string_view::npos;
  }
  return false;
}

/// Begin a test with a number of threads. On a processor that lacks the instruction set which
/// LRET_SIMD asks for, the test ends as skipped; a better one than that is a failure.
inline void start(int threads = 1) {
  constexpr int kSkipped = 77;
  const char* request = std::getenv("LRET_SIMD");
  const std::string levels = compiled_simd_levels();  // from the least to the most capable
  if (request != nullptr && std::string_view(request) != simd_level()) {
    std::exit(levels.find(simd_level()) > levels.find(request) ? 1 : kSkipped);
  }
  set_num_threads(threads);
}

inline int result() { return failures() == 0 ? 0 : 1; }

}  // namespace lret::test

#define CHECK(condition) ::lret::test::report((condition), __FILE__, __LINE__, #condition)
#define CHECK_THROWS(call, part) \
  ::lret::test::report(::lret::test::throws_invalid([&] { call; }, part), __FILE__, __LINE__, #call)
