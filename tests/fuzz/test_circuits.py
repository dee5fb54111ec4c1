"""Circuits of every kind: the state that Qiskit finds, or a refusal that says why."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import damaged, fuzzed
from hypothesis import given
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, qasm3, qpy
from qiskit.circuit import Gate, Instruction, Parameter
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.circuit.random import random_circuit
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Statevector

from lret_dist.errors import LretError
from lret_qiskit import LRETBackend
from lret_qiskit.circuit_files import CircuitFileError, load_circuit
from lret_qiskit.circuit_parsing import parse

BACKEND = LRETBackend(epsilon=0)
REFUSALS = (LretError, ValueError, TypeError, QiskitError)
GATES = get_standard_gate_name_mapping()
ANGLES = st.one_of(
    st.floats(-10, 10),
    st.floats(),
    st.sampled_from([0, 1e300, -1e300, 1e17, 5e-324, math.nan, math.inf, -math.inf]),
    st.builds(Parameter, st.sampled_from("ab")),
)


def state_of(circuit: QuantumCircuit) -> Any:
    """The final density matrix; None where the circuit is refused."""
    copy = circuit.copy()
    if copy.num_qubits:
        copy.save_density_matrix()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = BACKEND.run(copy, shots=20, seed_simulator=1).result()
        except REFUSALS as error:
            problem = str(error)
        else:
            problem = str(result.results[0].status)
            if result.success and copy.num_qubits:
                return np.asarray(result.data(0)["density_matrix"])
    assert problem
    return None


def check(circuit: QuantumCircuit, *, must_run: bool = False) -> None:
    found = state_of(circuit)
    assert not must_run or found is not None
    if found is None:
        return
    assert np.isfinite(found).all()
    assert abs(np.trace(found) - 1) < 1e-9
    try:
        expected = Statevector(circuit)
    except (QiskitError, TypeError, ValueError):
        return
    if np.isfinite(expected.data).all():
        np.testing.assert_allclose(found, expected.to_operator().data, rtol=0, atol=1e-9)


@fuzzed(40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 6))
def test_random_circuits(seed: int, qubits: int, depth: int) -> None:
    check(random_circuit(qubits, depth, max_operands=3, seed=seed), must_run=True)


@fuzzed(30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 5))
def test_random_dynamic_circuits(seed: int, qubits: int, depth: int) -> None:
    circuit = random_circuit(
        qubits, depth, measure=True, conditional=True, reset=True, max_operands=2, seed=seed
    )
    check(circuit)


@st.composite
def circuits(draw: st.DrawFn) -> QuantumCircuit:
    """Registers, empty ones too, and instructions that Qiskit lets anybody put together."""
    registers = draw(st.lists(st.integers(0, 2), max_size=3))
    circuit = QuantumCircuit(
        *(QuantumRegister(size, f"q{i}") for i, size in enumerate(registers)),
        *(ClassicalRegister(size, f"c{i}") for i, size in enumerate(reversed(registers))),
        global_phase=draw(st.sampled_from([0, 1, 1e300])),
    )
    for _ in range(draw(st.integers(0, 6)) if circuit.num_qubits else 0):
        add(draw, circuit)
    return circuit


def add(draw: st.DrawFn, circuit: QuantumCircuit, depth: int = 0) -> None:
    """One more instruction; what Qiskit refuses is left out."""
    bits = list(range(circuit.num_qubits))
    qubits = draw(st.permutations(bits))
    kind = draw(st.sampled_from(["gate", "gate", "gate", "custom", "opaque", "flow", "other"]))
    try:
        if kind == "gate":
            gate = GATES[draw(st.sampled_from(sorted(GATES)))].copy()
            gate = gate.to_mutable() if hasattr(gate, "to_mutable") else gate
            if gate.params:
                gate.params = [draw(ANGLES) for _ in gate.params]
            circuit.append(gate, qubits[: gate.num_qubits], list(range(gate.num_clbits)))
        elif kind == "custom":
            inner = QuantumCircuit(draw(st.integers(1, 2)), name=draw(st.text(max_size=3)))
            inner.h(0)
            inner.rz(draw(ANGLES), 0)
            circuit.append(inner.to_instruction(), qubits[: inner.num_qubits])
        elif kind == "opaque":
            name = draw(st.sampled_from(["h", "cx", "unitary", "kraus", "mine", "", "save_state"]))
            make = draw(st.sampled_from([Gate, lambda n, q, p: Instruction(n, q, 0, p)]))
            circuit.append(make(name, 1, draw(st.lists(ANGLES, max_size=2))), qubits[:1])
        elif kind == "flow" and circuit.num_clbits and depth < 2:
            with circuit.if_test((circuit.clbits[0], draw(st.integers(0, 1)))):
                add(draw, circuit, depth + 1)
        else:
            name = draw(st.sampled_from(["reset", "barrier", "measure_all", "delay", "initialize"]))
            arguments = {"reset": [0], "delay": [3, 0], "initialize": [1, 0]}.get(name, [])
            getattr(circuit, name)(*arguments)
    except (QiskitError, IndexError, ValueError, TypeError):
        return


@fuzzed(120)
@given(circuits())
def test_circuits_that_somebody_put_together(circuit: QuantumCircuit) -> None:
    check(circuit)


SOURCE = random_circuit(3, 5, max_operands=2, seed=4, measure=True)
TEXTS = {2: qasm2.dumps(SOURCE).encode(), 3: qasm3.dumps(SOURCE).encode()}


def binary() -> bytes:
    file = io.BytesIO()
    qpy.dump(SOURCE, file)
    return file.getvalue()


@pytest.mark.parametrize("version", TEXTS)
@fuzzed(40)
@given(data=st.data())
def test_damaged_texts(version: int, data: st.DataObject) -> None:
    """What the trial's process sees: a circuit, or an exception."""
    try:
        circuit = parse(data.draw(damaged(TEXTS[version], 2)), "qasm")
    except Exception:
        return
    except BaseException as error:
        # Qiskit's compiled parser panics; only the trial's process sees that.
        if type(error).__name__ != "PanicException":
            raise
        return
    assert circuit.num_qubits <= 1_000_000


@fuzzed(6)
@given(content=st.one_of(damaged(binary()), damaged(TEXTS[2], 2)), ending=st.booleans())
def test_damaged_files(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: bool
) -> None:
    """A circuit or an error that names the file, whatever becomes of the trial's process."""
    folder: Path = tmp_path_factory.mktemp("circuits")
    path = folder / ("a.qpy" if ending else "a.qasm")
    path.write_bytes(content)
    try:
        assert isinstance(load_circuit(path), QuantumCircuit)
    except CircuitFileError as error:
        problem = str(error)
    else:
        return
    assert problem.startswith(str(path))
