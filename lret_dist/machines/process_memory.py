"""The memory that this process holds: its largest amount, and giving back what is free of it."""

from __future__ import annotations

import ctypes
import math
import re
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

__all__ = ["FreeMemory", "peak_mb", "reset_peak", "return_large_blocks"]

#: M_MMAP_THRESHOLD of the GNU C library.
_MMAP_THRESHOLD = -3
#: Seconds from one time that free memory is given back to the next: that may take milliseconds, as
#: do the first touches of pages that are taken again.
_GIVE_BACK_SECONDS = 0.2


class FreeMemory:
    """Memory that runs have left free in this process, and the C library keeps for later ones.

    That may be some 60 MiB above what is in use. During a run it saves time; between runs it is
    given back, so that a session does not seem to grow, and other programs have it.
    """

    def __init__(self) -> None:
        self._given_back = -math.inf

    def give_back(self) -> None:
        """Return it to the system, unless that was done just now."""
        if time.monotonic() - self._given_back < _GIVE_BACK_SECONDS:
            return
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        self._given_back = time.monotonic()


def peak_mb(process: int | None = None) -> float:
    """Largest resident memory of a process since :func:`reset_peak`, in MiB.

    Args:
        process: its number; default: this one.
    """
    try:
        status = _file(process, "status").read_text()
        match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    except OSError:
        match = None
    if match is None:
        return float(psutil.Process(process).memory_info().rss) / 2**20
    return int(match[1]) / 1024


def reset_peak(process: int | None = None) -> None:
    """Start to watch the largest resident memory anew, where the system allows it."""
    with suppress(OSError):
        _file(process, "clear_refs").write_text("5")


def _file(process: int | None, name: str) -> Path:
    return Path(f"/proc/{'self' if process is None else process}/{name}")


@cache
def return_large_blocks() -> None:
    """Have the C library return blocks from 1 MiB on to the system as soon as they are free.

    It would keep those of up to 32 MiB for later, between others: where factors of histories come
    and go, or grow in little memory, some have been seen to take twice the memory that they need.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 20)
