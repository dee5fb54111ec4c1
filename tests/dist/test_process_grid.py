from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import ProcessGrid
from lret_dist.process_grid import choose_grid, most_row_groups

RUN = {"num_qubits": 12, "widest_step": 2, "expected_rank": 500}


def test_positions_and_kinds() -> None:
    grid = ProcessGrid(4, 3)
    assert [grid.mpi_rank(*grid.position(r)) for r in range(grid.size)] == list(range(12))
    assert grid.row_bits == 2
    kinds = {(1, 1): "none", (4, 1): "row", (1, 3): "column", (2, 3): "hybrid"}
    assert {shape: ProcessGrid(*shape).kind for shape in kinds} == kinds


@pytest.mark.parametrize("shape", [(3, 1), (0, 1), (1, 0), (6, 2)])
def test_impossible_grids(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"needs 2\*\*k x m MPI ranks"):
        ProcessGrid(*shape)


@pytest.mark.parametrize(("ranks", "shape"), [(2, (1, 2)), (4, (2, 2)), (6, (2, 3)), (8, (2, 4))])
def test_hybrid_is_close_to_square(ranks: int, shape: tuple[int, int]) -> None:
    assert choose_grid("hybrid", ranks, **RUN) == ProcessGrid(*shape)


@pytest.mark.parametrize(("ranks", "nearest"), [(3, "2 or 4"), (6, "4 or 8"), (12, "8 or 16")])
def test_row_names_the_nearest_numbers(ranks: int, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"got {ranks}: start {nearest}, or use"):
        choose_grid("row", ranks, **RUN)


@given(
    partition=st.sampled_from(["column", "hybrid", "auto"]),
    ranks=st.integers(1, 64),
    num_qubits=st.integers(1, 30),
    widest=st.integers(0, 6),
    rank=st.integers(1, 10**4),
    least_rows=st.sampled_from([1, 2, 8]),
)
def test_every_number_of_ranks_makes_a_grid(
    partition: str, ranks: int, num_qubits: int, widest: int, rank: int, least_rows: int
) -> None:
    grid = choose_grid(
        partition,  # type: ignore[arg-type]
        ranks,
        num_qubits=num_qubits,
        widest_step=min(widest, num_qubits),
        expected_rank=rank,
        least_rows=least_rows,
    )
    assert 1 <= grid.size <= ranks
    assert num_qubits - grid.row_bits >= min(widest, num_qubits)


@pytest.mark.parametrize(
    ("ranks", "num_qubits", "rank", "shape"),
    [
        (4, 16, 400, (4, 1)),
        (4, 24, 1, (4, 1)),
        (3, 20, 400, (1, 3)),
        (12, 20, 400, (4, 3)),
        (6, 24, 2, (2, 2)),
        (4, 16, 40, (2, 1)),
        (7, 16, 90, (4, 1)),
        (4, 13, 50, (1, 1)),
        (4, 3, 8, (1, 1)),
    ],
)
def test_automatic_splits_rows_then_columns_where_it_pays(
    ranks: int, num_qubits: int, rank: int, shape: tuple[int, int]
) -> None:
    grid = choose_grid("auto", ranks, num_qubits=num_qubits, widest_step=2, expected_rank=rank)
    assert grid == ProcessGrid(*shape)


def test_automatic_takes_the_rows_that_memory_needs() -> None:
    few = {"num_qubits": 13, "widest_step": 2, "expected_rank": 50}
    assert choose_grid("auto", 4, **few, least_rows=4) == ProcessGrid(4, 1)
    assert choose_grid("auto", 6, **few, least_rows=4) == ProcessGrid(4, 1)


def test_row_groups_leave_the_widest_step_its_bits() -> None:
    assert most_row_groups(5, 2) == 8
    assert most_row_groups(2, 6) == 1
    assert choose_grid("row", 8, num_qubits=3, widest_step=2, expected_rank=1).rows == 2
