"""The transpiler's target: what the backend takes as it is.

Without a coupling map every entry is global, one for all qubits: entries for each pair of them
would take seconds to make. With one, gates on two qubits are given for its edges alone, and wider
gates are left out, so that the transpiler takes them apart before it routes.
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from qiskit.circuit import (
    BoxOp,
    BreakLoopOp,
    ContinueLoopOp,
    ForLoopOp,
    IfElseOp,
    Store,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library import (
    DiagonalGate,
    Initialize,
    MCPhaseGate,
    MCXGate,
    PauliGate,
    PermutationGate,
    U2Gate,
    UCGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.circuit.library.standard_gates import MCU1Gate
from qiskit.quantum_info import Kraus, SuperOp
from qiskit.transpiler import CouplingMap, Target
from qiskit_aer import library as aer

from lret_qiskit.library import SaveLRETFactor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Edges", "basis_names", "build_target", "coupling_edges", "device_target"]

#: Directed pairs of qubits that gates on two qubits may act on.
Edges = tuple[tuple[int, int], ...]

#: Gates of any width, given to the target as classes.
_WIDE_GATES: dict[str, Any] = {
    "diagonal": DiagonalGate,
    "mcphase": MCPhaseGate,
    "mcu1": MCU1Gate,
    "mcx": MCXGate,
    "multiplexer": UCGate,
    "unitary": UnitaryGate,
}
#: Gates that are kept in a basis that names them, and else are taken apart at no loss. Where they
#: are kept, Qiskit's optimization makes their whole matrix, however wide they are.
_IN_A_BASIS_ONLY: dict[str, Any] = {"pauli": PauliGate, "permutation": PermutationGate}
#: Instructions that no basis replaces.
_ALWAYS_KEPT = frozenset({"measure", "reset", "delay"})
#: What a circuit may hold on any machine.
_CLASSICAL: dict[str, Any] = {
    "box": BoxOp,
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
    "for_loop": ForLoopOp,
    "if_else": IfElseOp,
    "store": Store,
    "switch_case": SwitchCaseOp,
    "while_loop": WhileLoopOp,
}
_CHANNELS: dict[str, Any] = {"kraus": Kraus, "quantum_channel": Kraus, "superop": SuperOp}
_STATES: dict[str, Any] = {
    "save_amplitudes_sq": aer.SaveAmplitudesSquared,
    "save_density_matrix": aer.SaveDensityMatrix,
    "save_expval": aer.SaveExpectationValue,
    "save_expval_var": aer.SaveExpectationValueVariance,
    "save_lret_factor": SaveLRETFactor,
    "save_probabilities": aer.SaveProbabilities,
    "save_probabilities_dict": aer.SaveProbabilitiesDict,
    "save_state": aer.SaveState,
    "save_statevector": aer.SaveStatevector,
    "set_density_matrix": aer.SetDensityMatrix,
    "set_statevector": aer.SetStatevector,
}
#: What no device has and a simulator takes, whatever gates circuits are translated to.
_SIMULATED: dict[str, Any] = {**_CLASSICAL, **_CHANNELS, **_STATES}
#: Gates on two qubits of which Qiskit knows how to exchange the qubits.
_DIRECTED = frozenset({"cx", "cz", "ecr", "rxx", "ryy", "rzx", "rzz", "swap"})


def build_target(
    num_qubits: int, basis: Collection[str] | None = None, edges: Edges | None = None
) -> Target:
    """A target for the simulator.

    Args:
        num_qubits: number of qubits, unless ``edges`` say it.
        basis: names of the gates that circuits are translated to; default: every gate.
        edges: pairs of qubits for gates on two qubits; default: all.
    """
    if edges is not None:
        num_qubits = 1 + max(map(max, edges))
    target = Target("LRET simulator", num_qubits=num_qubits)
    for name, operation in _operations(basis).items():
        if edges is None or name in _SIMULATED or _width(operation) in (0, 1):
            # Without properties an entry is global.
            target.add_instruction(operation, None, name=name)
        elif _width(operation) == 2:
            pairs = edges if name in _DIRECTED else _both_ways(edges)
            target.add_instruction(operation, dict.fromkeys(pairs), name=name)
        elif _width(operation) is None and name in (basis or ()):
            target.add_instruction(operation, None, name=name)
    return target


def device_target(target: Target) -> Target:
    """A device's target, and what a simulator takes beside a device's gates."""
    extended = deepcopy(target)
    needed = get_standard_gate_name_mapping()
    for name, operation in {**_SIMULATED, **{n: needed[n] for n in _ALWAYS_KEPT}}.items():
        if name not in extended:
            extended.add_instruction(operation, None, name=name)
    return extended


def coupling_edges(coupling_map: Any) -> Edges:
    """The edges of a coupling map: Qiskit's, or a list of pairs of qubits.

    Raises:
        TypeError: for anything else.
        ValueError: for a map without edges.
    """
    edges = coupling_map.get_edges() if isinstance(coupling_map, CouplingMap) else coupling_map
    try:
        pairs = tuple((int(one), int(other)) for one, other in edges)
    except (TypeError, ValueError):
        raise TypeError(
            f"coupling_map must be a CouplingMap or a list of pairs of qubits, got {coupling_map!r}"
        ) from None
    if not pairs or min(map(min, pairs)) < 0:
        raise ValueError(
            f"coupling_map needs pairs of qubits, numbered from 0, got {coupling_map!r}"
        )
    return pairs


def basis_names(basis_gates: Any) -> tuple[str, ...]:
    """The names of the gates that circuits are translated to.

    Raises:
        TypeError: for anything but a list of strings.
    """
    if isinstance(basis_gates, list | tuple | set | frozenset) and all(
        isinstance(name, str) for name in basis_gates
    ):
        return tuple(basis_gates)
    raise TypeError(f"basis_gates must be a list of gates' names, got {basis_gates!r}")


@cache
def _gates() -> dict[str, Any]:
    cu2 = U2Gate(0.0, 0.0).control()
    return {**get_standard_gate_name_mapping(), "cu2": cu2, **_WIDE_GATES}


def _operations(basis: Collection[str] | None) -> dict[str, Any]:
    gates = _gates()
    if basis is not None:
        known = {**gates, **_IN_A_BASIS_ONLY}
        names = _ALWAYS_KEPT.union(basis)
        gates = {name: known[name] for name in known if name in names}
    # A basis takes it apart, so that noise on the basis acts on its gates.
    states = {"initialize": Initialize} if basis is None or "initialize" in basis else {}
    return {**gates, **states, **_SIMULATED}


def _width(operation: Any) -> int | None:
    """Number of qubits, None for an operation of any width."""
    return None if isinstance(operation, type) else int(operation.num_qubits)


def _both_ways(edges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    pairs = list(edges)
    return list(dict.fromkeys([*pairs, *((other, one) for one, other in pairs)]))
