"""A quantum circuit as plain data: what is simulated, with no word on how.

Qubit 0 is the lowest bit of a basis-state index, and ``qubits[0]`` of an operation is the lowest
bit of its matrix index (little-endian, as in Qiskit).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import index
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lret_dist.circuits.classical import Bits, Constant
from lret_dist.circuits.control_flow import (
    CONTROL_FLOW,
    Jump,
    Mark,
    Misread,
    SetState,
    Store,
    check_jumps,
)
from lret_dist.circuits.saves import (
    Save,
    SaveDensityMatrix,
    SaveExpectationValue,
    SaveProbabilities,
)
from lret_dist.circuits.states import as_columns
from lret_dist.numerics.channels import as_kraus, as_unitary
from lret_dist.numerics.gates import gate_matrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lret_dist.circuits.classical import Expression

__all__ = [
    "MAX_GATE_QUBITS",
    "Barrier",
    "Channel",
    "Circuit",
    "Gate",
    "Measure",
    "Operation",
    "Reset",
    "moved",
]

ComplexMatrix: TypeAlias = NDArray[np.complex128]

#: Widest gate or channel that is held as a matrix; wider ones must be decomposed.
MAX_GATE_QUBITS = 6


# Not frozen: making one would take three times as long, and circuits have many.
@dataclass(slots=True, eq=False)
class Gate:
    """A unitary on named qubits; circuits share gates, so none may be changed.

    Attributes:
        name: the instruction's name, which noise is matched on.
        qubits: distinct qubits, lowest bit of the matrix index first.
        matrix: (2**k, 2**k) complex128 unitary, C order.
        label: a user's label; noise is then matched on it instead of the name.
    """

    name: str
    qubits: tuple[int, ...]
    matrix: ComplexMatrix
    label: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """A trace-preserving channel: ``rho -> sum_i K_i rho K_i^dagger`` on named qubits.

    Attributes:
        qubits: distinct qubits, lowest bit of the matrix index first.
        kraus: (K, 2**k, 2**k) complex128 Kraus operators, C order.
        name: the instruction's name; noise is never added to ``"kraus"`` or ``"superop"``.
        label: a user's label.
    """

    qubits: tuple[int, ...]
    kraus: ComplexMatrix
    name: str = "kraus"
    label: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A measurement of one qubit in the computational basis into one classical bit.

    Attributes:
        qubit: the measured qubit.
        clbit: the classical bit that is written.
        name: the instruction's name.
        label: a user's label.
        readout: (2, 2) probabilities p[outcome, written bit], or None where reading is perfect.
        together: the qubits that one instruction measures with this one, and their classical bits,
            in its order, where they are several; errors may be given for all of them.
    """

    qubit: int
    clbit: int
    name: str = "measure"
    label: str | None = None
    readout: NDArray[np.float64] | None = None
    together: tuple[tuple[int, int], ...] = ()

    @property
    def qubits(self) -> tuple[int, ...]:
        """The measured qubit, as a tuple like every other operation's."""
        return (self.qubit,)


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset of one qubit to its zero state."""

    qubit: int
    name: str = "reset"
    label: str | None = None

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubit that is reset, as a tuple like every other operation's."""
        return (self.qubit,)


@dataclass(frozen=True, slots=True)
class Barrier:
    """A line in a drawing; the simulated state does not depend on it."""

    qubits: tuple[int, ...]
    name: str = "barrier"
    label: str | None = None


Operation: TypeAlias = (
    Gate | Channel | Measure | Reset | Barrier | Save | SetState | Mark | Jump | Store | Misread
)


@dataclass(slots=True)
class Circuit:
    """Operations on ``num_qubits`` qubits and ``num_clbits`` classical bits, in order.

    The methods check what they are given and raise ``ValueError`` or ``TypeError``; each returns
    the circuit, so that calls can be chained.

    Attributes:
        num_qubits: number of qubits.
        num_clbits: number of classical bits that the result shows.
        name: the circuit's name.
        operations: what is done, in order.
        num_variable_bits: bits of classical variables, numbered after the classical bits; they
            do not show in the result.

    Example:
        >>> circuit = Circuit(2, 2).gate("h", [0]).gate("cx", [0, 1]).measure_all()
        >>> len(circuit)
        4
    """

    num_qubits: int
    num_clbits: int = 0
    name: str = "circuit"
    operations: list[Operation] = field(default_factory=list)
    num_variable_bits: int = 0

    def __post_init__(self) -> None:
        self.num_qubits = _count(self.num_qubits, "num_qubits", least=1)
        self.num_clbits = _count(self.num_clbits, "num_clbits", least=0)
        self.num_variable_bits = _count(self.num_variable_bits, "num_variable_bits", least=0)

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def append(self, operation: Operation) -> Circuit:
        """Append an operation after a check of its bits and width; its matrix is trusted."""
        self._check_qubits(operation.qubits)
        if isinstance(operation, Gate | Channel):
            _check_gate_width(operation.name, len(operation.qubits))
        if isinstance(operation, Measure) and not 0 <= operation.clbit < self.num_clbits:
            raise ValueError(
                f"classical bit {operation.clbit} is out of range: the circuit has "
                f"{self.num_clbits} classical bits"
            )
        self.operations.append(operation)
        return self

    def gate(
        self, name: str, qubits: Iterable[int], *params: float, label: str | None = None
    ) -> Circuit:
        """Append a standard gate by name, such as ``gate("rx", [0], 0.3)``; angles in radians."""
        matrix = gate_matrix(name, params)
        return self._append_gate(name, qubits, matrix, label)

    def unitary(
        self,
        matrix: ArrayLike,
        qubits: Iterable[int],
        *,
        name: str = "unitary",
        label: str | None = None,
    ) -> Circuit:
        """Append a (2**k, 2**k) unitary, k <= 6, checked to 1e-8."""
        return self._append_gate(name, qubits, as_unitary(matrix), label)

    def channel(
        self, kraus: ArrayLike | Sequence[ArrayLike], qubits: Iterable[int], *, name: str = "kraus"
    ) -> Circuit:
        """Append a channel given by (K, 2**k, 2**k) Kraus operators, checked to 1e-8."""
        operators = as_kraus(kraus)
        wires = self._wires(qubits)
        _check_width(name, operators.shape[-1], wires)
        return self.append(Channel(wires, operators, name))

    def measure(self, qubit: int, clbit: int) -> Circuit:
        """Append a measurement of ``qubit`` into classical bit ``clbit``."""
        return self.append(Measure(index(qubit), index(clbit)))

    def measure_all(self) -> Circuit:
        """Measure every qubit into the classical bit of the same number, adding bits if needed."""
        self.num_clbits = max(self.num_clbits, self.num_qubits)
        for qubit in range(self.num_qubits):
            self.measure(qubit, qubit)
        return self

    def reset(self, qubit: int) -> Circuit:
        """Append a reset of ``qubit`` to zero."""
        return self.append(Reset(index(qubit)))

    def barrier(self, qubits: Iterable[int] | None = None) -> Circuit:
        """Append a barrier on ``qubits`` (default: all)."""
        return self.append(
            Barrier(self._wires(range(self.num_qubits) if qubits is None else qubits))
        )

    def store(self, target: Bits, value: Expression | bool | int | float) -> Circuit:
        """Write the value of an expression, or a number, into classical bits."""
        expression = Constant(value) if isinstance(value, bool | int | float) else value
        return self.append(Store(target, expression))

    def mark(self, mark: str) -> Circuit:
        """Mark this place, so that a jump can go on here."""
        return self.append(Mark(mark))

    def jump(self, mark: str, condition: Expression | None = None) -> Circuit:
        """Go on at a mark, before or after this place, where ``condition`` holds or is None."""
        return self.append(Jump(mark, condition))

    def set_state(self, state: ArrayLike) -> Circuit:
        """Put all qubits into a state: (2**n,) vector, (2**n, 2**n) matrix or (2**n, r) factor."""
        columns = as_columns(np.asarray(state, np.complex128), self.num_qubits)
        return self.append(SetState(tuple(range(self.num_qubits)), columns))

    def save_density_matrix(
        self, qubits: Iterable[int] | None = None, *, key: str = "density_matrix"
    ) -> Circuit:
        """Save the reduced density matrix of ``qubits`` (default: all)."""
        return self.append(SaveDensityMatrix(key, self._wires_or_all(qubits)))

    def save_probabilities(
        self, qubits: Iterable[int] | None = None, *, key: str = "probabilities"
    ) -> Circuit:
        """Save the outcome probabilities of ``qubits`` (default: all)."""
        return self.append(SaveProbabilities(key, self._wires_or_all(qubits)))

    def save_expectation_value(
        self,
        paulis: Mapping[str, float],
        qubits: Iterable[int] | None = None,
        *,
        key: str = "expectation_value",
    ) -> Circuit:
        """Save the expectation value of a sum of Pauli strings, {string: real coefficient}."""
        wires = self._wires_or_all(qubits)
        terms = tuple((_pauli(string, len(wires)), float(c)) for string, c in paulis.items())
        return self.append(SaveExpectationValue(key, wires, terms))

    @property
    def num_memory_bits(self) -> int:
        """Classical bits, those of variables included."""
        return self.num_clbits + self.num_variable_bits

    @property
    def is_dynamic(self) -> bool:
        """Whether what is done, or stored, depends on classical bits."""
        return any(isinstance(operation, CONTROL_FLOW) for operation in self.operations)

    @property
    def saves(self) -> list[Save]:
        """Everything that is saved, in order."""
        return [operation for operation in self.operations if isinstance(operation, Save)]

    def check(self) -> None:
        """Check what cannot be checked operation by operation.

        Raises:
            ValueError: for a jump without a mark, an expression of bits that are not there, or
                different things that are saved under one key.
        """
        check_jumps(self.operations, self.num_memory_bits)
        saved: dict[str, Save] = {}
        for save in self.saves:
            if saved.setdefault(save.key, save) != save:
                raise ValueError(f"different things are saved under the key {save.key!r}")

    def emptied(self) -> Circuit:
        """A circuit of the same bits without operations."""
        return replace(self, operations=[])

    def compacted(self) -> tuple[Circuit, tuple[int, ...]]:
        """The same circuit without the qubits that no operation but a barrier touches.

        Returns:
            The smaller circuit (at least one qubit) and, for each of its qubits, the qubit that
            it was.
        """
        used = {q for op in self.operations if not isinstance(op, Barrier) for q in op.qubits}
        kept = tuple(sorted(used)) or (0,)
        if len(kept) == self.num_qubits:
            return self, kept
        position = {qubit: new for new, qubit in enumerate(kept)}
        operations = [moved(op, position) for op in self.operations]
        return replace(self, num_qubits=len(kept), operations=operations), kept

    def _append_gate(
        self, name: str, qubits: Iterable[int], matrix: ComplexMatrix, label: str | None
    ) -> Circuit:
        wires = self._wires(qubits)
        _check_width(name, matrix.shape[0], wires)
        return self.append(Gate(name, wires, matrix, label))

    def _wires(self, qubits: Iterable[int]) -> tuple[int, ...]:
        return tuple(index(qubit) for qubit in qubits)

    def _wires_or_all(self, qubits: Iterable[int] | None) -> tuple[int, ...]:
        return tuple(range(self.num_qubits)) if qubits is None else self._wires(qubits)

    def _check_qubits(self, qubits: tuple[int, ...]) -> None:
        for qubit in qubits:
            if not 0 <= qubit < self.num_qubits:
                raise ValueError(
                    f"qubit {qubit} is out of range: the circuit has {self.num_qubits} qubits"
                )
        if len(set(qubits)) != len(qubits):
            raise ValueError(f"qubits must be distinct, got {qubits}")


def _count(value: int, what: str, *, least: int) -> int:
    number = index(value)
    if number < least:
        raise ValueError(f"{what} must be at least {least}, got {number}")
    return number


def _check_gate_width(name: str, num_qubits: int) -> None:
    if num_qubits > MAX_GATE_QUBITS:
        raise ValueError(
            f"{name!r} acts on {num_qubits} qubits; matrices of at most {MAX_GATE_QUBITS} qubits "
            f"are supported: decompose it"
        )


def _check_width(name: str, dimension: int, qubits: tuple[int, ...]) -> None:
    if dimension != 1 << len(qubits):
        raise ValueError(
            f"{name} acts on {dimension.bit_length() - 1} qubits, got {len(qubits)}: {qubits}"
        )


def _pauli(string: str, num_qubits: int) -> str:
    if len(string) != num_qubits or set(string) - set("IXYZ"):
        raise ValueError(
            f"a Pauli string on {num_qubits} qubits has {num_qubits} characters of I, X, Y, Z; "
            f"got {string!r}"
        )
    return string


def moved(operation: Operation, position: Mapping[int, int]) -> Operation:
    """The same operation with its qubits named anew; a barrier loses those without a new name."""
    if isinstance(operation, Reset):
        return replace(operation, qubit=position[operation.qubit])
    if isinstance(operation, Measure):
        together = tuple((position[qubit], clbit) for qubit, clbit in operation.together)
        return replace(operation, qubit=position[operation.qubit], together=together)
    # A barrier may lie on qubits that nothing else touches.
    qubits = tuple(position[q] for q in operation.qubits if q in position)
    return replace(operation, qubits=qubits)
