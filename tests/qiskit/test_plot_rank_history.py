"""The rank and the discarded weight of runs as they are drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.result import Result
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_dist import Circuit, simulate
from lret_dist.records.run_records import History
from lret_qiskit import LRETBackend
from lret_qiskit.visualization import plot_rank_history


def noise(weight: float = 1e-2) -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(weight, 2), ["cx"])
    return model


def chain(qubits: int = 8, layers: int = 4, *, measured_on_the_way: bool = False) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, layers)
    for layer in range(layers):
        circuit.rx(0.3 + layer, range(qubits))
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
        if measured_on_the_way:
            circuit.measure(layer, layer)
            with circuit.if_test((circuit.clbits[layer], 1)):
                circuit.x(0)
    if not measured_on_the_way:
        circuit.measure(range(layers), range(layers))
    return circuit


def run(circuit: QuantumCircuit, **options: object) -> Result:
    options = {
        "noise_model": noise(),
        "rank_history": True,
        "shots": 50,
        "seed_simulator": 1,
    } | options
    return LRETBackend().run(circuit, **options).result()


def noisy_bell() -> Circuit:
    circuit = Circuit(2).gate("h", [0]).gate("cx", [0, 1])
    return circuit.channel([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.diag([1, -1])], [0])


def metadata(result: Result) -> dict:
    return result.results[0].metadata


def test_lines_are_the_history() -> None:
    result = run(chain(), epsilon=1e-2, method="low_rank")
    history = metadata(result)["rank_history"]
    upper, lower = plot_rank_history(result).axes
    np.testing.assert_array_equal(
        upper.lines[0].get_xydata().T, [history["steps"], history["ranks"]]
    )
    drawn = lower.lines[0].get_xydata()
    seen = np.array(history["discarded"]) > 0
    np.testing.assert_array_equal(drawn[seen, 1], np.array(history["discarded"])[seen])
    assert np.isnan(drawn[~seen, 1]).all()
    assert lower.get_yscale() == "log"
    (line,) = (line for line in lower.lines if line.get_label() == "epsilon = 0.01")
    assert set(line.get_ydata()) == {1e-2}
    # Each compression from the columns before it to those after it.
    segments = {tuple(map(tuple, each)) for each in upper.collections[0].get_segments()}
    assert segments == {
        ((step, rank), (step, grown))
        for step, rank, grown in zip(
            history["steps"], history["ranks"], history["grown"], strict=True
        )
        if grown > rank
    }
    assert segments
    names = [text.get_text() for text in upper.get_legend().get_texts()]
    assert names == ["rank", "compression", "epsilon = 0.01"]


def test_an_epsilon_that_is_given_is_drawn() -> None:
    figure = plot_rank_history(run(chain(), epsilon=1e-2, method="low_rank"), epsilon=0.5)
    assert figure.axes[1].lines[1].get_ydata()[0] == 0.5


def test_a_sampled_run_has_no_discarded_weight() -> None:
    result = run(chain(), truncation="unbiased")
    assert metadata(result)["epsilon"] is None
    (ax,) = plot_rank_history(result).axes
    assert ax.get_xlabel() == "step"


def test_the_density_matrix_is_shaded_from_where_it_took_over() -> None:
    result = run(chain(10), epsilon=1e-2)
    assert metadata(result)["method"] == "density_matrix"
    history = metadata(result)["rank_history"]
    full = 2 ** metadata(result)["num_qubits"]
    start = history["steps"][history["ranks"].index(full)]
    ax = plot_rank_history(result).axes[0]
    (shade,) = ax.patches
    assert shade.get_label() == "density matrix"
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (start, history["steps"][-1])


def test_lines_are_broken_where_steps_go_back() -> None:
    circuit = chain(6, 3, measured_on_the_way=True)
    result = run(circuit, epsilon=1e-2, method="low_rank")
    steps = metadata(result)["rank_history"]["steps"]
    back = sum(after < before for before, after in pairwise(steps))
    assert back > 0
    drawn = plot_rank_history(result).axes[0].lines[0].get_xdata()
    assert np.isnan(drawn).sum() == back
    np.testing.assert_array_equal(drawn[~np.isnan(drawn)], steps)


def test_a_result_of_the_simulator_itself_is_drawn() -> None:
    result = simulate(noisy_bell(), shots=10)
    (ax,) = plot_rank_history(result).axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), result.history.ranks)


def test_ranks_of_different_sizes_have_a_logarithmic_axis() -> None:
    ranks = {"steps": [1, 2, 3], "ranks": [1, 40, 9000], "grown": [1, 40, 9000]}
    wide = History(**ranks, discarded=[0.0] * 3, seconds=[0.0] * 3)
    figure = plot_rank_history(replace(simulate(noisy_bell(), shots=10), history=wide))
    figure.draw_without_rendering()
    assert figure.axes[0].get_yscale() == "log"
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert {"1", "100", "1,000"} <= set(shown)


def test_one_step_is_drawn() -> None:
    one = History(steps=[1], ranks=[1], grown=[1], discarded=[0.0], seconds=[0.0])
    figure = plot_rank_history(replace(simulate(noisy_bell(), shots=10), history=one))
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    assert low == 0 < 1 < high


def test_what_holds_no_history_is_refused() -> None:
    measured = QuantumCircuit(1, 1)
    measured.measure(0, 0)
    backend = LRETBackend()
    without = backend.run(measured, shots=10).result()
    with pytest.raises(ValueError, match=r"backend\.run\(circuit, rank_history=True\)"):
        plot_rank_history(without)
    with pytest.raises(ValueError, match="rank_history=True"):
        plot_rank_history(AerSimulator().run(measured, shots=10).result())
    with pytest.raises(ValueError, match="the rank history is empty"):
        plot_rank_history(run(measured, noise_model=None))
    with pytest.raises(ValueError, match="experiment must be one of the result's 1, got 1"):
        plot_rank_history(without, experiment=1)
    with pytest.raises(TypeError, match="experiment must be an integer, got 'circuit'"):
        plot_rank_history(without, experiment="circuit")
    with pytest.raises(ValueError, match="epsilon must be a positive number, got 0"):
        plot_rank_history(without, epsilon=0)
    with pytest.raises(TypeError, match=r"got LRETJob; the LRETJob's result\(\) gives one"):
        plot_rank_history(backend.run(measured, shots=10))
