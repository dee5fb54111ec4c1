"""One run at a time with the same checkpoints: a lock that ends with the process that holds it.

Two equal runs have equal fingerprints, and would write and remove each other's files. The driver
holds a lock of the operating system's on a small file beside them, ``FINGERPRINT.lock``. That such
a file is there means nothing: a run that was killed leaves it, unlocked.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lret_dist.checkpoints.folder import HASH_DIGITS
from lret_dist.errors import CheckpointError
from lret_dist.grid.agreement import agreeing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lret_dist.grid.communicator import GridCommunicator
    from lret_dist.records.run_records import CheckpointSettings

__all__ = ["alone_with"]

#: What file systems say that know no locks; Lustre says the last one.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
#: What they say of a lock that another process holds, and of a file that was removed meanwhile.
_HELD, _REMOVED = {errno.EWOULDBLOCK}, {errno.ENOENT, errno.ESTALE}
_IN_USE = (
    "another run of the same circuit uses them; wait until it has ended, take another folder, or "
    "give each run a seed of its own"
)


@contextmanager
def alone_with(files: CheckpointSettings | None, comm: GridCommunicator) -> Iterator[None]:
    """Keep other runs off the checkpoints of this one; collective at the beginning.

    Where the file system knows no locks, nobody is kept off.

    Args:
        files: where they are; with None there are none.
        comm: the process grid; its driver holds the lock.

    Raises:
        CheckpointError: on every MPI rank, when another run uses them; nothing was read then.
    """
    if files is None:
        yield
        return
    lock = None
    path = Path(files.folder) / f"{files.fingerprint[:HASH_DIGITS]}.lock"
    with agreeing(comm, f"the checkpoints in {path.parent} cannot be locked ({path.name})"):
        if comm.is_driver:
            lock = _locked(path)
    try:
        yield
    finally:
        if lock is not None:
            _unlock(path, lock)


def _locked(path: Path) -> int | None:
    """Lock a file, made where there is none; its descriptor, or None where locks are not known."""
    while True:
        lock = _opened(path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A run that has just ended may have removed the file since it was opened.
            if os.path.samestat(path.lstat(), os.fstat(lock)):
                return lock
        except OSError as error:
            if error.errno in _NO_LOCKS:
                _unlock(path, lock)
                return None
            if error.errno not in _REMOVED:
                _close(lock)
                raise (CheckpointError(_IN_USE) if error.errno in _HELD else error) from None
        _close(lock)


def _opened(path: Path) -> int:
    # Over NFS only a file that is open for writing can be locked.
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    _descriptors.add(lock)
    return lock


def _unlock(path: Path, lock: int) -> None:
    """Remove the file while it is locked, so that nobody else's can be meant, and let it go."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
    _close(lock)


def _close(lock: int) -> None:
    _descriptors.discard(lock)
    os.close(lock)


#: Locks of this process. A forked child has them too, and would hold them when this one is killed.
_descriptors: set[int] = set()


def _close_all() -> None:
    while _descriptors:
        os.close(_descriptors.pop())


os.register_at_fork(after_in_child=_close_all)
