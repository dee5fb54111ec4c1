"""Sampled runs: independent batches, dealt out to the column groups, until the error is small."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.errors import CancelledError
from lret_dist.estimates import Tally
from lret_dist.evolution import BATCH, Evolution, sample_final
from lret_dist.records import Outcome, RunSettings
from lret_dist.sampling import generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from lret_dist.communicator import GridCommunicator
    from lret_dist.program import Program

__all__ = ["run_batches"]


def run_batches(
    program: Program,
    settings: RunSettings,
    comm: GridCommunicator,
    cancelled: Callable[[], bool],
) -> Outcome:
    """Run a program in batches of sampled columns; collective over the process grid.

    Batch b runs on column group b modulo their number. The number of batches, and all random
    numbers, are the same on every grid.

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
        self.tally = Tally.for_program(program, rows)
        width = -(-program.num_clbits // 8)
        self.outcome = Outcome(np.zeros((settings.shots, width), np.uint8))

    def run(self) -> Outcome:
        done, wanted = 0, self.sampling.batches
        while done < wanted:
            stopped = False
            try:
                for batch in range(done + self.comm.column, wanted, self.comm.grid.columns):
                    self._run_batch(batch, wanted)
            except CancelledError:
                stopped = True
            done, wanted = wanted, self._next_round(wanted, stopped=stopped)
        self._finish(done)
        return self.outcome

    def _run_batch(self, batch: int, batches: int) -> None:
        settings = self.settings
        if self.program.has_mid_measurements:
            mine = self._shots(batch, batches)
            seed = int(generator(settings.seed, BATCH, batch).integers(2**63))
            settings = replace(settings, shots=mine.stop - mine.start, seed=seed)
        else:
            settings = replace(settings, shots=0)
        run = Evolution(
            self.program, settings, self.group, self._cancelled, batch=batch, tally=self.tally
        )
        part = run.run()
        if settings.shots:
            self.outcome.samples[self._shots(batch, batches)] = part.samples
        self.outcome.final_rank = max(self.outcome.final_rank, part.final_rank)
        self.outcome.max_rank = max(self.outcome.max_rank, part.max_rank)
        self.outcome.num_truncations += part.num_truncations
        if batch == self.comm.column:
            self.outcome.history = part.history

    def _shots(self, batch: int, batches: int) -> slice:
        """The shots of one batch, of a program that is sampled on its way."""
        shots = self.settings.shots
        return slice(shots * batch // batches, shots * (batch + 1) // batches)

    def _next_round(self, done: int, *, stopped: bool) -> int:
        """How many batches to run in all, by the driver's word."""
        error = self.tally.largest_error(self.comm)
        words = np.array([float(done), float(stopped)])
        if self.comm.is_driver and self.sampling.target is not None:
            wanted = int(np.ceil(done * (error / self.sampling.target) ** 2))
            if wanted > done < self.sampling.batches + 1:
                words[0] = min(max(wanted, done), max(done, self.sampling.most_batches))
        self.comm.broadcast(words)
        if words[1]:
            raise CancelledError("the run was cancelled")
        return int(words[0])

    def _finish(self, batches: int) -> None:
        outcome, comm = self.outcome, self.comm
        outcome.sampled_columns = batches * self.sampling.columns
        for key, estimate in self.tally.saved.items():
            whole = estimate.summed(comm)
            if comm.is_driver:
                mean, error = whole.mean, whole.standard_error
                outcome.data[key] = mean if mean.ndim else float(mean)
                outcome.standard_errors[key] = error if error.ndim else float(error)
        outcome.standard_error = self.tally.largest_error(comm)
        if self.program.has_mid_measurements:
            if comm.grid.columns > 1:
                comm.sum_columns_on_driver(outcome.samples)
        elif self.program.final_measures and self.settings.shots:
            comm.sum_over_columns(self.tally.probabilities)
            weights = self.tally.probabilities
            sample_final(self.program, self.settings.seed, (), comm, weights, outcome.samples)
