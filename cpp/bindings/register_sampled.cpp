#include <optional>

#include "arrays.hpp"
#include "lret/sampled.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

/// (bits, kraus, probabilities or None, mean_dominant, least_dominant)
using StepTuple = std::tuple<Bits, py::array, std::optional<py::array>, double, double>;

SampledStep as_step(const StepTuple& tuple) {
  const auto& [bits, kraus, probabilities, mean, least] = tuple;
  SampledStep step{bits, matrix_elements("kraus", kraus, bits, 3), {}, mean, least};
  if (probabilities) {
    step.probabilities = elements<double>("probabilities", *probabilities, 1);
    if (step.probabilities.size() != static_cast<std::size_t>(kraus.shape(0))) {
      throw py::value_error("probabilities must hold one number for each Kraus operator");
    }
  }
  return step;
}

py::array_t<double> as_array(const std::vector<double>& values) {
  return py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
}

/// A (capacity, rows) array that the columns live in.
template <class T>
std::span<std::complex<T>> storage(py::array& columns) {
  const auto values = elements<std::complex<T>>("columns", columns, 2);
  check_writeable("columns", columns);
  return {static_cast<std::complex<T>*>(columns.mutable_data()), values.size()};
}

template <class T>
SampledColumns<T> make(py::array columns, std::int64_t tail, const py::array& exact_weights,
                       double resolution, double spacing, std::uint64_t seed, std::uint32_t batch) {
  const auto values = storage<T>(columns);
  const SampledSettings settings{tail, columns.shape(0), resolution, spacing, seed, batch};
  return {values, columns.shape(1), settings, elements<double>("weights", exact_weights, 1)};
}

template <class T>
std::vector<std::int64_t> run(SampledColumns<T>& self, const std::vector<StepTuple>& tuples,
                              std::int64_t first_number) {
  std::vector<SampledStep> steps;
  for (const StepTuple& tuple : tuples) steps.push_back(as_step(tuple));
  return unlocked([&] { return self.run(steps, first_number); });
}

template <class T>
void register_class(py::module_& module, const char* name) {
  using Self = SampledColumns<T>;
  py::class_<Self>(module, name)
      .def(py::init(&make<T>), py::arg("columns").noconvert(), py::arg("tail"), py::arg("weights"),
           py::arg("resolution"), py::arg("spacing"), py::arg("seed"), py::arg("batch"),
           py::keep_alive<1, 2>())
      .def(
          "on", [](const Self& self, py::array columns) { return self.on(storage<T>(columns)); },
          py::arg("columns").noconvert(), py::keep_alive<0, 2>())
      .def("run", &run<T>, py::arg("steps"), py::arg("first_number"))
      .def(
          "partial_weights",
          [](Self& self, const StepTuple& tuple) {
            const SampledStep step = as_step(tuple);
            return as_array(unlocked([&] { return self.partial_weights(step); }));
          },
          py::arg("step"))
      .def(
          "advance",
          [](Self& self, const StepTuple& tuple, std::int64_t number, const py::array& weights) {
            const SampledStep step = as_step(tuple);
            const auto values = elements<double>("weights", weights, 1);
            return unlocked([&] { return self.advance(step, number, values); });
          },
          py::arg("step"), py::arg("number"), py::arg("weights"))
      .def("weights", [](const Self& self) { return as_array(self.weights()); })
      .def(
          "set_weights",
          [](Self& self, const py::array& weights) {
            self.set_weights(elements<double>("weights", weights, 1));
          },
          py::arg("weights"))
      .def_property_readonly("exact", &Self::exact);
}

}  // namespace

void register_sampled(py::module_& module) {
  register_class<double>(module, "SampledColumnsDouble");
  register_class<float>(module, "SampledColumnsSingle");
}

}  // namespace lret::bindings
