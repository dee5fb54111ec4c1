#include "arrays.hpp"
#include "lret/rows.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

void restride(py::array storage, std::int64_t rows, std::int64_t columns, std::int64_t old_stride,
              std::int64_t new_stride) {
  by_precision("storage", storage, [&]<class T>(T) {
    const auto values = elements<std::complex<T>>("storage", storage, 1);
    check_writeable("storage", storage);
    const std::span<std::complex<T>> target(static_cast<std::complex<T>*>(storage.mutable_data()),
                                            values.size());
    unlocked([&] { lret::restride<T>(target, rows, columns, old_stride, new_stride); });
  });
}

// Call visit(E{}) by the element type E of the block.
template <class Visit>
void by_element(const py::array& array, const Visit& visit) {
  if (holds<double>(array)) {
    visit(double{});
  } else if (holds<float>(array)) {
    visit(float{});
  } else {
    by_precision("block", array, [&]<class T>(T) { visit(std::complex<T>{}); });
  }
}

void pack_rows(const py::array& array, const Bits& bits, std::int64_t value, std::int64_t start,
               py::array out_array) {
  by_element(array, [&]<class E>(E) {
    const auto block = rows_view<E>("block", array);
    const auto out = writeable_rows<E>("out", out_array);
    unlocked([&] { lret::pack_rows<E>(block, bits, value, start, out); });
  });
}

void unpack_rows(py::array array, const Bits& bits, std::int64_t value, std::int64_t start,
                 const py::array& source_array) {
  by_element(array, [&]<class E>(E) {
    const auto block = writeable_rows<E>("block", array);
    const auto source = rows_view<E>("source", source_array);
    unlocked([&] { lret::unpack_rows<E>(block, bits, value, start, source); });
  });
}

}  // namespace

void register_rows(py::module_& module) {
  module.def("restride", restride, py::arg("storage").noconvert(), py::arg("rows"),
             py::arg("columns"), py::arg("old_stride"), py::arg("new_stride"));
  module.def("pack_rows", pack_rows, py::arg("block").noconvert(), py::arg("bits"),
             py::arg("value"), py::arg("start"), py::arg("out").noconvert());
  module.def("unpack_rows", unpack_rows, py::arg("block").noconvert(), py::arg("bits"),
             py::arg("value"), py::arg("start"), py::arg("source").noconvert());
}

}  // namespace lret::bindings
