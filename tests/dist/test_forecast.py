"""Plans for MPI ranks that are not there."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from random_circuits import brick_wall, brick_wall_noise

import lret_dist
from lret_dist import Circuit, Forecast, InsufficientMemoryError, Network, SimulationOptions, plan
from lret_dist.machines.machine import Machine, Speeds
from lret_dist.planning.forecast import forecast
from lret_dist.planning.jobs import SimulationRequest, make_job, prepare

GIB = 2**30
SPEEDS = Speeds(pass_seconds=7e-10, gram_seconds=1.4e-10, latency=2e-6, bandwidth=1e10)
CERTIFIED = {"truncation": "certified", "shots": 0}


def request(circuit: Circuit, noise: float = 1e-3, **options: object) -> SimulationRequest:
    bound = brick_wall_noise(noise / 10, noise).bind(circuit)
    return SimulationRequest(circuit=bound, options=SimulationOptions(**options))


def machine(mpi_ranks: int, memory: int = 64 * GIB) -> Machine:
    return Machine(mpi_ranks=mpi_ranks, bytes_per_rank=memory, speeds=SPEEDS)


def wall(qubits: int, layers: int, **options: object) -> SimulationRequest:
    return request(brick_wall(qubits, layers), **({"epsilon": 3e-2} | CERTIFIED | options))


@pytest.mark.parametrize("mpi_ranks", [1, 2, 3, 6, 64, 4096])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"parallelization": "column"},
        {"parallelization": "hybrid"},
        {"process_grid": (1, 1)},
        {"method": "density_matrix"},
        {"truncation": "unbiased", "epsilon": 1e-4},
    ],
)
def test_a_plan_names_the_grid_of_a_run(mpi_ranks: int, options: dict[str, object]) -> None:
    asked = wall(8, 6, **options)
    there = machine(mpi_ranks)
    found = forecast(asked, there)
    job = make_job(prepare(asked, there), there)
    assert found.grid == job.grid
    assert found.prediction == job.prediction
    assert found.grid_reason == job.grid_reason


@pytest.mark.parametrize("options", [CERTIFIED, {"truncation": "unbiased"}])
def test_a_plan_for_here_names_the_grid_of_a_run_here(options: dict[str, object]) -> None:
    circuit, noise = brick_wall(8, 6), brick_wall_noise(1e-4, 1e-3)
    result = lret_dist.simulate(circuit, noise, **options)
    found = plan(circuit, noise, mpi_ranks=1, **options)
    assert (found.grid.rows, found.grid.columns) == result.metadata.process_grid
    predicted = result.metadata.communication["predicted"]
    assert predicted["rank"] == found.prediction.rank
    assert (found.method == "sampled") == (result.metadata.truncation == "unbiased")


def test_the_brick_wall_that_was_measured() -> None:
    one, two = (forecast(wall(16, 8), machine(ranks)) for ranks in (1, 2))
    # It takes 2.7 and 1.5 s on cores of these speeds, and has 252 columns.
    assert 1.3 < one.prediction.seconds < 5.4
    assert 0.7 < two.prediction.seconds < 3
    assert 126 < one.prediction.rank < 504
    assert two.grid.kind == "row"
    by_columns = next(each for each in two.alternatives if each.grid.kind == "column")
    assert by_columns.seconds > 1.2 * two.prediction.seconds


def test_the_chosen_grid_fits_where_one_does() -> None:
    for gibibytes in (4, 64):
        found = forecast(wall(30, 10, epsilon=0.1), machine(256, gibibytes * GIB))
        any_fits = any(found.fits(each) for each in found.alternatives if each.grid.size <= 256)
        assert found.fits() >= any_fits
    assert found.fits()


def test_more_row_groups_never_need_more_memory() -> None:
    asked = wall(26, 10, epsilon=0.1, parallelization="row")
    used = [forecast(asked, machine(2**k)).prediction.memory_bytes for k in range(1, 11)]
    assert used == sorted(used, reverse=True)


def test_four_thousand_mpi_ranks_and_a_thousand_steps_take_seconds() -> None:
    asked = wall(32, 64, epsilon=0.1)
    started = time.process_time()
    found = forecast(asked, machine(4096))
    # A second or two on one core of 2023.
    assert time.process_time() - started < 20
    assert found.steps > 900
    assert found.grid.size == 4096
    assert {each.grid.size for each in found.alternatives} >= {1024, 2048, 4096, 8192}


def test_methods() -> None:
    assert forecast(wall(8, 6, method="low_rank"), machine(2)).method == "low_rank"
    assert forecast(wall(8, 6, method="density_matrix"), machine(2)).method == "density_matrix"
    changing = forecast(request(brick_wall(11, 60), 1e-3, **CERTIFIED), machine(2))
    assert changing.method == "low_rank, then density_matrix"
    switched = changing.prediction.switched_at
    assert switched is not None
    assert 0 < switched < changing.steps
    assert f"the density matrix from step {switched + 1} of {changing.steps} on" in str(changing)


def test_a_run_without_noise_keeps_its_factor() -> None:
    found = forecast(
        SimulationRequest(circuit=brick_wall(10, 6), options=SimulationOptions()), machine(1)
    )
    assert found.method == "low_rank"
    assert found.prediction.rank == 1


def test_uncertain_columns_are_warned_of() -> None:
    def warning(epsilon: float, **options: object) -> str:
        found = forecast(wall(14, 10, epsilon=epsilon, **options), machine(1))
        assert found.to_dict()["warning"] == found.warning
        assert found.warning in " ".join(str(found).split())
        return found.warning

    # A run has two errors or more with a chance of 3.2e-3.
    assert "epsilon is close to the weight of two errors at once (0.0032), or below" in warning(
        3e-3, method="low_rank"
    )
    assert not warning(3e-2)
    assert not warning(3e-3, max_rank=50)
    assert not warning(3e-3, method="density_matrix")


def test_sampled_runs_have_batches() -> None:
    options = {"truncation": "unbiased", "epsilon": 1e-4, "resolution": 1e-4}
    one, four = (forecast(wall(10, 6, **options), machine(ranks)) for ranks in (1, 4))
    assert one.method == "sampled"
    assert one.prediction.batches == four.prediction.batches > 4
    assert four.grid.kind == "column"
    assert four.prediction.seconds < 0.5 * one.prediction.seconds
    assert one.prediction.bytes == 0 < four.prediction.bytes


def test_sampled_rows_are_split_to_fit() -> None:
    asked = request(brick_wall(30, 10), truncation="unbiased", shots=100)
    found = forecast(asked, machine(64, 2 * GIB))
    assert found.grid.rows > 1
    assert found.fits()
    assert "rows must be split" in found.grid_reason


def test_text_has_units_and_assumptions() -> None:
    text = str(forecast(wall(16, 8), machine(2, 4 * GIB)))
    assert text.startswith("16 qubits, 60 steps, on 2 MPI ranks of 1 thread and 4 GiB each\n")
    assert "\nprocess grid  2 x 1 (row): it is expected to be fastest\n" in text
    assert "0.70 ns through a two-qubit gate" in text
    assert "2 us, and each MPI rank sends 10 GB/s" in " ".join(text.split())
    table = [line for line in text.splitlines() if line.endswith(("  fits", " yes", " no"))]
    assert len(table) >= 5
    assert len({len(line) for line in table}) == 1


def test_dictionary_is_plain() -> None:
    found = forecast(wall(10, 6), machine(4)).to_dict()
    again = json.loads(json.dumps(found))
    assert again["prediction"]["grid"] == list(found["prediction"]["grid"])
    assert again["alternatives"][0]["fits"] is True
    assert again["speeds"]["bandwidth"] == 1e10


@pytest.mark.parametrize(
    ("size", "number"),
    [
        (5e9, 5 * 10**9),
        (np.float64(7e9), 7 * 10**9),
        ("4GiB", 4 * GIB),
        ("4 gb", 4 * 10**9),
        ("512M", 512 * 2**20),
        ("1.5 TiB", 3 * 2**39),
        ("8000000000", 8 * 10**9),
    ],
)
def test_memory_as_number_or_text(size: object, number: int) -> None:
    assert plan(Circuit(2).gate("h", [0]), mpi_ranks=2, memory_per_rank=size).memory_per_rank == (
        number
    )


def test_options_of_the_machine_are_kept() -> None:
    circuit = Circuit(2).gate("h", [0])
    found = plan(circuit, mpi_ranks=8, threads_per_rank=1000, network=Network(bandwidth=25e9))
    assert isinstance(found, Forecast)
    assert (found.mpi_ranks, found.threads_per_rank) == (8, 1000)
    assert (found.speeds.latency, found.speeds.bandwidth) == (2e-6, 25e9)
    assert 0 < found.speeds.pass_seconds < 1e-10


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mpi_ranks": 0}, ValueError, "mpi_ranks must be at least 1, got 0"),
        ({"mpi_ranks": 2.5}, TypeError, "mpi_ranks must be an integer, got 2.5"),
        ({"mpi_ranks": True}, TypeError, "mpi_ranks must be an integer, got True"),
        ({"threads_per_rank": -1}, ValueError, "threads_per_rank must be at least 1"),
        ({"memory_per_rank": "4 apples"}, ValueError, "must be like \"4GiB\", got '4 apples'"),
        ({"memory_per_rank": -1}, ValueError, "memory_per_rank must be at least one byte"),
        ({"memory_per_rank": float("nan")}, ValueError, "memory_per_rank must be at least one"),
        ({"memory_per_rank": [1]}, TypeError, "memory_per_rank must be bytes or a text"),
        ({"network": 1e9}, TypeError, "network must be a Network"),
        ({"parallelization": "row", "mpi_ranks": 3}, ValueError, "needs a power of two"),
        ({"process_grid": (4, 1)}, ValueError, "needs 4 MPI ranks, there are 2"),
        ({"epsilon": 2}, ValueError, "epsilon must be at least 0 and less than 1"),
        ({"colour": "red"}, TypeError, "colour"),
    ],
)
def test_wrong_calls_say_so(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan(Circuit(3).gate("h", [0]), **({"mpi_ranks": 2} | options))


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), "fast"])
def test_a_network_has_positive_numbers(value: object) -> None:
    with pytest.raises((ValueError, TypeError), match="a network's bandwidth must be"):
        Network(bandwidth=value)


def test_a_run_that_cannot_fit_says_where_it_would() -> None:
    with pytest.raises(InsufficientMemoryError, match="32 MPI ranks like these would hold it"):
        forecast(wall(32, 4), machine(4, 4 * GIB))
    # More MPI ranks do not help columns.
    with pytest.raises(InsufficientMemoryError, match="can be used") as caught:
        forecast(wall(32, 4, parallelization="column"), machine(4, 4 * GIB))
    assert "like these" not in str(caught.value)
