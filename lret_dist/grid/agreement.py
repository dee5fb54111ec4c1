"""Failures that one MPI rank meets alone, made failures of all, so that none waits for it."""

from __future__ import annotations

import errno
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lret_dist.errors import CheckpointError
from lret_dist.grid.communicator import job_rank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lret_dist.grid.communicator import GridCommunicator

__all__ = ["agreeing"]

#: Most MPI ranks and hosts that a text lists.
_MOST_LISTED = 8


@contextmanager
def agreeing(comm: GridCommunicator, failed: str) -> Iterator[None]:
    """Run a block on every MPI rank, and let all of them fail if one does; collective at its end.

    The block itself must make no collective call: an MPI rank that fails leaves it at once.

    Args:
        comm: the process grid.
        failed: what has failed then, with the path; the text begins with it.

    Raises:
        CheckpointError: on every MPI rank, if the block has raised an exception on any; the text
            names the MPI ranks that failed, their hosts and their reasons.
    """
    problem: Exception | None = None
    try:
        yield
    except Exception as error:
        problem = error
    try:
        report = None if problem is None else _report(problem)
        reports = comm.gather_objects_everywhere(report)
        if any(reports):
            raise CheckpointError(f"{failed}: {_summary(reports)}") from problem
    finally:
        # Its traceback holds this frame, and with it all that the block was working on.
        problem = None


def _report(error: Exception) -> tuple[str, int, str]:
    """Why this MPI rank failed, its number and its host."""
    return _reason(error), job_rank(), socket.gethostname()


def _reason(error: Exception) -> str:
    """What went wrong, in the operating system's words if it was asked."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.strerror} ({errno.errorcode.get(error.errno, error.errno)})"
    return str(error) or type(error).__name__


def _summary(reports: list[tuple[str, int, str] | None]) -> str:
    """The reasons, each once, with the MPI ranks and hosts that gave it."""
    where: dict[str, list[tuple[int, str]]] = {}
    for report in filter(None, reports):
        reason, rank, host = report
        where.setdefault(reason, []).append((rank, host))
    if len(reports) == 1:
        return next(iter(where))
    return "; ".join(f"{_places(places)}: {reason}" for reason, places in where.items())


def _places(places: list[tuple[int, str]]) -> str:
    ranks = _listed([str(rank) for rank, _ in places])
    hosts = _listed(list(dict.fromkeys(host for _, host in places)))
    return f"MPI rank{'s' if len(places) > 1 else ''} {ranks} on {hosts}"


def _listed(names: list[str]) -> str:
    rest = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")
