"""The transpiler's target: what the backend takes as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit.circuit.library import (
    DiagonalGate,
    Initialize,
    MCPhaseGate,
    MCXGate,
    PauliGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Kraus, SuperOp
from qiskit.transpiler import Target
from qiskit_aer.library import SaveDensityMatrix, SaveExpectationValue, SaveProbabilities

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["build_target"]

#: Gates of any width, given to the target as classes.
_WIDE_GATES: dict[str, Any] = {
    "diagonal": DiagonalGate,
    "mcphase": MCPhaseGate,
    "mcx": MCXGate,
    "pauli": PauliGate,
    "unitary": UnitaryGate,
}

#: Instructions that no basis replaces.
_ALWAYS_KEPT = frozenset({"measure", "reset", "delay"})
_CHANNELS_AND_SAVES: dict[str, Any] = {
    "initialize": Initialize,
    "kraus": Kraus,
    "quantum_channel": Kraus,
    "superop": SuperOp,
    "save_density_matrix": SaveDensityMatrix,
    "save_expval": SaveExpectationValue,
    "save_probabilities": SaveProbabilities,
}


def build_target(num_qubits: int, basis: Collection[str] | None = None) -> Target:
    """A target on which every instruction may act on any qubits.

    Args:
        num_qubits: number of qubits.
        basis: names of the gates that circuits are translated to; default: every gate.
    """
    target = Target("LRET simulator", num_qubits=num_qubits)
    # Without properties an entry is global: one entry instead of one per tuple of qubits.
    for name, operation in _operations(basis).items():
        target.add_instruction(operation, None, name=name)
    return target


def _operations(basis: Collection[str] | None) -> dict[str, Any]:
    gates = {**get_standard_gate_name_mapping(), **_WIDE_GATES}
    if basis is not None:
        gates = {name: gates[name] for name in gates if name in basis or name in _ALWAYS_KEPT}
    return {**gates, **_CHANNELS_AND_SAVES}
