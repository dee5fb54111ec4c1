"""Counts and memory are spelled as Qiskit Aer spells them, whatever the registers."""

from __future__ import annotations

import pytest
from aer_reference import simulator
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Qubit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import DensityMatrix

from lret_qiskit import LRETBackend


@st.composite
def register_layouts(draw) -> QuantumCircuit:
    """A circuit with any registers, loose and shared bits, and outcomes that are certain."""
    circuit = QuantumCircuit(name="layout", metadata={"key": 1})
    for size in draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)):
        circuit.add_register(QuantumRegister(size))
    if draw(st.booleans()):
        circuit.add_bits([Qubit()])
    for size in draw(st.lists(st.integers(0, 4), max_size=3)):
        if size == 0:
            circuit.add_bits([Clbit()])
        elif circuit.clbits and draw(st.booleans()):
            shared = draw(st.sampled_from(circuit.clbits))
            circuit.add_register(ClassicalRegister(bits=[shared, *(Clbit() for _ in range(size))]))
        else:
            circuit.add_register(ClassicalRegister(size))
    for qubit in circuit.qubits:
        if draw(st.booleans()):
            circuit.x(qubit)
    for _ in range(draw(st.integers(0, 6)) if circuit.clbits else 0):
        circuit.measure(
            draw(st.sampled_from(circuit.qubits)), draw(st.sampled_from(circuit.clbits))
        )
    return circuit


@settings(max_examples=60, deadline=None, derandomize=True)
@given(register_layouts())
def test_counts_memory_and_header(circuit: QuantumCircuit) -> None:
    options = {"shots": 3, "memory": True}
    ours = LRETBackend(epsilon=0).run(circuit, **options).result()
    theirs = simulator().run(circuit, **options).result()
    assert ours.results[0].header == theirs.results[0].header
    if "measure" not in circuit.count_ops():
        assert ours.data(0).keys() == theirs.data(0).keys() == set()
        return
    assert ours.data(0) == theirs.data(0)
    for key in (None, 0, "layout", circuit):
        assert ours.get_counts(key) == theirs.get_counts(key)
        assert ours.get_memory(key) == theirs.get_memory(key)


@pytest.mark.parametrize("measured", [[0], [1, 3], [3, 0, 2]])
def test_measuring_some_qubits(backend: LRETBackend, measured: list[int]) -> None:
    circuit = QuantumCircuit(4, len(measured))
    circuit.x([0, 3])
    circuit.measure(measured, range(len(measured)))
    expected = "".join(str(int(q in (0, 3))) for q in reversed(measured))
    assert backend.run(circuit, shots=5).result().get_counts() == {expected: 5}


def test_later_measurement_overwrites(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(2, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.measure(1, 0)
    assert backend.run(circuit, shots=5).result().get_counts() == {"0": 5}


def test_many_classical_bits(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(1, 70)
    circuit.x(0)
    circuit.measure(0, 69)
    assert backend.run(circuit, shots=5).result().get_counts() == {"1" + "0" * 69: 5}


def test_several_circuits(backend: LRETBackend) -> None:
    circuits = []
    for number in range(3):
        circuit = QuantumCircuit(2, 2, name=f"c{number}")
        for qubit in range(2):
            if number >> qubit & 1:
                circuit.x(qubit)
        circuit.measure([0, 1], [0, 1])
        circuits.append(circuit)
    result = backend.run(circuits, shots=5).result()
    assert result.get_counts() == [{"00": 5}, {"01": 5}, {"10": 5}]
    assert result.get_counts(circuits[2]) == result.get_counts("c2") == {"10": 5}


def test_no_counts_says_why(backend: LRETBackend, bell: QuantumCircuit) -> None:
    silent = QuantumCircuit(1, 1, name="silent")
    result = backend.run([silent, bell]).result()
    with pytest.raises(QiskitError, match="circuit 'silent' has no counts: it measures nothing"):
        result.get_counts(0)
    with pytest.raises(QiskitError, match="circuit 'silent' has no counts: it measures nothing"):
        result.get_counts()
    assert sum(result.get_counts(1).values()) == 1024
    with pytest.raises(QiskitError, match="'bell' has no counts: it was run with shots=0"):
        backend.run(bell, shots=0).result().get_counts()


def test_other_errors_of_a_result_stay(backend: LRETBackend, bell: QuantumCircuit) -> None:
    result = backend.run(bell).result()
    with pytest.raises(QiskitError, match="could not be found"):
        result.get_counts("other")
    with pytest.raises(QiskitError, match="No memory"):
        result.get_memory()


def test_result_survives_a_dictionary(backend: LRETBackend, bell: QuantumCircuit) -> None:
    result = backend.run(bell, seed_simulator=1).result()
    again = type(result).from_dict(result.to_dict())
    assert again.get_counts() == result.get_counts()


def test_saved_density_matrix_is_a_density_matrix(backend: LRETBackend) -> None:
    circuit = QuantumCircuit(2)
    circuit.save_density_matrix()
    data = backend.run(circuit, shots=0).result().data(0)
    assert data["density_matrix"] == DensityMatrix.from_label("00")
