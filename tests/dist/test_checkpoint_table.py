"""The table of a checkpoint file: every entry has one place, and no place two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import ProcessGrid
from lret_dist.checkpoints.check import read_table
from lret_dist.checkpoints.table import ALIGNMENT, Announcement, plan_table
from lret_dist.files.plain_data import Node


@st.composite
def plans(draw: st.DrawFn) -> tuple[ProcessGrid, list[Announcement]]:
    """Matrices and arrays of some process grid."""
    grid = ProcessGrid(draw(st.sampled_from([1, 2, 4])), draw(st.integers(1, 4)))
    height = draw(st.sampled_from([1, 4, 300]))
    widths = draw(st.lists(st.integers(0, 9), min_size=grid.columns, max_size=grid.columns))
    samples = (draw(st.integers(0, 9)), 3)
    ranks = []
    for rank in range(grid.size):
        blocks = {"factor": ((height, widths[rank % grid.columns]), "<c16")}
        arrays = {} if rank else {"samples": (samples, "|u1")}
        ranks.append(Announcement(arrays, blocks, frozenset(["factor"])))
    return grid, ranks


@given(plans(), st.sampled_from([1, 50, 10_000, 1 << 24]))
def test_slabs_cover_their_arrays_and_do_not_touch(
    planned: tuple[ProcessGrid, list[Announcement]], buffer: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lret_dist.checkpoints.table.BUFFER_BYTES", buffer)
        table, writers, length = plan_table(*planned)
    places = []
    for name, array in table.items():
        height = array.shape[0] if name.startswith("matrices/") else np.prod(array.shape, dtype=int)
        covered = np.zeros((height, array.shape[1] if name.startswith("matrices/") else 1), int)
        for slab in array.slabs:
            assert slab.offset % ALIGNMENT == 0
            for chunk in slab.chunks(array.dtype.itemsize):
                assert len(chunk.rows) == 1 or chunk.data_bytes <= buffer
                covered[_slice(chunk.rows), _slice(chunk.columns)] += 1
                places.append((chunk.offset, chunk.offset + chunk.total_bytes))
        assert (covered == 1).all()
    places.sort()
    # From the first page to the header there is no gap.
    assert [start for start, _ in places] == [ALIGNMENT, *(end for _, end in places)][: len(places)]
    assert max((end for _, end in places), default=ALIGNMENT) == length
    assert sum(map(len, writers)) == sum(len(array.slabs) for array in table.values())


def _slice(numbers: range) -> slice:
    return slice(numbers.start, numbers.stop)


@given(plans())
def test_plain_data_and_back(planned: tuple[ProcessGrid, list[Announcement]]) -> None:
    table, _, length = plan_table(*planned)
    for array in table.values():
        for slab in array.slabs:
            slab.checksums = [1 for _ in slab.chunks(array.dtype.itemsize)]
    plain = {name: array.to_plain() for name, array in table.items()}
    assert read_table(Node(plain), length) == table
