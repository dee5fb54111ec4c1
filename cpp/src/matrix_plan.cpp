#include "matrix_plan.hpp"

#include <algorithm>
#include <bit>

#include "checks.hpp"
#include "convert.hpp"
#include "dispatch.hpp"
#include "parallel.hpp"

namespace lret {
namespace {

std::uint64_t as_unsigned(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// Whether bits inside a register are all that make runs short, so that apply_lanes can be used: no
// gaps, a power of two of columns, one or two targets, and no control inside a register.
bool fits_lanes(Shape shape, std::span<const int> bits, std::span<const int> control_bits,
                std::int64_t register_elements) {
  const std::int64_t lowest = shape.columns << std::ranges::min(bits);
  const auto fixed = bits.size() + control_bits.size();
  return shape.stride == shape.columns && std::has_single_bit(as_unsigned(shape.columns)) &&
         bits.size() <= 2 && lowest < register_elements &&
         shape.rows * shape.columns >> fixed >= register_elements &&
         std::ranges::all_of(control_bits,
                             [&](int bit) { return shape.columns << bit >= register_elements; });
}

// The register seen as one row of a block: element index = register * register_elements + lane.
template <class T>
simd::LanePlan<T> make_lanes(Shape shape, std::span<const int> bits,
                             std::span<const int> control_bits, std::int64_t control_value,
                             std::span<const std::complex<double>> matrix, int register_elements) {
  const int shift = std::countr_zero(as_unsigned(register_elements)) -
                    std::countr_zero(as_unsigned(shape.columns));
  std::vector<int> high;
  std::vector<int> controls;
  for (const int bit : bits) {
    if (bit >= shift) high.push_back(bit - shift);
  }
  for (const int bit : control_bits) controls.push_back(bit - shift);

  simd::LanePlan<T> plan{};
  plan.space = make_groups({shape.rows >> shift, register_elements, register_elements}, high,
                           controls, control_value, register_elements);
  for (const int bit : bits) {
    if (bit < shift) plan.lane_mask |= static_cast<int>(shape.columns << bit);
  }
  // The matrix index of a lane of member a.
  const auto index = [&](int a, int lane) {
    std::size_t value = 0;
    int taken = 0;
    for (std::size_t i = 0; i < bits.size(); ++i) {
      const bool set =
          bits[i] < shift ? (lane & (shape.columns << bits[i])) != 0 : (a >> taken++ & 1) != 0;
      value |= static_cast<std::size_t>(set) << i;
    }
    return value;
  };
  const std::size_t side = std::size_t{1} << bits.size();
  T* factor = plan.factors;
  for (int a = 0; a < plan.space.members; ++a) {
    for (int b = 0; b < plan.space.members; ++b) {
      for (int x = 0; x <= plan.lane_mask; ++x) {
        if ((x & ~plan.lane_mask) != 0) continue;
        for (int lane = 0; lane < register_elements; ++lane, factor += 2) {
          const auto value = matrix[index(a, lane) * side + index(b, lane ^ x)];
          factor[0] = factor[1] = static_cast<T>(value.real());
          factor[2 * register_elements] = static_cast<T>(-value.imag());
          factor[2 * register_elements + 1] = static_cast<T>(value.imag());
        }
        factor += 2 * register_elements;
      }
    }
  }
  return plan;
}

}  // namespace

template <class T>
MatrixPlan<T>::MatrixPlan(Shape shape, std::span<const int> control_bits,
                          std::int64_t control_value, std::span<const int> bits,
                          std::span<const std::complex<double>> matrix) {
  check_bits("bits", bits, shape.rows, 1, simd::kMatrixBits);
  std::vector<int> all(control_bits.begin(), control_bits.end());
  all.insert(all.end(), bits.begin(), bits.end());
  check_bits("control_bits and bits", all, shape.rows, 1, simd::kMaxBits);
  check_value("control_value", control_value, control_bits.size());
  check_size("matrix", matrix.size(), std::size_t{1} << (2 * bits.size()));
  const int register_elements = kernels<T>().register_elements;
  if (shape.columns > 0 && fits_lanes(shape, bits, control_bits, register_elements)) {
    plan_ = make_lanes<T>(shape, bits, control_bits, control_value, matrix, register_elements);
  } else {
    plan_ =
        Groups{make_groups(shape, bits, control_bits, control_value, run_limit(shape, all.size())),
               interleaved<T>(matrix)};
  }
}

template <class T>
template <class OnGroups, class OnLanes>
void MatrixPlan<T>::share(const OnGroups& on_groups, const OnLanes& on_lanes) const {
  if (const auto* lanes = std::get_if<simd::LanePlan<T>>(&plan_)) {
    const simd::GroupSpace& space = lanes->space;
    parallel_for(space.groups, space.groups * space.members * kernels<T>().register_elements,
                 [&](std::int64_t first, std::int64_t last) { on_lanes(*lanes, first, last); });
    return;
  }
  const Groups& groups = *std::get_if<Groups>(&plan_);
  const simd::GroupSpace& space = groups.space;
  parallel_for(space.groups, space.groups * space.members * space.run,
               [&](std::int64_t first, std::int64_t last) { on_groups(groups, first, last); });
}

template <class T>
void MatrixPlan<T>::run(std::complex<T>* data) const {
  T* const reals = reals_of(data);
  share(
      [&](const Groups& plan, std::int64_t first, std::int64_t last) {
        kernels<T>().apply_matrix(plan.space, reals, plan.matrix.data(), first, last);
      },
      [&](const simd::LanePlan<T>& plan, std::int64_t first, std::int64_t last) {
        kernels<T>().apply_lanes(plan, reals, first, last);
      });
}

template <class T>
void MatrixPlan<T>::add(const std::complex<T>* in, std::complex<T>* out) const {
  const T* const from = reals_of(in);
  T* const to = reals_of(out);
  share(
      [&](const Groups& plan, std::int64_t first, std::int64_t last) {
        kernels<T>().add_matrix(plan.space, from, to, plan.matrix.data(), first, last);
      },
      [&](const simd::LanePlan<T>& plan, std::int64_t first, std::int64_t last) {
        kernels<T>().add_lanes(plan, from, to, first, last);
      });
}

template class MatrixPlan<double>;
template class MatrixPlan<float>;

}  // namespace lret
