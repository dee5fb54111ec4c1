"""Estimates with standard errors, from the sampled columns of independent batches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist.circuits.saves import Save, SaveDensityMatrix, SaveExpectationValue, saved_shape
from lret_dist.results.saving import pauli_masks, save_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import Program
    from lret_dist.sampled.sampled_state import SampledState

__all__ = ["Tally"]


class Tally:
    """What the batches of a run add up to.

    All estimated numbers lie in one vector: those of each saved quantity, complex ones as pairs,
    then <Z> of the measured qubits. The sampled columns give independent estimates of each.

    Attributes:
        number: sampled columns that were taken.
        total: sum of the estimates that they give.
        squares: sum of their squares.
        exact: what the exact columns add to each, the same for all.
        probabilities: sum over the sampled columns of the weight of each row held here.
    """

    def __init__(self, program: Program, rows: int) -> None:
        """An empty tally for what a program saves and measures, on so many rows."""
        self._places: dict[str, slice] = {}
        stop = 0
        expectations = [s for s in program.saves if isinstance(s, SaveExpectationValue)]
        others = [s for s in program.saves if not isinstance(s, SaveExpectationValue)]
        for save in (*expectations, *others):
            start, stop = stop, stop + _numbers(save)
            self._places[save.key] = slice(start, stop)
        self._saves = program.saves
        self._measured = slice(stop, stop + len(program.final_measures))
        self.number = 0
        self.total, self.squares, self.exact = np.zeros((3, self._measured.stop))
        self.probabilities = np.zeros(rows)

    def add_saves(self, state: SampledState, saves: Sequence[Save]) -> None:
        """Take the estimates of each sampled column; collective over the row groups."""
        expectations = [save for save in saves if isinstance(save, SaveExpectationValue)]
        if expectations:
            self._add_expectations(state, expectations)
        for save in saves:
            if not isinstance(save, SaveExpectationValue):
                columns = (_value(state, number, save) for number in range(state.rank()))
                values = (value for value in columns if value is not None)
                self._add(state, self._places[save.key], values)

    def _add_expectations(self, state: SampledState, saves: list[SaveExpectationValue]) -> None:
        masks = [pauli_masks(save.qubits, text) for save in saves for text, _ in save.paulis]
        coefficients = [coefficient for save in saves for _, coefficient in save.paulis]
        x_masks, z_masks = zip(*masks, strict=True)
        terms = state.pauli_values(x_masks, z_masks) * np.array(coefficients)
        starts = np.cumsum([0, *(len(save.paulis) for save in saves[:-1])])
        # Those that are saved at one point of a program lie side by side.
        first, last = self._places[saves[0].key], self._places[saves[-1].key]
        self._add(state, slice(first.start, last.stop), np.add.reduceat(terms, starts, axis=1))

    def add_measured(self, state: SampledState, qubits: list[int]) -> None:
        """Take the probabilities of the final state, and <Z> of the measured qubits."""
        self._add(state, self._measured, state.z_values(qubits))
        self.probabilities += state.tail * state.probabilities()

    def _add(
        self, state: SampledState, place: slice, values: Iterable[NDArray[np.float64]]
    ) -> None:
        """Take the values of all columns of a batch, the sampled ones first."""
        self.number = state.tail
        for number, value in enumerate(values):
            if number >= state.tail:
                self.exact[place] += value
            else:
                self.total[place] += value
                self.squares[place] += value**2

    def merge(self, other: Tally) -> None:
        """Take over what another batch has."""
        self.number += other.number
        self.total += other.total
        self.squares += other.squares
        self.exact = other.exact
        self.probabilities += other.probabilities

    def collect(self, comm: GridCommunicator) -> None:
        """Bring what all column groups have to column group 0; collective."""
        numbers = np.array([float(self.number)])
        for array in (numbers, self.total, self.squares):
            comm.sum_columns_on_driver(array)
        comm.sum_over_columns(self.probabilities)
        self.number = int(numbers[0])
        if comm.column or not comm.is_driver:
            self.number = 0
            for array in (self.total, self.squares):
                array[:] = 0
        if comm.column:
            self.probabilities[:] = 0

    def numbers(self) -> dict[str, NDArray[np.float64]]:
        """All but the probabilities, by name."""
        number = np.array([float(self.number)])
        return {"number": number, "total": self.total, "squares": self.squares, "exact": self.exact}

    def set_numbers(self, numbers: dict[str, NDArray[np.float64]]) -> None:
        """Take over what :meth:`numbers` gave."""
        self.number = int(numbers["number"][0])
        self.total, self.squares = numbers["total"], numbers["squares"]
        self.exact = numbers["exact"]

    def estimates(self, comm: GridCommunicator) -> Estimates:
        """What all column groups know, on the driver; elsewhere not to be looked at. Collective."""
        number = np.array([float(self.number)])
        total, squares = self.total.copy(), self.squares.copy()
        for array in (number, total, squares):
            comm.sum_columns_on_driver(array)
        count = max(1.0, number[0])
        means = total / count
        variances = np.clip(squares / count - means**2, 0, None) / max(1.0, count - 1)
        return Estimates(self._saves, self._places, self.exact + means, variances, bool(number[0]))


@dataclass(frozen=True)
class Estimates:
    """Estimated numbers, and the variances of these estimates, laid out as in a tally."""

    saves: list[Save]
    places: dict[str, slice]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]
    known: bool

    def largest_error(self) -> float | None:
        """The largest standard error of a saved value or <Z>; None if there is none."""
        if not self.known or not self.means.size:
            return None
        errors = [float(np.max(self._error(save))) for save in self.saves]
        measured = max((place.stop for place in self.places.values()), default=0)
        errors += [math.sqrt(variance) for variance in self.variances[measured:]]
        return max(errors)

    def saved(self) -> dict[str, tuple[Any, Any]]:
        """The saved values and their standard errors, by key."""
        found = {}
        for save in self.saves:
            means = self.means[self.places[save.key]]
            if isinstance(save, SaveDensityMatrix):
                means = means.view(np.complex128)
            mean, error = means.reshape(saved_shape(save)), self._error(save)
            found[save.key] = (mean, error) if mean.ndim else (float(mean), float(error))
        return found

    def _error(self, save: Save) -> NDArray[np.float64]:
        variances = self.variances[self.places[save.key]]
        if isinstance(save, SaveDensityMatrix):
            variances = variances.reshape(-1, 2).sum(axis=1)
        return np.asarray(np.sqrt(variances).reshape(saved_shape(save)))


def _numbers(save: Save) -> int:
    """Real numbers of a saved quantity."""
    return math.prod(saved_shape(save)) * (2 if isinstance(save, SaveDensityMatrix) else 1)


def _value(state: SampledState, number: int, save: Save) -> NDArray[np.float64] | None:
    """The saved quantity of one column alone, on row group 0; elsewhere not to be looked at."""
    column, factor = state.column(number)
    value = save_value(column, save, normalised=False)
    return None if value is None else (factor * value).reshape(-1).view(np.float64)
