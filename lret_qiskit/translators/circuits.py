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
from qiskit.circuit import Barrier as QiskitBarrier
from qiskit.circuit import (
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    ControlledGate,
    Delay,
    Operation,
)
from qiskit.circuit import Measure as QiskitMeasure
from qiskit.circuit import Reset as QiskitReset
from qiskit.circuit import Store as QiskitStore
from qiskit.circuit.library import (
    DiagonalGate,
    MCPhaseGate,
    MCXGate,
    PauliGate,
    UCGate,
    UnitaryGate,
)
from qiskit.quantum_info import Kraus, SuperOp
from qiskit_aer.library import SetDensityMatrix, SetStatevector
from qiskit_aer.library.control_flow_instructions import AerJump, AerMark
from qiskit_aer.library.save_instructions.save_data import SaveData
from qiskit_aer.noise import PauliLindbladError
from qiskit_aer.noise.errors.base_quantum_error import QuantumChannelInstruction
from scipy.linalg import block_diag

from lret_dist import (
    Barrier,
    Channel,
    Circuit,
    Gate,
    Jump,
    Mark,
    Measure,
    Reset,
    SaveStateVector,
    Store,
    UnsupportedOperationError,
)
from lret_dist.circuits.circuit import MAX_GATE_QUBITS
from lret_dist.circuits.noise import PART
from lret_dist.numerics.channels import as_kraus, as_unitary
from lret_qiskit.translators.control_flow import append_control_flow
from lret_qiskit.translators.expressions import Memory
from lret_qiskit.translators.opened import Opened
from lret_qiskit.translators.operations import (
    checked,
    controlled_matrix,
    has_open_control,
    matrix_of,
    synthesised,
    unsupported,
)
from lret_qiskit.translators.parameters import free_parameters
from lret_qiskit.translators.quantum_errors import lindblad_terms
from lret_qiskit.translators.saves import translate_save, translate_set

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction, Clbit

    from lret_dist.circuits.saves import Save
    from lret_qiskit.translators.control_flow import Loop

__all__ = ["Translation", "translate_circuit"]

_IDENTITY = np.eye(2, dtype=np.complex128)

#: Keys of a result's data that hold no saved value.
_RESERVED_KEYS = frozenset({"counts", "memory"})


def translate_circuit(circuit: QuantumCircuit) -> Circuit:
    """Translate a circuit; its global phase is kept where a state vector is saved.

    Raises:
        ValueError: for unbound or infinite parameters, input variables, a matrix that is not
            unitary, or a saved key that is used twice.
        UnsupportedOperationError: naming an operation that cannot be simulated, and for what is
            too large once it is taken apart.
    """
    if parameters := free_parameters(circuit):
        names = ", ".join(parameter.name for parameter in parameters)
        raise ValueError(f"circuit {circuit.name!r} has unbound parameters: {names}")
    if circuit.num_input_vars:
        names = ", ".join(var.name for var in circuit.iter_input_vars())
        raise ValueError(f"circuit {circuit.name!r} has input variables without a value: {names}")
    translation = Translation(
        Circuit(max(1, circuit.num_qubits), circuit.num_clbits, circuit.name),
        Memory(circuit.num_clbits),
    )
    try:
        translation.append_all(circuit, range(circuit.num_qubits), range(circuit.num_clbits))
    except ValueError as error:
        raise type(error)(f"circuit {circuit.name!r}: {error}") from error
    except RecursionError:
        raise UnsupportedOperationError(
            f"circuit {circuit.name!r}: its definitions are nested too deeply"
        ) from None
    translation.drop_unseen_phases()
    translation.circuit.num_variable_bits = translation.memory.num_variable_bits
    return translation.circuit


@dataclass
class Translation:
    """A circuit in the making.

    Attributes:
        circuit: what is translated so far.
        memory: where its classical values lie.
        phases: global phases by ``id``: gates of the circuit until it is known that none shows.
        saves: what is saved, by key.
        clbit_of: numbers of the bits of the block that is translated just now.
        loops: the loops around it, the innermost last.
        gates: standard gates without parameters that were made already, by name and qubits.
        opened: counts the definitions and blocks in it.
    """

    circuit: Circuit
    memory: Memory
    phases: dict[int, Gate] = field(default_factory=dict)
    saves: dict[str, Save] = field(default_factory=dict)
    clbit_of: dict[Clbit, int] = field(default_factory=dict)
    loops: list[Loop] = field(default_factory=list)
    gates: dict[tuple[str, tuple[int, ...]], Gate] = field(default_factory=dict)
    opened: Opened = field(default_factory=Opened)
    _names: int = 0

    def fresh_name(self, what: str) -> str:
        """A name for marks that no other has."""
        self._names += 1
        return f"{what} {self._names}"

    def append_all(
        self, circuit: QuantumCircuit, qubits: Sequence[int], clbits: Sequence[int]
    ) -> None:
        """Append a circuit whose bits are the given ones of the whole circuit."""
        qubit_of = dict(zip(circuit.qubits, qubits, strict=True))
        clbit_of = dict(zip(circuit.clbits, clbits, strict=True))
        outer, self.clbit_of = self.clbit_of, clbit_of
        self.append_phase(circuit.global_phase)
        number, append, known = qubit_of.__getitem__, self.circuit.operations.append, self.gates
        for instruction in circuit.data:
            wires = tuple(map(number, instruction.qubits))
            if instruction.is_standard_gate():
                params = instruction.params
                # Gates without parameters come again and again.
                gate = None if params else known.get((instruction.name, wires))
                if gate is None or instruction.label is not None:
                    self.append_standard(instruction, wires, params)
                else:
                    append(gate)
            else:
                bits = [clbit_of[bit] for bit in instruction.clbits]
                _append(instruction.operation, self, wires, bits)
        self.clbit_of = outer

    def append_inner(
        self, circuit: QuantumCircuit, qubits: Sequence[int], clbits: Sequence[int]
    ) -> None:
        """Append what an operation is made of: its definition, or one of its blocks."""
        self.opened.note(circuit)
        self.append_all(circuit, qubits, clbits)

    def append_standard(
        self, instruction: CircuitInstruction, wires: tuple[int, ...], params: Sequence[Any]
    ) -> None:
        """Append a gate that Qiskit itself knows the matrix of."""
        if not all(map(isfinite, params)):
            value = next(float(value) for value in params if not isfinite(value))
            raise ValueError(
                f"gate {instruction.name!r} on qubits {wires} needs finite parameters, got {value}"
            )
        if not wires:
            self.append_phase(params[0])
            return
        matrix = instruction.matrix
        if matrix is None:
            matrix = instruction.operation.to_matrix()
        gate = Gate(instruction.name, wires, matrix, instruction.label)
        if not params and gate.label is None:
            self.gates[gate.name, wires] = gate
        self.circuit.operations.append(gate)

    def append_phase(self, phase: Any) -> None:
        """Append a global phase."""
        if phase != 0:
            matrix = np.exp(1j * float(phase)) * _IDENTITY
            gate = Gate("global_phase", (0,), matrix)
            self.phases[id(gate)] = gate
            self.circuit.operations.append(gate)

    def drop_unseen_phases(self) -> None:
        """Leave out global phases where no state vector is saved."""
        if self.phases and not any(isinstance(s, SaveStateVector) for s in self.saves.values()):
            operations = self.circuit.operations
            operations[:] = [each for each in operations if id(each) not in self.phases]

    def append_gate(self, operation: Operation, wires: tuple[int, ...], matrix: Any) -> None:
        """Append a gate given by its own matrix, which is checked."""
        unitary = checked(as_unitary, matrix, operation, wires)
        # Qiskit Aer knows no label of a diagonal gate: noise is matched on its name.
        label = None if isinstance(operation, DiagonalGate) else getattr(operation, "label", None)
        self.circuit.operations.append(Gate(operation.name, wires, unitary, label))

    def append_parts(
        self, operation: Operation, wires: tuple[int, ...], clbits: Sequence[int]
    ) -> None:
        """Append an operation's definition or, where it has none, its matrix."""
        definition = getattr(operation, "definition", None)
        if definition is None:
            matrix = None if clbits or len(wires) > MAX_GATE_QUBITS else matrix_of(operation)
            if matrix is not None:
                self.append_gate(operation, wires, matrix)
                return
            definition = synthesised(operation)
        self.append_inner(definition, wires, clbits)

    def append_noiseless_parts(self, operation: Operation, wires: tuple[int, ...]) -> None:
        """Append the parts of what is one gate to a noise model, but too wide for a matrix."""
        operations = self.circuit.operations
        first = len(operations)
        self.append_parts(operation, wires, ())
        for place, part in enumerate(operations[first:], first):
            if isinstance(part, Gate) and id(part) not in self.phases:
                operations[place] = Gate(PART, part.qubits, part.matrix)


@singledispatch
def _append(
    operation: Operation, out: Translation, wires: tuple[int, ...], clbits: Sequence[int]
) -> None:
    """Append an operation that is not a standard gate."""
    by_name = _BY_NAME.get(operation.name)
    if by_name is None or getattr(operation, "definition", None) is not None:
        out.append_parts(operation, wires, clbits)
    else:
        by_name(operation, out, wires, clbits)


def _append_channel(
    operation: Operation, out: Translation, wires: tuple[int, ...], *_: Any
) -> None:
    if len(wires) > MAX_GATE_QUBITS:
        raise unsupported(
            operation, f"it acts on {len(wires)} qubits, a channel may on {MAX_GATE_QUBITS}"
        )
    params = operation.params
    given = Kraus(SuperOp(params[0])).data if operation.name == "superop" else params
    kraus = checked(as_kraus, given, operation, wires)
    out.circuit.operations.append(Channel(wires, kraus, operation.name))


@_append.register(QuantumChannelInstruction)
def _append_error(
    operation: QuantumChannelInstruction,
    out: Translation,
    wires: tuple[int, ...],
    clbits: Sequence[int],
) -> None:
    """Append an error of Qiskit Aer that stands in a circuit."""
    # There is no public way to it, and the instruction's definition is one dense matrix.
    error = operation._quantum_error
    if not isinstance(error, PauliLindbladError):
        out.append_parts(operation, wires, clbits)
        return
    for kraus, positions in lindblad_terms(error):
        acting = tuple(wires[position] for position in positions)
        if len(acting) > MAX_GATE_QUBITS:
            raise unsupported(operation, f"one of its generators acts on {len(acting)} qubits")
        out.circuit.operations.append(Channel(acting, kraus, operation.name))


@_append.register(UCGate)
def _append_multiplexer(
    operation: Operation, out: Translation, wires: tuple[int, ...], *_: Any
) -> None:
    """Append one matrix for each value of the last qubits."""
    if len(wires) > MAX_GATE_QUBITS:
        out.append_noiseless_parts(operation, wires)
    else:
        out.append_gate(operation, wires, block_diag(*operation.params))


@_append.register(UnitaryGate)
@_append.register(PauliGate)
@_append.register(DiagonalGate)
@_append.register(MCXGate)
@_append.register(MCPhaseGate)
def _append_matrix_gate(
    operation: Operation, out: Translation, wires: tuple[int, ...], clbits: Sequence[int]
) -> None:
    wide = len(wires) > MAX_GATE_QUBITS
    if has_open_control(operation) or (isinstance(operation, MCXGate | MCPhaseGate) and wide):
        out.append_parts(operation, wires, clbits)
    elif wide:
        out.append_noiseless_parts(operation, wires)
    elif isinstance(operation, DiagonalGate):
        out.append_gate(operation, wires, np.diag(operation.params))
    elif isinstance(operation, ControlledGate):
        out.append_gate(operation, wires, controlled_matrix(operation))
    else:
        out.append_gate(operation, wires, operation.to_matrix())


@_append.register(QiskitMeasure)
def _append_measure(
    _: Operation, out: Translation, wires: tuple[int, ...], clbits: Sequence[int]
) -> None:
    pairs = tuple(zip(wires, clbits, strict=True))
    together = pairs if len(pairs) > 1 else ()
    out.circuit.operations.extend(Measure(*pair, together=together) for pair in pairs)


@_append.register(QiskitReset)
def _append_reset(_: Operation, out: Translation, wires: tuple[int, ...], *__: Any) -> None:
    out.circuit.operations.append(Reset(wires[0]))


@_append.register(QiskitBarrier)
def _append_barrier(_: Operation, out: Translation, wires: tuple[int, ...], *__: Any) -> None:
    out.circuit.operations.append(Barrier(wires))


@_append.register(Delay)
def _append_delay(operation: Delay, out: Translation, wires: tuple[int, ...], *_: Any) -> None:
    out.circuit.operations.append(Gate(operation.name, wires, _IDENTITY, operation.label))


@_append.register(SaveData)
def _append_save(operation: SaveData, out: Translation, wires: tuple[int, ...], *_: Any) -> None:
    save = translate_save(operation, wires)
    # A loop may save the same again and again.
    again = bool(out.loops) and out.saves.get(save.key) == save
    if (save.key in out.saves and not again) or save.key in _RESERVED_KEYS:
        raise ValueError(
            f"{operation.name!r} saves under {save.key!r}, which is taken; give it another label"
        )
    out.saves[save.key] = save
    out.circuit.operations.append(save)


@_append.register(SetDensityMatrix)
@_append.register(SetStatevector)
def _append_set(operation: Operation, out: Translation, wires: tuple[int, ...], *_: Any) -> None:
    state = translate_set(operation, wires, out.circuit.num_qubits)
    out.circuit.operations.append(state)


@_append.register(QiskitStore)
def _append_store(operation: QiskitStore, out: Translation, *_: Any) -> None:
    stored = out.memory.stored(operation.lvalue, operation.rvalue, out.clbit_of)
    out.circuit.operations.append(Store(*stored))


@_append.register(AerMark)
def _append_mark(operation: AerMark, out: Translation, *_: Any) -> None:
    out.circuit.operations.append(Mark(str(operation.params[0])))


@_append.register(AerJump)
def _append_jump(operation: AerJump, out: Translation, *_: Any) -> None:
    given = operation.condition_expr or operation.condition
    condition = None if given is None else out.memory.condition(given, out.clbit_of)
    out.circuit.operations.append(Jump(str(operation.params[0]), condition))


for _flow in (ControlFlowOp, BreakLoopOp, ContinueLoopOp):
    _append.register(_flow, append_control_flow)


#: Instructions that need no class of their own, as long as they have no definition.
_BY_NAME: dict[str, Callable[..., None]] = {
    "kraus": _append_channel,
    "measure": _append_measure,
    "multiplexer": _append_multiplexer,
    "superop": _append_channel,
}
