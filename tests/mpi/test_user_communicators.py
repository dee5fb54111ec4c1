"""Simulators inside a larger MPI program, each on a communicator of the program's own."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import nullcontext

import numpy as np
import pytest
from dense_reference import evolve
from mpi4py import MPI
from random_circuits import add_saves, brick_wall, brick_wall_noise, random_circuit

from lret_dist import (
    CheckpointError,
    Progress,
    SimulationOptions,
    SimulationRequest,
    simulate_collectively,
)
from lret_dist.grid.process_grid import ProcessGrid
from lret_dist.planning.forecast import forecast
from lret_dist.planning.prediction import best_of
from lret_dist.sessions.crew import Grids, survey

WORLD = MPI.COMM_WORLD


@pytest.fixture(params=[2, 3], ids="{} groups".format)
def part(request: pytest.FixtureRequest) -> MPI.Intracomm:
    """MPI ranks in groups, the last of them first."""
    return WORLD.Split(WORLD.rank % request.param, -WORLD.rank)


def test_several_simulators_side_by_side(part: MPI.Intracomm) -> None:
    seed = part.bcast(WORLD.rank)
    rng = np.random.default_rng(seed)
    circuit = add_saves(random_circuit(rng, 3 + seed % 3, 30), rng)
    for options in ({}, {"method": "density_matrix"}, {"parallelization": "column"}):
        result = simulate_collectively(circuit, comm=part, epsilon=0, shots=50, seed=1, **options)
        assert (result is not None) == (part.rank == 0)
        if result is not None:
            assert result.metadata.mpi_ranks == part.size
            for key, exact in evolve(circuit).data.items():
                np.testing.assert_allclose(result.data[key], exact, rtol=0, atol=1e-10)
    # The program's own messages are not disturbed.
    assert part.allreduce(1) == part.size
    assert WORLD.allreduce(1) == WORLD.size


def test_progress_is_told_on_the_first_mpi_rank(part: MPI.Intracomm) -> None:
    notes: list[Progress] = []
    circuit = brick_wall_noise(1e-3, 1e-2).bind(brick_wall(6, 4)).measure_all()
    simulate_collectively(circuit, comm=part, progress=notes.append)
    assert bool(notes) == (part.rank == 0)
    assert all(note.rank <= 1 << 6 and note.steps_done <= note.steps for note in notes)
    assert not notes or notes[-1].fraction == 1


def test_a_progress_function_that_fails_is_left_alone(part: MPI.Intracomm) -> None:
    def broken(_: Progress) -> None:
        raise KeyError("rank")

    circuit = brick_wall_noise(1e-3, 1e-2).bind(brick_wall(4, 4)).measure_all()
    first = part.rank == 0
    told = pytest.warns(RuntimeWarning, match=r"KeyError\('rank'\)") if first else nullcontext()
    with told:
        result = simulate_collectively(circuit, comm=part, progress=broken)
    assert (result is not None) == first
    with pytest.raises(TypeError, match="progress must be a function of a Progress"):
        simulate_collectively(circuit, comm=part, progress=True)  # type: ignore[arg-type]


def test_simulators_on_some_mpi_ranks_only(part: MPI.Intracomm) -> None:
    here = WORLD.rank % 2 == WORLD.size % 2
    some = WORLD.Split(0 if here else MPI.UNDEFINED, WORLD.rank)
    if here:
        circuit = brick_wall_noise(1e-3, 1e-2).bind(brick_wall(4, 4)).measure_all()
        result = simulate_collectively(circuit, comm=some, shots=100, seed=5, epsilon=0)
        alone = simulate_collectively(circuit, comm=MPI.COMM_SELF, shots=100, seed=5, epsilon=0)
        assert alone is not None
        if result is not None:
            assert result.counts() == alone.counts()
    WORLD.Barrier()


@pytest.mark.skipif(WORLD.size == 1, reason="one MPI rank has no other number")
def test_failures_name_the_mpi_ranks_of_the_job(
    part: MPI.Intracomm, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = part.bcast(tempfile.mkdtemp() if part.rank == 0 else None)
    circuit = brick_wall_noise(1e-3, 1e-2).bind(brick_wall(4, 4)).save_probabilities()
    last = part.rank == part.size - 1

    def broken(*_: object) -> None:
        if last:
            raise OSError(28, "No space left on device")

    for kind in ("PlainFile", "_MpiFile"):
        monkeypatch.setattr(f"lret_dist.grid.parallel_file.{kind}.sync", broken)
    options = {"parallelization": "column", "checkpoint": folder, "checkpoint_interval": 1e-9}
    with pytest.raises(CheckpointError) as caught:
        simulate_collectively(circuit, comm=part, shots=0, **options)
    number = part.bcast(WORLD.rank, root=part.size - 1)
    if part.size > 1:
        assert f"MPI rank {number} on" in str(caught.value)
    part.Barrier()
    if part.rank == 0:
        shutil.rmtree(folder)


@pytest.mark.parametrize("qubits", [3, 13])
def test_a_plan_for_the_same_machine_names_the_grid_of_the_run(
    qubits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.planning.jobs.best_of", best_of)
    _, machine = survey(WORLD)
    monkeypatch.setattr("lret_dist.api.survey", lambda _: (1, machine))
    circuit = brick_wall_noise(1e-3, 1e-2).bind(brick_wall(qubits, 4)).save_probabilities()
    options = SimulationOptions(shots=0, truncation="certified", epsilon=1e-2)
    request = SimulationRequest(circuit=circuit, options=options)
    planned = WORLD.bcast(forecast(request, machine))
    result = simulate_collectively(
        circuit, comm=WORLD, shots=0, truncation="certified", epsilon=1e-2
    )
    if result is not None:
        grid = planned.grid
        assert tuple(result.metadata.process_grid) == (grid.rows, grid.columns)
        assert result.metadata.grid_reason == planned.grid_reason
        # Three qubits are too few to gain by more MPI ranks.
        assert qubits > 3 or grid.size == 1


def test_communicators_are_released() -> None:
    """An MPI library has some two thousand of them."""
    grids = Grids(WORLD)
    found = [grids.find(ProcessGrid(1, columns)) for columns in {1, WORLD.size}]
    grids.free()
    for grid in filter(None, found):
        for comm in (grid._all, grid._over_rows, grid._over_columns):
            assert comm == MPI.COMM_NULL
