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

void pack_rows(const py::array& array, const Bits& bits, std::int64_t value, std::int64_t start,
               py::array out_array) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = block_view<T>("block", array);
    const auto out = writeable_block<T>("out", out_array);
    unlocked([&] { lret::pack_rows<T>(block, bits, value, start, out); });
  });
}

void unpack_rows(py::array array, const Bits& bits, std::int64_t value, std::int64_t start,
                 const py::array& source_array) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = writeable_block<T>("block", array);
    const auto source = block_view<T>("source", source_array);
    unlocked([&] { lret::unpack_rows<T>(block, bits, value, start, source); });
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
