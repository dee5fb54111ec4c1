"""All histories together give, shot by shot, what they give one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_circuits import looping_circuit, pauli_noise, random_circuit
from scipy.stats import chi2_contingency

from lret_dist import (
    Apply,
    Bits,
    Circuit,
    Constant,
    Gate,
    NoiseModel,
    SaveExpectationValue,
    SaveProbabilities,
    SimulationResult,
    simulate,
)

SEEDS = st.integers(0, 2**32 - 1)
READOUT = [[0.9, 0.1], [0.2, 0.8]]


def wandering_circuit(seed: int, *, noisy: bool = True, saving: bool = True) -> Circuit:
    """Random gates, noise, measurements, and blocks that some shots pass by."""
    rng = np.random.default_rng(seed)
    circuit = Circuit(4, 6, num_variable_bits=3)
    counter = Bits((6, 7, 8))
    for block in range(5):
        for operation in random_circuit(rng, 4, 5):
            if noisy or isinstance(operation, Gate):
                circuit.append(operation)
        qubit, clbit = int(rng.integers(4)), int(rng.integers(6))
        if noisy:
            circuit.channel(pauli_noise(rng, 2, 0.2), [qubit, (qubit + 1) % 4])
        circuit.measure(qubit, clbit)
        if rng.random() < 0.7:
            circuit.jump(f"past {block}", Bits((int(rng.integers(6)),)))
            circuit.gate("ry", [qubit], rng.uniform(0, 3)).measure(qubit, int(rng.integers(6)))
            circuit.store(counter, Apply("add", (counter, Constant(1)), 3))
            circuit.mark(f"past {block}")
        if saving and rng.random() < 0.5:
            paulis = (("XZ", 0.5), ("YI", 1.0))
            circuit.append(SaveExpectationValue(f"mean {block}", (0, 3), paulis, subtype="list"))
    if saving:
        circuit.append(SaveProbabilities("each", (1, 0), subtype="c_average"))
    return circuit.measure(0, 0).measure(3, 5)


def apart(circuit: Circuit, monkeypatch: pytest.MonkeyPatch, **options: Any) -> SimulationResult:
    """The result where one history goes on after the other."""
    with monkeypatch.context() as patch:
        patch.setattr("lret_dist.planning.histories_choice._MOST_QUBITS", 0)
        return simulate(circuit, **options)


def assert_same(found: SimulationResult, expected: SimulationResult) -> None:
    assert found.memory() == expected.memory()
    assert found.data.keys() == expected.data.keys()
    for key, value in expected.data.items():
        _assert_close(found.data[key], value)


def _assert_close(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, rtol=0, atol=1e-10)
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_same_shot_by_shot(method: str, seed: int) -> None:
    circuit = wandering_circuit(seed)
    noise = NoiseModel().add_readout_error(READOUT, 0).add_readout_error(READOUT, 2)
    options: dict[str, Any] = {"shots": 60, "seed": seed, "epsilon": 0, "noise": noise}
    together = simulate(circuit, **options)
    assert together.metadata.method == "density_matrix"
    assert "side by side" in together.metadata.method_reason
    with pytest.MonkeyPatch.context() as patch:
        assert_same(together, apart(circuit, patch, method=method, **options))


@pytest.mark.parametrize("precision", ["double", "single"])
def test_loops(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit, options = looping_circuit(3), {"shots": 100, "seed": 4, "precision": precision}
    found, expected = simulate(circuit, **options), apart(circuit, monkeypatch, **options)
    assert found.metadata.precision == precision
    if precision == "double":
        assert_same(found, expected)
    else:
        assert len(found.memory()) == len(expected.memory()) == 100
    assert found.metadata.truncation_error < 1e-4
    assert found.metadata.final_rank == 32


def test_bundles_that_grow_too_large_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the parts are, each shot finds what it finds among all."""
    from lret_dist.runs.side_by_side import Trajectories

    most, divided = 0, 0
    original = Trajectories._divide

    def watching(self: Trajectories, bundle: Any) -> None:
        nonlocal most, divided
        original(self, bundle)
        most = max(most, self._now[-1].stack.number)
        divided = max(divided, len(self._later))

    circuit = Circuit(2, 12)
    for clbit in range(12):
        circuit.gate("h", [0]).gate("cx", [0, 1]).gate("ry", [1], 0.3 * clbit).measure(1, clbit)
    circuit.gate("h", [1]).measure(1, 0)
    options = {"shots": 500, "seed": 7}
    whole = simulate(circuit, **options)
    monkeypatch.setattr(Trajectories, "_divide", watching)
    monkeypatch.setattr("lret_dist.runs.side_by_side._MOST_BYTES", 16 * 4 * 16)
    parts = simulate(circuit, **options)
    assert parts.memory() == whole.memory()
    assert most <= 16
    assert 1 <= divided <= 12


def test_shots_that_part_meet_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from lret_dist.sampled.column_stack import ColumnStack

    passes = 0
    original = ColumnStack.apply

    def counting(self: ColumnStack, step: Any) -> None:
        nonlocal passes
        passes += 1
        original(self, step)

    monkeypatch.setattr(ColumnStack, "apply", counting)
    circuit = Circuit(1, 1)
    for place in range(20):
        circuit.gate("h", [0]).measure(0, 0)
        circuit.jump(str(place), Bits((0,))).gate("x", [0]).mark(str(place))
    circuit.gate("z", [0]).measure(0, 0)
    assert simulate(circuit, shots=1000, seed=1).counts() == {1: 1000}
    assert passes <= 20 + 20 + 1


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_without_noise_state_vectors_give_the_same_shot_by_shot(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = wandering_circuit(seed, noisy=False)
    paulis = (("XZ", 0.5), ("YI", 1.0))
    circuit.append(SaveExpectationValue("end", (1, 2), paulis, subtype="c_accum"))
    noise = NoiseModel().add_readout_error(READOUT, 1)
    options: dict[str, Any] = {"shots": 60, "seed": seed, "noise": noise}
    if rng.random() < 0.5:
        vector = rng.normal(size=16) + 1j * rng.normal(size=16)
        options["initial_state"] = vector / np.linalg.norm(vector)
    together = simulate(circuit, **options)
    assert "state vectors side by side" in together.metadata.method_reason
    assert together.metadata.truncation == "certified"
    assert together.metadata.truncation_error == 0
    assert together.metadata.final_rank == together.metadata.max_rank == 1
    assert_same(together, simulate(circuit, method="low_rank", epsilon=0, **options))


@settings(max_examples=12, deadline=None)
@given(SEEDS)
def test_trajectories_have_the_exact_distribution(seed: int) -> None:
    """Dampings, whose operators are no multiples of unitaries, and Pauli errors."""
    circuit = wandering_circuit(seed, saving=False)
    damping = [np.diag([1, np.sqrt(0.7)]), np.sqrt(0.3) * np.array([[0, 1], [0, 0]])]
    circuit.channel(damping, [0]).channel(damping, [3]).measure(0, 0).measure(3, 1)
    options: dict[str, Any] = {"shots": 4000, "seed": seed}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lret_dist.planning.histories_choice._MOST_QUBITS", 0)
        drawn = simulate(circuit, **options)
    exact = simulate(circuit, method="density_matrix", **options | {"seed": seed + 1})
    assert drawn.metadata.truncation == "unbiased"
    assert drawn.metadata.truncation_error is None
    assert 1 < drawn.metadata.sampled_columns <= 4000
    assert "state vectors" in drawn.metadata.method_reason
    table = pooled(drawn.counts(), exact.counts())
    assert table.shape[1] == 1 or chi2_contingency(table).pvalue > 1e-6


def pooled(one: dict[int, int], other: dict[int, int]) -> np.ndarray:
    """Both counts by outcome, (2, outcomes), rare outcomes together."""
    keys = sorted(one.keys() | other.keys())
    table = np.array([[counts.get(key, 0) for key in keys] for counts in (one, other)])
    common = table.sum(axis=0) >= 20
    rare = table[:, ~common].sum(axis=1, keepdims=True)
    return np.hstack([table[:, common], rare]) if rare.sum() >= 20 else table[:, common]


def test_a_certificate_that_was_asked_for_is_given() -> None:
    circuit = Circuit(9, 2).gate("h", [0])
    for qubit in range(8):
        circuit.gate("cx", [qubit, qubit + 1])
        circuit.channel(pauli_noise(np.random.default_rng(1), 1, 0.01), [qubit])
    circuit.measure(8, 0).gate("h", [8]).measure(8, 0).measure(0, 1)
    options: dict[str, Any] = {"shots": 50, "seed": 1}
    assert simulate(circuit, **options).metadata.truncation == "unbiased"
    saving = circuit.save_probabilities([2], key="p")
    averaged = simulate(saving, **options)
    assert averaged.metadata.truncation == "certified"
    assert averaged.metadata.truncation_error is not None
    for asked in ({"truncation": "certified"}, {"epsilon": 1e-3}, {"max_rank": 64}):
        found = simulate(circuit, **options, **asked)
        assert found.metadata.truncation == "certified"
        assert found.metadata.truncation_error is not None


def test_the_way_that_is_taken(tmp_path: Path) -> None:
    """By the options, the qubits, and what is asked for."""
    narrow = Circuit(2, 1).gate("h", [0]).gate("cx", [0, 1]).measure(0, 0).gate("h", [0])
    narrow.measure(0, 0)
    noisy = Circuit(2, 1).channel(pauli_noise(np.random.default_rng(1), 2, 0.1), [0, 1])
    noisy.operations += narrow.operations
    vectors, matrices = "as state vectors side by side", "of few qubits are cheapest side by side"
    for circuit, options, reason in (
        (narrow, {}, vectors),
        (noisy, {"shots": 10_000}, matrices),
        (noisy, {"truncation": "certified"}, matrices),
        (narrow, {"method": "low_rank"}, "no other was allowed"),
        (narrow, {"max_rank": 4}, "no other was allowed"),
        (narrow, {"checkpoint": str(tmp_path)}, "cheaper than the density matrix"),
        (noisy, {"initial_state": np.diag([0.5, 0.5, 0, 0]).astype(complex)}, matrices),
    ):
        found = simulate(circuit, **{"shots": 10, **options})
        assert reason in found.metadata.method_reason
        assert sum(found.counts().values()) == options.get("shots", 10)
