#include "arrays.hpp"
#include "lret/candidates.hpp"
#include "register.hpp"

namespace lret::bindings {
namespace {

py::array_t<double> bin_weights(const py::array& weights) {
  const auto values = elements<double>("weights", weights, 2);
  py::array_t<double> out({2, kBins});
  const std::span<double> bins(out.mutable_data(), std::size_t{2} * kBins);
  unlocked([&] { lret::bin_weights(values, bins.first(kBins), bins.last(kBins)); });
  return out;
}

py::array_t<std::int64_t> weights_from(const py::array& weights, std::int64_t cut) {
  const auto values = elements<double>("weights", weights, 2);
  const auto places = unlocked([&] { return lret::weights_from(values, cut); });
  return py::array_t<std::int64_t>(static_cast<py::ssize_t>(places.size()), places.data());
}

}  // namespace

void register_candidates(py::module_& module) {
  module.attr("NUM_BINS") = kBins;
  module.def("bin_weights", bin_weights, py::arg("weights").noconvert());
  module.def("weights_from", weights_from, py::arg("weights").noconvert(), py::arg("cut"));
}

}  // namespace lret::bindings
