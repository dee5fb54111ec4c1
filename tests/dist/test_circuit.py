from __future__ import annotations

import numpy as np
import pytest

from lret_dist import Circuit, Measure, NoiseModel
from lret_dist.circuits.noise import ErrorTerm
from lret_dist.numerics.gates import gate_matrix, gate_names


@pytest.mark.parametrize("name", gate_names())
def test_standard_gates_are_those_of_qiskit(name: str) -> None:
    from qiskit.circuit.library import get_standard_gate_name_mapping

    gate = get_standard_gate_name_mapping()[name]
    params = [0.3, -1.1, 2.5][: len(gate.params)]
    exact = type(gate)(*params).to_matrix()
    np.testing.assert_allclose(gate_matrix(name, params), exact, atol=1e-15)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda c: c.gate("nope", [0]), "unknown gate 'nope'; known gates: ccx"),
        (lambda c: c.gate("rx", [0]), "takes 1 parameters, got 0"),
        (lambda c: c.gate("rx", [0], float("nan")), "needs finite parameters, got nan"),
        (lambda c: c.gate("cx", [0]), r"cx acts on 2 qubits, got 1: \(0,\)"),
        (lambda c: c.gate("cx", [1, 1]), r"must be distinct, got \(1, 1\)"),
        (lambda c: c.gate("h", [3]), "qubit 3 is out of range: the circuit has 3 qubits"),
        (lambda c: c.gate("h", [-1]), "qubit -1 is out of range"),
        (lambda c: c.measure(0, 2), "classical bit 2 is out of range"),
        (lambda c: c.unitary(np.ones((2, 2)), [0]), "not unitary"),
        (lambda _: Circuit(7).unitary(np.eye(1 << 7), range(7)), "at most 6 qubits are supported"),
        (lambda c: c.channel([np.eye(2) / 2], [0]), "do not preserve the trace"),
        (lambda c: c.save_expectation_value({"XQ": 1.0}, [0, 1]), "2 characters of I, X, Y, Z"),
        (lambda c: c.save_expectation_value({"X": 1.0}, [0, 1]), "got 'X'"),
    ],
)
def test_mistakes_are_named(build, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=words):
        build(Circuit(3, 2))


@pytest.mark.parametrize("size", [0, -1])
def test_a_circuit_has_a_qubit(size: int) -> None:
    with pytest.raises(ValueError, match=f"num_qubits must be at least 1, got {size}"):
        Circuit(size)


def test_compaction_drops_idle_qubits_and_moves_the_others() -> None:
    circuit = Circuit(6, 2).gate("cx", [4, 1]).barrier().measure(4, 1).save_probabilities([1])
    small, kept = circuit.compacted()
    assert kept == (1, 4)
    assert [op.qubits for op in small] == [(1, 0), (0, 1), (1,), (0,)]
    assert Circuit(3).compacted()[0].num_qubits == 1


def test_local_errors_replace_the_default_and_labels_hide_names() -> None:
    flip = [[[0, 1], [1, 0]]]
    model = NoiseModel().add_error(flip, ["x", "mine"]).add_error([np.eye(2)], "x", [1])
    circuit = Circuit(2).gate("x", [0]).gate("x", [1]).gate("x", [0], label="mine")
    circuit.gate("x", [0], label="other")
    kraus = [model.terms_for(op)[0].kraus for op in list(circuit)[:3]]
    np.testing.assert_array_equal(kraus, [flip, [np.eye(2)], flip])
    assert model.terms_for(list(circuit)[3]) == []


def test_errors_act_after_gates_and_before_measurements() -> None:
    flip = [[[0, 1], [1, 0]]]
    model = NoiseModel().add_error(flip, ["x", "measure"]).add_readout_error(np.eye(2)[::-1], 0)
    bound = model.bind(Circuit(2, 2).gate("x", [0]).measure(0, 0).measure(1, 1))
    assert [op.name for op in bound] == ["x", "noise", "noise", "measure", "noise", "measure"]
    measures = [op for op in bound if isinstance(op, Measure)]
    assert measures[0].readout is not None
    assert measures[1].readout is None


def test_errors_may_lie_on_other_qubits_and_are_made_when_needed() -> None:
    calls = []

    def make() -> list[np.ndarray]:
        calls.append(1)
        return [np.eye(2)]

    model = NoiseModel().add_error(make, "cx", noise_qubits=[2])
    model.errors[("h", None)] = [ErrorTerm(make, positions=(0,))]
    assert not calls
    bound = model.bind(Circuit(3).gate("cx", [0, 1]).gate("cx", [1, 0]).gate("h", [1]))
    assert [op.qubits for op in bound if op.name == "noise"] == [(2,), (2,), (1,)]
    assert len(calls) == 2


def test_error_wider_than_its_instruction() -> None:
    model = NoiseModel().add_error([np.eye(4)], "h")
    with pytest.raises(ValueError, match="noise on 'h' acts on 2 qubits, the instruction on 1"):
        model.bind(Circuit(1).gate("h", [0]))
