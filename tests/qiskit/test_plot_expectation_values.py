"""Expectation values and their errors as they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETBackend, LRETEstimator, LRETSampler
from lret_qiskit.visualization import plot_expectation_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OBSERVABLES = ["ZZII", "YYYY", "IIZI"]


def ghz() -> QuantumCircuit:
    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(3):
        circuit.cx(qubit, qubit + 1)
    return circuit


def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    return model


def estimated(precision: float = 0.0, **options: Any) -> Any:
    estimator = LRETEstimator(noise_model=noise(), seed=1, **options)
    return estimator.run([(ghz(), OBSERVABLES)], precision=precision).result()[0]


def points(ax: Axes, label: str = "value") -> np.ndarray:
    (line,) = (line for line in ax.lines if line.get_label() == label)
    return np.asarray(line.get_ydata())


def half_lengths(ax: Axes, label: str) -> np.ndarray:
    (found,) = (each for each in ax.containers if str(each.get_label()).startswith(label))
    return np.array([np.ptp(segment[:, 1]) / 2 for segment in found[2][0].get_segments()])


def names(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_certified_estimate_has_its_bounds() -> None:
    pub = estimated(epsilon=0.2, truncation="certified", method="low_rank")
    bounds = pub.metadata["simulator_metadata"]["error_bounds"]
    assert bounds.min() > 1e-3
    (ax,) = plot_expectation_values(pub, labels=OBSERVABLES).axes
    np.testing.assert_array_equal(points(ax), pub.data.evs)
    np.testing.assert_allclose(half_lengths(ax, "certified bound"), bounds)
    assert names(ax) == ["value", f"certified bound ≤ {bounds.max():.2g}"]
    assert [label.get_text() for label in ax.get_xticklabels()] == OBSERVABLES


def test_a_sampled_estimate_has_its_standard_errors() -> None:
    pub = estimated(0.05, truncation="unbiased")
    assert pub.data.stds.min() > 0
    (ax,) = plot_expectation_values(pub).axes
    np.testing.assert_allclose(half_lengths(ax, "standard error"), pub.data.stds)
    assert names(ax) == ["value", f"standard error ≤ {pub.data.stds.max():.2g}"]
    assert ax.get_xlabel() == "number of the value"


def test_differences_to_a_reference_have_the_errors_of_both() -> None:
    ours, exact = estimated(0.05, truncation="unbiased"), [0.9, 0.8, 0.0]
    figure = plot_expectation_values(ours, reference=exact, reference_label="exact")
    upper, lower = figure.axes
    np.testing.assert_array_equal(points(upper, "exact"), exact)
    zero, differences = lower.lines[0], lower.lines[-1]
    assert set(zero.get_ydata()) == {0}
    np.testing.assert_allclose(differences.get_ydata(), ours.data.evs - exact)
    assert lower.get_ylabel() == "value −\nexact"
    # Standard errors of both add in squares, bounds as they are.
    lower = plot_expectation_values(ours, bounds=0.1, reference=ours).axes[1]
    bound, statistical = lower.containers
    lengths = [np.ptp(segment[:, 1]) / 2 for segment in statistical[2][0].get_segments()]
    np.testing.assert_allclose(lengths, np.sqrt(2) * ours.data.stds)
    lengths = [np.ptp(segment[:, 1]) / 2 for segment in bound[2][0].get_segments()]
    np.testing.assert_allclose(lengths, 0.1)


def test_saved_values_have_their_names_and_errors() -> None:
    circuit = ghz()
    for pauli in OBSERVABLES:
        circuit.save_expectation_value(SparsePauliOp(pauli), range(4), label=pauli)
    options = {"truncation": "unbiased", "standard_error": 0.05, "seed_simulator": 1}
    result = LRETBackend().run(circuit, noise_model=noise(), shots=0, **options).result()
    errors = result.results[0].metadata["standard_errors"]
    (ax,) = plot_expectation_values(result).axes
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert sorted(shown) == sorted(OBSERVABLES)
    np.testing.assert_allclose(points(ax), [result.data(0)[name] for name in shown])
    expected = [errors[name] for name in shown]
    np.testing.assert_allclose(half_lengths(ax, "standard error"), expected, atol=1e-12)


def test_estimates_of_others_and_arrays_are_drawn() -> None:
    pub = StatevectorEstimator().run([(ghz(), OBSERVABLES)]).result()[0]
    (ax,) = plot_expectation_values(pub).axes
    np.testing.assert_allclose(points(ax), [1, 1, 0], atol=1e-12)
    assert names(ax) == ["value"]
    (ax,) = plot_expectation_values(np.ones((2, 3)), 0.1).axes
    np.testing.assert_array_equal(points(ax), np.ones(6))
    np.testing.assert_allclose(half_lengths(ax, "standard error"), np.full(6, 0.1))
    (ax,) = plot_expectation_values(0.5).axes
    assert points(ax).tolist() == [0.5]


def test_more_names_than_there_is_room_for_become_numbers() -> None:
    labels = [f"observable {number}" for number in range(100)]
    (ax,) = plot_expectation_values(np.zeros(100), labels=labels, figsize=(3.2, 2.4)).axes
    assert ax.get_xlabel() == "number of the value"


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        ([], {}, ValueError, "there must be some values, got 0"),
        ([1, np.nan], {}, ValueError, "values must be finite"),
        (["a"], {}, TypeError, r"values must be real numbers, got \['a'\]"),
        ([1j], {}, TypeError, r"values must be real numbers, got \[1j\]"),
        ("ZZ", {}, TypeError, "expected expectation values.*got str"),
        ([1, 2], {"errors": [1, 2, 3]}, ValueError, "there must be 2 errors, got 3"),
        ([1, 2], {"errors": -1}, ValueError, "errors must not be negative"),
        ([1, 2], {"bounds": np.inf}, ValueError, "bounds must be finite"),
        ([1, 2], {"labels": ["Z"]}, ValueError, "there must be 2 labels, got 1"),
        ([1, 2], {"reference": [1]}, ValueError, "there must be 2 values in reference, got 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    values: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plot_expectation_values(values, **options)


def test_results_without_expectation_values_are_refused() -> None:
    measured = ghz()
    measured.measure_all()
    with pytest.raises(ValueError, match=r"add circuit\.save_expectation_value"):
        plot_expectation_values(LRETBackend().run(measured, shots=10).result())
    with pytest.raises(TypeError, match="that of a sampler: see plot_counts"):
        plot_expectation_values(LRETSampler().run([measured], shots=10).result()[0])
    with pytest.raises(TypeError, match=r"got PrimitiveResult; give one of its parts"):
        plot_expectation_values(LRETEstimator().run([(ghz(), "ZZZZ")]).result())
