"""Reading a checkpoint, on any process grid: it need not be the one that wrote it.

An MPI rank reads all chunks that have a part in its rows and columns, and checks each. Beside its
part it needs memory for one chunk.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lret_dist.checkpoints.frame import TRAILER_BYTES, Trailer, unpack_head, unpack_header
from lret_dist.checkpoints.table import ALIGNMENT, Chunk, StoredArray, overlap
from lret_dist.errors import CheckpointError
from lret_dist.files.input_file import check_regular
from lret_dist.grid.agreement import agreeing
from lret_dist.grid.communicator import split
from lret_dist.grid.parallel_file import ParallelFile, PlainFile, open_file

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lret_dist.grid.communicator import GridCommunicator

__all__ = ["Checkpoint", "check_identity", "entries_of", "is_whole"]

Array = NDArray[Any]


class Checkpoint:
    """A checkpoint that can be read; its methods are collective over the process grid.

    Attributes:
        path: the file.
        header: what the writer's caller gave, as JSON keeps it: tuples have become lists, and keys
            texts.
    """

    def __init__(self, path: Path, comm: GridCommunicator) -> None:
        """Read and check all but the data.

        Raises:
            CheckpointError: when the file is none that can be read; the text says why.
        """
        self.path = path
        self._comm = comm
        index = None
        with self._agreeing():
            if comm.is_driver:
                index = _read_index(path)
        index = comm.broadcast_object(index)
        assert index is not None
        self._identity, self.header, self._table = index

    def _agreeing(self) -> AbstractContextManager[None]:
        return agreeing(self._comm, f"the checkpoint {self.path} cannot be read")

    def shape(self, name: str) -> tuple[int, int]:
        """Rows and columns of a whole matrix; local."""
        rows, columns = self._array("matrices", name).shape
        return rows, columns

    def dtype(self, name: str) -> np.dtype[Any]:
        """A matrix's dtype; local."""
        return self._array("matrices", name).dtype

    def array_shape(self, name: str) -> tuple[int, ...]:
        """Shape of one of the driver's own arrays; local."""
        return self._array("arrays", name).shape

    def share(self, name: str) -> range:
        """This column group's columns of a matrix, nearly as many as each other's; local."""
        shares = split(self.shape(name)[1], self._comm.grid.columns)
        first = sum(shares[: self._comm.column])
        return range(first, first + shares[self._comm.column])

    def read_matrix(self, name: str, into: Array, columns: range) -> None:
        """Read this MPI rank's rows of some columns of a matrix.

        Args:
            name: the matrix.
            into: (rows / row groups, columns) of the matrix's dtype, rows of any stride.
            columns: numbers of the columns, such as :meth:`share`. Where ``into`` has no entries
                none are read: so column group 0 alone may take a whole vector.

        Raises:
            CheckpointError: on every MPI rank, when one found the file damaged, or none.
        """
        array = self._array("matrices", name)
        height = array.shape[0] // self._comm.grid.rows
        rows = range(self._comm.row * height, (self._comm.row + 1) * height)
        with self._agreeing():
            self._fill(array, into, rows, columns)

    def read_weights(self, name: str, columns: range) -> NDArray[np.float64] | None:
        """Weights of some columns of a matrix, or None if it was written without.

        Raises:
            CheckpointError: as :meth:`read_matrix`.
        """
        if f"weights/{name}" not in self._table:
            return None
        weights = np.empty(len(columns))
        with self._agreeing():
            self._fill(self._array("weights", name), weights[:, np.newaxis], columns, range(1))
        return weights

    def read_arrays(self) -> dict[str, Array]:
        """The driver's own arrays by name; none on other MPI ranks.

        Raises:
            CheckpointError: as :meth:`read_matrix`.
        """
        found = {}
        with self._agreeing():
            if self._comm.is_driver:
                for full_name, array in self._table.items():
                    if full_name.startswith("arrays/"):
                        found[full_name.removeprefix("arrays/")] = self._whole(array)
        return found

    def _whole(self, array: StoredArray) -> Array:
        whole = np.empty(array.shape, array.dtype)
        flat = whole.reshape(-1, 1)
        self._fill(array, flat, range(len(flat)), range(1))
        return whole

    def _array(self, kind: str, name: str) -> StoredArray:
        try:
            return self._table[f"{kind}/{name}"]
        except KeyError:
            raise CheckpointError(f"the checkpoint {self.path} has no {name!r} in {kind}") from None

    def _fill(self, array: StoredArray, into: Array, rows: range, columns: range) -> None:
        """Read a rectangle of an array; local."""
        if into.size == 0:
            return
        self._check_fits(array, into, (len(rows), len(columns)))
        check_identity(self.path, self._identity)
        chunks = list(array.chunks(rows, columns))
        buffer = np.empty(max((chunk.total_bytes for chunk, _ in chunks), default=0), np.uint8)
        with open_file(self.path, self._comm, write=False) as file:
            for chunk, checksum in chunks:
                data = buffer[: chunk.total_bytes]
                file.read_at(chunk.offset, data)
                if zlib.crc32(data.data) != checksum:
                    size, offset = chunk.total_bytes, chunk.offset
                    raise CheckpointError(f"its {size} bytes from byte {offset} on are damaged")
                _copy_overlap(entries_of(data, chunk, array.dtype), chunk, into, rows, columns)

    def _check_fits(self, array: StoredArray, into: Array, shape: tuple[int, int]) -> None:
        if into.dtype != array.dtype or into.shape != shape:
            raise CheckpointError(
                f"it holds {shape} entries of {array.dtype} here, not {into.shape} of {into.dtype}"
            )


def is_whole(path: Path) -> bool:
    """Whether a file is a checkpoint with its header and its length right; local."""
    try:
        _read_index(path)
    except (OSError, CheckpointError):
        return False
    return True


def _read_index(path: Path) -> tuple[bytes, dict[str, Any], dict[str, StoredArray]]:
    """Identity, header and table of a file."""
    with _opened(path) as file:
        identity = unpack_head(_read_head(file))
        end = max(0, file.size - TRAILER_BYTES)
        trailer = Trailer.unpack(_read_bytes(file, end, file.size - end), file.size)
        header, table = unpack_header(_read_bytes(file, trailer.offset, trailer.size), trailer)
    return identity, header, table


def check_identity(path: Path, identity: bytes) -> None:
    """Make sure that this host's file is the driver's, not one of a folder of its own."""
    with _opened(path) as file:
        if unpack_head(_read_head(file)) != identity:
            raise CheckpointError("another file lies here: all hosts must see the same folder")


def _opened(path: Path) -> PlainFile:
    """Open a regular file; opening a pipe would wait for its other end."""
    try:
        check_regular(path, path.stat())
    except ValueError as error:
        raise CheckpointError(str(error).removeprefix(f"{path}: ")) from None
    return PlainFile(path, os.O_RDONLY | os.O_NONBLOCK)


def _read_head(file: PlainFile) -> bytes:
    return _read_bytes(file, 0, min(file.size, ALIGNMENT))


def _read_bytes(file: ParallelFile, offset: int, size: int) -> bytes:
    data = np.empty(size, np.uint8)
    file.read_at(offset, data)
    return data.tobytes()


def entries_of(data: NDArray[np.uint8], chunk: Chunk, dtype: np.dtype[Any]) -> Array:
    """A chunk's bytes as a view of its rows and columns."""
    shape = len(chunk.rows), len(chunk.columns)
    return data[: chunk.data_bytes].view(dtype).reshape(shape)


def _copy_overlap(entries: Array, chunk: Chunk, into: Array, rows: range, columns: range) -> None:
    """Copy what a chunk has of a rectangle to its place."""
    top, left = overlap(chunk.rows, rows), overlap(chunk.columns, columns)
    into[_within(top, rows), _within(left, columns)] = entries[
        _within(top, chunk.rows), _within(left, chunk.columns)
    ]


def _within(part: range, whole: range) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)
