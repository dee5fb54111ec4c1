"""Reading a file that anybody may have written: a regular one, of limited length, or an error."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["check_regular", "read_input"]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


def read_input(path: str | PathLike[str], most_bytes: int) -> bytes:
    """All bytes of a file; nothing else is opened for reading, and no more is ever held.

    Args:
        path: the file.
        most_bytes: length from which on it is refused.

    Raises:
        OSError: as the operating system does.
        ValueError: for anything but a regular file, and for one that is too long. The text names
            the file.
    """
    # Opening a pipe would wait for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        found = os.fstat(descriptor)
        check_regular(path, found)
        _check_length(path, found.st_size, most_bytes)
        pieces, length = [], 0
        # A file may grow while it is read, and those of /proc say that they are empty.
        while piece := os.read(descriptor, min(1 << 20, most_bytes + 1 - length)):
            pieces.append(piece)
            length += len(piece)
            _check_length(path, length, most_bytes)
    finally:
        os.close(descriptor)
    return b"".join(pieces)


def check_regular(path: str | PathLike[str], found: os.stat_result) -> None:
    """Refuse what is no regular file.

    Raises:
        ValueError: naming what it is.
    """
    if not stat.S_ISREG(found.st_mode):
        kinds = (name for is_kind, name in _KINDS if is_kind(found.st_mode))
        kind = next(kinds, "something else")
        raise ValueError(f"{os.fspath(path)}: expected a regular file, got {kind}")


def _check_length(path: str | PathLike[str], length: int, most_bytes: int) -> None:
    if length > most_bytes:
        limit = f"{most_bytes >> 20} MiB" if most_bytes >= 1 << 20 else f"{most_bytes} bytes"
        raise ValueError(f"{os.fspath(path)}: the file is too large: more than {limit}")
