// One function for each concept, each in a file of its own.
#pragma once

#include <pybind11/pybind11.h>

namespace lret::bindings {

void register_apply(pybind11::module_& module);
void register_branch(pybind11::module_& module);
void register_candidates(pybind11::module_& module);
void register_random(pybind11::module_& module);
void register_reduce(pybind11::module_& module);
void register_dense(pybind11::module_& module);
void register_rows(pybind11::module_& module);
void register_runtime(pybind11::module_& module);
void register_sampled(pybind11::module_& module);
void register_transfer(pybind11::module_& module);

}  // namespace lret::bindings
