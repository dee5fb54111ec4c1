"""From a QuantumCircuit to LRET's circuit.

Every standard gate stays itself, so that noise is matched on its own name. Anything else is its
definition, taken apart until only known operations are left; without a definition, its matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier as QiskitBarrier
from qiskit.circuit import ControlFlowOp, ControlledGate, Delay, Instruction, Operation, Store
from qiskit.circuit import Measure as QiskitMeasure
from qiskit.circuit import Reset as QiskitReset
from qiskit.circuit.exceptions import CircuitError
from qiskit.circuit.library import DiagonalGate, MCPhaseGate, MCXGate, PauliGate, UnitaryGate
from qiskit.quantum_info import Kraus, SuperOp
from qiskit.transpiler.passes import HighLevelSynthesis
from qiskit_aer.library.save_instructions.save_data import SaveData

from lret_dist import Barrier, Channel, Circuit, Gate, Measure, Reset, UnsupportedOperationError
from lret_dist.channels import ComplexArray, as_kraus, as_unitary
from lret_dist.circuit import MAX_GATE_QUBITS
from lret_qiskit.translators.saves import translate_save

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit.circuit import CircuitInstruction

__all__ = ["translate_circuit"]

_IDENTITY = np.eye(2, dtype=np.complex128)

#: Keys of a result's data that hold no saved value.
_RESERVED_KEYS = frozenset({"counts", "memory"})


def translate_circuit(circuit: QuantumCircuit) -> Circuit:
    """Translate a circuit; its global phase has no effect and is dropped.

    Raises:
        ValueError: for unbound or infinite parameters, a matrix that is not unitary, or a saved
            key that is used twice.
        UnsupportedOperationError: naming an operation that cannot be simulated.
    """
    if circuit.parameters:
        names = ", ".join(parameter.name for parameter in circuit.parameters)
        raise ValueError(f"circuit {circuit.name!r} has unbound parameters: {names}")
    translation = _Translation(
        Circuit(max(1, circuit.num_qubits), circuit.num_clbits, circuit.name)
    )
    try:
        translation.append_all(circuit, range(circuit.num_qubits), range(circuit.num_clbits))
    except ValueError as error:
        raise type(error)(f"circuit {circuit.name!r}: {error}") from error
    return translation.circuit


@dataclass
class _Translation:
    """A circuit in the making."""

    circuit: Circuit
    keys: set[str] = field(default_factory=set)

    def append_all(
        self, circuit: QuantumCircuit, qubits: Sequence[int], clbits: Sequence[int]
    ) -> None:
        """Append a circuit whose bits are the given ones of the whole circuit."""
        qubit_of = dict(zip(circuit.qubits, qubits, strict=True))
        clbit_of = dict(zip(circuit.clbits, clbits, strict=True))
        for instruction in circuit.data:
            wires = tuple([qubit_of[bit] for bit in instruction.qubits])
            if instruction.is_standard_gate():
                self.append_standard(instruction, wires)
            else:
                bits = [clbit_of[bit] for bit in instruction.clbits]
                _append(instruction.operation, self, wires, bits)

    def append_standard(self, instruction: CircuitInstruction, wires: tuple[int, ...]) -> None:
        """Append a gate that Qiskit itself knows the matrix of."""
        for value in instruction.params:
            if not isfinite(value):
                raise ValueError(
                    f"gate {instruction.name!r} on qubits {wires} needs finite parameters, "
                    f"got {float(value)}"
                )
        if not wires:  # a global phase
            return
        matrix = instruction.matrix
        if matrix is None:
            matrix = instruction.operation.to_matrix()
        self.circuit.operations.append(Gate(instruction.name, wires, matrix, instruction.label))

    def append_gate(self, operation: Operation, wires: tuple[int, ...], matrix: Any) -> None:
        """Append a gate given by its own matrix, which is checked."""
        unitary = _checked(as_unitary, matrix, operation, wires)
        # Qiskit Aer knows no label of a diagonal gate: noise is matched on its name.
        label = None if isinstance(operation, DiagonalGate) else getattr(operation, "label", None)
        self.circuit.operations.append(Gate(operation.name, wires, unitary, label))

    def append_parts(
        self, operation: Operation, wires: tuple[int, ...], clbits: Sequence[int]
    ) -> None:
        """Append an operation's definition or, where it has none, its matrix."""
        definition = getattr(operation, "definition", None)
        if definition is None:
            matrix = None if clbits or len(wires) > MAX_GATE_QUBITS else _matrix(operation)
            if matrix is not None:
                self.append_gate(operation, wires, matrix)
                return
            definition = _synthesised(operation)
        self.append_all(definition, wires, clbits)


@singledispatch
def _append(
    operation: Operation, out: _Translation, wires: tuple[int, ...], clbits: Sequence[int]
) -> None:
    """Append an operation that is not a standard gate."""
    make_kraus = _CHANNELS.get(operation.name)
    if make_kraus is None or operation.definition is not None:
        out.append_parts(operation, wires, clbits)
        return
    if len(wires) > MAX_GATE_QUBITS:
        raise _unsupported(
            operation, f"it acts on {len(wires)} qubits, a channel may on {MAX_GATE_QUBITS}"
        )
    kraus = _checked(as_kraus, make_kraus(operation.params), operation, wires)
    out.circuit.operations.append(Channel(wires, kraus, operation.name))


@_append.register(UnitaryGate)
@_append.register(PauliGate)
@_append.register(DiagonalGate)
@_append.register(MCXGate)
@_append.register(MCPhaseGate)
def _append_matrix_gate(
    operation: Operation, out: _Translation, wires: tuple[int, ...], clbits: Sequence[int]
) -> None:
    if len(wires) > MAX_GATE_QUBITS or _has_open_control(operation):
        out.append_parts(operation, wires, clbits)
    elif isinstance(operation, DiagonalGate):
        out.append_gate(operation, wires, np.diag(operation.params))
    elif isinstance(operation, ControlledGate):
        out.append_gate(operation, wires, _controlled_matrix(operation))
    else:
        out.append_gate(operation, wires, operation.to_matrix())


@_append.register(QiskitMeasure)
def _append_measure(
    _: Operation, out: _Translation, wires: tuple[int, ...], clbits: Sequence[int]
) -> None:
    out.circuit.operations.append(Measure(wires[0], clbits[0]))


@_append.register(QiskitReset)
def _append_reset(_: Operation, out: _Translation, wires: tuple[int, ...], *__: Any) -> None:
    out.circuit.operations.append(Reset(wires[0]))


@_append.register(QiskitBarrier)
def _append_barrier(_: Operation, out: _Translation, wires: tuple[int, ...], *__: Any) -> None:
    out.circuit.operations.append(Barrier(wires))


@_append.register(Delay)
def _append_delay(operation: Delay, out: _Translation, wires: tuple[int, ...], *_: Any) -> None:
    out.circuit.operations.append(Gate(operation.name, wires, _IDENTITY, operation.label))


@_append.register(SaveData)
def _append_save(operation: SaveData, out: _Translation, wires: tuple[int, ...], *_: Any) -> None:
    save = translate_save(operation, wires)
    if save.key in out.keys or save.key in _RESERVED_KEYS:
        raise ValueError(
            f"{operation.name!r} saves under {save.key!r}, which is taken; give it another label"
        )
    out.keys.add(save.key)
    out.circuit.operations.append(save)


@_append.register(ControlFlowOp)
@_append.register(Store)
def _refuse(operation: Operation, *_: Any) -> None:
    raise _unsupported(operation, "control flow and classical variables are not simulated")


_CHANNELS = {
    "kraus": lambda params: params,
    "superop": lambda params: Kraus(SuperOp(params[0])).data,
}


def _has_open_control(operation: Operation) -> bool:
    """Whether a control acts on 0: the definition then holds the gate with closed controls."""
    if not isinstance(operation, ControlledGate):
        return False
    return bool(operation.ctrl_state + 1 != 1 << operation.num_ctrl_qubits)


def _controlled_matrix(gate: ControlledGate) -> ComplexArray:
    """The base gate's matrix in the rows and columns whose lowest bits, the controls, are 1."""
    matrix = np.eye(1 << gate.num_qubits, dtype=np.complex128)
    controls = 1 << gate.num_ctrl_qubits
    matrix[controls - 1 :: controls, controls - 1 :: controls] = gate.base_gate.to_matrix()
    return matrix


def _synthesised(operation: Operation) -> QuantumCircuit:
    """A circuit of an operation that is no instruction, such as a wide Clifford."""
    if isinstance(operation, Instruction):
        raise _unsupported(operation, "it has neither a definition nor a matrix")
    whole = QuantumCircuit(operation.num_qubits)
    whole.append(operation, range(operation.num_qubits))
    circuit = HighLevelSynthesis()(whole)
    if operation.name in circuit.count_ops():
        raise _unsupported(operation, "Qiskit has no synthesis for it")
    return circuit


def _checked(
    check: Callable[[Any], ComplexArray], value: Any, operation: Operation, wires: tuple[int, ...]
) -> ComplexArray:
    try:
        return check(value)
    except ValueError as error:
        raise ValueError(f"{operation.name!r} on qubits {wires}: {error}") from None


def _matrix(operation: Operation) -> ComplexArray | None:
    try:
        matrix: ComplexArray = operation.to_matrix()
    except (AttributeError, CircuitError):
        return None
    return matrix


def _unsupported(operation: Operation, reason: str) -> UnsupportedOperationError:
    return UnsupportedOperationError(f"operation {operation.name!r} is not supported: {reason}")
