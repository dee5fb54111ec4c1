"""What of a circuit can be seen in its result: the light cone of what is measured and saved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from lret_dist.circuits.circuit import Barrier, Measure
from lret_dist.circuits.control_flow import SetState
from lret_dist.circuits.saves import Save

if TYPE_CHECKING:
    from lret_dist.circuits.circuit import Circuit, Operation

__all__ = ["visible_part"]

_SAVES = get_args(Save)


def visible_part(circuit: Circuit) -> Circuit:
    """The circuit without the operations that nothing measured or saved depends on.

    Every operation keeps the trace, so what acts only on qubits that are never looked at again
    changes nothing else. A circuit that shows nothing, or jumps, is left as it is.
    """
    if circuit.is_dynamic or not any(isinstance(op, Measure | Save) for op in circuit):
        return circuit
    seen: set[int] = set()
    kept: list[Operation] = []
    for operation in reversed(circuit.operations):
        shows = isinstance(operation, (Measure, Barrier, SetState, *_SAVES))
        if shows or not seen.isdisjoint(operation.qubits):
            kept.append(operation)
            if not isinstance(operation, Barrier):
                seen.update(operation.qubits)
    return replace(circuit, operations=kept[::-1])
