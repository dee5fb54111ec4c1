"""Runs that are saved, stopped and gone on with, on any grid; every MPI rank takes part."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mpi4py import MPI
from random_circuits import (
    add_saves,
    brick_wall,
    brick_wall_noise,
    looping_circuit,
    pauli_noise,
    random_circuit,
)

from lret_dist import (
    Bits,
    CheckpointError,
    Circuit,
    ProcessGrid,
    StoppedError,
    simulate_collectively,
)
from lret_dist.checkpoints.lock import alone_with
from lret_dist.grid.communicator import GridCommunicator
from lret_dist.records.run_records import CheckpointSettings, Outcome
from lret_dist.runs.evolution import Evolution
from lret_dist.runs.histories import Task
from lret_dist.runs.orders import Order, Orders

if TYPE_CHECKING:
    from lret_dist import SimulationResult
    from lret_dist.options import Parallelization

WORLD = MPI.COMM_WORLD
DRIVER = WORLD.rank == 0
POWER_OF_TWO = WORLD.size & (WORLD.size - 1) == 0
PARTITIONS = [p for p in ("row", "column", "hybrid") if p != "row" or POWER_OF_TWO]
OTHERS = {"row": "column", "column": "hybrid", "hybrid": "auto"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that all MPI ranks know."""
    path = Path(WORLD.bcast(tempfile.mkdtemp() if DRIVER else None))
    yield path
    WORLD.Barrier()
    if DRIVER:
        shutil.rmtree(path)


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the driver stop the next run when it has been asked so many times."""

    def stop_after(number: int) -> None:
        class Stopping(Orders):
            def __init__(self, *_: object) -> None:
                self.left = number

            def __call__(self) -> Order:
                self.left -= 1
                return Order.GO_ON if self.left else Order.SAVE_AND_STOP

        monkeypatch.setattr("lret_dist.api.DriverOrders", Stopping)

    return stop_after


def run(circuit: Circuit, comm: MPI.Intracomm = WORLD, **options: Any) -> SimulationResult:
    """The result on MPI rank 0; elsewhere an object that must not be looked at."""
    return simulate_collectively(circuit, comm=comm, **options)  # type: ignore[return-value]


def assert_same(result: SimulationResult, expected: SimulationResult) -> None:
    assert result.memory() == expected.memory()
    assert_same_data(result.data, expected.data)


def assert_same_data(data: dict[Any, Any], expected: dict[Any, Any]) -> None:
    assert data.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            assert_same_data(data[key], value)
        else:
            np.testing.assert_allclose(data[key], value, rtol=0, atol=1e-10)


def measured_on_the_way() -> Circuit:
    rng = np.random.default_rng(7)
    circuit = add_saves(random_circuit(rng, 5, 25), rng)
    for qubit in (0, 3):
        circuit.gate("h", [qubit]).measure(qubit, qubit).gate("h", [qubit])
        circuit.channel(pauli_noise(rng, 2, 0.1), [qubit, 4]).gate("x", [4])
    return circuit.save_density_matrix(key="late").measure_all()


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("method", ["low_rank", "density_matrix", "automatic"])
@pytest.mark.parametrize("after", [1, 4, 9, 17, 22])
def test_a_stopped_run_goes_on_anywhere(
    partition: Parallelization,
    method: str,
    after: int,
    folder: Path,
    stopping: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lret_dist.runs.low_rank.density_pays", lambda _, step, __: step >= 12)
    circuit = measured_on_the_way()
    options = {"method": method, "epsilon": 0, "shots": 60, "seed": 5}
    expected = run(circuit, MPI.COMM_SELF, **options)
    saved = {**options, "checkpoint": folder}
    with monkeypatch.context():
        stopping(after)
        with pytest.raises(StoppedError, match=r"stopped by a signal after .* it is saved"):
            run(circuit, parallelization=partition, **saved)
    monkeypatch.undo()
    monkeypatch.setattr("lret_dist.runs.low_rank.density_pays", lambda _, step, __: step >= 12)
    assert len(list(folder.iterdir())) >= 1
    WORLD.Barrier()
    if after % 2:
        result = run(circuit, parallelization=OTHERS[partition], **saved)
    else:
        # One MPI rank alone.
        result = run(circuit, MPI.COMM_SELF, **saved) if DRIVER else None
    if DRIVER:
        assert result.metadata.resumed
        assert_same(result, expected)
        assert not list(folder.iterdir())


def with_a_long_tail() -> Circuit:
    """A jump, and many steps behind the last mark."""
    circuit = Circuit(5, 5).gate("h", [0]).measure(0, 0).jump("end", Bits((0,))).gate("x", [1])
    circuit.mark("end")
    circuit.operations += random_circuit(np.random.default_rng(4), 5, 25).operations
    return circuit.save_density_matrix(key="late").measure(2, 1)


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("method", ["low_rank", "density_matrix"])
@pytest.mark.parametrize(
    ("circuit", "after"),
    [*((looping_circuit(3), after) for after in (3, 20, 45)), (with_a_long_tail(), 12)],
)
def test_a_stopped_dynamic_run_goes_on_anywhere(
    partition: Parallelization,
    method: str,
    circuit: Circuit,
    after: int,
    folder: Path,
    stopping: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Histories in the middle of a loop or a block, with what their shots have saved."""
    options = {"method": method, "epsilon": 0, "shots": 20, "seed": 5}
    expected = run(circuit, MPI.COMM_SELF, **options)
    saved = {**options, "checkpoint": folder}
    with monkeypatch.context():
        stopping(after)
        with pytest.raises(StoppedError, match=r"stopped by a signal after .* it is saved"):
            run(circuit, parallelization=partition, **saved)
    monkeypatch.undo()
    WORLD.Barrier()
    result = run(circuit, parallelization=OTHERS[partition], **saved)
    if DRIVER:
        assert result.metadata.resumed
        assert_same(result, expected)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_saving_at_every_step_changes_nothing(partition: Parallelization, folder: Path) -> None:
    circuit = measured_on_the_way()
    options = {"epsilon": 0, "shots": 30, "seed": 5, "method": "low_rank"}
    expected = run(circuit, MPI.COMM_SELF, **options)
    saved = {"checkpoint": folder, "checkpoint_interval": 1e-9, "parallelization": partition}
    result = run(circuit, **options, **saved)
    if DRIVER:
        assert result.metadata.checkpoints > 20
        assert not result.metadata.resumed
        assert_same(result, expected)
        assert not list(folder.iterdir())


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_truncated_run_goes_on_within_its_certificate(
    partition: Parallelization, folder: Path, stopping: Callable[[int], None]
) -> None:
    circuit = brick_wall_noise(1e-3, 1e-2).bind(brick_wall(7, 6))
    circuit.save_probabilities(key="p")
    exact = run(circuit, MPI.COMM_SELF, epsilon=0, shots=0)
    options = {"method": "low_rank", "epsilon": 1e-2, "shots": 0, "checkpoint": folder}
    stopping(12)
    with pytest.raises(StoppedError):
        run(circuit, parallelization=partition, **options)
    stopping(10**6)
    result = run(circuit, parallelization=OTHERS[partition], **options)
    if DRIVER:
        assert result.metadata.resumed
        error = result.metadata.truncation_error
        assert error is not None
        assert 0 < error <= 1e-2
        assert np.abs(result.data["p"] - exact.data["p"]).sum() <= 2 * error


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("blind", [False, True])
def test_a_sampled_run_goes_on_anywhere(
    partition: Parallelization,
    blind: bool,
    folder: Path,
    stopping: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lret_dist.runs.batches._BATCHES_AT_ONCE", 1)
    rng = np.random.default_rng(3)
    circuit = add_saves(random_circuit(rng, 5, 30), rng)
    circuit = measured_on_the_way() if blind else circuit.measure_all()
    options = {"truncation": "unbiased", "resolution": 2e-4, "seed": 11, "shots": 101}
    options["precision"] = "double"
    expected = run(circuit, MPI.COMM_SELF, **options)
    saved = {**options, "checkpoint": folder}
    stopping(2)
    with pytest.raises(StoppedError, match="batches of sampled columns; it is saved in"):
        run(circuit, parallelization=partition, **saved)
    stopping(10**6)
    result = run(circuit, parallelization=OTHERS[partition], **saved)
    if DRIVER:
        assert result.metadata.resumed
        assert_same(result, expected)


def test_a_damaged_checkpoint_is_passed_over(folder: Path, stopping: Callable[[int], None]) -> None:
    circuit = measured_on_the_way()
    options = {"epsilon": 0, "shots": 60, "seed": 5, "method": "low_rank", "checkpoint": folder}
    expected = run(circuit, MPI.COMM_SELF, epsilon=0, shots=60, seed=5, method="low_rank")
    for number in (10, 8):
        stopping(number)
        with pytest.raises(StoppedError):
            run(circuit, **options)
    WORLD.Barrier()
    files = sorted(folder.iterdir())
    assert len(files) == 2
    if DRIVER:
        data = bytearray(files[1].read_bytes())
        data[4096 + 50] ^= 1
        files[1].write_bytes(data)
    WORLD.Barrier()
    stopping(10**6)
    result = run(circuit, **options)
    if DRIVER:
        assert_same(result, expected)
        assert "are damaged; the checkpoint before" in result.warnings[0]


def test_histories_go_on_with_policies_of_their_own(
    folder: Path, stopping: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed: list[Task] = []

    def noting(self: Evolution, tasks: list[Task], outcome: Outcome | None = None) -> Outcome:
        resumed.extend(tasks if outcome is not None else [])
        return go_on(self, tasks, outcome)

    go_on = Evolution.go_on
    monkeypatch.setattr(Evolution, "go_on", noting)
    circuit = Circuit(5, 5).gate("h", [0]).measure(0, 0)
    circuit.operations += random_circuit(np.random.default_rng(7), 5, 25).operations
    circuit.measure_all()
    options = {"method": "low_rank", "epsilon": 0, "shots": 60, "seed": 5, "checkpoint": folder}
    stopping(6)
    with pytest.raises(StoppedError):
        run(circuit, **options)
    stopping(10**6)
    run(circuit, **options)
    assert len(resumed) == 2
    assert len({id(task.path.policy) for task in resumed}) == len(resumed)


def test_only_damaged_checkpoints_are_an_error(
    folder: Path, stopping: Callable[[int], None]
) -> None:
    circuit = measured_on_the_way()
    options = {"epsilon": 0, "shots": 60, "seed": 5, "checkpoint": folder}
    stopping(10)
    with pytest.raises(StoppedError):
        run(circuit, **options)
    WORLD.Barrier()
    if DRIVER:
        (file,) = folder.iterdir()
        file.write_bytes(file.read_bytes()[:-100])
    WORLD.Barrier()
    with pytest.raises(CheckpointError, match="cannot be read"):
        run(circuit, **options)


def test_another_run_takes_no_notice(folder: Path, stopping: Callable[[int], None]) -> None:
    circuit = measured_on_the_way()
    stopping(10)
    with pytest.raises(StoppedError):
        run(circuit, epsilon=0, shots=60, seed=5, checkpoint=folder)
    stopping(10**6)
    result = run(circuit, epsilon=0, shots=61, seed=5, checkpoint=folder)
    if DRIVER:
        assert not result.metadata.resumed
        assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("partition", PARTITIONS)
def test_an_equal_run_is_refused_on_every_mpi_rank(
    partition: Parallelization, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lret_dist.planning.jobs.fingerprint", lambda *_: "f" * 64)
    files = CheckpointSettings(folder=str(folder), fingerprint="f" * 64, interval=1.0)
    options = {"shots": 10, "checkpoint": folder, "parallelization": partition}
    with ExitStack() as stack:
        if DRIVER:
            stack.enter_context(alone_with(files, GridCommunicator(ProcessGrid(1, 1))))
        WORLD.Barrier()
        with pytest.raises(CheckpointError, match="another run of the same circuit uses them"):
            run(measured_on_the_way(), **options)
    result = run(measured_on_the_way(), **options)
    if DRIVER:
        assert not result.metadata.resumed
        assert not list(folder.iterdir())
