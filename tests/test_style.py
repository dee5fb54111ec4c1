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


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_concept_per_file(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_for_later(path: Path) -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    assert not [mark for mark in marks if mark in path.read_text()]


def test_every_test_is_found() -> None:
    """Pytest passes over folders by their names, and says nothing of it."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    collected = {line.rsplit(":", 1)[0] for line in found.stdout.splitlines()}
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    # Skipped as a whole where the packages that they are about are not installed.
    files = {name for name in files if not name.startswith("tests/ecosystem")}
    assert not files - collected, found.stdout
