"""Every MPI rank runs pytest on these tests; MPI rank 0 reports, the others only when they fail."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from mpi4py import MPI

from lret_dist import ProcessGrid
from lret_dist.planning.prediction import Prediction

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as one for MPI, so that no file can forget it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.mpi)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Hold back the report of MPI ranks other than 0."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if MPI.COMM_WORLD.rank == 0 or reporter is None:
        return
    config.pluginmanager.unregister(reporter)
    held = HeldReport(f"[MPI rank {MPI.COMM_WORLD.rank}] ")
    config.pluginmanager.register(TerminalReporter(config, held), "terminalreporter")
    config.pluginmanager.register(held, "held-report")


@pytest.fixture(autouse=True)
def small_runs_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let "auto" take all MPI ranks for circuits as small as those of the tests."""

    def largest(
        predict: Callable[[ProcessGrid], Prediction], grids: Sequence[ProcessGrid], _: int
    ) -> Prediction:
        return predict(max(grids, key=lambda grid: (grid.size, grid.rows)))

    monkeypatch.setattr("lret_dist.planning.jobs.best_of", largest)


@pytest.fixture(autouse=True)
def wait_for_the_driver() -> Iterator[None]:
    """Sleep while MPI rank 0 compares results: MPI ranks that spin would take its core."""
    yield
    arrived = MPI.COMM_WORLD.Ibarrier()
    while not arrived.Test():
        time.sleep(1e-3)


class HeldReport(io.StringIO):
    """Text that is shown, each line with the MPI rank in front, only if the run fails."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def write(self, text: str) -> int:
        """Hold the text back, unless a timeout's thread writes it: the process is about to end."""
        if threading.current_thread() is not threading.main_thread():
            sys.__stderr__.write(text)
        return super().write(text)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Show what was held back if a test failed or the run broke off."""
        session = config.pluginmanager.get_plugin("session")
        status = getattr(session, "exitstatus", pytest.ExitCode.INTERNAL_ERROR)
        if status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return
        lines = self.getvalue().splitlines(keepends=True)
        # One write, so that the lines of several MPI ranks do not mix.
        sys.__stderr__.write("".join(self._prefix + line for line in lines))
        sys.__stderr__.flush()
