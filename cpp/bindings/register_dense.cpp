#include <cstring>

#include "arrays.hpp"
#include "lret/dense.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

struct BothBlas {
  Blas<double> in_double;
  Blas<float> in_single;
};

template <class T>
const Blas<T>& table(const BothBlas& blas);
template <>
const Blas<double>& table<double>(const BothBlas& blas) {
  return blas.in_double;
}
template <>
const Blas<float>& table<float>(const BothBlas& blas) {
  return blas.in_single;
}

// SciPy publishes its BLAS as capsules named by their C signature. Its integers are C ints; a build
// with other ones would not have "int *" there.
template <class Function>
void load(Function& function, const py::dict& capsules, const char* name) {
  const auto capsule = py::reinterpret_borrow<py::capsule>(capsules[name]);
  if (std::strstr(capsule.name(), "int *") == nullptr) {
    throw py::import_error(std::string("the BLAS of this SciPy has an unknown interface: ") +
                           capsule.name());
  }
  function = reinterpret_cast<Function>(capsule.get_pointer());
}

BothBlas load_blas() {
  const auto module = py::module_::import("scipy.linalg.cython_blas");
  const py::dict capsules = module.attr("__pyx_capi__");
  BothBlas blas{};
  load(blas.in_double.gemm, capsules, "zgemm");
  load(blas.in_double.herk, capsules, "zherk");
  load(blas.in_single.gemm, capsules, "cgemm");
  load(blas.in_single.herk, capsules, "cherk");
  return blas;
}

py::array gram(const BothBlas& blas, const py::array& array) {
  return by_precision("block", array, [&]<class T>(T) -> py::array {
    const auto block = block_view<T>("block", array);
    py::array_t<std::complex<T>> out({block.columns, block.columns});
    const std::span<std::complex<T>> values(out.mutable_data(),
                                            static_cast<std::size_t>(out.size()));
    unlocked([&] { lret::gram<T>(block, table<T>(blas), values); });
    return out;
  });
}

void rotate(const BothBlas& blas, const py::array& array, const py::array& matrix,
            py::array out_array) {
  by_precision("block", array, [&]<class T>(T) {
    const auto block = block_view<T>("block", array);
    const auto factor = block_view<T>("matrix", matrix);
    const auto out = writeable_block<T>("out", out_array);
    unlocked([&] { lret::rotate<T>(block, factor, out, table<T>(blas)); });
  });
}

}  // namespace

void register_dense(py::module_& module) {
  const BothBlas blas = load_blas();
  module.def(
      "gram", [blas](const py::array& block) { return gram(blas, block); },
      py::arg("block").noconvert());
  module.def(
      "rotate",
      [blas](const py::array& block, const py::array& matrix, py::array out) {
        rotate(blas, block, matrix, std::move(out));
      },
      py::arg("block").noconvert(), py::arg("matrix").noconvert(), py::arg("out").noconvert());
}

}  // namespace lret::bindings
