"""Imports point one way: lret_qiskit -> lret_dist -> the compiled core."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("lret_dist", "lret_qiskit")
    for path in sorted((ROOT / package).rglob("*.py"))
}
DIST = [name for name in MODULES if name.split(".")[0] == "lret_dist"]
QISKIT = [name for name in MODULES if name.split(".")[0] == "lret_qiskit"]
#: Folders of lret_dist: each uses those before it alone. The modules beside them that all may use
#: come first, and those that use all last.
LAYERS = (
    *("", "files", "numerics", "machines", "circuits", "programs", "grid", "factors", "density"),
    *("records", "results", "sampled", "checkpoints", "planning", "runs", "sessions", "top"),
)
TOP = {"lret_dist", "lret_dist.__main__", "lret_dist.api"}
#: The modules that move arrays, that run driver and workers, and that read and write files.
MAY_USE_MPI = {
    "lret_dist.grid.communicator",
    "lret_dist.sessions.crew",
    "lret_dist.grid.parallel_file",
    "lret_dist.sessions.session",
}


def imported_modules(module: str, *, at_run_time: bool = False) -> set[str]:
    """Full names of everything that a module imports, wherever in it the import stands."""
    tree = ast.parse(MODULES[module].read_text())
    names = set()
    for node in ast.walk(WithoutTypes().visit(tree) if at_run_time else tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


class WithoutTypes(ast.NodeTransformer):
    """Takes out what is imported for annotations alone."""

    def visit_If(self, node: ast.If) -> ast.If | None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return None
        return node


def imported_packages(module: str, *, at_run_time: bool = False) -> set[str]:
    return {name.split(".")[0] for name in imported_modules(module, at_run_time=at_run_time)}


@pytest.mark.parametrize("module", DIST)
def test_simulator_knows_no_frontend(module: str) -> None:
    assert not imported_packages(module) & {"qiskit", "qiskit_aer", "lret_qiskit"}


@pytest.mark.parametrize("module", [*DIST, *QISKIT])
def test_mpi_stays_in_its_modules(module: str) -> None:
    if module not in MAY_USE_MPI:
        assert "mpi4py" not in imported_packages(module, at_run_time=True)


@pytest.mark.parametrize("module", QISKIT)
def test_frontend_uses_the_public_simulator(module: str) -> None:
    private = {name for name in imported_modules(module) if name.startswith("lret_dist._")}
    assert not private


def layer(module: str) -> int:
    """The place of a module's folder in the order of layers."""
    parts = module.split(".")
    return LAYERS.index("top" if module in TOP else parts[1] if len(parts) > 2 else "")


@pytest.mark.parametrize("module", [each for each in DIST if each not in TOP])
def test_folders_use_those_below_them(module: str) -> None:
    names = imported_modules(module, at_run_time=True) - {"lret_dist._core"}
    targets = {name if name in MODULES else name.rpartition(".")[0] for name in names}
    used = [each for each in targets & MODULES.keys() if each != "lret_dist"]
    folders = {f"lret_dist.{name}" for name in LAYERS}
    above = [each for each in used if each not in folders and layer(each) > layer(module)]
    assert not above


def test_no_cycles() -> None:
    """Every module comes after the modules that it imports."""
    graph = {}
    for module in MODULES:
        names = imported_modules(module, at_run_time=True) - {"lret_dist._core"}
        # "from package.module import name" may name a module or something inside one.
        targets = {name if name in MODULES else name.rpartition(".")[0] for name in names}
        graph[module] = targets & MODULES.keys()
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("package", "absent"),
    [("lret_dist", ["mpi4py.MPI", "qiskit"]), ("lret_qiskit", ["mpi4py.MPI"])],
)
def test_import_starts_nothing(package: str, absent: list[str]) -> None:
    """An import alone loads no MPI library, so that it works without one."""
    code = f"import sys, {package}; print(*[n for n in {absent} if n in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert loaded.stdout.split() == []


def test_a_source_folder_in_the_way_is_named(tmp_path: Path) -> None:
    """Python puts the current folder first with ``-m``, even if that is a mere checkout."""
    compiled = shutil.ignore_patterns("*.so")
    shutil.copytree(ROOT / "lret_dist", tmp_path / "lret_dist", ignore=compiled)
    # An editable installation would find its own first.
    code = (
        "import sys\n"
        "sys.meta_path = [f for f in sys.meta_path if 'Redirecting' not in type(f).__name__]\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import lret_dist"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 1
    assert f"{tmp_path} is source code without its compiled core" in run.stderr.splitlines()[-1]
