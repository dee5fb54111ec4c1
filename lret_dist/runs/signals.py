"""The signals by which Slurm says that a job will end: noted while a run can be saved."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

__all__ = ["SignalNotes"]

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class SignalNotes:
    """SIGTERM and SIGUSR1 of this process, for whoever asks.

    While nothing can be saved, SIGTERM ends the process as ever. SIGUSR1 does nothing: it asks for
    a checkpoint, and Slurm sends it to all MPI ranks whatever they do. What is noted waits until
    somebody asks, even beyond the run that it came in.
    """

    def __init__(self) -> None:
        self._noted: deque[int] = deque()
        self._tell: Callable[[int], None] = self._noted.append
        self._active = False

    def install(self, *numbers: int) -> None:
        """Note signals (default: both) from now on, but for those that the user's program handles.

        Python lets the main thread alone do this; elsewhere nothing happens.
        """
        if threading.current_thread() is threading.main_thread():
            for number in numbers or _SIGNALS:
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, self._handle)

    def remove(self) -> None:
        """Note signals no more."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) == self._handle:
                    signal.signal(number, signal.SIG_DFL)

    @contextmanager
    def active(self, tell: Callable[[int], None] | None = None) -> Iterator[None]:
        """Runs are under way that can be saved; ``tell`` gets the signals instead of the notes."""
        before = self._tell, self._active
        self.install()
        self._tell, self._active = tell or self._noted.append, True
        try:
            yield
        finally:
            self._tell, self._active = before

    def heard(self) -> int | None:
        """A signal that was not asked for yet, or None."""
        return self._noted.popleft() if self._noted else None

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._active:
            self._tell(number)
        elif number == signal.SIGTERM:
            # As if it had not been noted.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
