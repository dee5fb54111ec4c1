"""Counts and their errors as they are drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.exceptions import QiskitError
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_dist import Circuit, simulate
from lret_qiskit import LRETBackend, LRETSampler
from lret_qiskit.visualization import plot_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from qiskit.result import Result


def heights(figure: Figure, number: int = 0) -> list[float]:
    return [bar.get_height() for bar in figure.axes[0].containers[number]]


def labels(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def spans(ax: Axes, label: str) -> np.ndarray:
    """Lower and upper ends of error bars, (bars, 2)."""
    (found,) = (each for each in ax.containers if each.get_label() == label)
    return np.array([segment[:, 1] for segment in found[2][0].get_segments()])


def noisy(**options: Any) -> Result:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(3):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    options = {"noise_model": noise, "shots": 1000, "seed_simulator": 1} | options
    return LRETBackend().run(circuit, **options).result()


def test_bars_are_parts_of_the_shots_with_binomial_errors() -> None:
    figure = plot_counts({"01": 600, "10": 300, "11": 100})
    assert heights(figure) == [0.6, 0.3, 0.1]
    assert labels(figure) == ["01", "10", "11"]
    errors = [math.sqrt(p * (1 - p) / 1000) for p in (0.6, 0.3, 0.1)]
    lower, upper = spans(figure.axes[0], "standard error").T
    np.testing.assert_allclose((upper - lower) / 2, errors)
    np.testing.assert_allclose((upper + lower) / 2, [0.6, 0.3, 0.1])
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names == ["1,000 shots", "standard error"]


def test_a_sampled_run_adds_its_standard_error() -> None:
    result = noisy(truncation="unbiased", standard_error=0.05, shots=4000)
    metadata = result.results[0].metadata
    assert metadata["standard_error"] > 0.01
    figure = plot_counts(result)
    p = np.array(heights(figure))
    lower, upper = spans(figure.axes[0], "standard error").T
    both = p * (1 - p) * (1 / 4000 + metadata["standard_error"] ** 2)
    np.testing.assert_allclose((upper - lower) / 2, np.sqrt(both))


def test_a_certified_run_has_its_bound() -> None:
    result = noisy(epsilon=0.2, truncation="certified", method="low_rank")
    bound = result.results[0].metadata["truncation_error"]
    assert bound > 1e-3
    figure = plot_counts(result)
    p = np.array(heights(figure))
    lower, upper = spans(figure.axes[0], "certified bound").T
    np.testing.assert_allclose(upper, p + bound)
    np.testing.assert_allclose(lower, np.maximum(0, p - bound))


def test_a_bound_that_cannot_be_seen_is_left_out() -> None:
    figure = plot_counts(noisy(epsilon=1e-9))
    names = [each.get_label() for each in figure.axes[0].containers]
    assert "certified bound" not in names


def test_the_least_likely_are_one_bar() -> None:
    counts = {f"{number:04b}": 2**number for number in range(10)}
    figure = plot_counts(counts, number_to_keep=3)
    total = 2**10 - 1
    np.testing.assert_allclose(
        heights(figure), [512 / total, 256 / total, 128 / total, 127 / total]
    )
    assert labels(figure) == ["1001", "1000", "0111", "other"]
    assert figure.axes[0].get_xlabel() == "outcome (other: 7 more)"
    ordered = plot_counts(counts, number_to_keep=3, sort="asc")
    assert labels(ordered) == ["0111", "1000", "1001", "other"]
    # One outcome alone needs no bar of another name.
    assert labels(plot_counts({"0": 1, "1": 2}, number_to_keep=1)) == ["1", "0"]


def test_a_bar_of_many_others_is_cut_and_tells_its_height() -> None:
    counts = dict.fromkeys(range(1000), 1)
    ax = plot_counts(counts, number_to_keep=10).axes[0]
    assert [text.get_text() for text in ax.texts] == ["0.99"]
    assert ax.get_ylim()[1] < 0.01


def test_a_reference_stands_beside() -> None:
    exact = np.array([0.5, 0, 0.25, 0.25])
    figure = plot_counts({"00": 60, "10": 40}, reference=exact, reference_label="exact")
    ax = figure.axes[0]
    reference = next(each for each in ax.containers if each.get_label() == "exact")
    assert [bar.get_height() for bar in reference] == [0.5, 0.25, 0.25]
    assert labels(figure) == ["00", "10", "11"]
    left, right = ax.containers[0][0], reference[0]
    assert left.get_x() + left.get_width() == pytest.approx(right.get_x())
    assert sum(each.get_label() == "standard error" for each in ax.containers) == 1


def test_all_that_holds_counts_is_drawn_alike() -> None:
    circuit = QuantumCircuit(
        QuantumRegister(3), ClassicalRegister(2, "a"), ClassicalRegister(1, "b")
    )
    circuit.x(2)
    circuit.measure([0, 1, 2], [0, 1, 2])
    ours = LRETBackend().run(circuit, shots=10).result()
    theirs = AerSimulator().run(circuit, shots=10).result()
    pub = LRETSampler().run([circuit], shots=10).result()[0]
    plain = simulate(Circuit(3).gate("x", [2]).measure_all(), shots=10)
    sources = [ours, theirs, pub, pub.join_data(), plain, {"0x4": 10}, {4: 10}, {"100": 10}]
    found = [labels(plot_counts(each)) for each in sources]
    assert found == [["1 00"]] * 2 + [["100"]] * 6
    assert all(heights(plot_counts(each)) == [1.0] for each in sources)


@pytest.mark.parametrize(
    ("keys", "shown"),
    [("auto", "0x80001"), ("hex", "0x80001"), ("binary", "10000000000000000001")],
)
def test_long_outcomes_become_hexadecimal(keys: str, shown: str) -> None:
    counts = {2**19 + 1: 30} | dict.fromkeys(range(8), 2)
    figure = plot_counts(counts, keys=keys, figsize=(3.2, 2.4))  # type: ignore[arg-type]
    assert labels(figure)[0] == shown
    assert {label.get_rotation() for label in figure.axes[0].get_xticklabels()} == {90}


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ({}, ValueError, "there are no counts"),
        ({"0": 0}, ValueError, "there are no counts"),
        ({"2": 1}, ValueError, "must be a bit string.*got '2'"),
        ({"0xg": 1}, ValueError, "got '0xg'"),
        ({-1: 1}, ValueError, "got -1"),
        ({"00": 1, 0: 2}, ValueError, "there twice"),
        ({"0": -1, "1": 2}, ValueError, "not negative"),
        ({"0": "many"}, ValueError, "must be numbers"),
        ({"0": 1.5, "1": 3.0}, ValueError, "their sum is 4.5; counts must be integers"),
        (np.ones(3) / 3, TypeError, r"2\*\*n probabilities.*got ndarray"),
        ([{"0": 1}], TypeError, r"got list; give one of its parts, such as \[0\]"),
    ],
)
def test_what_is_no_distribution_is_refused(
    counts: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plot_counts(counts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sort": "up"}, "sort must be 'value_desc' or 'asc', got 'up'"),
        ({"keys": "octal"}, "keys must be 'auto', 'binary' or 'hex', got 'octal'"),
        ({"number_to_keep": 0}, "number_to_keep must be a positive integer, got 0"),
        ({"reference": {}}, "there are no counts"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_counts({"0": 1}, **options)


def test_a_result_without_counts_says_why() -> None:
    unmeasured = QuantumCircuit(1)
    unmeasured.h(0)
    result = LRETBackend().run(unmeasured).result()
    with pytest.raises(QiskitError, match="it measures nothing"):
        plot_counts(result)
