"""Real control groups, in which the kernel kills what takes more memory than it may."""

from __future__ import annotations

import os
import re
import signal
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path("/sys/fs/cgroup")
#: Seconds that processes have to leave a group by themselves.
_GRACE_SECONDS = 3.0


@dataclass(frozen=True)
class _Names:
    """Where a version of control groups keeps memory, and what its files are called."""

    root: Path
    limit: str
    most_used: str
    events: str


_VERSIONS = (
    _Names(_ROOT, "memory.max", "memory.peak", "memory.events"),
    _Names(
        _ROOT / "memory",
        "memory.limit_in_bytes",
        "memory.max_usage_in_bytes",
        "memory.oom_control",
    ),
)


@dataclass(frozen=True)
class ControlGroup:
    """A control group with a limit of memory; a process joins by writing its number to ``door``."""

    folder: Path
    names: _Names

    @property
    def door(self) -> Path:
        return self.folder / "cgroup.procs"

    def most_used(self) -> int:
        """Most bytes that its processes have used together, with what they have read of files."""
        return int((self.folder / self.names.most_used).read_text())

    def remove(self) -> None:
        """Remove it; what has not left it within seconds, as where a test has failed, is killed."""
        waited = 0.0
        while True:
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.05)
                waited += 0.05
            if waited > _GRACE_SECONDS:
                for pid in self.door.read_text().split():
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)

    def kills(self) -> int:
        """Processes that the kernel has killed for want of memory."""
        match = re.search(r"^oom_kill (\d+)", (self.folder / self.names.events).read_text(), re.M)
        assert match is not None
        return int(match[1])


@contextmanager
def memory_group(limit: int) -> Iterator[ControlGroup | None]:
    """A control group of so many bytes, which goes when it is left; None where none can be made."""
    group = next(filter(None, (_made(names, limit) for names in _VERSIONS)), None)
    try:
        yield group
    finally:
        if group is not None:
            group.remove()


def _made(names: _Names, limit: int) -> ControlGroup | None:
    group = ControlGroup(names.root / f"lret-test-{uuid.uuid4().hex}", names)
    try:
        group.folder.mkdir()
    except OSError:
        return None
    # Where groups of this version are not, the folder is an ordinary one, and empty.
    if not all((group.folder / name).exists() for name in (names.limit, names.most_used)):
        group.folder.rmdir()
        return None
    (group.folder / names.limit).write_text(str(limit))
    return group
