"""Batches of circuits spread over teams of MPI ranks, each with process grids of its own.

The first MPI rank of a team leads it. MPI rank 0 leads the first team and hands out the circuits of
a batch: a leader always has one to run and one in hand, and gets another for every result. MPI rank
0 looks after the others between the steps of its own circuits.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lret_dist.errors import CancelledError, StoppedError
from lret_dist.planning.jobs import check_smallest, make_job
from lret_dist.results.kept_factors import kept_saves
from lret_dist.runs.orders import not_begun
from lret_dist.sessions.crew import (
    COMMAND,
    LONG_PAUSE,
    Crew,
    Grids,
    next_message,
    take_part,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mpi4py import MPI

    from lret_dist.machines.machine import Machine
    from lret_dist.planning.jobs import PreparedRequest
    from lret_dist.results.result import SimulationResult
    from lret_dist.runs.progress import Progress
    from lret_dist.runs.run_handle import Outcomes, RunHandle
    from lret_dist.runs.signals import SignalNotes

__all__ = ["Teams", "choose_teams", "join_teams", "run_in_teams"]

#: Message tags: a circuit for a leader, what came of it, and the wish to stop.
_CIRCUIT, _OUTCOME, _STOP = 4, 5, 6
#: Circuits that a leader has, the one that it runs included.
_IN_HAND = 2
#: Circuits of a batch whose times are predicted.
_PREDICTED = 4


@dataclass(frozen=True)
class Teams:
    """MPI ranks ``size * k`` to ``size * (k + 1) - 1`` are team k.

    Attributes:
        number: number of teams.
        size: MPI ranks of each.
    """

    number: int
    size: int

    def team(self, mpi_rank: int) -> int:
        """The team of an MPI rank; those that are left over make one more, which does nothing."""
        return min(mpi_rank // self.size, self.number)


def choose_teams(batch: Sequence[PreparedRequest], machine: Machine) -> Teams:
    """Teams that are expected to run a batch in the least time; one where that is no gain."""
    best, least = Teams(1, machine.mpi_ranks), math.inf
    if len(batch) == 1 or machine.mpi_ranks == 1:
        return best
    sample = batch[:: math.ceil(len(batch) / _PREDICTED)]
    size = machine.mpi_ranks
    while size:
        number = min(machine.mpi_ranks // size, len(batch))
        team = replace(machine, mpi_ranks=size)
        if all(_fits(prepared, team) for prepared in batch):
            seconds = [_seconds(prepared, team) for prepared in sample]
            whole = sum(seconds) / len(seconds) * math.ceil(len(batch) / number)
            if whole < least:
                best, least = Teams(number, size), whole
        size //= 2
    return best


def _fits(prepared: PreparedRequest, team: Machine) -> bool:
    """Whether a team can run a circuit; what is wrong with it comes out where it is run."""
    try:
        check_smallest(prepared.circuit, prepared.options, prepared.columns, team)
        # A team's process grids, and what is kept on them, end with the batch.
        return not kept_saves(prepared.circuit)
    except Exception:
        return False


def _seconds(prepared: PreparedRequest, team: Machine) -> float:
    """Predicted time on a team, infinite where it does not fit."""
    try:
        prediction = make_job(prepared, team).prediction
    except Exception:
        return math.inf
    budget = team.limited(prepared.options.max_memory_mb).bytes_per_rank
    fits = prediction.memory_bytes <= budget
    return prediction.seconds if fits else math.inf


def run_in_teams(
    batch: Sequence[PreparedRequest],
    teams: Teams,
    comm: MPI.Intracomm,
    crew: Crew,
    handle: RunHandle,
    signals: SignalNotes,
) -> Outcomes | CancelledError:
    """Run a batch, on MPI rank 0; the others are in :func:`join_teams` meanwhile.

    Args:
        batch: the circuits.
        teams: how the MPI ranks are split.
        comm: all of them.
        crew: they, as MPI rank 0 leads them outside of teams.
        handle: says whether the batch is to be cancelled, and takes notes of its progress.
        signals: signals that this process gets.
    """
    team = _team(comm, teams)
    own = Crew(team, crew.threads, replace(crew.machine, mpi_ranks=teams.size), comm)
    hand_out = _HandOut(batch, teams, comm, handle)
    while (item := hand_out.take()) is not None:
        outcome = _outcome(own, item[1], hand_out.look_after, signals, hand_out.heard, handle.note)
        hand_out.note(item[0], outcome)
    hand_out.wait()
    _dismiss(team, own)
    return hand_out.outcomes()


def join_teams(
    teams: Teams, comm: MPI.Intracomm, threads: int, machine: Machine, signals: SignalNotes
) -> None:
    """Lead or follow a team until the batch is done; on every MPI rank but 0."""
    team = _team(comm, teams)
    own = replace(machine, mpi_ranks=teams.size)
    if teams.team(comm.rank) < teams.number:
        if comm.rank % teams.size == 0:
            crew = Crew(team, threads, own, comm)
            _lead(crew, comm, signals)
            _dismiss(team, crew)
        else:
            assert team is not None
            grids = Grids(team)
            while (job := next_message(team, 0, COMMAND)) is not None:
                take_part(team, job, grids, threads, signals)
            grids.free()
            team.Free()
    elif team is not None:
        team.Free()


def _lead(crew: Crew, comm: MPI.Intracomm, signals: SignalNotes) -> None:
    """Run circuits that MPI rank 0 hands out, until there are no more."""
    sent: list[MPI.Request] = []
    stop = _Stop(comm)
    with ExitStack() as stack:
        while (item := next_message(comm, 0, _CIRCUIT)) is not None:
            index, prepared = item
            if prepared.options.checkpoint is not None:
                # Until the batch is done: SIGTERM must not end what others run.
                stack.enter_context(signals.active())
            outcome = stop.stopped() or _outcome(
                crew, prepared, stop.cancelled, signals, stop.heard
            )
            stop.note(outcome)
            sent.append(comm.isend((index, outcome), 0, _OUTCOME))
    for request in sent:
        request.wait()
    stop.look()


class _Stop:
    """Why a leader is to begin nothing more: MPI rank 0 tells it, or its own run was stopped."""

    def __init__(self, comm: MPI.Intracomm) -> None:
        self._comm = comm
        self._lock = threading.Lock()
        self._cause: CancelledError | StoppedError | None = None

    def cancelled(self) -> bool:
        """Whether the batch is cancelled."""
        self.look()
        return isinstance(self._cause, CancelledError)

    def heard(self) -> tuple[int, int] | None:
        """The signal that ends the batch, and the MPI rank that got it, or None."""
        self.look()
        return _heard(self._cause)

    def stopped(self) -> StoppedError | None:
        """What to say of a circuit that is not to begin any more, or None."""
        self.look()
        return not_begun(self._cause) if isinstance(self._cause, StoppedError) else None

    def note(self, outcome: SimulationResult | Exception) -> None:
        """Note what came of a circuit."""
        if isinstance(outcome, StoppedError):
            self._cause = outcome

    def look(self) -> None:
        """Take the word, if it has come; batches of sampled columns ask from several threads."""
        with self._lock:
            if self._comm.iprobe(0, _STOP):
                self._cause = self._comm.recv(source=0, tag=_STOP)


class _HandOut:
    """The circuits of a batch, on MPI rank 0."""

    def __init__(
        self,
        batch: Sequence[PreparedRequest],
        teams: Teams,
        comm: MPI.Intracomm,
        handle: RunHandle,
    ) -> None:
        self._left = deque(enumerate(batch))
        self._outcomes: list[SimulationResult | Exception | None] = [None] * len(batch)
        self._comm = comm
        self._handle = handle
        self._stopped: CancelledError | StoppedError | None = None
        self._lock = threading.Lock()
        self._sent: list[MPI.Request] = []
        self._in_hand = {team * teams.size: 0 for team in range(1, teams.number)}
        for _ in range(_IN_HAND):
            for leader in self._in_hand:
                self._send_one(leader)

    def take(self) -> tuple[int, PreparedRequest] | None:
        """The next circuit for MPI rank 0's own team."""
        self.look_after()
        return self._left.popleft() if self._left else None

    def note(self, index: int, outcome: SimulationResult | Exception) -> None:
        """Note what came of a circuit."""
        self._outcomes[index] = outcome
        self._handle.note_circuits(sum(each is not None for each in self._outcomes))
        if isinstance(outcome, StoppedError | CancelledError):
            self._stop(outcome)

    def look_after(self) -> bool:
        """Take results, hand out circuits; returns whether the batch is to be cancelled.

        Batches of sampled columns ask from several threads.
        """
        with self._lock:
            for leader in self._in_hand:
                while self._comm.iprobe(leader, _OUTCOME):
                    self._in_hand[leader] -= 1
                    self.note(*self._comm.recv(source=leader, tag=_OUTCOME))
                    self._send_one(leader)
            if self._handle.stopping():
                self._stop(CancelledError("the run was cancelled"))
        return isinstance(self._stopped, CancelledError)

    def heard(self) -> tuple[int, int] | None:
        """The signal by which another team was stopped, and the MPI rank that got it, or None."""
        return _heard(self._stopped)

    def wait(self) -> None:
        """Wait for the circuits that others still run, and send the leaders home."""
        while any(self._in_hand.values()):
            self.look_after()
            time.sleep(LONG_PAUSE)
        self._sent += [self._comm.isend(None, leader, _CIRCUIT) for leader in self._in_hand]
        for request in self._sent:
            request.wait()

    def outcomes(self) -> Outcomes | CancelledError:
        """One outcome for each circuit, or the cancellation."""
        if isinstance(self._stopped, CancelledError):
            return self._stopped
        if self._stopped is not None:
            rest = not_begun(self._stopped)
            self._outcomes = [rest if outcome is None else outcome for outcome in self._outcomes]
        return [outcome for outcome in self._outcomes if outcome is not None]

    def _send_one(self, leader: int) -> None:
        if self._left:
            self._sent.append(self._comm.isend(self._left.popleft(), leader, _CIRCUIT))
            self._in_hand[leader] += 1

    def _stop(self, cause: CancelledError | StoppedError) -> None:
        """Hand out no more, and tell the leaders."""
        if self._stopped is None:
            self._stopped = cause
            self._left.clear()
            self._sent += [self._comm.isend(cause, leader, _STOP) for leader in self._in_hand]


def _heard(cause: CancelledError | StoppedError | None) -> tuple[int, int] | None:
    """The signal that a batch was stopped by, as of :data:`~lret_dist.sessions.crew.Heard`."""
    if not isinstance(cause, StoppedError):
        return None
    return int(signal.SIGTERM), cause.mpi_rank or 0


def _outcome(
    crew: Crew,
    prepared: PreparedRequest,
    cancelled: Callable[[], bool],
    signals: SignalNotes,
    heard: Callable[[], tuple[int, int] | None] | None = None,
    listener: Callable[[Progress], None] | None = None,
) -> SimulationResult | Exception:
    try:
        return crew.run(prepared, cancelled, signals, heard, listener)
    except Exception as error:
        return error


def _team(comm: MPI.Intracomm, teams: Teams) -> MPI.Intracomm | None:
    """This MPI rank's team, None where it is alone; collective over all."""
    team: Any = comm.Split(teams.team(comm.rank), comm.rank)
    if teams.size > 1:
        return team  # type: ignore[no-any-return]
    team.Free()
    return None


def _dismiss(team: MPI.Intracomm | None, crew: Crew) -> None:
    """Send the followers home."""
    if team is not None:
        tell(team, None)
        crew.free()
        team.Free()
