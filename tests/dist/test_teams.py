"""Batches on real MPI ranks, which this process starts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from random_circuits import add_saves, brick_wall, brick_wall_noise, random_circuit
from starting import NEEDS_LAUNCHER, permit

from lret_dist import (
    CancelledError,
    CheckpointError,
    Circuit,
    Session,
    SimulationOptions,
    SimulationRequest,
    get_session,
)
from lret_dist.machines.machine import Machine
from lret_dist.planning.jobs import PreparedRequest, prepare
from lret_dist.sessions.teams import Teams, choose_teams

MPI_RANKS = 3


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        permit(patch)
        session = get_session(MPI_RANKS)
    yield session
    session.close()


def request_for(circuit: Circuit, **options: object) -> SimulationRequest:
    return SimulationRequest(circuit=circuit, options=SimulationOptions(**options))  # type: ignore[arg-type]


def small_circuits(number: int) -> list[Circuit]:
    rngs = [np.random.default_rng(seed) for seed in range(number)]
    return [add_saves(random_circuit(rng, 4, 20), rng).measure_all() for rng in rngs]


def long_circuit() -> Circuit:
    return brick_wall_noise(0.1, 0.1).bind(brick_wall(11, 60))


def prepared(circuit: Circuit, machine: Machine, **options: object) -> PreparedRequest:
    return prepare(request_for(circuit, **options), machine)


@NEEDS_LAUNCHER
@pytest.mark.parametrize("truncation", ["certified", "unbiased"])
def test_a_batch_gives_what_each_circuit_gives_alone(session: Session, truncation: str) -> None:
    options = {"epsilon": 0.0, "shots": 50, "seed": 3, "truncation": truncation}
    if truncation == "unbiased":
        options |= {"resolution": 1e-2, "precision": "double"}
    requests = [request_for(circuit, **options) for circuit in small_circuits(7)]
    outcomes = session.submit(requests).result(60)
    alone = get_session().submit(requests).result(60)
    for outcome, expected in zip(outcomes, alone, strict=True):
        assert not isinstance(outcome, Exception), outcome
        assert not isinstance(expected, Exception)
        assert outcome.memory() == expected.memory()
        for key, value in expected.data.items():
            np.testing.assert_allclose(outcome.data[key], value, rtol=0, atol=1e-10)
    facts = [outcome.metadata for outcome in outcomes]  # type: ignore[union-attr]
    assert {each.mpi_ranks for each in facts} == {MPI_RANKS}
    assert {each.team_ranks for each in facts} == {1} or truncation == "unbiased"


@NEEDS_LAUNCHER
def test_a_failing_circuit_leaves_the_others_alone(session: Session, tmp_path: Path) -> None:
    """The folder of its checkpoints goes away while it runs."""
    folder = tmp_path / "checkpoints"
    requests = [request_for(circuit, shots=5, epsilon=0.0) for circuit in small_circuits(6)]
    saved = {"checkpoint": folder, "checkpoint_interval": 1e-9, "method": "low_rank"}
    requests[2] = request_for(long_circuit(), shots=0, epsilon=0.1, **saved)
    handle = session.submit(requests)
    while not list(folder.iterdir()):
        time.sleep(0.01)
    folder.rename(tmp_path / "elsewhere")
    outcomes = handle.result(60)
    failed = [isinstance(outcome, Exception) for outcome in outcomes]
    assert failed == [False, False, True, False, False, False]
    assert isinstance(outcomes[2], CheckpointError)


@NEEDS_LAUNCHER
def test_a_batch_is_cancelled_on_all_teams(session: Session) -> None:
    options = {"method": "low_rank", "epsilon": 0.0, "shots": 0, "truncation": "certified"}
    handle = session.submit([request_for(long_circuit(), **options) for _ in range(6)])
    while not handle.running():
        time.sleep(0.01)
    time.sleep(0.5)
    assert handle.cancel()
    started = time.monotonic()
    with pytest.raises(CancelledError):
        handle.result(30)
    assert time.monotonic() - started < 20
    after = session.submit([request_for(small_circuits(1)[0], shots=3)]).result(30)
    assert not isinstance(after[0], Exception)


def test_teams_are_numbered_by_their_ranks() -> None:
    teams = Teams(2, 3)
    assert [teams.team(rank) for rank in range(8)] == [0, 0, 0, 1, 1, 1, 2, 2]


def test_many_small_circuits_get_an_mpi_rank_each() -> None:
    machine = Machine(mpi_ranks=8, bytes_per_rank=1 << 30)
    batch = [prepared(circuit, machine) for circuit in small_circuits(20)]
    assert choose_teams(batch, machine) == Teams(8, 1)
    assert choose_teams(batch[:2], machine).number == 2
    assert choose_teams(batch[:1], machine) == Teams(1, 8)


def test_circuits_that_need_the_memory_of_several_ranks_get_them() -> None:
    machine = Machine(mpi_ranks=8, bytes_per_rank=80 << 20)
    wide = brick_wall_noise(1e-5, 1e-4).bind(brick_wall(23, 2))
    options = {"truncation": "certified", "shots": 0, "method": "low_rank"}
    batch = [prepared(wide, machine, **options) for _ in range(8)]
    teams = choose_teams(batch, machine)
    assert teams.size >= 2


def test_a_grid_that_was_asked_for_fits_into_a_team() -> None:
    machine = Machine(mpi_ranks=8, bytes_per_rank=1 << 30)
    batch = [prepared(circuit, machine, process_grid=(2, 2)) for circuit in small_circuits(8)]
    assert choose_teams(batch, machine) == Teams(2, 4)
