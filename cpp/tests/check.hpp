// Just enough of a test framework: checks that count failures and say where.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <iostream>
#include <stdexcept>
#include <string_view>

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

/// Largest distance between the elements of two ranges, relative to the largest element.
template <class A, class B>
double distance(const A& actual, const B& expected) {
  double worst = 0;
  double scale = 1;
  auto it = actual.begin();
  for (const auto& value : expected) {
    worst = std::max(worst, static_cast<double>(std::abs(*it - value)));
    scale = std::max(scale, static_cast<double>(std::abs(value)));
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

inline int result() { return failures() == 0 ? 0 : 1; }

}  // namespace lret::test

#define CHECK(condition) ::lret::test::report((condition), __FILE__, __LINE__, #condition)
#define CHECK_THROWS(call, part) \
  ::lret::test::report(::lret::test::throws_invalid([&] { call; }, part), __FILE__, __LINE__, #call)
