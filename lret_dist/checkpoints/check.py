"""Checks of a checkpoint's table before anything is allocated for what it declares.

Checksums find accidents. A file that somebody has made up has good ones: so every array must be
made up of its slabs without a gap, every slab must lie in the file, and all of them together take
no more bytes than there are.
"""

from __future__ import annotations

import math
import re
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from lret_dist.checkpoints.table import ALIGNMENT, Slab, StoredArray, aligned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lret_dist.files.plain_data import Node

__all__ = ["read_table"]

_MOST_DIMENSIONS, _MOST_SLABS, _MOST_CHUNKS = 8, 1 << 20, 1 << 26
_MOST = 1 << 62
#: Booleans, integers, real and complex numbers.
_DTYPE = re.compile(r"[<>|][biufc]\d{1,2}")
_NAME = re.compile(r"(arrays|matrices|weights)/.*", re.DOTALL)
#: What a slab is written as, beside the checksums.
_SLAB = ("top", "bottom", "left", "right", "offset", "chunk_rows", "checksums")


def read_table(node: Node, end: int) -> dict[str, StoredArray]:
    """The table of a file whose data ends before byte ``end``.

    Raises:
        ValueError: saying where the table is wrong.
    """
    table = {name: _read_array(name, array, end) for name, array in node.entries().items()}
    stored = sum(_stored_bytes(array) for array in table.values())
    if stored > end:
        raise node.wrong(f"the arrays take {stored} bytes, more than the {end} before the header")
    _check_weights(node, table)
    return table


def _read_array(name: str, node: Node, end: int) -> StoredArray:
    if not _NAME.fullmatch(name):
        raise node.wrong("expected the name of an array, a matrix or weights")
    fields = node.fields(("shape", "dtype", "slabs"))
    lengths = fields["shape"].items(most=_MOST_DIMENSIONS)
    shape = tuple(length.integer(least=0, most=_MOST) for length in lengths)
    if name.startswith("matrices/") and len(shape) != 2:
        raise fields["shape"].expected("rows and columns")
    dtype = _read_dtype(fields["dtype"])
    slabs = fields["slabs"].items(most=_MOST_SLABS)
    array = StoredArray(shape, dtype, [_read_slab(slab, dtype.itemsize, end) for slab in slabs])
    rows, columns = shape if name.startswith("matrices/") else (math.prod(shape), 1)
    if not _is_tiled(array.slabs, rows, columns):
        raise fields["slabs"].wrong(f"they do not make up {rows} x {columns} entries")
    return array


def _read_dtype(node: Node) -> np.dtype[np.generic]:
    text = node.text()
    if _DTYPE.fullmatch(text):
        try:
            return np.dtype(text)
        except TypeError:
            pass
    raise node.expected("the dtype of numbers")


def _read_slab(node: Node, itemsize: int, end: int) -> Slab:
    items = node.items(least=len(_SLAB), most=len(_SLAB))
    plain = [item.integer(least=0, most=_MOST) for item in items[:-1]]
    top, bottom, left, right, offset, chunk_rows = plain
    if not (top < bottom and left < right and chunk_rows):
        raise node.wrong("expected rows, columns and chunks that are not empty")
    stop = aligned(offset + (bottom - top) * (right - left) * itemsize)
    if offset < ALIGNMENT or offset % ALIGNMENT or stop > end:
        raise node.wrong(f"bytes {offset} to {stop} are no place in a file with {end} of data")
    checksums = items[-1]
    count = -(-(bottom - top) // chunk_rows)
    checksums.items(least=count, most=min(count, _MOST_CHUNKS))
    if not all(type(value) is int and 0 <= value < 1 << 32 for value in checksums.value):
        raise checksums.wrong("expected integers of 32 bits")
    return Slab(range(top, bottom), range(left, right), offset, chunk_rows, checksums.value)


def _is_tiled(slabs: list[Slab], rows: int, columns: int) -> bool:
    """Whether slabs cover a matrix once, as column groups that row groups make up."""
    if not rows or not columns:
        return not slabs
    ordered = sorted(slabs, key=lambda slab: (slab.columns.start, slab.rows.start))
    right = 0
    for numbers, group in groupby(ordered, key=lambda slab: slab.columns):
        if numbers.start != right or not _is_covered([slab.rows for slab in group], rows):
            return False
        right = numbers.stop
    return right == columns


def _is_covered(parts: list[range], length: int) -> bool:
    """Whether ranges in order make up all numbers below ``length``."""
    starts, stops = [part.start for part in parts], [part.stop for part in parts]
    return [*starts, length] == [0, *stops]


def _stored_bytes(array: StoredArray) -> int:
    return sum(len(slab.rows) * len(slab.columns) for slab in array.slabs) * array.dtype.itemsize


def _check_weights(node: Node, table: Mapping[str, StoredArray]) -> None:
    """Weights are real numbers, one for each column of their matrix."""
    for name, array in table.items():
        kind, _, of = name.partition("/")
        if kind != "weights":
            continue
        matrix = table.get(f"matrices/{of}")
        if matrix is None or array.shape != matrix.shape[1:] or array.dtype != np.float64:
            raise node.wrong(f"{name!r} are not the weights of a matrix's columns")
