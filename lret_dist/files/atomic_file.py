"""Files that are there as a whole or not at all, whatever ends the process that writes them.

What is written goes to a temporary file in the same folder, to the disk, and then takes the place
of the old file in one step of the operating system's.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

__all__ = ["replacing", "sync_folder", "write_text"]


@contextmanager
def replacing(path: str | PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write to, which gets its name at the end of the block if that does not raise.

    A new file has the permissions that the umask gives it, and one that was there before keeps its
    own. Of a symbolic link the file that it names is replaced, and the link stays. What is no
    regular file, such as ``/dev/stdout``, is written to as it is.

    Args:
        path: the file, in a folder that exists and may be written to.

    Raises:
        OSError: as the operating system does; the old file is left, and no other. Where only its
            folder could not be synced, the new one is there, but may not outlast a power failure.
    """
    # Not of the real path: that of a pipe in /dev/stdout is a name that cannot be opened.
    mode = _mode(Path(path))
    if mode is not None and not stat.S_ISREG(mode):
        with Path(path).open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".lret-{secrets.token_hex(8)}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(partial, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if mode is not None:
                os.fchmod(descriptor, stat.S_IMODE(mode))
            os.fsync(descriptor)
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def write_text(path: str | PathLike[str], text: str) -> None:
    """Write a text in UTF-8, in place of what the file held before; as :func:`replacing`."""
    content = text.encode()
    with replacing(path) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Make a new name last; some file systems cannot, and need not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _mode(path: Path) -> int | None:
    """Kind and permissions of a file; None where there is none."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
