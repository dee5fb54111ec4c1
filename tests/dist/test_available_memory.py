"""What memory there is, under all limits of it."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from lret_dist.machines import available_memory

#: Limits of a process.
LIMITS = ("RLIMIT_AS", "RLIMIT_DATA")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of control groups, of which this process is made to be a member."""
    monkeypatch.setattr(available_memory, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(available_memory, "_CGROUPS", tmp_path)
    return tmp_path


def make_group(folder: Path, most: str, limit: str, used: str, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / most).write_text(f"{limit}\n")
    (folder / used).write_text(f"{number}\n")


def test_control_groups_of_version_2(groups: Path) -> None:
    (groups / "cgroup").write_text("0::/job/step\n")
    files = ("memory.max", "max", "memory.current")
    make_group(groups / "job/step", *files, 100)
    whole = available_memory.available_bytes()
    assert whole > 1 << 20
    make_group(groups / "job", "memory.max", "5000", "memory.current", 2000)
    assert available_memory.available_bytes() == 3000
    (groups / "job/memory.stat").write_text("active_file 7\ninactive_file 500\n")
    assert available_memory.available_bytes() == 3500
    make_group(groups / "job/step", "memory.max", "1000", "memory.current", 2000)
    assert available_memory.available_bytes() == 0


def test_control_groups_of_version_1(groups: Path) -> None:
    (groups / "cgroup").write_text("5:cpu,memory:/slurm/uid_1/job_2\n3:cpuset:/\n0::/elsewhere\n")
    files = ("memory.limit_in_bytes", str(2**63 - 4096), "memory.usage_in_bytes")
    make_group(groups / "memory/slurm/uid_1/job_2", *files, 100)
    make_group(groups / "memory", *files, 5000)
    assert available_memory.available_bytes() > 1 << 20
    limited = ("memory.limit_in_bytes", "9000", "memory.usage_in_bytes")
    make_group(groups / "memory/slurm", *limited, 2000)
    assert available_memory.available_bytes() == 7000
    stat = "inactive_file 5\ntotal_inactive_file 1000\n"
    (groups / "memory/slurm/memory.stat").write_text(stat)
    assert available_memory.available_bytes() == 8000


def test_control_groups_that_cannot_be_seen(groups: Path) -> None:
    assert available_memory.available_bytes() > 1 << 20
    (groups / "cgroup").write_text("4:memory:/not/here\n0::/../..\n")
    assert available_memory.available_bytes() > 1 << 20


@pytest.mark.parametrize("kind", LIMITS)
def test_limits_of_the_process(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    limits = {getattr(resource, kind): (1 << 40, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", lambda name: limits.get(name, unlimited))
    (free,) = available_memory.process_headroom()
    assert 1 << 39 < free < 1 << 40
    # A limit of one process is not shared by the MPI ranks of its host.
    assert available_memory.usable(1 << 50, 4) == int(0.9 * free)
    assert available_memory.usable(1 << 30, 4) == int(0.9 * (1 << 28))
    limits[getattr(resource, kind)] = (4096, 4096)
    assert available_memory.usable(1 << 30, 1) == 0
    limits.clear()
    assert available_memory.process_headroom() == []


def test_memory_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [900, 500, 100]
    monkeypatch.setattr(available_memory, "available_bytes", lambda: left.pop(0))
    monkeypatch.setattr(available_memory, "process_headroom", list)
    monkeypatch.setattr(available_memory, "_LOOK_SECONDS", 60.0)
    watch = available_memory.MemoryWatch(2)
    assert [watch.free(), watch.free()] == [405, 405]
    watch.look()
    assert watch.free() == 225
    monkeypatch.setattr(available_memory, "_LOOK_SECONDS", 0.0)
    assert watch.free() == 45
