"""Runs keep to the memory that they may use."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from budgets import CASES, HEAVY, growth_of, parted
from random_circuits import brick_wall

from lret_dist import (
    Circuit,
    InsufficientMemoryError,
    SimulationOptions,
    TruncationWarning,
    simulate,
)
from lret_dist.checkpoints.fingerprint import fingerprint
from lret_dist.machines.machine import Machine
from lret_dist.planning.jobs import Job, SimulationRequest, make_job, prepare
from lret_dist.sessions.teams import choose_teams

HELPERS = Path(__file__).parents[1] / "helpers"
#: Limits of a process that a run under it must end with, or keep to.
LIMITS = ("RLIMIT_AS", "RLIMIT_DATA")


def planned(circuit: Circuit, machine: Machine, **options: object) -> Job:
    request = SimulationRequest(
        circuit=circuit,
        noise=HEAVY,
        options=SimulationOptions(**options),  # type: ignore[arg-type]
    )
    return make_job(prepare(request, machine), machine)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("1GiB", TypeError, "max_memory_mb must be a number of MiB, got '1GiB'"),
        (True, TypeError, "max_memory_mb must be a number of MiB, got True"),
        (0, ValueError, "max_memory_mb must be positive and finite, got 0"),
        (-1.5, ValueError, "max_memory_mb must be positive and finite, got -1.5"),
        (float("nan"), ValueError, "must be positive and finite"),
        (float("inf"), ValueError, "must be positive and finite"),
    ],
)
def test_bad_budgets(value: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        SimulationOptions(max_memory_mb=value)  # type: ignore[arg-type]


def test_a_budget_only_ever_takes_memory_away() -> None:
    machine = Machine(mpi_ranks=2, bytes_per_rank=100 << 20)
    assert machine.limited(None) is machine
    assert machine.limited(100.0) is machine
    less = machine.limited(10.5)
    assert less == replace(machine, bytes_per_rank=21 << 19, limited_by="max_memory_mb")


def test_refusals_name_the_budget() -> None:
    circuit = brick_wall(20, 1).measure_all()
    words = (
        r"32\.1 MiB .* max_memory_mb allows 20 MiB; what would help: a larger max_memory_mb, or m"
    )
    with pytest.raises(InsufficientMemoryError, match=words):
        simulate(circuit, max_memory_mb=20)
    with pytest.raises(InsufficientMemoryError, match="a larger max_memory_mb, or saving fewer"):
        simulate(circuit, shots=10**6, max_memory_mb=50)
    words = "density matrix of 12 qubits needs 128 MiB .* max_memory_mb allows 100 MiB"
    with pytest.raises(InsufficientMemoryError, match=words):
        simulate(brick_wall(12, 1), method="density_matrix", shots=0, max_memory_mb=100)
    words = "two sampled columns of 20 qubits need .* MiB .* max_memory_mb allows 50 MiB"
    with pytest.raises(InsufficientMemoryError, match=words):
        simulate(circuit, HEAVY, truncation="unbiased", max_memory_mb=50)
    with pytest.raises(
        InsufficientMemoryError, match=r"32\.5 KiB .* max_memory_mb allows 10\.2 KiB"
    ):
        simulate(brick_wall(10, 1).measure_all(), shots=8, max_memory_mb=0.01)
    words = r"11 qubits and 5 others, of histories that wait, needs 193 MiB"
    with pytest.raises(InsufficientMemoryError, match=words):
        simulate(parted(11, 2), HEAVY, method="density_matrix", max_memory_mb=150)
    assert sum(simulate(brick_wall(4, 1).measure_all(), max_memory_mb=1).counts().values()) == 1024


def test_the_machine_is_named_where_it_is_smaller() -> None:
    machine = Machine(mpi_ranks=1, bytes_per_rank=10 << 20)
    with pytest.raises(
        InsufficientMemoryError, match=r"but 10 MiB can be used beside .*; what would help: mor"
    ):
        planned(brick_wall(20, 1), machine, max_memory_mb=11)


def test_a_budget_decides_the_plan() -> None:
    machine = Machine(mpi_ranks=4, bytes_per_rank=8 << 30)
    options = {"truncation": "certified", "shots": 0, "method": "low_rank"}
    free = planned(brick_wall(20, 1), machine, **options)
    tight = planned(brick_wall(20, 1), machine, **options, max_memory_mb=20)
    assert tight.grid.rows >= 2
    assert tight.settings.memory_columns < free.settings.memory_columns
    # The density matrix takes 32 MiB, and is made while the factor is there.
    options = {"truncation": "certified", "shots": 0}
    assert planned(brick_wall(11, 2), machine, **options).settings.may_switch
    tight = planned(brick_wall(11, 2), machine, **options, max_memory_mb=8, process_grid=(1, 1))
    assert not tight.settings.may_switch
    sampling = planned(
        brick_wall(16, 2).measure_all(), machine, truncation="unbiased", max_memory_mb=8
    ).settings.sampling
    assert sampling is not None
    assert sampling.columns < 8
    assert sampling.batches_in_memory == 1


def test_a_budget_decides_the_teams() -> None:
    machine = Machine(mpi_ranks=4, bytes_per_rank=8 << 30)
    options = SimulationOptions(truncation="certified", shots=0, method="low_rank")
    for budget, whole in ((None, False), (20.0, True)):
        request = SimulationRequest(
            circuit=brick_wall(20, 1), options=replace(options, max_memory_mb=budget)
        )
        batch = [prepare(request, machine, index) for index in range(4)]
        assert (choose_teams(batch, machine).size >= 2) == whole


def test_an_initial_state_that_is_too_large_to_be_decomposed() -> None:
    state = np.eye(1 << 9) / (1 << 9)
    circuit = brick_wall(9, 1).measure_all()
    words = (
        "eigenvectors of the density matrix of 512 rows .* need 20 MiB, but max_memory_mb allows"
    )
    with pytest.raises(InsufficientMemoryError, match=words):
        simulate(circuit, initial_state=state, max_memory_mb=15)


def test_an_epsilon_that_memory_cannot_keep_is_not_replaced_without_a_word() -> None:
    circuit, options = brick_wall(13, 4).measure_all(), {"method": "low_rank", "seed": 1}
    with pytest.warns(TruncationWarning, match=r"epsilon = 0.001 is not certified: .* sampled"):
        result = simulate(circuit, HEAVY, epsilon=1e-3, max_memory_mb=30, shots=20, **options)
    assert result.metadata.truncation == "unbiased"
    # Nobody has asked for a certificate.
    result = simulate(circuit, HEAVY, max_memory_mb=30, shots=20, **options)
    assert result.metadata.truncation == "unbiased"


def test_histories_that_wait_have_room() -> None:
    machine = Machine(mpi_ranks=1, bytes_per_rank=100 << 20)
    alone = planned(brick_wall(11, 2).measure_all(), machine, truncation="certified")
    assert alone.settings.may_switch
    assert not planned(parted(11, 2), machine, truncation="certified").settings.may_switch


def test_a_budget_does_not_make_another_run() -> None:
    first, second = (SimulationOptions(seed=1, max_memory_mb=most) for most in (None, 50))
    prints = {fingerprint(Circuit(1), None, options, 0) for options in (first, second)}
    assert len(prints) == 1


@pytest.mark.parametrize("case", CASES)
def test_runs_keep_to_their_budget(case: str) -> None:
    # In a process of its own: what other tests have left free here may be used again, or not.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        grown = pool.submit(growth_of, case, 60).result()
    if grown is None:
        pytest.skip("this system does not tell the largest resident memory of a while")
    assert grown < 1.1 * 60


def test_a_run_that_is_refused_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError("no more of it")

    circuit = brick_wall(4, 1).measure_all()
    with monkeypatch.context() as patch:
        patch.setattr("lret_dist.runs.low_rank.append_branches", refuse)
        with pytest.raises(
            InsufficientMemoryError, match=r"refused .* \(no more of it\)"
        ) as caught:
            simulate(circuit, HEAVY, method="low_rank", truncation="certified", epsilon=0.0)
    assert caught.value.__context__ is None
    assert sum(simulate(circuit, HEAVY).counts().values()) == 1024


SCRIPT = """
    import json, resource, sys, warnings
    warnings.simplefilter("ignore")
    sys.path.insert(0, {helpers!r})
    from random_circuits import brick_wall, brick_wall_noise
    from lret_dist import InsufficientMemoryError, simulate
    small = brick_wall(4, 1).measure_all()
    if {late}:
        simulate(small)
    status = open("/proc/self/status").read()
    used = int(status.split({used!r})[1].split()[0]) << 10
    resource.setrlimit(resource.{kind}, (used + ({room} << 20),) * 2)
    found = {{}}
    try:
        noise = brick_wall_noise(1e-2, 5e-2)
        result = simulate(brick_wall(20, 2).measure_all(), noise, shots=100, **{options!r})
        found["rank"] = result.metadata.max_rank
    except InsufficientMemoryError as error:
        found["refused"] = str(error)
    found["after"] = sum(simulate(small, shots=7).counts().values())
    print(json.dumps(found))
"""


def run_limited(kind: str, room: int, *, late: bool = False, **options: str) -> dict[str, object]:
    """What a run of 20 qubits comes to in a process that has so many MiB left."""
    used = {"RLIMIT_AS": "VmSize:", "RLIMIT_DATA": "VmData:"}[kind]
    names = {"helpers": str(HELPERS), "late": late, "used": used, "kind": kind, "room": room}
    script = textwrap.dedent(SCRIPT).format(**names, options=options)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    assert found["after"] == 7
    return found


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("truncation", ["certified", "unbiased"])
def test_runs_end_within_the_limits_of_their_process(kind: str, truncation: str) -> None:
    # On more cores the threads alone take more than there is: the run is refused before it starts.
    found = run_limited(kind, 500, truncation=truncation, method="low_rank")
    assert "rank" in found or "can be used" in str(found["refused"])


@pytest.mark.parametrize("kind", LIMITS)
def test_what_cannot_fit_in_the_limits_is_refused_before(kind: str) -> None:
    assert "20 qubits need at least" in str(
        run_limited(kind, 20, truncation="certified")["refused"]
    )


def test_a_limit_that_comes_later_is_an_exception_too() -> None:
    options = {"truncation": "certified", "method": "low_rank"}
    found = run_limited("RLIMIT_AS", 200, late=True, **options)
    assert "the system refused the run more memory" in str(found["refused"])
