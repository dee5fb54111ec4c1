#include "arrays.hpp"
#include "lret/random.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

py::array_t<double> uniform_numbers(std::uint64_t key, const py::array& draws,
                                    const py::array& numbers) {
  const auto of_draws = elements<std::int64_t>("draws", draws, 1);
  const auto of_numbers = elements<std::int64_t>("numbers", numbers, 1);
  py::array_t<double> out(numbers.size());
  const std::span<double> target(out.mutable_data(), of_numbers.size());
  unlocked([&] { lret::uniform_numbers(target, key, of_draws, of_numbers); });
  return out;
}

}  // namespace

void register_random(py::module_& module) {
  module.def("uniform_numbers", uniform_numbers, py::arg("key"), py::arg("draws").noconvert(),
             py::arg("numbers").noconvert());
}

}  // namespace lret::bindings
