from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lret_dist import ProcessGrid
from lret_dist.grid.process_grid import most_row_groups, possible_grids

RUN = {"num_qubits": 12, "widest_step": 2}


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
    assert possible_grids("hybrid", None, ranks, **RUN) == [ProcessGrid(*shape)]


@pytest.mark.parametrize(("ranks", "nearest"), [(3, "2 or 4"), (6, "4 or 8"), (12, "8 or 16")])
def test_row_names_the_nearest_numbers(ranks: int, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"got {ranks}: start {nearest}, or use"):
        possible_grids("row", None, ranks, **RUN)


@given(
    partition=st.sampled_from(["column", "hybrid", "auto"]),
    ranks=st.integers(1, 64),
    num_qubits=st.integers(1, 30),
    widest=st.integers(0, 6),
    least_rows=st.sampled_from([1, 2, 8]),
)
def test_every_number_of_ranks_makes_grids(
    partition: str, ranks: int, num_qubits: int, widest: int, least_rows: int
) -> None:
    widest = min(widest, num_qubits)
    grids = possible_grids(
        partition,  # type: ignore[arg-type]
        None,
        ranks,
        num_qubits=num_qubits,
        widest_step=widest,
        least_rows=least_rows,
    )
    assert all(1 <= grid.size <= ranks for grid in grids)
    assert all(num_qubits - grid.row_bits >= widest for grid in grids)
    assert len(grids) == 1 or partition == "auto"
    assert len(set(grids)) == len(grids)


def test_automatic_may_use_any_part_of_the_ranks() -> None:
    grids = possible_grids("auto", None, 6, **RUN)
    shapes = {(grid.rows, grid.columns) for grid in grids}
    assert shapes == {(1, 6), (1, 3), (1, 1), (2, 3), (2, 1), (4, 1)}
    needy = possible_grids("auto", None, 6, **RUN, least_rows=4)
    assert needy == [ProcessGrid(4, 1)]


@pytest.mark.parametrize("partition", ["auto", "hybrid"])
def test_a_given_grid_is_taken(partition: str) -> None:
    grids = possible_grids(partition, (2, 3), 8, **RUN)  # type: ignore[arg-type]
    assert grids == [ProcessGrid(2, 3)]


def test_a_given_grid_that_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="4 x 2 needs 8 MPI ranks, there are 6"):
        possible_grids("auto", (4, 2), 6, **RUN)
    with pytest.raises(ValueError, match=r"8 x 1 leaves .* at most 4 row groups are possible"):
        possible_grids("auto", (8, 1), 8, num_qubits=4, widest_step=2)


def test_row_groups_leave_the_widest_step_its_bits() -> None:
    assert most_row_groups(5, 2) == 8
    assert most_row_groups(2, 6) == 1
    assert possible_grids("row", None, 8, num_qubits=3, widest_step=2) == [ProcessGrid(2, 1)]
