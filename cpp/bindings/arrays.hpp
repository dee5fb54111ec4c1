// From NumPy arrays to the core's types. What NumPy knows is checked here: type, dimensions,
// strides and whether an array may be written; the core checks sizes, bits, values and overlap.
#pragma once

#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <complex>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lret/block.hpp"

namespace lret::bindings {

namespace py = pybind11;

using Bits = std::vector<int>;

/// The name of the dtype, for messages.
inline std::string dtype_name(const py::array& array) { return py::str(array.dtype()); }

inline std::string shape_name(const py::array& array) {
  return py::str(py::tuple(array.attr("shape")));
}

template <class T>
bool holds(const py::array& array) {
  return py::isinstance<py::array_t<T>>(array);
}

inline void check_dimensions(const char* name, const py::array& array, py::ssize_t dimensions) {
  if (array.ndim() != dimensions) {
    throw py::value_error(std::string(name) + " must be " + std::to_string(dimensions) +
                          "-D, not " + std::to_string(array.ndim()) + "-D");
  }
}

template <class T>
void check_dtype(const char* name, const py::array& array) {
  if (!holds<T>(array)) {
    throw py::type_error(std::string(name) + " must be " +
                         std::string(py::str(py::dtype::of<T>())) + ", not " + dtype_name(array));
  }
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignof(T) != 0) {
    throw py::value_error(std::string(name) + " must be aligned to " + std::to_string(alignof(T)) +
                          " bytes");
  }
}

inline void check_writeable(const char* name, const py::array& array) {
  if (!array.writeable()) {
    throw py::value_error(std::string(name) + " must be writeable, but it is read-only");
  }
}

inline void check_c_order(const char* name, const py::array& array) {
  if ((array.flags() & py::array::c_style) == 0) {
    throw py::value_error(std::string(name) + " must be C-contiguous");
  }
}

/// A 2-D array with unit column stride, whose rows may lie further apart than they are long.
template <class E>
BasicBlock<const E> rows_view(const char* name, const py::array& array) {
  check_dtype<E>(name, array);
  check_dimensions(name, array, 2);
  constexpr auto kItem = static_cast<py::ssize_t>(sizeof(E));
  const auto rows = array.shape(0);
  const auto columns = array.shape(1);
  // NumPy leaves the strides of axes of length 0 or 1 undefined.
  if (rows > 0 && columns > 1 && array.strides(1) != kItem) {
    throw py::value_error(std::string(name) + " must have unit column stride, not " +
                          std::to_string(array.strides(1)) + " bytes");
  }
  const auto row_bytes = rows > 1 && columns > 0 ? array.strides(0) : columns * kItem;
  if (row_bytes < columns * kItem || row_bytes % kItem != 0) {
    throw py::value_error(std::string(name) + " must have a row stride of at least its " +
                          std::to_string(columns) + " columns, not " + std::to_string(row_bytes) +
                          " bytes");
  }
  return {static_cast<const E*>(array.data()), rows, columns, row_bytes / kItem};
}

template <class E>
BasicBlock<E> writeable_rows(const char* name, py::array& array) {
  const auto view = rows_view<E>(name, array);
  check_writeable(name, array);
  return {static_cast<E*>(array.mutable_data()), view.rows, view.columns, view.stride};
}

template <class T>
ConstBlock<T> block_view(const char* name, const py::array& array) {
  return rows_view<std::complex<T>>(name, array);
}

template <class T>
Block<T> writeable_block(const char* name, py::array& array) {
  return writeable_rows<std::complex<T>>(name, array);
}

/// A C-ordered array of exactly T as a span over all its elements.
template <class T>
std::span<const T> elements(const char* name, const py::array& array, py::ssize_t dimensions) {
  check_dtype<T>(name, array);
  check_dimensions(name, array, dimensions);
  check_c_order(name, array);
  return {static_cast<const T*>(array.data()), static_cast<std::size_t>(array.size())};
}

/// A square matrix on `bits`, or with `dimensions` = 3 a list of them. Where there are too many
/// bits for any matrix the core says so.
inline std::span<const std::complex<double>> matrix_elements(const char* name,
                                                             const py::array& matrix,
                                                             const Bits& bits,
                                                             py::ssize_t dimensions = 2) {
  constexpr std::size_t kMostBits = 16;
  const auto values = elements<std::complex<double>>(name, matrix, dimensions);
  const auto side = py::ssize_t{1} << std::min(bits.size(), kMostBits);
  const bool square = matrix.shape(dimensions - 2) == side && matrix.shape(dimensions - 1) == side;
  if (bits.size() <= kMostBits && !square) {
    const std::string length = std::to_string(side);
    throw py::value_error(std::string(name) + " must have shape (" +
                          (dimensions == 3 ? "K, " : "") + length + ", " + length + ") for " +
                          std::to_string(bits.size()) + " bits, not " + shape_name(matrix));
  }
  return values;
}

/// Call visit(double{}) or visit(float{}) by the precision of the block.
template <class Visit>
auto by_precision(const char* name, const py::array& array, const Visit& visit) {
  if (holds<std::complex<double>>(array)) return visit(double{});
  if (holds<std::complex<float>>(array)) return visit(float{});
  throw py::type_error(std::string(name) + " must be complex128 or complex64, not " +
                       dtype_name(array));
}

/// Run `work` without the GIL.
template <class Work>
auto unlocked(const Work& work) {
  const py::gil_scoped_release release;
  return work();
}

}  // namespace lret::bindings
