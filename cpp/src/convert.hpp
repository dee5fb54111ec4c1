// Small matrices arrive as complex<double>; kernels want interleaved reals of their precision.
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace lret {

template <class T>
std::vector<T> interleaved(std::span<const std::complex<double>> values) {
  std::vector<T> reals;
  reals.reserve(2 * values.size());
  for (const auto& value : values) {
    reals.push_back(static_cast<T>(value.real()));
    reals.push_back(static_cast<T>(value.imag()));
  }
  return reals;
}

/// std::complex<T> has the layout of T[2].
template <class T>
T* reals_of(std::complex<T>* data) {
  return reinterpret_cast<T*>(data);
}
template <class T>
const T* reals_of(const std::complex<T>* data) {
  return reinterpret_cast<const T*>(data);
}

}  // namespace lret
