"""Estimates with standard errors, from the sampled columns of independent batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.circuit import SaveDensityMatrix, SaveExpectationValue
from lret_dist.saving import pauli_masks, save_value, saved_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from lret_dist.circuit import Save
    from lret_dist.communicator import GridCommunicator
    from lret_dist.program import Program
    from lret_dist.sampled import SampledState

__all__ = ["Estimate", "Tally"]


@dataclass
class Estimate:
    """Mean of independent estimates of one quantity, and what it is known to.

    Attributes:
        total: sum of the estimates of the tail.
        squares: sum of their squared absolute values.
        number: how many there are.
        exact: what the exact columns add to each, the same for all.
    """

    total: NDArray[Any]
    squares: NDArray[np.float64]
    number: int = 0
    exact: Any = 0.0

    @classmethod
    def of_shape(cls, shape: tuple[int, ...], dtype: type = np.float64) -> Estimate:
        """No estimate yet."""
        return cls(np.zeros(shape, dtype), np.zeros(shape))

    def add_columns(self, values: Iterable[Any], tail: int) -> None:
        """Take the values of all columns of a batch, the ``tail`` sampled ones first."""
        exact: Any = 0.0
        for number, value in enumerate(values):
            if number >= tail:
                exact = exact + value
                continue
            self.total += value
            self.squares += np.abs(value) ** 2
            self.number += 1
        self.exact = exact

    def merge(self, other: Estimate) -> None:
        """Take over the estimates of another batch."""
        self.total += other.total
        self.squares += other.squares
        self.number += other.number
        self.exact = other.exact

    @property
    def mean(self) -> NDArray[Any]:
        """The estimate."""
        return np.asarray(self.exact + self.total / self.number)

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Standard error of the mean, element by element."""
        variance = self.squares / self.number - np.abs(self.total / self.number) ** 2
        return np.asarray(np.sqrt(np.clip(variance, 0, None) / max(1, self.number - 1)))

    def summed(self, comm: GridCommunicator) -> Estimate:
        """The same over all column groups, on the driver."""
        total, squares = self.total.copy(), self.squares.copy()
        number = np.array([float(self.number)])
        for array in (total, squares, number):
            comm.sum_columns_on_driver(array)
        return Estimate(total, squares, int(number[0]), self.exact)


@dataclass
class Tally:
    """What the batches of a run add up to.

    Attributes:
        saved: estimates of what is saved, by key.
        z_values: estimates of <Z> of the measured qubits.
        probabilities: sum over the sampled columns of the weight of each row held here.
    """

    saved: dict[str, Estimate] = field(default_factory=dict)
    z_values: Estimate = field(default_factory=lambda: Estimate.of_shape((0,)))
    probabilities: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def for_program(cls, program: Program, rows: int) -> Tally:
        """An empty tally for what a program saves and measures, on so many rows."""
        saved = {}
        for save in program.saves:
            dtype = np.complex128 if isinstance(save, SaveDensityMatrix) else np.float64
            saved[save.key] = Estimate.of_shape(saved_shape(save), dtype)
        return cls(saved, Estimate.of_shape((len(program.final_measures),)), np.zeros(rows))

    def add_saves(self, state: SampledState, saves: Sequence[Save]) -> None:
        """Take the estimates of each sampled column; collective over the row groups."""
        expectations = [save for save in saves if isinstance(save, SaveExpectationValue)]
        self._add_expectations(state, expectations)
        for save in saves:
            if not isinstance(save, SaveExpectationValue):
                self._add_others(state, save)

    def _add_expectations(self, state: SampledState, saves: list[SaveExpectationValue]) -> None:
        masks = [pauli_masks(save.qubits, text) for save in saves for text, _ in save.paulis]
        if not masks:
            return
        x_masks, z_masks = zip(*masks, strict=True)
        values = state.pauli_values(x_masks, z_masks)
        first = 0
        for save in saves:
            coefficients = np.array([coefficient for _, coefficient in save.paulis])
            mine = values[:, first : first + len(coefficients)] @ coefficients
            self.saved[save.key].add_columns(mine, state.tail)
            first += len(coefficients)

    def _add_others(self, state: SampledState, save: Save) -> None:
        estimate = self.saved[save.key]
        values = (_value(state, number, save) for number in range(state.rank()))
        estimate.add_columns((value for value in values if value is not None), state.tail)

    def add_measured(self, state: SampledState, qubits: list[int]) -> None:
        """Take the probabilities of the final state, and <Z> of the measured qubits."""
        self.z_values.add_columns(state.z_values(qubits), state.tail)
        self.probabilities += state.tail * state.probabilities()

    def merge(self, other: Tally) -> None:
        """Take over what another batch has."""
        for key, estimate in other.saved.items():
            self.saved[key].merge(estimate)
        self.z_values.merge(other.z_values)
        self.probabilities += other.probabilities

    def largest_error(self, comm: GridCommunicator) -> float | None:
        """The largest standard error of a saved value or <Z>; None if there is none.

        On the driver; elsewhere not to be looked at. Collective.
        """
        errors = []
        for estimate in (*self.saved.values(), self.z_values):
            whole = estimate.summed(comm)
            if comm.is_driver and whole.number and whole.total.size:
                errors.append(float(whole.standard_error.max()))
        return max(errors, default=None)


def _value(state: SampledState, number: int, save: Save) -> Any:
    """The saved quantity of one column alone, on row group 0; elsewhere not to be looked at."""
    column, factor = state.column(number)
    value = save_value(column, save, normalised=False)
    return None if value is None else factor * value
