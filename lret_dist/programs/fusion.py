"""Fusion: a circuit with its noise becomes a short list of channels on one or two qubits.

Gates and noise are multiplied into the open block on their qubits (blocks.py). A block on one qubit
is absorbed by the first two-qubit block on that qubit, so almost every one-qubit gate and channel
disappears into a two-qubit one. What is left without noise is merged further (stretches.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lret_dist.circuits.circuit import (
    Barrier,
    Channel,
    Circuit,
    Gate,
    Measure,
    Operation,
    Reset,
    moved,
)
from lret_dist.circuits.control_flow import CONTROL_FLOW, ControlFlow, SetState
from lret_dist.circuits.saves import Save, is_average
from lret_dist.numerics.channels import RESET
from lret_dist.numerics.operators import Operator
from lret_dist.programs.blocks import Block
from lret_dist.programs.program import (
    ChannelStep,
    FlowStep,
    MeasureStep,
    Program,
    SaveStep,
    SetStep,
    Step,
    UnitaryStep,
)
from lret_dist.programs.stretches import merge_unitaries

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["fuse"]

ComplexArray = NDArray[np.complex128]

#: Weight of a Kraus operator of a wide channel that is rounding, not physics.
_NO_WEIGHT = 1e-16

_FUSED_QUBITS = 2
_SWAP = np.eye(4)[[0, 2, 1, 3]]
_DEPHASE = np.array([[[1, 0], [0, 0]], [[0, 0], [0, 1]]], dtype=np.complex128)


def fuse(circuit: Circuit, *, sampled: bool = True) -> Program:
    """Turn a circuit, its noise already bound, into the program that the MPI ranks run.

    Args:
        circuit: the circuit.
        sampled: whether outcomes are asked for; if not, a measurement only dephases its qubit.
    """
    # After a jump a qubit's name must not depend on where the jump came from.
    dynamic = circuit.is_dynamic
    operations = list(circuit) if dynamic else _without_swaps(circuit)
    final = _final_measures(operations)
    builder = _Builder(sampled)
    for place, operation in enumerate(operations):
        if place not in final:
            builder.add(operation)
    measures = [measure for measure in final.values() if measure is not None]
    steps = merge_unitaries(builder.steps(), circuit.num_qubits)
    return Program(
        circuit.num_qubits,
        circuit.num_clbits,
        steps,
        measures,
        num_variable_bits=circuit.num_variable_bits,
    )


def _without_swaps(circuit: Circuit) -> list[Operation]:
    """The operations, with swaps of qubits done by naming the later ones' qubits anew."""
    names = dict(enumerate(range(circuit.num_qubits)))
    operations, swapped = [], False
    for operation in circuit:
        if isinstance(operation, Gate) and np.array_equal(operation.matrix, _SWAP):
            first, second = operation.qubits
            names[first], names[second] = names[second], names[first]
            swapped = True
        else:
            operations.append(moved(operation, names) if swapped else operation)
    return operations


def _final_measures(operations: list[Operation]) -> dict[int, Measure | None]:
    """Measurements that nothing depends on but the result, by place.

    Only barriers and measurements touch their qubit afterwards, no jump or stored number depends
    on their bit, and no value is saved of single shots. None stands for one that leaves no trace,
    because its classical bit is written again later.
    """
    final: dict[int, Measure | None] = {}
    touched: set[int] = set()
    written: set[int] = set()
    for place in range(len(operations) - 1, -1, -1):
        operation = operations[place]
        if _tells_shots_apart(operation):
            break
        if isinstance(operation, Measure):
            if operation.qubit not in touched:
                final[place] = None if operation.clbit in written else operation
            written.add(operation.clbit)
        elif not isinstance(operation, Barrier):
            touched.update(operation.qubits)
    return dict(reversed(final.items()))


def _tells_shots_apart(operation: Operation) -> bool:
    if isinstance(operation, Save):
        return not is_average(operation)
    return isinstance(operation, CONTROL_FLOW)


@dataclass
class _Builder:
    """Blocks and other steps in order; on each qubit at most one block is open."""

    sampled: bool
    parts: list[Block | Step | None] = field(default_factory=list)
    open: dict[int, int] = field(default_factory=dict)

    def add(self, operation: Operation) -> None:
        match operation:
            case Barrier():
                pass
            case Gate(qubits=qubits, matrix=matrix) if len(qubits) <= _FUSED_QUBITS:
                self._block(qubits).then_gate(matrix, qubits)
            case Channel(qubits=qubits, kraus=kraus) if len(qubits) <= _FUSED_QUBITS:
                self._block(qubits).then_channel(kraus, qubits)
            case Reset(qubit=qubit):
                self._block((qubit,)).then_channel(RESET, (qubit,))
            case Gate(qubits=qubits, matrix=matrix):
                self._append(UnitaryStep(qubits, Operator(matrix)), qubits)
            case Channel(qubits=qubits, kraus=kraus):
                self._append(_wide_channel(qubits, kraus), qubits)
            case Measure(qubit=qubit) if not self.sampled:
                self._block((qubit,)).then_channel(_DEPHASE, (qubit,))
            case Measure(qubits=qubits):
                self._append(MeasureStep(operation), qubits)
            case _:
                self._append_fence(operation)

    def steps(self) -> list[Step]:
        return [
            part.step() if isinstance(part, Block) else part
            for part in self.parts
            if part is not None
        ]

    def _append(self, step: Step, qubits: Iterable[int]) -> None:
        for qubit in qubits:
            self.open.pop(qubit, None)
        self.parts.append(step)

    def _append_fence(self, operation: Save | SetState | ControlFlow) -> None:
        """Append a step that no other may be moved past."""
        self.open.clear()
        if isinstance(operation, CONTROL_FLOW):
            self.parts.append(FlowStep(operation))
        elif isinstance(operation, SetState):
            self.parts.append(SetStep(operation))
        else:
            self.parts.append(SaveStep(operation))

    def _block(self, qubits: tuple[int, ...]) -> Block:
        """The open block that a gate on these qubits is multiplied into."""
        places = {self.open.get(qubit) for qubit in qubits}
        if len(places) == 1 and (place := places.pop()) is not None:
            block = self._at(place)
            if set(qubits) <= set(block.qubits):
                return block
        block = Block(qubits)
        for qubit in qubits:
            self._absorb(qubit, block)
        self.parts.append(block)
        self.open.update(dict.fromkeys(qubits, len(self.parts) - 1))
        return block

    def _absorb(self, qubit: int, block: Block) -> None:
        """Move an open one-qubit block in front of a new block."""
        place = self.open.get(qubit)
        if place is not None and len(self._at(place).qubits) == 1:
            block.then_block(self._at(place))
            self.parts[place] = None

    def _at(self, place: int) -> Block:
        block = self.parts[place]
        assert isinstance(block, Block)
        return block


def _wide_channel(qubits: tuple[int, ...], kraus: ComplexArray) -> Step:
    """A channel on three or more qubits, its largest Kraus operator first."""
    sizes = np.einsum("kij,kij->k", kraus.conj(), kraus).real
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > _NO_WEIGHT]
    if len(order) == 1:
        return UnitaryStep(qubits, Operator(kraus[order[0]]))
    return ChannelStep(qubits, np.ascontiguousarray(kraus[order]))
