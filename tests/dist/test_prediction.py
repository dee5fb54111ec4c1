from __future__ import annotations

import pytest

from lret_dist import ProcessGrid
from lret_dist.planning.prediction import Prediction, best_of


def prediction(grid: ProcessGrid, seconds: float, memory: int = 1) -> Prediction:
    return Prediction(
        grid=grid,
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
    grids = [ProcessGrid(1, 1 + number) for number in range(len(times))]
    found = best_of(lambda grid: prediction(grid, times[grid.size - 1]), grids, 10)
    assert found.grid.size == size


def test_nothing_larger_is_predicted_for_a_short_run() -> None:
    times = {(1, 1): 0.0095, (1, 2): 0.0059, (2, 1): 0.001}

    def predicted(grid: ProcessGrid) -> Prediction:
        return prediction(grid, times[grid.rows, grid.columns])

    grids = [ProcessGrid(4, 2), ProcessGrid(1, 2), ProcessGrid(2, 1), ProcessGrid(1, 1)]
    assert best_of(predicted, grids, 10).grid == ProcessGrid(2, 1)


@pytest.mark.parametrize(
    ("alone", "shared", "size"),
    [((1e-3, 20), (1.0, 10), 2), ((1.0, 20), (1.0, 15), 2), ((1.0, 5), (1e-3, 15), 1)],
)
def test_memory_goes_first(alone: tuple[float, int], shared: tuple[float, int], size: int) -> None:
    facts = {1: alone, 2: shared}
    grids = [ProcessGrid(1, 1), ProcessGrid(1, 2)]
    assert best_of(lambda grid: prediction(grid, *facts[grid.size]), grids, 10).grid.size == size
