// The kernels of the instruction set in use.
#pragma once

#include "simd/plans.hpp"

namespace lret {

[[nodiscard]] const simd::Level& simd_kernels();

template <class T>
[[nodiscard]] const simd::Kernels<T>& kernels();
template <>
inline const simd::Kernels<double>& kernels<double>() {
  return simd_kernels().in_double;
}
template <>
inline const simd::Kernels<float>& kernels<float>() {
  return simd_kernels().in_single;
}

}  // namespace lret
