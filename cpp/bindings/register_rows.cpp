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

// The packed rows: C-ordered, as wide as the block.
template <class T>
std::span<const std::complex<T>> packed_rows(const char* name, const py::array& packed,
                                             std::int64_t columns) {
  const auto values = elements<std::complex<T>>(name, packed, 2);
  if (packed.shape(1) != columns) {
    throw py::value_error(std::string(name) + " must have " + std::to_string(columns) +
                          " columns like block, not " + std::to_string(packed.shape(1)));
  }
  return values;
}

void pack_rows(const py::array& array, const Bits& bits, std::int64_t value, std::int64_t start,
               py::array out) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = block_view<T>("block", array);
    packed_rows<T>("out", out, block.columns);
    check_writeable("out", out);
    auto* const target = static_cast<std::complex<T>*>(out.mutable_data());
    const std::int64_t count = out.shape(0);
    unlocked([&] { lret::pack_rows<T>(block, bits, value, start, count, target); });
  });
}

void unpack_rows(py::array array, const Bits& bits, std::int64_t value, std::int64_t start,
                 const py::array& source) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = writeable_block<T>("block", array);
    const auto values = packed_rows<T>("source", source, block.columns);
    const std::int64_t count = source.shape(0);
    unlocked([&] { lret::unpack_rows<T>(block, bits, value, start, count, values.data()); });
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
