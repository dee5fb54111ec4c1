"""The instructions in docs/aer_compatibility.md are those of Qiskit Aer, and they work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit_aer import AerSimulator

from lret_qiskit import LRETBackend

DOCUMENT = Path(__file__).parents[2] / "docs" / "aer_compatibility.md"


def rows() -> dict[str, str]:
    """What the document says of each instruction."""
    section = DOCUMENT.read_text().split("## Instructions")[1].split("\n## ")[0]
    cells = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return {name: row[2].strip() for row in cells for name in re.findall(r"`(\w+)`", row[1])}


def names_of_aer(method: str) -> set[str]:
    configuration = AerSimulator(method=method).configuration()
    return {*configuration.basis_gates, *configuration.custom_instructions}


def test_every_instruction_is_there() -> None:
    listed = rows()
    assert names_of_aer("density_matrix") <= set(listed)
    saving = {name for name in names_of_aer("automatic") if name.startswith(("save_", "set_"))}
    assert saving <= set(listed)


@pytest.mark.parametrize("name", sorted(names_of_aer("density_matrix")))
def test_the_target_has_what_works(name: str) -> None:
    works = rows()[name] == "works"
    # Keeping a PauliGate would let Qiskit make its whole matrix.
    known = {*LRETBackend().target.operation_names, "pauli"}
    assert works == (name in known)


@pytest.mark.parametrize("name", [n for n, says in rows().items() if says == "not supported"])
def test_what_does_not_work_is_not_in_the_target(name: str) -> None:
    assert name not in LRETBackend().target.operation_names


def test_every_standard_gate_runs() -> None:
    circuit = QuantumCircuit(4)
    for gate in get_standard_gate_name_mapping().values():
        if gate.name not in ("measure", "reset", "delay"):
            bound = gate.base_class(*[0.3] * len(gate.params))
            circuit.append(bound, range(gate.num_qubits))
    circuit.measure_all()
    result = LRETBackend().run(circuit, shots=10).result()
    assert sum(result.get_counts().values()) == 10
