#include <bit>

#include "arrays.hpp"
#include "lret/reduce.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

template <class T>
std::span<T> span_of(py::array_t<T>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

py::array reduced_matrices(const py::array& array, const Bits& bits) {
  return by_precision("block", array, [&]<class T>(T) -> py::array {
    const auto block = block_view<T>("block", array);
    // The core rejects other numbers of bits; the array must not be made before that.
    const auto side = bits.size() <= 3 ? py::ssize_t{1} << bits.size() : 0;
    py::array_t<std::complex<double>> out({static_cast<py::ssize_t>(block.columns), side, side});
    const auto values = span_of(out);
    unlocked([&] { lret::reduced_matrices<T>(block, bits, values); });
    return out;
  });
}

py::array column_weights(const py::array& array) {
  return by_precision("block", array, [&]<class T>(T) -> py::array {
    const auto block = block_view<T>("block", array);
    py::array_t<double> out(block.columns);
    const auto values = span_of(out);
    unlocked([&] { lret::column_weights<T>(block, values); });
    return out;
  });
}

py::array probabilities(const py::array& array) {
  return by_precision("block", array, [&]<class T>(T) -> py::array {
    const auto block = block_view<T>("block", array);
    py::array_t<double> out(block.rows);
    const auto values = span_of(out);
    unlocked([&] { lret::probabilities<T>(block, values); });
    return out;
  });
}

std::complex<double> pauli_overlap(const py::array& left, const py::array& right,
                                   std::int64_t x_mask, std::int64_t z_mask) {
  return by_precision("left", left, [&]<class T>(T) {
    const auto bra = block_view<T>("left", left);
    const auto ket = block_view<T>("right", right);
    return unlocked([&] { return lret::pauli_overlap<T>(bra, ket, x_mask, z_mask); });
  });
}

py::array_t<double> pauli_values(const py::array& array, const py::array& x_masks,
                                 const py::array& z_masks) {
  return by_precision("columns", array, [&]<class T>(T) {
    const auto columns = elements<std::complex<T>>("columns", array, 2);
    const auto x = elements<std::int64_t>("x_masks", x_masks, 1);
    const auto z = elements<std::int64_t>("z_masks", z_masks, 1);
    py::array_t<double> out({array.shape(0), x_masks.shape(0)});
    const auto target = span_of(out);
    unlocked([&] { lret::pauli_values<T>(columns, array.shape(1), x, z, target); });
    return out;
  });
}

py::array_t<double> squared_norms(const py::array& array) {
  return by_precision("columns", array, [&]<class T>(T) {
    const auto columns = elements<std::complex<T>>("columns", array, 2);
    py::array_t<double> out(array.shape(0));
    const auto target = span_of(out);
    unlocked([&] { lret::squared_norms<T>(columns, array.shape(1), target); });
    return out;
  });
}

py::array_t<double> z_values(const py::array& array) {
  return by_precision("columns", array, [&]<class T>(T) {
    const auto columns = elements<std::complex<T>>("columns", array, 2);
    const std::int64_t rows = array.shape(1);
    const auto bits = std::bit_width(static_cast<std::uint64_t>(rows)) - 1;
    py::array_t<double> out({array.shape(0), static_cast<py::ssize_t>(bits + 1)});
    const auto target = span_of(out);
    unlocked([&] { lret::z_values<T>(columns, rows, target); });
    return out;
  });
}

py::array_t<double> weighted_probabilities(const py::array& array, const py::array& factors) {
  return by_precision("columns", array, [&]<class T>(T) {
    const auto columns = elements<std::complex<T>>("columns", array, 2);
    const auto values = elements<double>("factors", factors, 1);
    py::array_t<double> out(array.shape(1));
    const auto target = span_of(out);
    unlocked([&] { lret::weighted_probabilities<T>(columns, array.shape(1), values, target); });
    return out;
  });
}

}  // namespace

void register_reduce(py::module_& module) {
  module.def("reduced_matrices", reduced_matrices, py::arg("block").noconvert(), py::arg("bits"));
  module.def("column_weights", column_weights, py::arg("block").noconvert());
  module.def("probabilities", probabilities, py::arg("block").noconvert());
  module.def("pauli_values", pauli_values, py::arg("columns").noconvert(),
             py::arg("x_masks").noconvert(), py::arg("z_masks").noconvert());
  module.def("squared_norms", squared_norms, py::arg("columns").noconvert());
  module.def("z_values", z_values, py::arg("columns").noconvert());
  module.def("weighted_probabilities", weighted_probabilities, py::arg("columns").noconvert(),
             py::arg("factors").noconvert());
  module.def("pauli_overlap", pauli_overlap, py::arg("left").noconvert(),
             py::arg("right").noconvert(), py::arg("x_mask"), py::arg("z_mask"));
}

}  // namespace lret::bindings
