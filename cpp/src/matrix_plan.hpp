// A dense matrix made ready for blocks of one shape: the plan is made once and run on any of them.
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "groups.hpp"
#include "simd/plans.hpp"

namespace lret {

/// Applies new[a] = sum_b matrix[a * 2^k + b] * old[b] to the groups whose control bits read a
/// value.
template <class T>
class MatrixPlan {
 public:
  /// Throws std::invalid_argument for wrong bits or sizes.
  MatrixPlan(Shape shape, std::span<const int> control_bits, std::int64_t control_value,
             std::span<const int> bits, std::span<const std::complex<double>> matrix);

  /// Apply it in place, over the threads.
  void run(std::complex<T>* data) const;

 private:
  struct Groups {
    simd::GroupSpace space;
    std::vector<T> matrix;
  };
  std::variant<Groups, simd::LanePlan<T>> plan_;
};

}  // namespace lret
