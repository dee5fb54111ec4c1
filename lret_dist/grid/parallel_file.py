"""One file that all MPI ranks of a process grid read or write at once: the only use of MPI-IO.

Every MPI rank opens the file by itself and reads or writes whole buffers at places of its own, so
that nothing in here is collective, and a failure on one MPI rank leaves no other waiting. On a grid
of one MPI rank the operating system is called directly, and no MPI library is needed.

MPI libraries hide why a call has failed: on a full disk MPICH 5 ends six lines with the cause, and
Open MPI 5 says "known error not in list". So such a call is made once more without MPI, and the
operating system says why.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NoReturn, TypeVar

from lret_dist.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    import numpy as np
    from mpi4py import MPI
    from numpy.typing import NDArray

    from lret_dist.grid.communicator import GridCommunicator

__all__ = ["ParallelFile", "PlainFile", "open_file"]

F = TypeVar("F", bound="ParallelFile")


class ParallelFile(ABC):
    """A file that is open on this MPI rank; buffers are contiguous bytes.

    Every method raises OSError as the operating system does, or CheckpointError.
    """

    @abstractmethod
    def write_at(self, offset: int, data: NDArray[np.uint8]) -> None:
        """Write all of ``data`` at a byte offset."""

    @abstractmethod
    def read_at(self, offset: int, into: NDArray[np.uint8]) -> None:
        """Fill ``into`` from a byte offset; a file that ends before is an error."""

    @abstractmethod
    def sync(self) -> None:
        """Return once what this MPI rank has written is on the disk."""

    @abstractmethod
    def close(self) -> None:
        """Close the file on this MPI rank."""

    def __enter__(self: F) -> F:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_file(path: Path, comm: GridCommunicator, *, write: bool) -> ParallelFile:
    """Open a file that exists, on this MPI rank, to write or to read it.

    Raises:
        OSError: as the operating system does.
        CheckpointError: with the words of the MPI library, if the operating system has none.
    """
    flags = os.O_WRONLY if write else os.O_RDONLY
    return PlainFile(path, flags) if comm.grid.size == 1 else _MpiFile(path, flags)


class PlainFile(ParallelFile):
    """A file that is read and written without MPI."""

    def __init__(self, path: Path, flags: int) -> None:
        """Open with flags of :func:`os.open`."""
        self._descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return os.fstat(self._descriptor).st_size

    def write_at(self, offset: int, data: NDArray[np.uint8]) -> None:
        """As the base says. A disk that had room for a part refuses the rest in the next call."""
        while data.size:
            written = os.pwrite(self._descriptor, data.data, offset)
            data, offset = data[written:], offset + written

    def read_at(self, offset: int, into: NDArray[np.uint8]) -> None:
        """As the base says."""
        while into.size:
            count = os.preadv(self._descriptor, [into.data], offset)
            if not count:
                raise CheckpointError(f"it ends at byte {offset}, in the middle of its data")
            into, offset = into[count:], offset + count

    def sync(self) -> None:
        """As the base says."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """As the base says."""
        os.close(self._descriptor)


class _MpiFile(ParallelFile):
    """A file that is read and written with MPI-IO."""

    def __init__(self, path: Path, flags: int) -> None:
        self._path, self._flags = path, flags
        self._file = self._open()

    def _open(self) -> MPI.File:
        from mpi4py import MPI

        mode = MPI.MODE_WRONLY if self._flags & os.O_WRONLY else MPI.MODE_RDONLY
        try:
            # Over the grid's communicator this call, and those after it, would wait for the others.
            return MPI.File.Open(MPI.COMM_SELF, os.fspath(self._path), mode)
        except MPI.Exception as error:
            self._raise_cause(error, lambda _: None)

    def write_at(self, offset: int, data: NDArray[np.uint8]) -> None:
        self._transfer(
            lambda status: self._file.Write_at(offset, data, status),
            data.size,
            lambda plain: plain.write_at(offset, data),
        )

    def read_at(self, offset: int, into: NDArray[np.uint8]) -> None:
        self._transfer(
            lambda status: self._file.Read_at(offset, into, status),
            into.size,
            lambda plain: plain.read_at(offset, into),
        )

    def sync(self) -> None:
        from mpi4py import MPI

        try:
            self._file.Sync()
        except MPI.Exception as error:
            self._raise_cause(error, PlainFile.sync)

    def close(self) -> None:
        self._file.Close()

    def _transfer(
        self, call: Callable[[MPI.Status], None], size: int, again: Callable[[PlainFile], None]
    ) -> None:
        """Make a call that moves ``size`` bytes, all of them or it has failed."""
        from mpi4py import MPI

        status = MPI.Status()
        try:
            call(status)
        except MPI.Exception as error:
            # The status of a call that has failed may hold anything.
            self._raise_cause(error, again)
        moved = status.Get_count(MPI.BYTE)
        if moved != size:
            self._raise_cause(CheckpointError(f"{moved} of {size} bytes were moved"), again)

    def _raise_cause(self, error: Exception, again: Callable[[PlainFile], None]) -> NoReturn:
        """Do without MPI what has failed with it; raise what that raises, or else the error."""
        with PlainFile(self._path, self._flags) as plain:
            again(plain)
        words = " ".join(str(error).split())
        raise CheckpointError(f"{words}; the same call without MPI succeeds") from error
