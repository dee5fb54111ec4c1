"""Circuits that are small as files, and huge once what they are made of is written down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import AnnotatedOperation, ForLoopOp, Gate, Operation, PowerModifier
from qiskit.circuit.library import QFTGate
from qiskit_aer.noise import NoiseModel, RelaxationNoisePass

from lret_dist import UnsupportedOperationError
from lret_qiskit import LRETBackend, LRETSampler
from lret_qiskit.circuit_files import load_circuit
from lret_qiskit.noise_model_importer import NoiseModelImporter
from lret_qiskit.translators import opened, translate_circuit


def program(levels: int, body: str = "h a;") -> str:
    """Gates of OpenQASM 2 that each use the one before twice, with other parameters."""
    lines = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"gate g0(t) a {{ {body} }}"]
    for level in range(1, levels + 1):
        uses = (f"g{level - 1}({factor}*t + 0.1) a;" for factor in (0.3, 0.7))
        lines.append(f"gate g{level}(t) a {{ {' '.join(uses)} }}")
    return "\n".join([*lines, "qreg q[1];", "creg c[1];", f"g{levels}(1) q[0];"])


def on(operation: Operation) -> QuantumCircuit:
    circuit = QuantumCircuit(operation.num_qubits, name="small")
    circuit.append(operation, circuit.qubits)
    return circuit


def nested(levels: int, uses: int = 2) -> QuantumCircuit:
    """A gate whose definitions use the one before so many times."""
    gate = Gate("g0", 1, [])
    gate.definition = QuantumCircuit(1)
    gate.definition.h(0)
    for level in range(1, levels + 1):
        definition = QuantumCircuit(1)
        for _ in range(uses):
            definition.append(gate, [0])
        gate = Gate(f"g{level}", 1, [])
        gate.definition = definition
    return on(gate)


def looped(*turns: int) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    for number in turns:
        circuit = on(ForLoopOp(range(number), None, circuit))
    return circuit


LARGE: dict[str, Callable[[], QuantumCircuit]] = {
    "OpenQASM 2": lambda: qasm2.loads(program(59)),
    "nothing": lambda: qasm2.loads(program(59, "")),
    "by hand": lambda: nested(59),
    "loop": lambda: looped(10**9),
    "loops": lambda: looped(10**5, 10**6),
    "gates in a loop": lambda: on(ForLoopOp(range(3), None, nested(59))),
    "power": lambda: on(AnnotatedOperation(QFTGate(7), [PowerModifier(20_000)])),
}


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "MAX_OPENED", 200_000)


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("case", LARGE)
def test_what_is_too_large_is_refused(case: str) -> None:
    circuit = LARGE[case]()
    words = f"circuit '{circuit.name}': taken apart, the circuit is more than 200000 operations"
    with pytest.raises(UnsupportedOperationError, match=words):
        translate_circuit(circuit)


def test_definitions_that_are_nested_too_deeply() -> None:
    deep = nested(3000, 1)
    with pytest.raises(UnsupportedOperationError, match="nested too deeply"):
        translate_circuit(deep)
    deep.delay(1, 0)
    with pytest.raises(UnsupportedOperationError, match="nested too deeply"):
        LRETBackend(noise_model=relaxation()).run(deep)


@pytest.mark.usefixtures("small_limit")
def test_what_is_too_large_is_refused_wherever_it_is_run(
    backend: LRETBackend, tmp_path: Path
) -> None:
    path = tmp_path / "small.qasm"
    path.write_text(f"{program(59)}\nmeasure q -> c;\n")
    circuit = load_circuit(path)
    words = "more than 200000 operations"
    with pytest.raises(UnsupportedOperationError, match=words):
        backend.run(circuit)
    with pytest.raises(UnsupportedOperationError, match=words):
        LRETSampler().run([circuit]).result()
    with pytest.raises(UnsupportedOperationError, match=words):
        backend.run(circuit, noise_model=relaxation())


@pytest.mark.usefixtures("small_limit")
def test_a_file_with_a_long_loop(backend: LRETBackend, tmp_path: Path) -> None:
    path = tmp_path / "loop.qasm"
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', "qubit q;"]
    path.write_text("\n".join([*lines, "for int i in [0:10000000000] { h q; }"]))
    with pytest.raises(UnsupportedOperationError, match="more than 200000 operations"):
        backend.run(load_circuit(path))


def test_what_takes_more_than_half_of_the_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opened, "available_bytes", lambda: 64 << 20)
    words = "operations, which take .* MiB of memory; 64 MiB are left"
    with pytest.raises(UnsupportedOperationError, match=words):
        translate_circuit(qasm2.loads(program(59)))


def test_the_limit_counts_what_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "_STEP", 1)
    # A turn and its one gate count each.
    monkeypatch.setattr(opened, "MAX_OPENED", 2000)
    assert len(translate_circuit(looped(1000))) == 1000
    with pytest.raises(UnsupportedOperationError, match="more than 2000 operations"):
        translate_circuit(looped(1001))
    flat = QuantumCircuit(1)
    for _ in range(5000):
        flat.h(0)
    assert len(translate_circuit(flat)) == 5000


def relaxation() -> NoiseModel:
    noise = NoiseModel()
    noise._custom_noise_passes.append(RelaxationNoisePass([1e-4], [1e-4], 1e-9))
    return NoiseModelImporter.import_noise_model(noise)
