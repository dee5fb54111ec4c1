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
  /// Add what it makes of one block to another of the same shape, over the threads.
  void add(const std::complex<T>* in, std::complex<T>* out) const;

 private:
  struct Groups {
    simd::GroupSpace space;
    std::vector<T> matrix;
  };
  // Calls one of the two on the groups of each thread.
  template <class OnGroups, class OnLanes>
  void share(const OnGroups& on_groups, const OnLanes& on_lanes) const;

  std::variant<Groups, simd::LanePlan<T>> plan_;
};

}  // namespace lret
