"""Importing this has every MPI rank say when it begins to listen for signals."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lret_dist.machines.launcher import launched_rank
from lret_dist.runs.signals import SignalNotes

_active = SignalNotes.active


@contextmanager
def active(self: SignalNotes, tell: Any = None) -> Iterator[None]:
    with _active(self, tell):
        print(f"MPI rank {launched_rank()} can be saved", flush=True)
        yield


SignalNotes.active = active  # type: ignore[method-assign]
