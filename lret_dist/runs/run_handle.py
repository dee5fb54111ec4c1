"""A batch of runs under way, as its owner sees it."""

from __future__ import annotations

import threading
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from lret_dist.errors import CancelledError
from lret_dist.results.result import SimulationResult
from lret_dist.runs.run_end import RunEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from lret_dist.runs.progress import Progress

__all__ = ["Outcomes", "RunHandle"]

Outcomes = list[SimulationResult | Exception]


class RunHandle:
    """A batch of runs under way: wait for it, ask after it, or stop it."""

    def __init__(
        self, circuits: int = 1, listener: Callable[[Progress], object] | None = None
    ) -> None:
        """Make the handle of a batch that is to begin.

        Args:
            circuits: circuits of the batch.
            listener: is called with each note of the batch's progress, in a thread that runs it.
        """
        self._circuits, self._circuits_done = circuits, 0
        self._listener = listener
        self._progress: Progress | None = None
        #: What the listener raised; after that it is not called any more.
        self.listener_error: Exception | None = None
        self._ended = RunEnd()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running = False
        self._outcomes: Outcomes | CancelledError = []

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the batch has ended, ``timeout`` seconds at most; returns whether it has.

        Raises:
            SessionError: in a child process that was forked before the batch had ended.
        """
        return self._ended.wait(timeout)

    def progress(self) -> Progress | None:
        """The latest note of how far the batch is, or None."""
        return self._progress

    def note(self, progress: Progress) -> None:
        """Take a note of the circuit under way."""
        if self._circuits > 1:
            done = self._circuits_done
            progress = replace(progress, circuits=self._circuits, circuits_done=done)
        self.pass_on(progress)

    def note_circuits(self, done: int) -> None:
        """Note how many circuits are done."""
        self._circuits_done = done

    def pass_on(self, progress: Progress) -> None:
        """Take a note of the whole batch."""
        self._progress = progress
        if self._listener is None:
            return
        try:
            self._listener(progress)
        except Exception as error:
            # Whoever waits for the result is told: the run itself has nothing wrong.
            self.listener_error, self._listener = error, None

    def result(self, timeout: float | None = None) -> Outcomes:
        """Wait for the batch and return one result or exception per request, in order.

        Args:
            timeout: seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: when the batch has not ended by then; it goes on.
            CancelledError: when the batch was cancelled.
            SessionError: in a child process that was forked before the batch had ended.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"the run has not ended after {timeout} s")
        if isinstance(self._outcomes, CancelledError):
            # A new one each time: what is raised refers to all that it comes through.
            raise CancelledError(*self._outcomes.args)
        return self._outcomes

    def cancel(self) -> bool:
        """Stop the batch at its next step; returns whether it had not ended yet."""
        with self._lock:
            self._stop.set()
            if not self._running and not self._ended.is_set():
                self.end(CancelledError("the run was cancelled before it began"))
                return True
        return not self.done()

    def done(self) -> bool:
        """Whether the batch has ended, in whatever way."""
        return self._ended.is_set()

    def running(self) -> bool:
        """Whether the batch is being run just now."""
        return self._running and not self._ended.is_set()

    def cancelled(self) -> bool:
        """Whether the batch ended because it was cancelled."""
        return self._ended.is_set() and isinstance(self._outcomes, CancelledError)

    def stopping(self) -> bool:
        """Whether the batch was asked to stop."""
        return self._stop.is_set()

    def begin(self) -> bool:
        """Mark the batch as running, unless it was cancelled first."""
        with self._lock:
            self._running = not self._ended.is_set()
            return self._running

    def end(self, outcomes: Outcomes | CancelledError) -> None:
        """Hand over the outcomes, or the cancellation, to whoever waits."""
        for each in [outcomes] if isinstance(outcomes, CancelledError) else outcomes:
            if isinstance(each, Exception):
                _clear_frames(each)
        self._outcomes = outcomes
        if self._progress is not None and not isinstance(outcomes, CancelledError):
            self._note_end(self._progress)
        self._ended.set()

    def _note_end(self, last: Progress) -> None:
        self.pass_on(
            replace(
                last,
                fraction=1.0,
                steps_done=last.steps,
                batches_done=last.batches,
                seconds_left=0.0,
                circuits_done=self._circuits,
            )
        )


def _clear_frames(error: BaseException) -> None:
    """Let go what a run was working on when it failed: else it lives as long as its traceback."""
    cause: BaseException | None = error
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
