"""How far a run is: notes for a function, and what those who wait are shown."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel
from random_circuits import brick_wall, brick_wall_noise

from lret_dist import Circuit, Progress, SimulationOptions, SimulationRequest, get_session, simulate
from lret_dist.machines.machine import Machine
from lret_dist.planning.jobs import make_job, prepare
from lret_dist.runs.progress import Meter, Work

NOISE = brick_wall_noise(1e-3, 1e-2)
HELPERS = str(Path(str(sys.modules["random_circuits"].__file__)).parent)
#: A run of a few tenths of a second, whose progress is shown from its first moment.
SHOWN = """
    from lret_dist import simulate
    from lret_dist.runs import progress, progress_bar
    from random_circuits import brick_wall, brick_wall_noise

    progress_bar._LATE, progress_bar._LOOK, progress._PERIOD = 0, 0.01, 0
    circuit = brick_wall(10, 12).measure_all()
    noise = brick_wall_noise(1e-3, 1e-2)
    simulate(circuit, noise, truncation="certified", progress={option!r})
    print("done")
"""


@pytest.fixture
def all_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is noted, however short it takes."""
    monkeypatch.setattr("lret_dist.runs.progress._PERIOD", 0)


def notes_of(circuit: Circuit, **options: object) -> list[Progress]:
    notes: list[Progress] = []
    simulate(circuit, NOISE, seed=1, progress=notes.append, **options)
    return notes


def check_end(last: Progress, circuits: int = 1) -> None:
    assert (last.whole, last.fraction, last.steps_done) == (1, 1, last.steps)
    assert (last.circuits_done, last.circuits, last.seconds_left) == (circuits, circuits, 0)


@pytest.mark.usefixtures("all_notes")
def test_a_certified_run_tells_its_steps() -> None:
    circuit, noise = brick_wall(8, 8).measure_all(), brick_wall_noise(1e-4, 1e-3)
    notes: list[Progress] = []
    result = simulate(circuit, noise, progress=notes.append, epsilon=1e-2, method="low_rank")
    assert len(notes) > 3
    for name in ("fraction", "steps_done", "seconds", "discarded"):
        course = [getattr(note, name) for note in notes]
        assert course == sorted(course), name
    assert notes[0].fraction < 0.1
    assert max(note.rank for note in notes) <= result.metadata.max_rank
    assert 0 < notes[-1].discarded <= result.metadata.truncation_error * (1 + 1e-9)
    check_end(notes[-1])


@pytest.mark.usefixtures("all_notes")
def test_a_density_matrix_tells_its_steps() -> None:
    notes = notes_of(brick_wall(6, 4).measure_all(), method="density_matrix")
    assert {note.rank for note in notes} == {1 << 6}
    assert len({note.steps_done for note in notes}) > 2
    check_end(notes[-1])


@pytest.mark.usefixtures("all_notes")
def test_a_sampled_run_tells_its_batches() -> None:
    notes = notes_of(brick_wall(8, 4).measure_all(), truncation="unbiased", standard_error=1e-3)
    assert all(note.batches > 0 and note.batches_done <= note.batches for note in notes)
    assert notes[-1].batches_done == notes[-1].batches
    check_end(notes[-1])


@pytest.mark.usefixtures("all_notes")
def test_batches_on_several_threads_call_a_function_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lret_dist.runs.batches._core.get_num_threads", lambda: 2)
    callers: set[int] = set()
    alone = threading.Lock()
    together = []

    def listener(_: Progress) -> None:
        callers.add(threading.get_ident())
        if not alone.acquire(blocking=False):
            together.append(threading.get_ident())
            return
        time.sleep(1e-3)
        alone.release()

    options = {"truncation": "unbiased", "standard_error": 1e-3, "seed": 1}
    simulate(brick_wall(8, 4).measure_all(), NOISE, progress=listener, **options)
    # Two threads with batches, and the session's own, which notes the end.
    assert len(callers) > 2
    assert not together


@pytest.mark.usefixtures("all_notes")
def test_histories_count_their_shots() -> None:
    circuit = brick_wall(6, 3)
    for qubit in range(4):
        circuit.measure(qubit, qubit)
        circuit.gate("h", [qubit])
    circuit = circuit.measure_all()
    for options in ({"method": "low_rank"}, {"epsilon": 0.0, "method": "density_matrix"}):
        notes = notes_of(circuit, shots=200, **options)
        assert all(0 <= note.fraction <= 1 for note in notes)
        check_end(notes[-1])


@pytest.mark.usefixtures("all_notes")
def test_a_batch_counts_its_circuits() -> None:
    notes: list[Progress] = []
    circuits = [brick_wall(n, 4).measure_all() for n in (4, 6, 5)]
    simulate(circuits, NOISE, progress=notes.append)
    done = [note.circuits_done for note in notes]
    assert done == sorted(done)
    assert {0, 1, 2, 3} == set(done)
    check_end(notes[-1], 3)


def test_a_handle_can_be_asked() -> None:
    request = SimulationRequest(circuit=brick_wall(5, 3).measure_all(), noise=NOISE)
    handle = get_session().submit([request])
    handle.result()
    assert handle.progress() is not None
    check_end(handle.progress())


def test_a_function_that_fails_is_left_alone() -> None:
    calls = []

    def broken(progress: Progress) -> None:
        calls.append(progress)
        raise KeyError("rank")

    circuit = Circuit(1).gate("x", [0]).measure_all()
    with pytest.warns(RuntimeWarning, match=r"progress function raised KeyError\('rank'\)"):
        result = simulate(circuit, shots=5, progress=broken)
    assert (result.counts(), len(calls)) == ({1: 5}, 1)


@pytest.mark.parametrize("wrong", ["yes", 1, None, 0.5, np.ones(4)], ids=str)
def test_other_values_are_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="progress must be True, False"):
        simulate(Circuit(1).measure_all(), progress=wrong)


def test_work_follows_the_expected_rank() -> None:
    request = SimulationRequest(
        circuit=brick_wall(10, 10), noise=NOISE, options=SimulationOptions(epsilon=1e-3)
    )
    machine = Machine(mpi_ranks=1, bytes_per_rank=1 << 30)
    job = make_job(prepare(request, machine), machine)
    number = len(job.program.steps)
    done = [Work(job.program, job.settings).done(steps) for steps in range(number + 1)]
    assert (done[0], done[-1]) == (0, pytest.approx(1))
    assert np.all(np.diff(done) > 0)
    assert done[number // 2] < 0.48, "the first half, with few columns, is the lesser work"


def test_notes_are_few_and_time_left_is_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("lret_dist.runs.progress.time.monotonic", lambda: now)
    notes: list[Progress] = []
    meter = Meter(notes.append)
    for step in range(21):
        if meter.is_due():
            # What was done before the run went on took none of its time.
            meter.note(0.5 + step / 40, steps_done=step, steps=20, rank=1)
        now += 0.05
    assert [note.steps_done for note in notes] == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    assert notes[1].seconds_left is None
    assert notes[6].seconds_left == pytest.approx(0.4)


def run(option: object, **streams: object) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent(SHOWN.format(option=option))
    # An empty entry would be the working directory.
    path = os.pathsep.join(filter(None, [HELPERS, os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, timeout=120, env=environment, **streams
    )


def test_a_terminal_shows_a_bar_that_goes_away() -> None:
    ours, theirs = pty.openpty()
    ended = run("auto", stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:
        pass
    os.close(ours)
    assert ended.stdout == "done\n"
    assert "━" in shown.decode()
    assert b"rank " in shown
    assert shown.endswith(b"\x1b[2K"), "the last line is taken away"


def test_a_notebook_shows_a_bar_that_goes_away() -> None:
    manager, client = start_new_kernel()
    code = (
        f"import sys\nsys.path[:0] = {sys.path!r}\n{textwrap.dedent(SHOWN.format(option='auto'))}"
    )
    messages: list[dict[str, Any]] = []
    try:
        client.execute_interactive(code, timeout=120, output_hook=messages.append)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    bars = [m["content"]["data"] for m in messages if "display_data" in m["msg_type"]]
    assert len(bars) > 2
    assert all("<progress value=" in bar["text/html"] for bar in bars[:-1])
    assert bars[-1] == {"text/plain": "", "text/html": ""}
    said = [m["content"]["text"] for m in messages if m["msg_type"] == "stream"]
    assert said == ["done\n"]


def test_a_pipe_gets_nothing_unless_asked_for() -> None:
    quiet, told = (run(option, stderr=subprocess.PIPE) for option in ("auto", True))
    assert (quiet.stdout, quiet.stderr) == ("done\n", "")
    assert told.stdout == "done\n"
    assert told.stderr.startswith("lret: ")
    assert "step " in told.stderr
