"""Sessions on MPI ranks that they start themselves: real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from random_circuits import brick_wall, brick_wall_noise
from starting import NEEDS_LAUNCHER, permit

import lret_dist.sessions.remote
from lret_dist import (
    CancelledError,
    Circuit,
    LauncherError,
    Session,
    SessionError,
    SimulationOptions,
    SimulationRequest,
    get_session,
    simulate,
)
from lret_dist.planning.jobs import PreparedRequest
from lret_dist.sessions.remote import RemoteSession

BELL = Circuit(2).gate("h", [0]).gate("cx", [0, 1]).measure_all()


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        permit(patch)
        started = get_session(2)
        yield started
        started.close()


def request_for(circuit: Circuit, **options: object) -> SimulationRequest:
    return SimulationRequest(circuit=circuit, options=SimulationOptions(**options))


def long_request() -> SimulationRequest:
    options = SimulationOptions(epsilon=0, method="low_rank")
    noise = brick_wall_noise(1e-2, 1e-1)
    return SimulationRequest(circuit=brick_wall(10, 400), noise=noise, options=options)


@NEEDS_LAUNCHER
@pytest.mark.parametrize("parallelization", ["row", "column"])
def test_same_counts_as_in_this_process(session: Session, parallelization: str) -> None:
    options = {"epsilon": 0.0, "seed": 5, "shots": 500}
    circuit, noise = brick_wall(6, 4).measure_all(), brick_wall_noise(1e-2, 1e-1)
    here = simulate(circuit, noise, **options)
    there = simulate(circuit, noise, mpi_ranks=2, parallelization=parallelization, **options)
    assert there.counts() == here.counts()
    assert (here.metadata.mpi_ranks, there.metadata.mpi_ranks) == (1, 2)
    assert there.metadata.parallelization == parallelization
    assert session.mpi_ranks == session.machine.mpi_ranks == 2


@NEEDS_LAUNCHER
def test_large_results_come_back(session: Session) -> None:
    circuit = brick_wall(10, 1).save_density_matrix(key="rho")
    here, there = (simulate(circuit, shots=0, mpi_ranks=ranks) for ranks in (None, 2))
    np.testing.assert_allclose(there.data["rho"], here.data["rho"], atol=1e-12)


@NEEDS_LAUNCHER
def test_warnings_are_shown_here(session: Session) -> None:
    with pytest.warns(UserWarning, match="forced a truncation error") as shown:
        simulate(brick_wall(6, 3), brick_wall_noise(1e-2, 1e-1), max_rank=2, mpi_ranks=2)
    assert len(shown) == 1


@NEEDS_LAUNCHER
def test_a_running_batch_stops_and_the_others_go_on(session: Session) -> None:
    running, waiting, after = (
        session.submit([request])
        for request in (long_request(), long_request(), request_for(BELL, shots=2))
    )
    with pytest.raises(TimeoutError, match="has not ended"):
        running.result(0.5)
    assert running.running()
    assert not waiting.running()
    assert waiting.cancel()
    assert waiting.cancelled()
    assert running.cancel()
    with pytest.raises(CancelledError, match="was cancelled"):
        running.result(30)
    assert not isinstance(after.result(30)[0], Exception)
    assert not after.cancel()


@NEEDS_LAUNCHER
def test_mistakes_are_raised_where_they_are_made(session: Session) -> None:
    with pytest.raises(ValueError, match="needs 2 rows") as caught:
        session.submit([request_for(Circuit(1, name="mine"), initial_state=[1, 0, 0])])
    assert caught.value.__notes__ == ["in circuit 'mine'"]


@NEEDS_LAUNCHER
def test_a_failing_circuit_leaves_the_others_alone(session: Session) -> None:
    good = PreparedRequest(circuit=BELL, options=SimulationOptions(), columns=None, qubits=(0, 1))
    bad = PreparedRequest(circuit=None, options=SimulationOptions(), columns=None, qubits=(0, 1))  # type: ignore[arg-type]
    outcomes = session.submit_prepared([good, bad, good]).result(30)
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert "NoneType" in str(outcomes[1])


@NEEDS_LAUNCHER
def test_one_session_for_each_number(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    permit(monkeypatch)
    assert get_session(np.int64(2)) is session
    assert get_session(1) is get_session()
    three = get_session(3)
    assert simulate(BELL, mpi_ranks=3).metadata.mpi_ranks == 3
    assert simulate(BELL, mpi_ranks=2).metadata.mpi_ranks == 2
    running = three.submit([long_request()])
    three.close()
    three.close()
    with pytest.raises(CancelledError):
        running.result(0)
    with pytest.raises(SessionError, match="is closed"):
        three.submit([request_for(BELL)])
    again = get_session(3)
    assert again is not three
    again.close()


@NEEDS_LAUNCHER
def test_where_mpi_ranks_may_be_on_other_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    permit(monkeypatch)
    hosts = tmp_path / "hosts"
    hosts.write_text("localhost\n")
    monkeypatch.setenv("HYDRA_HOST_FILE", str(hosts))
    session = RemoteSession(2)
    try:
        assert not isinstance(session.submit([request_for(BELL)]).result(30)[0], Exception)
    finally:
        session.close()


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (0, ValueError, "mpi_ranks must be at least 1, got 0"),
        (-2, ValueError, "got -2"),
        (2.0, TypeError, r"mpi_ranks must be an integer, got 2\.0"),
        ("4", TypeError, "got '4'"),
        (True, TypeError, "got True"),
    ],
)
def test_numbers_of_mpi_ranks_are_checked(given: object, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        get_session(given)  # type: ignore[arg-type]


def launcher_that(does: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an ``mpirun`` beside what this process takes for its Python."""
    mpirun = folder / "mpirun"
    mpirun.write_text(f"#!/bin/sh\n{does}\n")
    mpirun.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(folder / "python"))


def test_a_launcher_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher_that("echo there are no slots; exit 7", tmp_path, monkeypatch)
    with pytest.raises(LauncherError, match=r"ended with code 7; .*\n    there are no slots"):
        RemoteSession(2)


def test_a_launcher_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher_that("echo waiting for hosts; exec sleep 60", tmp_path, monkeypatch)
    monkeypatch.setattr(lret_dist.sessions.remote, "_START_SECONDS", 0.3)
    with pytest.raises(LauncherError, match=r"within 0\.3 s.*still running.*\n.*waiting for hosts"):
        RemoteSession(2)
