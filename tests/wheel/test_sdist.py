"""The sdist that ``nox -s package`` has built."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What only whoever develops the project in its repository needs.
FOR_DEVELOPERS = (".ci/", ".github/")


def held_files() -> set[str]:
    sdists = list((ROOT / "dist").glob("*.tar.gz"))
    if len(sdists) != 1:
        pytest.skip(f"there are {len(sdists)} sdists in dist")
    with tarfile.open(sdists[0]) as archive:
        return {member.name.split("/", 1)[1] for member in archive if not member.isdir()}


def test_sdist_holds_what_the_repository_does() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    known = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    expected = {name for name in known if not name.startswith(FOR_DEVELOPERS)}
    assert held_files() ^ expected == {"PKG-INFO"}
