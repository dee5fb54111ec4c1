"""Sampled runs: independent batches, dealt out to the column groups, until the error is small."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lret_dist import _core
from lret_dist.errors import CancelledError
from lret_dist.estimates import Tally
from lret_dist.evolution import BATCH, Evolution, sample_final
from lret_dist.records import Outcome, RunSettings
from lret_dist.sampling import generator
from lret_dist.threads import one_kernel_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lret_dist.communicator import GridCommunicator
    from lret_dist.program import Program

__all__ = ["MOST_GROWTH", "run_batches"]

#: Standard error, in units of the one aimed at, that calls for no further batches.
_CLOSE_ENOUGH = 1.1
#: Most batches of the next round, in units of those that there are: the spread of few columns says
#: only roughly how many will be needed.
MOST_GROWTH = 8


def run_batches(
    program: Program,
    settings: RunSettings,
    comm: GridCommunicator,
    cancelled: Callable[[], bool],
) -> Outcome | None:
    """Run a program in batches of sampled columns; collective over the process grid.

    Batch b runs on column group b modulo their number. The number of batches, and all random
    numbers, are the same on every grid. Returns None where more batches would be needed than the
    settings call worth it.

    Raises:
        CancelledError: on every MPI rank, when the driver was asked to stop.
    """
    group = comm.column_group()
    try:
        return _Batches(program, settings, comm, group, cancelled).run()
    finally:
        group.free()


class _Batches:
    def __init__(
        self,
        program: Program,
        settings: RunSettings,
        comm: GridCommunicator,
        group: GridCommunicator,
        cancelled: Callable[[], bool],
    ) -> None:
        assert settings.sampling is not None
        self.program = program
        self.settings = settings
        self.sampling = settings.sampling
        self.comm = comm
        self.group = group
        self._cancelled = cancelled
        rows = (1 << program.num_qubits) // comm.grid.rows
        self.tally = Tally(program, rows if program.final_measures else 0)
        sampling = settings.sampling
        blind = program.has_mid_measurements
        self._first_batches = sampling.blind_batches if blind else sampling.batches
        width = -(-program.num_clbits // 8)
        self.outcome = Outcome(np.zeros((settings.shots, width), np.uint8))

    def run(self) -> Outcome | None:
        done, wanted = 0, self._first_batches
        while done < wanted <= self.sampling.worth:
            mine = range(done + self.comm.column, wanted, self.comm.grid.columns)
            stopped = False
            try:
                for part in self._run_several(mine, wanted):
                    self._take(*part)
            except CancelledError:
                stopped = True
            done, wanted = wanted, self._next_round(wanted, stopped=stopped)
        if wanted > self.sampling.worth:
            return None
        self._finish(done)
        return self.outcome

    def _run_several(self, numbers: range, batches: int) -> Iterator[tuple[int, Outcome, Tally]]:
        """Run batches, several at a time on a thread each where their columns fit in memory."""
        threads = min(_core.get_num_threads(), len(numbers), self.sampling.batches_in_memory)
        if threads <= 1 or self.comm.grid.rows > 1:
            for number in numbers:
                yield self._run_batch(number, batches)
            return
        with one_kernel_thread(), ThreadPoolExecutor(threads, "lret-batch") as pool:
            yield from pool.map(lambda number: self._run_batch(number, batches), numbers)

    def _run_batch(self, batch: int, batches: int) -> tuple[int, Outcome, Tally]:
        settings = replace(self.settings, shots=0)
        if self.program.has_mid_measurements:
            mine = self._shots(batch, batches)
            seed = int(generator(settings.seed, BATCH, batch).integers(2**63))
            settings = replace(settings, shots=mine.stop - mine.start, seed=seed)
        tally = Tally(self.program, len(self.tally.probabilities))
        run = Evolution(
            self.program, settings, self.group, self._cancelled, batch=batch, tally=tally
        )
        return batch, run.run(), tally

    def _take(self, batch: int, part: Outcome, tally: Tally) -> None:
        outcome = self.outcome
        self.tally.merge(tally)
        if len(part.samples):
            outcome.samples[self._shots(batch, self._first_batches)] = part.samples
        outcome.final_rank = max(outcome.final_rank, part.final_rank)
        outcome.max_rank = max(outcome.max_rank, part.max_rank)
        if batch == self.comm.column:
            outcome.history = part.history

    def _shots(self, batch: int, batches: int) -> slice:
        """The shots of one batch, of a program that is sampled on its way."""
        shots = self.settings.shots
        return slice(shots * batch // batches, shots * (batch + 1) // batches)

    def _next_round(self, done: int, *, stopped: bool) -> int:
        """How many batches to run in all, by the driver's word."""
        error = self.tally.estimates(self.comm).largest_error()
        words = np.array([float(done), float(stopped)])
        if self.comm.is_driver and self.sampling.target is not None and error is not None:
            ratio = error / self.sampling.target
            if ratio > _CLOSE_ENOUGH:
                needed = max(done, min(np.ceil(done * ratio**2), self.sampling.most_batches))
                worth = needed <= self.sampling.worth
                words[0] = min(needed, MOST_GROWTH * done) if worth else needed
        self.comm.broadcast(words)
        if words[1]:
            raise CancelledError("the run was cancelled")
        return int(words[0])

    def _finish(self, batches: int) -> None:
        outcome, comm = self.outcome, self.comm
        outcome.sampled_columns = batches * self.sampling.columns
        estimates = self.tally.estimates(comm)
        if comm.is_driver:
            for key, (value, error) in estimates.saved().items():
                outcome.data[key], outcome.standard_errors[key] = value, error
        outcome.standard_error = estimates.largest_error()
        if self.program.has_mid_measurements:
            if comm.grid.columns > 1:
                comm.sum_columns_on_driver(outcome.samples)
        elif self.program.final_measures and self.settings.shots:
            comm.sum_over_columns(self.tally.probabilities)
            weights = self.tally.probabilities
            sample_final(self.program, self.settings.seed, (), comm, weights, outcome.samples)
