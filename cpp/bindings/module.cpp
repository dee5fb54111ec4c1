#include <pybind11/pybind11.h>

#include "register.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Compiled core of LRET. Signatures and semantics: _core.pyi.";
  using namespace lret::bindings;
  register_apply(module);
  register_branch(module);
  register_reduce(module);
  register_dense(module);
  register_rows(module);
  register_runtime(module);
}
