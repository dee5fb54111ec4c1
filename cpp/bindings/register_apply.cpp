#include "arrays.hpp"
#include "lret/apply.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

void apply_matrix(py::array array, const Bits& bits, const py::array& matrix) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = writeable_block<T>("block", array);
    const auto values = matrix_elements("matrix", matrix, bits);
    unlocked([&] { lret::apply_matrix<T>(block, bits, values); });
  });
}

void apply_controlled(py::array array, const Bits& control_bits, std::int64_t control_value,
                      const Bits& bits, const py::array& matrix) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = writeable_block<T>("block", array);
    const auto values = matrix_elements("matrix", matrix, bits);
    unlocked([&] { lret::apply_controlled<T>(block, control_bits, control_value, bits, values); });
  });
}

void apply_diagonal(py::array array, const Bits& bits, const py::array& diagonal) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = writeable_block<T>("block", array);
    const auto values = elements<std::complex<double>>("diagonal", diagonal, 1);
    unlocked([&] { lret::apply_diagonal<T>(block, bits, values); });
  });
}

void apply_permutation(py::array array, const Bits& bits, const py::array& source,
                       const py::array& phases) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = writeable_block<T>("block", array);
    const auto from = elements<std::int64_t>("source", source, 1);
    const auto factors = elements<std::complex<double>>("phases", phases, 1);
    unlocked([&] { lret::apply_permutation<T>(block, bits, from, factors); });
  });
}

}  // namespace

void register_apply(py::module_& module) {
  module.def("apply_matrix", apply_matrix, py::arg("block").noconvert(), py::arg("bits"),
             py::arg("matrix").noconvert());
  module.def("apply_controlled", apply_controlled, py::arg("block").noconvert(),
             py::arg("control_bits"), py::arg("control_value"), py::arg("bits"),
             py::arg("matrix").noconvert());
  module.def("apply_diagonal", apply_diagonal, py::arg("block").noconvert(), py::arg("bits"),
             py::arg("diagonal").noconvert());
  module.def("apply_permutation", apply_permutation, py::arg("block").noconvert(), py::arg("bits"),
             py::arg("source").noconvert(), py::arg("phases").noconvert());
}

}  // namespace lret::bindings
