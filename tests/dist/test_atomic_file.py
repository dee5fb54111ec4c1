"""Files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lret_dist.files.atomic_file import replacing, write_text


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def write_half(path: Path, error: type[BaseException]) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise error


def test_a_text_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    write_text(str(path), "ψ")
    assert path.read_text(encoding="utf-8") == "ψ"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_alone(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


def test_a_text_that_is_none_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file has its name by then."""

    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("lret_dist.files.atomic_file.sync_folder", fail)
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(OSError, match="Input/output error"):
        write_text(path, "new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.json"]


def test_a_process_that_is_killed_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    code = (
        "import os, signal\n"
        "from lret_dist.files.atomic_file import replacing\n"
        f"with replacing({str(path)!r}) as file:\n"
        "    file.write(b'half'); file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert run.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions(tmp_path: Path, mask: int) -> None:
    """The umask's for a new file; an old one keeps its own."""
    path = tmp_path / "a.json"
    before = os.umask(mask)
    try:
        write_text(path, "new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
        path.chmod(0o640)
        write_text(path, "again")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(before)


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link, target = tmp_path / "a.json", folder / "b.json"
    link.symlink_to(target)
    for text in ("new", "again"):
        write_text(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert names(folder) == ["b.json"]


def test_what_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    write_text("/dev/null", "text")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path, "text")


def test_a_pipe_is_written_to() -> None:
    code = "from lret_dist.files.atomic_file import write_text; write_text('/dev/stdout', 'text')"
    assert subprocess.check_output([sys.executable, "-c", code], timeout=120) == b"text"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none" / "a.json", "text")
