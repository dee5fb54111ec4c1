"""The session of one process; several are covered by the fault tests."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import nullcontext

import pytest
from random_circuits import brick_wall, brick_wall_noise

from lret_dist import (
    CancelledError,
    Circuit,
    SessionError,
    SimulationOptions,
    SimulationRequest,
    get_session,
)
from lret_dist.factors.state import State
from lret_dist.machines.launcher import launched_processes, was_launched
from lret_dist.machines.threads import own_cores, threads_per_rank
from lret_dist.runs.low_rank import LowRank
from lret_dist.runs.run_handle import RunHandle
from lret_dist.sessions.session import DriverSession


def request_for(circuit: Circuit, **options: object) -> SimulationRequest:
    return SimulationRequest(circuit=circuit, options=SimulationOptions(**options))


def long_request() -> SimulationRequest:
    options = SimulationOptions(epsilon=0)
    noise = brick_wall_noise(1e-2, 1e-1)
    return SimulationRequest(circuit=brick_wall(10, 40), noise=noise, options=options)


def test_outcomes_keep_the_order_of_the_requests() -> None:
    circuits = [Circuit(1, 1), Circuit(1, 1).gate("x", [0])]
    handle = get_session().submit([request_for(c.measure_all(), shots=4) for c in circuits])
    outcomes = handle.result(30)
    assert [o.counts() for o in outcomes if not isinstance(o, Exception)] == [{0: 4}, {1: 4}]
    assert handle.done()
    assert not handle.running()
    assert not handle.cancel()
    assert not handle.cancelled()


def test_a_running_batch_stops_at_its_next_step() -> None:
    session = get_session()
    running, waiting = session.submit([long_request()]), session.submit([long_request()])
    with pytest.raises(TimeoutError, match=r"has not ended after 0\.1 s"):
        running.result(0.1)
    assert running.running()
    assert waiting.cancel()
    with pytest.raises(CancelledError, match="before it began"):
        waiting.result(1)
    assert running.cancel()
    with pytest.raises(CancelledError, match="was cancelled"):
        running.result(30)
    after = session.submit([request_for(Circuit(1, 1).measure_all(), shots=2)]).result(30)
    assert not isinstance(after[0], Exception)


def test_close_cancels_what_is_about_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    session = DriverSession()
    closing, begin = threading.Thread(target=session.close), RunHandle.begin

    def begin_during_close(handle: RunHandle) -> bool:
        closing.start()
        while not handle.stopping():
            time.sleep(0.001)
        return begin(handle)

    monkeypatch.setattr(RunHandle, "begin", begin_during_close)
    handle = session.submit([long_request()])
    with pytest.raises(CancelledError, match="before it began"):
        handle.result(30)
    closing.join()


def test_close_cancels_what_has_just_left_the_queue() -> None:
    session, handle = DriverSession(), RunHandle()
    session.close()
    session._do((handle, []))
    assert handle.cancelled()


@pytest.mark.parametrize("way", ["cancelled", "failed"])
def test_a_run_that_ends_early_leaves_no_state(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even as long as somebody has its handle, and without a search for cycles."""
    begun = threading.Event()

    def noted(self, *arguments):  # type: ignore[no-untyped-def]
        begun.set()
        if way == "failed":
            raise RuntimeError("no luck")
        return channel(self, *arguments)

    channel = LowRank.channel
    monkeypatch.setattr(LowRank, "channel", noted)
    gc.collect()
    gc.disable()
    try:
        handle = get_session().submit([long_request()])
        assert begun.wait(30)
        handle.cancel()
        with pytest.raises(CancelledError) if way == "cancelled" else nullcontext():
            handle.result(30)
        assert not [each for each in gc.get_objects() if isinstance(each, State)]
    finally:
        gc.enable()


def test_a_failing_circuit_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from lret_dist.sessions import crew

    make_job = crew.make_job

    def failing(prepared, machine):  # type: ignore[no-untyped-def]
        if prepared.circuit.name == "bad":
            raise RuntimeError("no luck")
        return make_job(prepared, machine)

    monkeypatch.setattr(crew, "make_job", failing)
    circuits = [Circuit(1, 1, name).measure_all() for name in ("good", "bad", "good")]
    outcomes = get_session().submit([request_for(c, shots=1) for c in circuits]).result(30)
    assert [isinstance(o, Exception) for o in outcomes] == [False, True, False]
    assert str(outcomes[1]) == "no luck"


def test_mistakes_are_raised_where_they_are_made() -> None:
    with pytest.raises(ValueError, match="needs 2 rows") as caught:
        get_session().submit([request_for(Circuit(1, name="mine"), initial_state=[1, 0, 0])])
    assert caught.value.__notes__ == ["in circuit 'mine'"]


def test_a_closed_session_takes_nothing() -> None:
    session = DriverSession()
    session.submit([long_request()])
    session.close()
    session.close()
    with pytest.raises(SessionError, match="is closed"):
        session.submit([long_request()])
    assert not [t for t in threading.enumerate() if t is session._thread]


@pytest.mark.parametrize(
    ("environment", "launched", "processes"),
    [
        ({}, False, None),
        ({"PMI_SIZE": "4", "PMI_RANK": "0"}, True, 4),
        ({"OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "1"}, True, 2),
        ({"PMIX_RANK": "0"}, True, None),
        ({"PMI_SIZE": "²"}, True, None),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "3"}, True, 8),
        ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, False, None),
    ],
)
def test_launchers_are_recognised(
    environment: dict[str, str], launched: bool, processes: int | None
) -> None:
    assert was_launched(environment) is launched
    assert launched_processes(environment) == processes


def test_threads_obey_the_user_then_slurm_then_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = own_cores()
    cores = len(mine)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    others = frozenset(range(10**6, 10**6 + cores))
    assert threads_per_rank([mine]) == cores
    assert threads_per_rank([others, mine, others]) == cores
    assert threads_per_rank([mine, mine]) == max(1, cores // 2)
    assert threads_per_rank([mine] * 1000) == max(1, cores // 1000)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", str(cores))
    assert threads_per_rank([mine, mine]) == max(1, cores // 2)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert threads_per_rank([mine]) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "²")
    assert threads_per_rank([mine]) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", f"{cores + 5},2")
    assert threads_per_rank([mine]) == cores
