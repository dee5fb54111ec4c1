#include <map>

#include "arrays.hpp"
#include "lret/runtime.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

std::map<std::string, std::string> build_info() {
  return {{"build_type", LRET_BUILD_TYPE},
          {"compiler", LRET_COMPILER},
          {"flags", LRET_FLAGS},
          {"openmp", openmp_version()},
          {"simd_levels", compiled_simd_levels()}};
}

}  // namespace

void register_runtime(py::module_& module) {
  module.def("set_num_threads", set_num_threads, py::arg("threads"));
  module.def("get_num_threads", num_threads);
  module.def("simd_level", simd_level);
  module.def("build_info", build_info);
}

}  // namespace lret::bindings
