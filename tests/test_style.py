"""House rules that no linter knows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: More lines than this need a reason, and there is none yet.
MOST_LINES = 500
SOURCES = [
    path
    for folder in ("lret_dist", "lret_qiskit", "cpp", "examples", "benchmarks", "tests", "slurm")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".pyi", ".cpp", ".hpp", ".sh")
]
#: Prints the files that pytest takes for tests; to import all of them would take ten seconds.
COLLECTED = """
import pytest

class Found(pytest.File):
    def collect(self):
        return []

class Finder:
    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path, parent):
        print(module_path)
        return Found.from_parent(parent, path=module_path)

pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider"], plugins=[Finder()])
"""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_concept_per_file(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_for_later(path: Path) -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    assert not [mark for mark in marks if mark in path.read_text()]


def test_every_test_is_found() -> None:
    """Pytest passes over folders by their names, and says nothing of it."""
    command = [sys.executable, "-c", COLLECTED]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    files = {str(path) for path in (ROOT / "tests").rglob("test_*.py")}
    assert not files - set(found.stdout.splitlines()), found.stdout
