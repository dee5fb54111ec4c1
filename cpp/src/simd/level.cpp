// The kernels of one instruction set. CMake compiles this file once for each, with
//   LRET_LEVEL         its name and namespace: baseline, avx2 or avx512
//   LRET_VECTOR_BYTES  the width of a register
//   LRET_REGISTERS     the number of vector registers
// All kernels have internal linkage and use no template of the standard library, so no code for a
// better processor can end up in a function that another source shares.

#include <cstdint>

#include "plans.hpp"

namespace lret::simd {
namespace LRET_LEVEL {
namespace {

// clang-format off: in order of use
#include "vectors.hpp"
#include "matrix.hpp"
#include "lanes.hpp"
#include "monomial.hpp"
#include "branch.hpp"
#include "reduce.hpp"
#include "transfer.hpp"
// clang-format on

template <class T>
constexpr Kernels<T> table() {
  return {kLanes<T> / 2,  kLanes<double> / 2, apply_matrix<T>,   add_matrix<T>,
          apply_lanes<T>, add_lanes<T>,       apply_diagonal<T>, apply_permutation<T>,
          branch<T>,      reduced<T>,         probabilities<T>,  add_squares<T>,
          overlap<T>,     pauli_value<T>,     transfer<T>};
}

}  // namespace
}  // namespace LRET_LEVEL

#define LRET_JOIN(a, b) a##b
#define LRET_LEVEL_OF(name) LRET_JOIN(name, _level)
#define LRET_TEXT(name) LRET_QUOTE(name)
#define LRET_QUOTE(name) #name

extern const Level LRET_LEVEL_OF(LRET_LEVEL);
// Constant-initialized: no code of this instruction set may run while the library is loaded.
constinit const Level LRET_LEVEL_OF(LRET_LEVEL) = {
    LRET_TEXT(LRET_LEVEL), LRET_LEVEL::table<double>(), LRET_LEVEL::table<float>()};

}  // namespace lret::simd
