"""All histories together give, shot by shot, what they give one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_circuits import looping_circuit, pauli_noise, random_circuit

from lret_dist import (
    Apply,
    Bits,
    Circuit,
    Constant,
    NoiseModel,
    SaveExpectationValue,
    SaveProbabilities,
    SimulationResult,
    simulate,
)

SEEDS = st.integers(0, 2**32 - 1)
READOUT = [[0.9, 0.1], [0.2, 0.8]]


def wandering_circuit(seed: int) -> Circuit:
    """Random gates, noise, measurements, and blocks that some shots pass by."""
    rng = np.random.default_rng(seed)
    circuit = Circuit(4, 6, num_variable_bits=3)
    counter = Bits((6, 7, 8))
    for block in range(5):
        for operation in random_circuit(rng, 4, 5):
            circuit.append(operation)
        qubit, clbit = int(rng.integers(4)), int(rng.integers(6))
        circuit.channel(pauli_noise(rng, 2, 0.2), [qubit, (qubit + 1) % 4]).measure(qubit, clbit)
        if rng.random() < 0.7:
            circuit.jump(f"past {block}", Bits((int(rng.integers(6)),)))
            circuit.gate("ry", [qubit], rng.uniform(0, 3)).measure(qubit, int(rng.integers(6)))
            circuit.store(counter, Apply("add", (counter, Constant(1)), 3))
            circuit.mark(f"past {block}")
        if rng.random() < 0.5:
            paulis = (("XZ", 0.5), ("YI", 1.0))
            circuit.append(SaveExpectationValue(f"mean {block}", (0, 3), paulis, subtype="list"))
    circuit.append(SaveProbabilities("each", (1, 0), subtype="c_average"))
    return circuit.measure(0, 0).measure(3, 5)


def apart(circuit: Circuit, monkeypatch: pytest.MonkeyPatch, **options: Any) -> SimulationResult:
    """The result where one history goes on after the other."""
    with monkeypatch.context() as patch:
        patch.setattr("lret_dist.side_by_side._MOST_QUBITS", 0)
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
    from lret_dist.side_by_side import SideBySide

    most, divided = 0, 0
    original = SideBySide._divide

    def watching(self: SideBySide, bundle: Any) -> None:
        nonlocal most, divided
        original(self, bundle)
        most = max(most, len(self._now[-1].stack.vectors))
        divided = max(divided, len(self._later))

    circuit = Circuit(2, 12)
    for clbit in range(12):
        circuit.gate("h", [0]).gate("cx", [0, 1]).gate("ry", [1], 0.3 * clbit).measure(1, clbit)
    circuit.gate("h", [1]).measure(1, 0)
    options = {"shots": 500, "seed": 7}
    whole = simulate(circuit, **options)
    monkeypatch.setattr(SideBySide, "_divide", watching)
    monkeypatch.setattr("lret_dist.side_by_side._MOST_BYTES", 16 * 8 * 16)
    parts = simulate(circuit, **options)
    assert parts.memory() == whole.memory()
    assert most <= 16
    assert 2 <= divided <= 12


def test_shots_that_part_meet_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from lret_dist.density_stack import DensityStack

    passes = 0
    original = DensityStack.apply

    def counting(self: DensityStack, parts: Any) -> None:
        nonlocal passes
        passes += 1
        original(self, parts)

    monkeypatch.setattr(DensityStack, "apply", counting)
    circuit = Circuit(1, 1)
    for place in range(20):
        circuit.gate("h", [0]).measure(0, 0)
        circuit.jump(str(place), Bits((0,))).gate("x", [0]).mark(str(place))
    circuit.gate("z", [0]).measure(0, 0)
    assert simulate(circuit, shots=1000, seed=1).counts() == {1: 1000}
    assert passes <= 20 + 20 + 1


def test_what_is_not_done_together() -> None:
    wide = Circuit(8, 8).gate("h", [0])
    for qubit in range(7):
        wide.gate("cx", [qubit, qubit + 1]).measure(qubit + 1, qubit + 1)
    wide.measure(0, 0).gate("h", [0]).measure(0, 0)
    assert "side by side" not in simulate(wide, shots=10).metadata.method_reason
    narrow = Circuit(2, 1).gate("h", [0]).gate("cx", [0, 1]).measure(0, 0).gate("h", [0])
    narrow.measure(0, 0)
    assert "side by side" in simulate(narrow, shots=10).metadata.method_reason
    for options in ({"method": "low_rank"}, {"max_rank": 4}):
        found = simulate(narrow, shots=10, **options)
        assert found.metadata.method == "low_rank"
        assert sum(found.counts().values()) == 10
