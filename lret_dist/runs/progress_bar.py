"""Showing how far a run is, to whoever waits for it: in a terminal, a notebook, or as lines."""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from lret_dist.machines.launcher import is_at_a_terminal
from lret_dist.units import time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.live import Live

    from lret_dist.runs.progress import Progress

__all__ = ["ProgressOption", "check_progress", "listener_of", "wait_with_bar", "warn_of_listener"]

#: Whether progress is shown, or a function that is called with it.
ProgressOption: TypeAlias = "Literal['auto'] | bool | Callable[[Progress], object]"

#: Seconds that a run must have taken before anything is shown, and from one look to the next.
_LATE, _LOOK = 2.0, 0.1
#: Seconds from one line to the next, where lines stay.
_BETWEEN_LINES = 10.0
_BAR_WIDTH = 24


class _Display(Protocol):
    def show(self, progress: Progress) -> None:
        """Show how far the run is now."""

    def close(self) -> None:
        """Show no more."""


def check_progress(value: Any) -> ProgressOption:
    """The option ``progress``, checked.

    Raises:
        TypeError: for anything but True, False, ``"auto"`` and what can be called.
    """
    if isinstance(value, bool) or callable(value) or (isinstance(value, str) and value == "auto"):
        return value  # type: ignore[no-any-return]
    raise TypeError(
        f'progress must be True, False, "auto" or a function of a Progress, got {value!r}'
    )


def listener_of(option: ProgressOption) -> Callable[[Progress], object] | None:
    """The function that is to be called, if there is one."""
    return None if isinstance(option, bool | str) else option


def warn_of_listener(error: Exception | None, stacklevel: int) -> None:
    """Say that a function that was to be called has failed: the run has gone on without it."""
    if error is not None:
        text = f"the progress function raised {error!r} and was not called any more"
        warnings.warn(text, RuntimeWarning, stacklevel=stacklevel)


def wait_with_bar(
    wait: Callable[[float | None], bool],
    progress: Callable[[], Progress | None],
    timeout: float | None,
    option: ProgressOption,
) -> bool:
    """Wait for a run, and show meanwhile how far it is; returns whether it has ended.

    Args:
        wait: waits so many seconds at most for the end, and says whether it has come.
        progress: the latest note, or None.
        timeout: seconds to wait at most, or None.
        option: True to show it in any case, ``"auto"`` in a terminal or a notebook only.
    """
    if option is False or callable(option):
        return wait(timeout)
    started = time.monotonic()
    # A short run ends before anything would be shown, and wakes this thread once.
    if wait(_LATE if timeout is None else min(_LATE, timeout)):
        return True
    display = _display(option)
    if display is None:
        return wait(_left(timeout, started))
    with closing(display):
        while True:
            left = _left(timeout, started)
            if left is not None and left <= _LOOK:
                return wait(left)
            if wait(_LOOK):
                return True
            if (now := progress()) is not None:
                display.show(now)


def _left(timeout: float | None, started: float) -> float | None:
    """Seconds that are left of a timeout."""
    return None if timeout is None else max(0.0, timeout - (time.monotonic() - started))


def _display(option: ProgressOption) -> _Display | None:
    if _in_notebook():
        return _Notebook()
    if is_at_a_terminal(sys.stderr):
        return _Terminal()
    return _Lines() if option is True else None


def _in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class _Terminal:
    """A line that is written over, and taken away at the end."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def show(self, progress: Progress) -> None:
        # Loaded by runs that take long enough: rich takes longer to load than a short run.
        from rich.console import Console
        from rich.live import Live
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        if self._live is None:
            console = Console(stderr=True)
            self._live = Live(
                console=console, auto_refresh=False, transient=True, redirect_stdout=False
            )
            self._live.start()
        row = Table.grid(padding=(0, 1))
        row.add_column()
        # What a narrow terminal has no room for is cut off: a second line would stay.
        row.add_column(no_wrap=True, overflow="ellipsis")
        row.add_row(
            ProgressBar(total=1.0, completed=progress.whole, width=_BAR_WIDTH), _text(progress)
        )
        self._live.update(row, refresh=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()


class _Notebook:
    """An output of the cell that is written over, and emptied at the end."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, progress: Progress) -> None:
        text = _text(progress)
        bar = f'<progress value="{progress.whole:.4f}" max="1"></progress>'
        self._put({"text/plain": text, "text/html": f"{bar} <code>{text}</code>"})

    def close(self) -> None:
        if self._handle is not None:
            self._put({"text/plain": "", "text/html": ""})

    def _put(self, data: dict[str, str]) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)


class _Lines:
    """A line now and then, as a file or a batch job keeps them."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _BETWEEN_LINES
            print(f"lret: {progress.whole:.0%}, {_text(progress)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is left to be done."""


def _text(progress: Progress) -> str:
    """How far it is, in words."""
    parts = []
    if progress.circuits > 1:
        number = min(progress.circuits_done + 1, progress.circuits)
        parts.append(f"circuit {number}/{progress.circuits}")
    if progress.batches:
        parts.append(f"batch {progress.batches_done}/{progress.batches}")
    else:
        parts += [f"step {progress.steps_done}/{progress.steps}", f"rank {progress.rank}"]
    if progress.discarded:
        parts.append(f"discarded {progress.discarded:.1e}")
    if progress.seconds_left is not None:
        parts.append(f"{time_text(max(1, round(progress.seconds_left)))} left")
    return ", ".join(parts)
