"""Writing a checkpoint: one file, by all MPI ranks of a process grid.

The bytes are described in :mod:`lret_dist.checkpoints.frame`. A file is written under another name,
with the ending ``.partial``, and gets its own once all of it is on the disk: a file that has its
name is whole, and a failure leaves the checkpoints before it as they were. Beside the data, an MPI
rank needs memory for one chunk: ``BUFFER_BYTES``, or one row if that is more.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lret_dist.checkpoints.frame import IDENTITY_BYTES, pack_head, pack_header
from lret_dist.checkpoints.reader import check_identity, entries_of
from lret_dist.checkpoints.table import Announcement, Slab, plan_table
from lret_dist.errors import CheckpointError
from lret_dist.files.atomic_file import sync_folder
from lret_dist.grid.agreement import agreeing
from lret_dist.grid.parallel_file import ParallelFile, PlainFile, open_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lret_dist.grid.communicator import GridCommunicator

__all__ = ["PARTIAL", "Matrix", "partial_of", "write_checkpoint"]

Array = NDArray[Any]

#: Ending of a file that is not yet whole.
PARTIAL = ".partial"


@dataclass(frozen=True)
class Matrix:
    """This MPI rank's part of a distributed matrix.

    Attributes:
        block: (rows / row groups, columns of this column group), rows of any stride. An MPI rank
            whose column group has none gives a block without rows or without columns.
        weights: (columns of this column group,) float64, the same on all row groups, or None.
    """

    block: Array
    weights: NDArray[np.float64] | None = None


def partial_of(path: Path) -> Path:
    """The name of a checkpoint while it is written."""
    return path.with_name(path.name + PARTIAL)


def write_checkpoint(
    path: Path,
    comm: GridCommunicator,
    header: Mapping[str, Any],
    *,
    arrays: Mapping[str, Array],
    matrices: Mapping[str, Matrix],
) -> None:
    """Write a checkpoint, in place of one of the same name; collective.

    Args:
        path: the file, in a folder that all MPI ranks see.
        comm: the process grid.
        header: plain data that JSON can hold; the driver's counts.
        arrays: the driver's own arrays by name; those of the others are not looked at.
        matrices: distributed matrices by name, the same names in the same order on every MPI rank.

    Raises:
        CheckpointError: on every MPI rank, when it could not be written; there is no file then but
            the one that was there before, or the whole new one where its folder was not synced.
        ValueError: when the blocks do not make up matrices.
    """
    partial = partial_of(path)
    failed = f"the checkpoint {path} cannot be written"
    with agreeing(comm, failed):
        sources = _sources(comm, arrays, matrices)
        announcement = _announcement(sources, matrices)
    announced = comm.gather_objects_everywhere(announcement)
    table, writers, length = plan_table(comm.grid, announced)
    try:
        with agreeing(comm, failed):
            identity = _begin(partial, header, sources) if comm.is_driver else b""
        identity = comm.broadcast_object(identity)
        with agreeing(comm, failed):
            checksums = _write_slabs(partial, comm, identity, writers, sources)
        collected = comm.gather_objects(checksums)
        with agreeing(comm, failed):
            if collected is not None:
                _note_checksums(writers, collected)
                _complete(partial, path, pack_header(header, table, length), length)
    except CheckpointError:
        if comm.is_driver:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
        # Nobody goes on before the file is gone.
        comm.broadcast_object(None)
        raise


def _sources(
    comm: GridCommunicator, arrays: Mapping[str, Array], matrices: Mapping[str, Matrix]
) -> dict[str, Array]:
    """Everything that this MPI rank may have to write, by its name in the file."""
    sources = {}
    if comm.is_driver:
        sources = {f"arrays/{name}": np.asarray(array) for name, array in arrays.items()}
    for name, matrix in matrices.items():
        sources[f"matrices/{name}"] = matrix.block
        if matrix.weights is not None:
            given, columns = len(matrix.weights), matrix.block.shape[1]
            if matrix.block.size and given != columns:
                raise ValueError(f"{name!r} has {given} weights for {columns} columns")
            sources[f"weights/{name}"] = np.asarray(matrix.weights, np.float64)
    return sources


def _announcement(sources: Mapping[str, Array], matrices: Mapping[str, Matrix]) -> Announcement:
    kinds: dict[str, dict[str, tuple[tuple[int, ...], str]]] = {"arrays": {}, "matrices": {}}
    for full_name, array in sources.items():
        kind, _, name = full_name.partition("/")
        kinds.setdefault(kind, {})[name] = (array.shape, array.dtype.str)
    weighted = frozenset(name for name in matrices if matrices[name].weights is not None)
    return Announcement(kinds["arrays"], kinds["matrices"], weighted)


def _begin(partial: Path, header: Mapping[str, Any], sources: Mapping[str, Array]) -> bytes:
    """Make the file on the driver, once nothing but the disk can fail; returns its identity."""
    json.dumps(header)
    for name, array in sources.items():
        if array.dtype.hasobject or np.dtype(array.dtype.str) != array.dtype:
            raise TypeError(f"{name} must hold numbers, not {array.dtype}")
    identity = os.urandom(IDENTITY_BYTES)
    # What lies here may be a link to another file, or a pipe.
    partial.unlink(missing_ok=True)
    with PlainFile(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        file.write_at(0, np.frombuffer(pack_head(identity), np.uint8))
        # Other hosts are to see it now.
        file.sync()
    return identity


def _write_slabs(
    partial: Path,
    comm: GridCommunicator,
    identity: bytes,
    writers: Sequence[Mapping[str, Slab]],
    sources: Mapping[str, Array],
) -> dict[str, list[int]]:
    """Write what this MPI rank has, to the disk; returns the chunks' checksums."""
    check_identity(partial, identity)
    checksums = {}
    with open_file(partial, comm, write=True) as file:
        for name, slab in writers[comm.grid.mpi_rank(comm.row, comm.column)].items():
            checksums[name] = _write_slab(file, slab, sources[name])
        file.sync()
    return checksums


def _write_slab(file: ParallelFile, slab: Slab, source: Array) -> list[int]:
    """Write a slab chunk by chunk; returns their checksums."""
    block = source.reshape(len(slab.rows), len(slab.columns))
    chunks = list(slab.chunks(block.itemsize))
    buffer = np.empty(max(chunk.total_bytes for chunk in chunks), np.uint8)
    checksums = []
    for chunk in chunks:
        data = buffer[: chunk.total_bytes]
        first = chunk.rows.start - slab.rows.start
        entries_of(data, chunk, block.dtype)[:] = block[first : first + len(chunk.rows)]
        data[chunk.data_bytes :] = 0
        checksums.append(zlib.crc32(data.data))
        file.write_at(chunk.offset, data)
    return checksums


def _note_checksums(
    writers: Sequence[Mapping[str, Slab]], collected: Sequence[Mapping[str, list[int]]]
) -> None:
    for slabs, checksums in zip(writers, collected, strict=True):
        for name, slab in slabs.items():
            slab.checksums = checksums[name]


def _complete(partial: Path, path: Path, tail: bytes, offset: int) -> None:
    """Write header and last bytes, and give the file its name."""
    with PlainFile(partial, os.O_WRONLY) as file:
        file.write_at(offset, np.frombuffer(tail, np.uint8))
        file.sync()
        if file.size != offset + len(tail):
            raise CheckpointError(f"it has {file.size} bytes instead of {offset + len(tail)}")
    partial.replace(path)
    sync_folder(path.parent)
