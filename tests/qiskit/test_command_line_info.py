"""``lret info``: versions, libraries, this machine and its MPI ranks."""

from __future__ import annotations

import json
import platform
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import LRET, at_a_terminal, lret
from mpi_job import Job
from starting import NEEDS_LAUNCHER

import lret_dist
from lret_dist import _core, get_session


def test_what_is_installed() -> None:
    document = json.loads(lret("info").stdout)
    assert document["lret_version"] == lret_dist.__version__
    assert document["python"] == platform.python_version()
    assert document["core"] == {**_core.build_info(), "simd_level": _core.simd_level()}
    assert document["packages"]["qiskit-aer"] == version("qiskit-aer")
    # SciPy's, not NumPy's.
    assert "scipy" in document["blas"]["file"]
    (member,) = document["mpi_ranks"]
    assert member["host"] == socket.gethostname()
    assert member["threads"] == get_session().machine.threads
    assert member["free_memory_bytes"] == get_session().machine.members[0].bytes_free


def test_a_machine_without_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPI4PY_LIBMPI", "/nowhere/libmpi.so")
    assert json.loads(lret("info").stdout)["mpi"] == {"library": None}


@NEEDS_LAUNCHER
def test_every_mpi_rank_is_told_of(tmp_path: Path) -> None:
    outcome = Job(LRET, "info", ranks=2, log=tmp_path / "log").finish(60)
    assert outcome.code == 0, outcome.output
    document = json.loads(outcome.output)
    places = [(each["mpi_rank"], each["host"], each["threads"]) for each in document["mpi_ranks"]]
    host = socket.gethostname()
    assert places == [(0, host, 1), (1, host, 1)]
    assert all(each["free_memory_bytes"] > 0 for each in document["mpi_ranks"])
    assert document["mpi"]["library"].startswith(("MPICH", "Open MPI"))


def test_a_terminal_gets_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "100")
    shown = at_a_terminal("info")
    assert f"SIMD         {_core.simd_level()}, of " in shown
    assert "MPI rank  host" in shown
