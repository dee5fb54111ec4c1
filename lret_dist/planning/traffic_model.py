"""How many bytes and messages a certified run sends, from its program, its grid and its course.

Everything here mirrors one transfer of the modules that talk, in the units of
:mod:`lret_dist.grid.traffic`: the sum over all MPI ranks of what each of them counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lret_dist.circuits.saves import (
    SaveAmplitudesSquared,
    SaveDensityMatrix,
    SaveExpectationValue,
    SaveFactor,
    SaveProbabilities,
    SaveStateVector,
    SaveVariance,
)
from lret_dist.density.density_state import most_pass_qubits, passes
from lret_dist.factors.branching import NUM_BINS
from lret_dist.grid.communicator import BUFFER_BYTES
from lret_dist.grid.layout import Layout, plan_distribution
from lret_dist.grid.schedule import Access, windows
from lret_dist.grid.traffic import Purpose, Traffic
from lret_dist.programs.program import ChannelStep, ExchangeStep, SaveStep, UnitaryStep
from lret_dist.results.saving import pauli_masks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lret_dist.circuits.saves import Save
    from lret_dist.grid.process_grid import ProcessGrid
    from lret_dist.planning.course import Compression, Course
    from lret_dist.programs.program import Program, Step

__all__ = ["DenseExchanges", "dense_exchanges", "modelled_traffic"]

_REAL = 8
#: Bytes of the driver's word on a channel step, and on whether to go on.
_DECISION, _FLAG = 64, 8


@dataclass(frozen=True)
class DenseExchanges:
    """The exchanges of a density matrix on its way through the rest of a program.

    Attributes:
        at_start: bits swapped with distributed ones when it takes over, exchange by exchange.
        bits: the same for the steps.
        passes: passes of the steps.
        layout: bits of the matrix afterwards.
    """

    at_start: list[int]
    bits: list[int]
    passes: int
    layout: Layout


def dense_exchanges(program: Program, number: int, row_bits: int) -> DenseExchanges:
    """The exchanges of a density matrix that takes over before step ``number``."""
    layout = Layout(2 * program.num_qubits, row_bits)
    steps = [s for s in program.steps[number:] if isinstance(s, UnitaryStep | ChannelStep)]
    qubits = [part.qubits for step in steps for part in step.narrow]
    ordered: list[tuple[int, ...]] = [(qubit,) for qubit in range(program.num_qubits)]
    at_start, _ = _transfer(layout, ordered if number else [])
    bits, count = _transfer(layout, qubits)
    return DenseExchanges(at_start, bits, count, layout)


def _transfer(layout: Layout, qubits: list[tuple[int, ...]]) -> tuple[list[int], int]:
    """Swapped bits of each exchange for transfer matrices on these qubits, and their passes."""
    masks = [sum(3 << 2 * qubit for qubit in part) for part in qubits]
    row_bits = layout.num_qubits - layout.local_bits
    away = sum(1 << layout.qubit(bit) for bit in range(layout.local_bits, layout.num_qubits))
    accesses = [Access(mask, mask, 0) for mask in masks]
    most = most_pass_qubits(layout)
    swapped, number = [], 0
    for window in windows(accesses, layout.num_qubits, row_bits, away):
        wanted = [bit for bit in range(layout.num_qubits) if window.distributed >> bit & 1]
        pairs = plan_distribution(layout, wanted)
        for pair in pairs:
            layout.swap_bits(*pair)
        swapped.append(len(pairs))
        number += len(list(passes([qubits[step] for step in window.steps], most)))
    return swapped, number


def modelled_traffic(
    program: Program,
    course: Course,
    grid: ProcessGrid,
    itemsize: int,
    shots: int,
    exchanges: DenseExchanges | None = None,
) -> Traffic:
    """What all MPI ranks together send.

    Args:
        program: arranged for the grid's row bits.
        course: columns step by step, on as many column groups.
        grid: the process grid.
        itemsize: bytes of an entry of the factor.
        shots: samples drawn at the end.
        exchanges: of the density matrix of this course, where they are known already.
    """
    return _Model(program, grid, itemsize).run(course, shots, exchanges)


class _Model:
    def __init__(self, program: Program, grid: ProcessGrid, itemsize: int) -> None:
        self.program = program
        self.grid = grid
        self.itemsize = itemsize
        self.rows = 1 << program.num_qubits
        self.layout = Layout(program.num_qubits, grid.row_bits)
        self.traffic = Traffic()

    def run(self, course: Course, shots: int, exchanges: DenseExchanges | None) -> Traffic:
        steps = self.program.steps
        if self.program.initial_state is not None:
            self._sum_over_rows("results", self.program.initial_state.shape[1] * _REAL)
        if course.switched_at != 0:
            self._count_columns("results", 1)
        dense = len(steps) if course.switched_at is None else course.switched_at
        for number, step in enumerate(steps[:dense]):
            self._step(step, course.before[number], course.grown[number])
            for compression in course.compressions[number]:
                self._compress(compression)
        self._lend(course.lent)
        if course.switched_at is None:
            self._count_columns("results", 1)
        else:
            columns = course.before[dense] if dense < len(steps) else 1
            known = exchanges or dense_exchanges(self.program, dense, self.grid.row_bits)
            self._density(dense, columns, known)
        self._sum_over_all("results", _REAL)
        if self.program.final_measures and shots:
            self._sample(shots, dense=course.switched_at is not None)
        return self.traffic

    def _step(self, step: Step, columns: int, grown: int) -> None:
        if isinstance(step, ExchangeStep):
            self._exchange(step.qubits, columns)
        elif isinstance(step, UnitaryStep):
            self._broadcast("steps", _FLAG)
        elif isinstance(step, ChannelStep):
            self._channel(step, columns, grown - columns)
        elif isinstance(step, SaveStep):
            self._save(step.save, columns)

    def _channel(self, step: ChannelStep, columns: int, chosen: int) -> None:
        if step.probabilities is None:
            self._sum_over_rows("steps", len(step.kraus) * columns * _REAL)
        self._note("steps", (2 * NUM_BINS + 1) * _REAL, self.grid.columns - 1)
        self._broadcast("steps", _DECISION)
        if chosen > 0:
            self._count_columns("steps", 1, numbers=2)
            self._tell(chosen)
            self._trade_flipped(step, chosen)

    def _tell(self, chosen: int) -> None:
        """Column groups hear which branches of others they are to build."""
        others = self.grid.columns - 1
        if others:
            size = 3 * _REAL * chosen / self.grid.columns
            self._note("steps", size, min(chosen, others) * self.grid.rows)

    def _lend(self, columns: int) -> None:
        """Columns that others build branches of."""
        size = self.rows // self.grid.rows * self.itemsize
        parts = max(columns, columns * size // BUFFER_BYTES)
        if parts:
            self._note("steps", columns * size / parts, self.grid.rows * parts)

    def _trade_flipped(self, step: ChannelStep, chosen: int) -> None:
        """Branches that change row groups, in the proportion of the operators' weights."""
        spread = [not self.layout.is_local(qubit) for qubit in step.qubits]
        if not any(spread):
            return
        flipped = ((step.flips ^ step.flips[0]) == 1)[:, spread].any(axis=1)
        weights = step.mean_weights
        part = float(weights[1:][flipped[1:]].sum() / max(weights[1:].sum(), 1e-300))
        if part > 0:
            number = self.grid.size * int(flipped[1:].sum())
            self._note("steps", part * chosen * self.rows * self.itemsize / number, number)

    def _exchange(self, qubits: Iterable[int], columns: int) -> None:
        pairs = plan_distribution(self.layout, qubits)
        for pair in pairs:
            self.layout.swap_bits(*pair)
        self._swap("exchange", len(pairs), self.rows, columns, self.itemsize)

    def _swap(self, purpose: Purpose, bits: int, rows: int, columns: int, size: int) -> None:
        """Rows that change places when bits are swapped, on all MPI ranks that hold columns."""
        if bits == 0 or columns == 0:
            return
        holders = min(self.grid.columns, columns)
        traded = rows // self.grid.rows >> bits
        most = max(1, BUFFER_BYTES // (-(-columns // holders) * size))
        parcels = self.grid.rows * holders * ((1 << bits) - 1) * -(-traded // most)
        moved = (rows - (rows >> bits)) * columns * size
        self._note(purpose, moved / parcels, parcels)

    def _compress(self, compression: Compression) -> None:
        before, after = compression.before, compression.after
        p, pr, pc = self.grid.size, self.grid.rows, self.grid.columns
        self._count_columns("compression", 3)
        for _ in range(2):
            self._sum_over_columns("compression", _REAL)
        size = min(before, self.rows)
        self._large("compression", size * size * self.itemsize, p - 1)
        self._broadcast("compression", _REAL)
        self._large("compression", size * after * 16, p - 1)
        self._large("compression", after * _REAL, p - 1)
        self._sum_over_rows("compression", after * _REAL)
        block = self.rows * self.itemsize
        if before > self.rows:
            self._note("compression", block * before / pr / pc, (pr - 1) * pc)
        elif pc > 1:
            tiles = -(-block * before // (BUFFER_BYTES * p))
            traded = p * (pc - 1) * tiles
            for columns in (before, after):
                self._note("compression", block * columns / (p * pc * tiles), traded)

    def _density(self, number: int, columns: int, exchanges: DenseExchanges) -> None:
        """The run of the density matrix from a step on."""
        real, entries = self.itemsize // 2, self.rows**2
        if number or self.program.initial_state is not None:
            everywhere = self.grid.rows * (self.grid.rows - 1) * self.grid.columns
            block = self.rows * self.itemsize * columns
            self._note("results", block / self.grid.size, everywhere)
            self._sum_over_columns("results", entries * real // self.grid.rows)
        for bits in (*exchanges.at_start, *exchanges.bits):
            self._swap("exchange", bits, entries, 1, real)
        for _ in range(1 + exchanges.passes):
            self._broadcast("steps", _FLAG)
        self.layout = exchanges.layout
        for step in self.program.steps[number:]:
            if isinstance(step, SaveStep):
                self._save_dense(step.save)

    def _save_dense(self, save: Save) -> None:
        width = len(save.qubits)
        match save:
            case SaveFactor(distributed=True):
                self._large("results", _REAL << 2 * width, self.grid.size - 1)
                self._large("results", 16 << 2 * width, self.grid.size - 1)
            case SaveDensityMatrix() | SaveStateVector() | SaveFactor():
                self._large("results", _REAL << 2 * width, self.grid.size - 1)
            case SaveProbabilities() | SaveAmplitudesSquared():
                self._sum_over_all("results", _REAL << width)
            case _:
                for _ in range(len(_strings(save)) + 1):
                    self._sum_over_all("results", _REAL)

    def _save(self, save: Save, columns: int) -> None:
        block = self.rows * self.itemsize * columns
        groups = (self.grid.rows - 1) * self.grid.columns
        match save:
            case SaveFactor(distributed=True):
                self._sum_over_all("results", _REAL)
            case SaveDensityMatrix():
                self._note("results", block / self.grid.size, groups)
                self._note("results", 16 << 2 * len(save.qubits), self.grid.columns - 1)
            case SaveProbabilities() | SaveAmplitudesSquared():
                self._probabilities()
                self._note("results", self.rows * _REAL / self.grid.rows, groups)
            case SaveStateVector() | SaveFactor():
                self._note("results", block / self.grid.size, groups)
                self._note("results", 16 * self.rows * columns, self.grid.columns - 1)
            case _:
                self._save_strings(save, block)

    def _save_strings(self, save: SaveExpectationValue | SaveVariance, block: int) -> None:
        for text in _strings(save):
            x_mask, _ = pauli_masks(save.qubits, text)
            if any(x_mask >> q & 1 for q in self._spread_qubits()):
                self._note("results", block / self.grid.size, self.grid.size)
            self._sum_over_all("results", 16)
            self._sum_over_all("results", _REAL)

    def _sample(self, shots: int, *, dense: bool) -> None:
        if dense:
            self._sum_over_all("results", self.rows * _REAL)
        else:
            self._probabilities()
        self._sum_over_rows("results", self.grid.rows * _REAL * self.grid.columns)
        self._broadcast("results", shots * _REAL)
        self._sum_over_rows("results", shots * _REAL * self.grid.columns)

    def _probabilities(self) -> None:
        self._sum_over_columns("results", self.rows // self.grid.rows * _REAL)
        layout = self.layout.copy()
        for qubit in range(layout.local_bits, layout.num_qubits):
            bit = layout.bit(qubit)
            route = [(bit, layout.local_bits - 1)] if bit >= layout.local_bits else []
            for pair in [*route, (qubit, layout.local_bits - 1 if route else bit)]:
                if bit != qubit:
                    layout.swap_bits(*pair)
                    self._swap("results", 1, self.rows, self.grid.columns, _REAL)

    def _spread_qubits(self) -> list[int]:
        layout = self.layout
        return [layout.qubit(bit) for bit in range(layout.local_bits, layout.num_qubits)]

    def _count_columns(self, purpose: Purpose, times: int, numbers: int = 1) -> None:
        """All column groups hear how many columns the others have."""
        self._note(purpose, numbers * _REAL, times * self.grid.size * (self.grid.columns - 1))

    def _sum_over_rows(self, purpose: Purpose, size: float) -> None:
        """Arrays of ``size`` bytes in all column groups together, to row group 0 and back."""
        if size:
            number = 2 * (self.grid.rows - 1) * self.grid.columns
            self._note(purpose, size / self.grid.columns, number)

    def _sum_over_columns(self, purpose: Purpose, size: int) -> None:
        """An array of ``size`` bytes in each row group, to column group 0 and back."""
        self._large(purpose, size, 2 * (self.grid.columns - 1) * self.grid.rows)

    def _sum_over_all(self, purpose: Purpose, size: int) -> None:
        self._large(purpose, size, 2 * (self.grid.size - 1))

    def _broadcast(self, purpose: Purpose, size: int) -> None:
        self._note(purpose, size, self.grid.size - 1)

    def _large(self, purpose: Purpose, size: int, receivers: int) -> None:
        """An array that travels in chunks."""
        chunks = max(1, -(-size // BUFFER_BYTES))
        self._note(purpose, size / chunks, chunks * receivers)

    def _note(self, purpose: Purpose, size: float, messages: int) -> None:
        """So many messages of ``size`` bytes each."""
        self.traffic.bytes[purpose] += round(size * messages)
        self.traffic.messages[purpose] += messages


def _strings(save: SaveExpectationValue | SaveVariance) -> list[str]:
    """The Pauli strings whose expectation values a save needs."""
    square = save.square if isinstance(save, SaveVariance) else ()
    return [text for text, _ in (*save.paulis, *square)]
