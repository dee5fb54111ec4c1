"""What is installed: one wheel with both packages, their types and the compiled core.

And what is said of it elsewhere: to a package index, to GitHub and to those who cite it.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("lret_dist", "lret_qiskit")
SOURCES = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
TESTS_WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text()


def installed_files() -> set[str]:
    """Files of the installed wheel; skips the test on an editable installation, which has none."""
    lret = distribution("lret-dist")
    origin = json.loads(lret.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        pytest.skip("the installation is editable")
    return {str(path) for path in lret.files or ()}


def test_version_lives_once() -> None:
    declared = PROJECT["version"]
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


def test_wheel_holds_every_module_and_nothing_else() -> None:
    modules = {name for name in installed_files() if name.endswith(".py")}
    assert modules == {str(path.relative_to(ROOT)) for path in SOURCES}
    others = {name for name in installed_files() if not name.endswith((".py", ".pyc"))}
    own = ("lret_dist/_core.", "lret_dist.libs/lib", "lret_dist-")
    strangers = {name for name in others if not name.startswith(own) and Path(name).name != "lret"}
    assert strangers == {f"{package}/py.typed" for package in PACKAGES}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in others)


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


def test_citation_names_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [PROJECT["version"]]
    assert re.findall(r"^license: (.+)$", citation, re.MULTILINE) == [PROJECT["license"]]


def claimed_pythons() -> list[str]:
    """Minor versions of Python that the package says it runs on."""
    claims = "\n".join(PROJECT["classifiers"])
    return re.findall(r"^Programming Language :: Python :: (3\.\d+)$", claims, re.MULTILINE)


def matrix(name: str) -> list[str]:
    """A dimension of a matrix in the workflow that runs the tests."""
    (values,) = re.findall(rf"^ +{name}: (\[.*\])$", TESTS_WORKFLOW, re.MULTILINE)
    return json.loads(values)


def test_every_python_that_is_claimed_is_built_for_and_tested() -> None:
    assert PROJECT["requires-python"] == f">={claimed_pythons()[0]}"
    (built,) = re.findall(r"cp3\{(.*)\}-", PYPROJECT["tool"]["cibuildwheel"]["build"])
    assert [f"3.{minor}" for minor in built.split(",")] == claimed_pythons()
    assert matrix("python") == claimed_pythons()


def test_qiskit_is_tested_from_the_lowest_version_to_this_one() -> None:
    lowest, *minors = matrix("qiskit")
    (claimed,) = (each for each in PROJECT["dependencies"] if each.startswith("qiskit>="))
    assert lowest == "lowest"
    assert claimed == f"qiskit>={minors[0]},<3"
    assert minors == [f"2.{minor}" for minor in range(len(minors))]
    listed = ", ".join(f'"{each}"' for each in matrix("qiskit"))
    assert f"QISKIT_VERSIONS = ({listed})" in (ROOT / "noxfile.py").read_text()


def test_index_shows_no_link_to_a_file() -> None:
    """A package index has no files beside the text of its page."""
    text = str(distribution("lret-dist").metadata.get_payload())
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []
