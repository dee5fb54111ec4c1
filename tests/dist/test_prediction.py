from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lret_dist import ProcessGrid
from lret_dist.prediction import Prediction, best_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def prediction(mpi_ranks: int, seconds: float, memory: int = 1) -> Prediction:
    return Prediction(
        grid=ProcessGrid(1, mpi_ranks),
        seconds=seconds,
        compute_seconds=seconds,
        communication_seconds=0.0,
        memory_bytes=memory,
        flops=1.0,
        messages=0,
        bytes=0,
        rank=1,
    )


@pytest.mark.parametrize(
    ("times", "size"),
    [
        ([1.0, 0.6], 2),
        ([1.0, 0.97], 1),
        ([1.0, 0.6, 0.59], 2),
        ([1.0, 0.97, 0.5], 3),
        # Two milliseconds are not worth a second MPI rank.
        ([0.010, 0.008], 1),
        ([0.010, 0.006], 2),
    ],
)
def test_more_mpi_ranks_must_pay(times: list[float], size: int) -> None:
    found = best_of((prediction(1 + n, time) for n, time in enumerate(times)), 10)
    assert found.grid.size == size


def test_nothing_larger_is_predicted_for_a_short_run() -> None:
    def lazily() -> Iterator[Prediction]:
        yield prediction(1, 1e-3)
        raise AssertionError("there is nothing to gain")

    assert best_of(lazily(), 10).grid.size == 1


def test_memory_goes_first() -> None:
    assert best_of([prediction(1, 1e-3, 20), prediction(2, 1.0, 10)], 10).grid.size == 2
    assert best_of([prediction(1, 1.0, 20), prediction(2, 1.0, 15)], 10).grid.size == 2
    assert best_of([prediction(1, 1.0, 5), prediction(2, 1e-3, 15)], 10).grid.size == 1
