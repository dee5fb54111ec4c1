"""Sampled runs: independent batches, dealt out to the column groups, until the error is small."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lret_dist import _core
from lret_dist.checkpoints.writer import Matrix
from lret_dist.errors import CancelledError
from lret_dist.machines.parallel_map import parallel_map
from lret_dist.machines.threads import one_kernel_thread
from lret_dist.numerics.sampling import Purpose, random_key
from lret_dist.planning.sampled_model import MOST_GROWTH
from lret_dist.records.run_records import History, Outcome, RunSettings
from lret_dist.records.shots import Shots
from lret_dist.runs.evolution import Evolution, sample_final
from lret_dist.runs.orders import Order, Orders
from lret_dist.runs.progress import SILENT, Meter, Progress
from lret_dist.sampled.estimates import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from numpy.typing import NDArray

    from lret_dist.checkpoints.reader import Checkpoint
    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.programs.program import Program
    from lret_dist.runs.run_saver import RunSaver

__all__ = ["run_batches"]

#: Standard error, in units of the one aimed at, that calls for no further batches.
_CLOSE_ENOUGH = 1.1
#: Batches of a column group before the driver is first asked for orders.
_BATCHES_AT_ONCE = 8
#: Seconds of batches after which the driver is asked for orders, roughly.
_SECONDS_BETWEEN_ORDERS = 0.2


def run_batches(
    program: Program,
    settings: RunSettings,
    comm: GridCommunicator,
    orders: Orders,
    saver: RunSaver | None = None,
) -> Outcome | None:
    """Run a program in batches of sampled columns; collective over the process grid.

    Batch b runs on column group b modulo their number. The number of batches, and all random
    numbers, are the same on every grid. Returns None where more batches would be needed than the
    settings call worth it.

    Raises:
        CancelledError: on every MPI rank, when the driver was asked to stop.
        StoppedError: on every MPI rank, when it was to stop and the run has been saved.
        CheckpointError: on every MPI rank, when it could not be saved, or no checkpoint be read.
    """
    group = comm.column_group()
    try:
        return _Batches(program, settings, comm, group, orders, saver).run()
    finally:
        group.free()


class _OnlyCancellation(Orders):
    """The orders of a batch, which cannot be saved."""

    def __init__(self, orders: Orders, meter: Meter) -> None:
        self._orders = orders
        self.meter = meter

    def __call__(self) -> Order:
        order = self._orders()
        return order if order == Order.CANCEL else Order.GO_ON


class _Batches:
    def __init__(
        self,
        program: Program,
        settings: RunSettings,
        comm: GridCommunicator,
        group: GridCommunicator,
        orders: Orders,
        saver: RunSaver | None,
    ) -> None:
        assert settings.sampling is not None
        self.program = program
        self.settings = settings
        self.sampling = settings.sampling
        self.comm = comm
        self.group = group
        self._orders = orders
        self._saver = saver
        self._cancelled = False
        #: Batches done by all column groups and wanted, and how far those under way here are.
        self._done, self._wanted = 0, 0
        self._under_way: dict[int, Progress] = {}
        self._noting = threading.Lock()
        rows = (1 << program.num_qubits) // comm.grid.rows
        self.tally = Tally(program, rows if program.final_measures else 0)
        sampling = settings.sampling
        blind = program.has_histories
        self._first_batches = sampling.blind_batches if blind else sampling.batches
        self.outcome = Outcome(Shots.zeros(settings.shots, program.num_memory_bits))

    def run(self) -> Outcome | None:
        done, wanted = self._saved() or (0, self._first_batches)
        # Without checkpoints there is nothing to ask the driver for before the round ends.
        at_once = _BATCHES_AT_ONCE * self.comm.grid.columns if self._saver else wanted
        while wanted <= self.sampling.worth:
            while done < wanted:
                started = time.monotonic()
                self._done, self._wanted = done, wanted
                stop = min(wanted, done + at_once) if self._saver else wanted
                self._run_part(range(done + self.comm.column, stop, self.comm.grid.columns), wanted)
                at_once *= self._obey(time.monotonic() - started, stop, wanted)
                done = stop
            following = self._next_round(done)
            if following == done:
                self._finish(done)
                return self.outcome
            wanted = following
        return None

    def _run_part(self, numbers: range, batches: int) -> None:
        """Run batches of this column group; a cancellation shows afterwards."""
        self._under_way.clear()
        try:
            for part in self._run_several(numbers, batches):
                self._take(*part)
        except CancelledError:
            self._cancelled = True

    def _obey(self, seconds: float, done: int, wanted: int) -> int:
        """Do what the driver wants; how many times more batches to run before it is asked again."""
        words = np.zeros(2)
        if self.comm.is_driver:
            words[:] = Order.CANCEL if self._cancelled else self._orders(), seconds
        self.comm.broadcast(words)
        order = Order(int(words[0]))
        if order == Order.CANCEL:
            raise CancelledError("the run was cancelled")
        if order in (Order.SAVE, Order.SAVE_AND_STOP):
            assert self._saver is not None
            path = self._save(self._saver, done, wanted)
            if order == Order.SAVE_AND_STOP:
                raise self._orders.stopped(f"{done} batches of sampled columns", path)
        return 2 if words[1] < _SECONDS_BETWEEN_ORDERS else 1

    def _save(self, saver: RunSaver, done: int, wanted: int) -> FilePath:
        """Write what all column groups know; afterwards column group 0 holds all of it."""
        self.tally.collect(self.comm)
        samples = self.outcome.shots.rows
        self.comm.sum_columns_on_driver(samples)
        if not self.comm.is_driver:
            samples[:] = 0
        history = self.outcome.history.to_dict()
        ranks = [self.outcome.final_rank, self.outcome.max_rank]
        header = {"done": done, "wanted": wanted, "ranks": ranks, "history": history}
        arrays: dict[str, NDArray[Any]] = {"samples": samples, **self.tally.numbers()}
        block = self.tally.probabilities[:, np.newaxis]
        rows = Matrix(block if self.comm.column == 0 else block[:0])
        return saver.write(header, arrays, {"probabilities": rows} if block.size else {})

    def _saved(self) -> tuple[int, int] | None:
        """Batches done and wanted, and all that is known, from a checkpoint; None without one."""
        if self._saver is None:
            return None
        found = self._saver.read(self._load)
        self.settings = replace(self.settings, seed=self._saver.seed)
        return found

    def _load(self, checkpoint: Checkpoint) -> tuple[int, int]:
        header, arrays = checkpoint.header, checkpoint.read_arrays()
        self.outcome.final_rank, self.outcome.max_rank = header["ranks"]
        self.outcome.history = History(**header["history"])
        if arrays:
            self.outcome.shots.rows = arrays.pop("samples")
            self.tally.set_numbers(arrays)
        if len(self.tally.probabilities):
            mine = self.tally.probabilities[:, np.newaxis]
            into = mine if self.comm.column == 0 else mine[:0]
            checkpoint.read_matrix("probabilities", into, range(1))
        return header["done"], header["wanted"]

    def _run_several(self, numbers: range, batches: int) -> Iterator[tuple[int, Outcome, Tally]]:
        """Run batches, several at a time on a thread each where their columns fit in memory."""
        threads = min(_core.get_num_threads(), len(numbers), self.sampling.batches_in_memory)
        if threads <= 1 or self.comm.grid.rows > 1:
            for number in numbers:
                yield self._run_batch(number, batches)
            return
        with one_kernel_thread():
            run = partial(self._run_batch, batches=batches)
            yield from parallel_map(run, numbers, threads)

    def _run_batch(self, batch: int, batches: int) -> tuple[int, Outcome, Tally]:
        settings = replace(self.settings, shots=0)
        if self.program.has_histories:
            mine = self._shots(batch, batches)
            seed = random_key(settings.seed, Purpose.BATCH, batch) >> 1
            settings = replace(settings, shots=mine.stop - mine.start, seed=seed)
        tally = Tally(self.program, len(self.tally.probabilities))
        heard = self._orders.meter.is_heard()
        meter = Meter(partial(self._report, batch)) if heard else SILENT
        run = Evolution(
            self.program,
            settings,
            self.group,
            _OnlyCancellation(self._orders if self._saver is None else Orders(), meter),
            batch=batch,
            tally=tally,
        )
        return batch, run.run(), tally

    def _report(self, batch: int, progress: Progress) -> None:
        """Note how far a batch is, and with it the run; others do as much meanwhile."""
        self._under_way[batch] = progress
        # Batches are on threads of their own: while one of them notes, the others go on.
        if not self._orders.meter.is_due() or not self._noting.acquire(blocking=False):
            return
        try:
            self._note(progress)
        finally:
            self._noting.release()

    def _note(self, progress: Progress) -> None:
        here = sum(each.fraction for each in list(self._under_way.values()))
        done = self._done + here * self.comm.grid.columns
        self._orders.meter.note(
            done / self._wanted,
            steps_done=progress.steps_done,
            steps=progress.steps,
            rank=max(progress.rank, self.outcome.max_rank),
            batches_done=int(done),
            batches=self._wanted,
        )

    def _take(self, batch: int, part: Outcome, tally: Tally) -> None:
        if batch in self._under_way:
            self._under_way[batch] = replace(self._under_way[batch], fraction=1.0)
        outcome = self.outcome
        self.tally.merge(tally)
        if len(part.shots.rows):
            place = self._shots(batch, self._first_batches)
            outcome.shots.rows[place] = part.shots.rows
        outcome.final_rank = max(outcome.final_rank, part.final_rank)
        outcome.max_rank = max(outcome.max_rank, part.max_rank)
        if batch == self.comm.column:
            outcome.history = part.history

    def _shots(self, batch: int, batches: int) -> slice:
        """The shots of one batch, of a program that is sampled on its way."""
        shots = self.settings.shots
        return slice(shots * batch // batches, shots * (batch + 1) // batches)

    def _next_round(self, done: int) -> int:
        """How many batches to run in all, by the driver's word."""
        error = self.tally.estimates(self.comm).largest_error()
        words = np.array([float(done)])
        if self.comm.is_driver and self.sampling.target is not None and error is not None:
            ratio = error / self.sampling.target
            if ratio > _CLOSE_ENOUGH:
                needed = max(done, min(np.ceil(done * ratio**2), self.sampling.most_batches))
                worth = needed <= self.sampling.worth
                words[0] = min(needed, MOST_GROWTH * done) if worth else needed
        self.comm.broadcast(words)
        return int(words[0])

    def _finish(self, batches: int) -> None:
        outcome, comm = self.outcome, self.comm
        outcome.sampled_columns = batches * self.sampling.columns
        estimates = self.tally.estimates(comm)
        if comm.is_driver:
            for key, (value, error) in estimates.saved().items():
                outcome.data[key], outcome.standard_errors[key] = value, error
        outcome.standard_error = estimates.largest_error()
        if self.program.has_histories:
            if comm.grid.columns > 1:
                comm.sum_columns_on_driver(outcome.shots.rows)
        elif self.program.final_measures and self.settings.shots:
            comm.sum_over_columns(self.tally.probabilities)
            weights = self.tally.probabilities
            whole = slice(0, self.settings.shots)
            sample_final(self.program, self.settings.seed, comm, weights, outcome.shots, whole)
