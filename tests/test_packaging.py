"""What is installed: one wheel with both packages, their types and the compiled core."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("lret_dist", "lret_qiskit")
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def installed_files() -> set[str]:
    """Files of the installed wheel; skips the test on an editable installation, which has none."""
    lret = distribution("lret-dist")
    origin = json.loads(lret.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        pytest.skip("the installation is editable")
    return {str(path) for path in lret.files or ()}


def test_version_lives_once() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert distribution("lret-dist").version == declared
    copies = [path for path in (ROOT / "CMakeLists.txt", *SOURCES) if declared in path.read_text()]
    assert copies == []


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_use_the_installed_package(package: str) -> None:
    installed_files()
    folder = Path(str(importlib.import_module(package).__file__)).parent
    assert folder != ROOT / package


def test_wheel_holds_types_and_core() -> None:
    files = installed_files()
    assert {"lret_dist/py.typed", "lret_dist/_core.pyi", "lret_qiskit/py.typed"} <= files
    assert any(name.startswith("lret_dist/_core.") and name.endswith(".so") for name in files)


def test_wheel_holds_no_other_source() -> None:
    strangers = {name for name in installed_files() if name.endswith((".cpp", ".hpp", ".h", ".a"))}
    assert not strangers


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_exist(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_one_process_needs_no_mpi_library() -> None:
    """A machine without an MPI library still simulates."""
    code = (
        "from lret_dist import Circuit, simulate\n"
        "circuit = Circuit(2).gate('h', [0]).gate('cx', [0, 1]).measure_all()\n"
        "print(sorted(simulate(circuit, shots=100, seed=1).counts()))"
    )
    environment = os.environ | {"MPI4PY_LIBMPI": "/nonexistent/libmpi.so"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment
    )
    assert (run.stdout.strip(), run.returncode) == ("[0, 3]", 0), run.stderr
