"""The program: what every MPI rank runs, in order, on its block of the factor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lret_dist.circuits.control_flow import Jump, Mark
from lret_dist.numerics.channels import transfer_matrix
from lret_dist.numerics.operators import Operator, bit_flips, restrict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lret_dist.circuits.circuit import Measure
    from lret_dist.circuits.control_flow import ControlFlow, SetState
    from lret_dist.circuits.saves import Save

__all__ = [
    "ChannelStep",
    "ExchangeStep",
    "FlowStep",
    "MeasureStep",
    "Program",
    "SaveStep",
    "SetStep",
    "Step",
    "UnitaryStep",
]

ComplexArray: TypeAlias = NDArray[np.complex128]


class _Acting(ABC):
    """What unitaries and channels have in common."""

    qubits: tuple[int, ...]

    @property
    @abstractmethod
    def flips(self) -> NDArray[np.int8]:
        """What each operator does to the bit of each qubit, (K, k), as :func:`bit_flips`."""

    @cached_property
    def mixed_qubits(self) -> list[int]:
        """Qubits whose values some operator mixes: they must lie on local bits."""
        return [q for p, q in enumerate(self.qubits) if (self.flips[:, p] < 0).any()]

    @cached_property
    def changed_qubits(self) -> list[int]:
        """Qubits whose values some operator changes: mixes or flips."""
        return [q for p, q in enumerate(self.qubits) if self.flips[:, p].any()]


@dataclass(eq=False)
class UnitaryStep(_Acting):
    """A unitary on named qubits.

    Attributes:
        qubits: the qubits it acts on.
        operator: its matrix.
        merged: unitaries on fewer qubits that it is the product of, in order, if any.
    """

    qubits: tuple[int, ...]
    operator: Operator
    merged: tuple[UnitaryStep, ...] = ()

    @property
    def narrow(self) -> Sequence[UnitaryStep]:
        """The same on as few qubits as there are, in order."""
        return self.merged or (self,)

    @cached_property
    def flips(self) -> NDArray[np.int8]:
        """What it does to the bit of each qubit, (1, k)."""
        return np.array([self.operator.flips], np.int8)

    @cached_property
    def transfer(self) -> NDArray[np.float64]:
        """Pauli transfer matrix, (4**k, 4**k)."""
        return transfer_matrix(self.operator.matrix[np.newaxis])


@dataclass(eq=False)
class ChannelStep(_Acting):
    """One fused channel: a dominant operator that acts in place, and branches.

    Attributes:
        qubits: the qubits it acts on.
        kraus: (K, 2**k, 2**k) Kraus operators, K >= 2, the dominant one first.
        probabilities: (K,) when every Kraus operator is sqrt(p) times a unitary, so that the
            weight of a branch is p times its column's; else None.
    """

    qubits: tuple[int, ...]
    kraus: ComplexArray
    probabilities: NDArray[np.float64] | None = None

    @property
    def narrow(self) -> Sequence[ChannelStep]:
        """The step itself, as in :class:`UnitaryStep`."""
        return (self,)

    @cached_property
    def dominant(self) -> Operator:
        """The Kraus operator that acts in place."""
        return Operator(self.kraus[0])

    @cached_property
    def effects(self) -> ComplexArray:
        """K^dagger K of every Kraus operator, (K, 2**k, 2**k)."""
        effects: ComplexArray = np.einsum("kji,kjl->kil", self.kraus.conj(), self.kraus)
        return effects

    @cached_property
    def mean_weights(self) -> NDArray[np.float64]:
        """Weight of each operator on the maximally mixed state, (K,), summing to 1."""
        traces: NDArray[np.float64] = np.trace(self.effects, axis1=1, axis2=2).real
        weights: NDArray[np.float64] = traces / self.kraus.shape[-1]
        return weights

    @cached_property
    def dominant_bounds(self) -> tuple[float, float]:
        """Mean and least value of |K_0 v|**2 over unit vectors v, for the dominant operator K_0."""
        if self.probabilities is not None:
            return float(self.probabilities[0]), float(self.probabilities[0])
        least = float(np.linalg.eigvalsh(self.effects[0])[0])
        return float(self.mean_weights[0]), max(0.0, least - 1e-12)

    def restricted(self, positions: tuple[int, ...], values: tuple[int, ...]) -> ComplexArray:
        """The Kraus operators for fixed values of positions that they do not mix."""
        if not positions:
            return self.kraus
        flips = self.flips[:, list(positions)].tolist()
        parts = [restrict(k, positions, values, f) for k, f in zip(self.kraus, flips, strict=True)]
        return np.array(parts)

    @cached_property
    def noise_weight(self) -> float:
        """Weight outside the dominant operator on the maximally mixed state."""
        return float(self.mean_weights[1:].sum())

    @cached_property
    def cumulated_weights(self) -> NDArray[np.float64]:
        """Weight of the lightest other operator, of the two lightest, and so on, (K - 1,)."""
        return np.cumsum(np.sort(self.mean_weights[1:]))

    @cached_property
    def flips(self) -> NDArray[np.int8]:
        """What each Kraus operator does to the bit of each qubit, (K, k)."""
        return bit_flips(self.kraus)

    @cached_property
    def transfer(self) -> NDArray[np.float64]:
        """Pauli transfer matrix, (4**k, 4**k)."""
        return transfer_matrix(self.kraus)


@dataclass(eq=False)
class MeasureStep:
    """A measurement whose outcome later steps depend on: every outcome goes on by itself."""

    measure: Measure

    @property
    def qubits(self) -> tuple[int, ...]:
        """The measured qubit."""
        return self.measure.qubits


@dataclass(eq=False)
class SaveStep:
    """A quantity that is saved at this point."""

    save: Save

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubits that the saved quantity is about."""
        return self.save.qubits


@dataclass(eq=False)
class FlowStep:
    """A mark, a jump, or a number that is stored in classical bits."""

    operation: ControlFlow

    @property
    def qubits(self) -> tuple[int, ...]:
        """No qubit."""
        return ()


@dataclass(eq=False)
class SetStep:
    """All qubits are put into a state."""

    state: SetState

    @property
    def qubits(self) -> tuple[int, ...]:
        """All qubits."""
        return self.state.qubits


@dataclass(eq=False)
class ExchangeStep:
    """From here on these qubits, and no others, lie on distributed bits."""

    qubits: tuple[int, ...]


Step: TypeAlias = (
    UnitaryStep | ChannelStep | MeasureStep | SaveStep | FlowStep | SetStep | ExchangeStep
)


@dataclass(eq=False)
class Program:
    """Steps on ``num_qubits`` qubits, then measurements that nothing follows.

    Attributes:
        num_qubits: number of qubits that are simulated.
        num_clbits: number of classical bits.
        steps: what is done, in order.
        final_measures: measurements at the end, in order; a later one overwrites a clbit.
        initial_state: state vector, density matrix or factor, or None for all qubits zero.
        origins: for a program whose steps were put into another order, the number that each of
            them had, and -1 for exchanges.
        num_variable_bits: number of bits of classical variables, which follow the classical bits.
    """

    num_qubits: int
    num_clbits: int
    steps: list[Step] = field(default_factory=list)
    final_measures: list[Measure] = field(default_factory=list)
    initial_state: ComplexArray | None = None
    origins: list[int] = field(default_factory=list)
    num_variable_bits: int = 0

    def __post_init__(self) -> None:
        """Number the steps where they are in their first order."""
        self.origins = self.origins or list(range(len(self.steps)))

    @property
    def num_memory_bits(self) -> int:
        """Number of classical bits, those of variables included."""
        return self.num_clbits + self.num_variable_bits

    @cached_property
    def widest_step(self) -> int:
        """Most qubits that a single step may have to have on local bits at once."""
        widths = (
            len(step.changed_qubits)
            for step in self.steps
            if isinstance(step, UnitaryStep | ChannelStep)
        )
        return max(widths, default=0)

    @cached_property
    def widest_narrow(self) -> int:
        """Most qubits that a single step acts on once merged unitaries are taken apart."""
        steps = (step for step in self.steps if isinstance(step, UnitaryStep | ChannelStep))
        return max((len(part.qubits) for step in steps for part in step.narrow), default=0)

    @cached_property
    def _changes(self) -> list[list[int]]:
        """For each qubit the numbers of the steps that change it."""
        uses: list[list[int]] = [[] for _ in range(self.num_qubits)]
        for number, step in enumerate(self.steps):
            if isinstance(step, UnitaryStep | ChannelStep):
                for qubit in step.changed_qubits:
                    uses[qubit].append(number)
        return uses

    def next_change(self, number: int) -> Callable[[int], int]:
        """For a qubit, the first step from ``number`` on that changes it."""

        def after(qubit: int) -> int:
            uses = self._changes[qubit]
            place = bisect_left(uses, number)
            return uses[place] if place < len(uses) else len(self.steps)

        return after

    @property
    def saves(self) -> list[Save]:
        """Everything that is saved, in order."""
        return [step.save for step in self.steps if isinstance(step, SaveStep)]

    @property
    def noise_weight(self) -> float:
        """Expected number of errors: the sum of the channels' noise weights."""
        return sum(s.noise_weight for s in self.steps if isinstance(s, ChannelStep))

    @property
    def measures(self) -> bool:
        """Whether anything is written to the classical bits."""
        return bool(self.final_measures) or self.has_histories

    @cached_property
    def has_histories(self) -> bool:
        """Whether shots may go different ways: a measurement, or another one's outcome, decides."""
        return any(isinstance(step, MeasureStep | FlowStep) for step in self.steps)

    @cached_property
    def places(self) -> dict[str, int]:
        """Numbers of the marks' steps, by mark."""
        return {
            step.operation.mark: number
            for number, step in enumerate(self.steps)
            if isinstance(step, FlowStep) and isinstance(step.operation, Mark)
        }

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether there are marks and jumps."""
        return any(
            isinstance(step, FlowStep) and isinstance(step.operation, Mark | Jump)
            for step in self.steps
        )

    @cached_property
    def has_loops(self) -> bool:
        """Whether a step may be done more than once."""
        jumps = (
            (number, step.operation.mark)
            for number, step in enumerate(self.steps)
            if isinstance(step, FlowStep) and isinstance(step.operation, Jump)
        )
        return any(self.places[mark] <= number for number, mark in jumps)
