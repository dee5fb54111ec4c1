#include <pybind11/pybind11.h>

#include "lret/runtime.hpp"
#include "register.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Compiled core of LRET. Signatures and semantics: _core.pyi.";
  using namespace lret::bindings;
  (void)lret::simd_level();  // a wrong LRET_SIMD is found now, not in the middle of a run
  register_apply(module);
  register_branch(module);
  register_candidates(module);
  register_random(module);
  register_reduce(module);
  register_dense(module);
  register_rows(module);
  register_runtime(module);
  register_sampled(module);
  register_transfer(module);
}
