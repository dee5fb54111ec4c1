#include "arrays.hpp"
#include "lret/branch.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

void branch(const py::array& array, py::array out_array, const Bits& bits,
            const py::array& operators, const py::array& operator_index, const py::array& source,
            const py::array& scale) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = block_view<T>("block", array);
    const auto out = writeable_block<T>("out", out_array);
    const auto matrices = matrix_elements("operators", operators, bits, 3);
    const auto indices = elements<std::int64_t>("operator_index", operator_index, 1);
    const auto sources = elements<std::int64_t>("source", source, 1);
    const auto scales = elements<double>("scale", scale, 1);
    unlocked([&] { lret::branch<T>(block, out, bits, matrices, indices, sources, scales); });
  });
}

}  // namespace

void register_branch(py::module_& module) {
  module.def("branch", branch, py::arg("block").noconvert(), py::arg("out").noconvert(),
             py::arg("bits"), py::arg("operators").noconvert(),
             py::arg("operator_index").noconvert(), py::arg("source").noconvert(),
             py::arg("scale").noconvert());
}

}  // namespace lret::bindings
