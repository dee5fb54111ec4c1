#include "arrays.hpp"
#include "lret/transfer.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

template <class T>
void apply_to(py::array& vector, const std::vector<Transfer>& steps) {
  const auto values = elements<T>("vector", vector, 1);
  check_writeable("vector", vector);
  const std::span<T> target(static_cast<T*>(vector.mutable_data()), values.size());
  unlocked([&] { lret::apply_transfers<T>(target, steps); });
}

void apply_transfers(py::array vector, const std::vector<std::pair<Bits, py::array>>& pairs) {
  std::vector<Transfer> steps;
  for (const auto& [bits, matrix] : pairs) {
    steps.push_back({bits, elements<double>("matrix", matrix, 2)});
  }
  if (holds<double>(vector)) {
    apply_to<double>(vector, steps);
  } else if (holds<float>(vector)) {
    apply_to<float>(vector, steps);
  } else {
    throw py::type_error("vector must be float64 or float32, not " + dtype_name(vector));
  }
}

}  // namespace

void register_transfer(py::module_& module) {
  module.def("apply_transfers", apply_transfers, py::arg("vector").noconvert(), py::arg("steps"));
}

}  // namespace lret::bindings
