"""The checkpoints of a run in one folder: their names, which are kept, and which one is read.

A file is named by the program and the number of the next step, as ``0123456789ab-00000042.lret``.
Runs of several programs may share a folder. What the folder holds is looked up by the driver alone,
so that all MPI ranks take the same file however late their hosts see it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from lret_dist.checkpoints.reader import Checkpoint, is_whole
from lret_dist.checkpoints.writer import PARTIAL, Matrix, partial_of, write_checkpoint
from lret_dist.errors import CheckpointError
from lret_dist.grid.agreement import agreeing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from lret_dist.grid.communicator import GridCommunicator

__all__ = ["HASH_DIGITS", "CheckpointFolder"]

T = TypeVar("T")

#: Checkpoints that are kept: the newest, and the one before in case that it is damaged later.
_KEPT = 2
#: Digits of a hash that are part of a file's name.
HASH_DIGITS = 12


class CheckpointFolder:
    """Checkpoints of one program; most methods are collective over the process grid.

    Attributes:
        folder: where they are; it must exist when one is written.
        program: hash of the program and of all that its course depends on, in hex digits.
    """

    def __init__(self, folder: Path, program: str, comm: GridCommunicator) -> None:
        """Name the place; nothing is read yet.

        Raises:
            ValueError: when the hash is none.
        """
        if not re.fullmatch(rf"[0-9a-f]{{{HASH_DIGITS},}}", program):
            raise ValueError(f"a program's hash is 12 or more hex digits, not {program!r}")
        self.folder = folder
        self.program = program
        self._comm = comm
        self._name = re.compile(rf"{program[:HASH_DIGITS]}-(\d{{8,}})\.lret")

    def path(self, step: int) -> Path:
        """The file of a step; local."""
        return self.folder / f"{self.program[:HASH_DIGITS]}-{step:08d}.lret"

    def write(
        self,
        step: int,
        header: Mapping[str, Any],
        *,
        arrays: Mapping[str, NDArray[Any]],
        matrices: Mapping[str, Matrix],
    ) -> int:
        """Write the checkpoint of a step; then remove all but the newest two, and what was begun.

        For a moment the disk holds three.

        Args:
            step: number of the next step; where folders lie in the way, the next that is free.
            header: as of :func:`write_checkpoint`; "program" and "step" are added.
            arrays: as there.
            matrices: as there.

        Returns:
            The number that it has, as :meth:`path` takes it.

        Raises:
            CheckpointError: on every MPI rank, when it could not be written; older ones are left.
            ValueError: when the blocks do not make up matrices.
        """
        if self._comm.is_driver:
            self._remove_begun()
            step = self._free_from(step)
        step = self._comm.broadcast_object(step)
        path = self.path(step)
        own = {"program": self.program, "step": step}
        write_checkpoint(path, self._comm, {**header, **own}, arrays=arrays, matrices=matrices)
        if self._comm.is_driver:
            self._remove_old(path)
        return step

    def read(self, load: Callable[[Checkpoint], T]) -> tuple[T, str | None]:
        """Load the newest checkpoint or, if that is damaged, the newest that is not.

        Args:
            load: takes what it needs from the checkpoint; collective.

        Returns:
            What ``load`` returned, and a text for the user if newer ones were passed over, or None.

        Raises:
            CheckpointError: on every MPI rank, when there is no checkpoint or none can be read.
        """
        problems: list[str] = []
        for path in self.files():
            try:
                loaded = load(self._opened(path))
            except CheckpointError as error:
                problems.append(str(error))
            else:
                return loaded, self._warning(path, problems)
        if not problems:
            raise CheckpointError(f"the folder {self.folder} has no checkpoint of this program")
        raise CheckpointError("; ".join(problems))

    def remove_all(self) -> None:
        """Remove the checkpoints of a program that is done; collective."""
        if self._comm.is_driver:
            self._remove_begun()
            with suppress(OSError):
                for path in self._listed():
                    path.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """The checkpoints there are, newest first, as the driver sees them.

        Raises:
            CheckpointError: on every MPI rank, when the folder cannot be read.
        """
        names: list[str] = []
        with agreeing(self._comm, f"the folder of checkpoints {self.folder} cannot be read"):
            if self._comm.is_driver:
                names = [path.name for path in self._listed()]
        return [self.folder / name for name in self._comm.broadcast_object(names)]

    def _opened(self, path: Path) -> Checkpoint:
        checkpoint = Checkpoint(path, self._comm)
        if checkpoint.header.get("program") != self.program:
            raise CheckpointError(f"the checkpoint {path} belongs to another program")
        return checkpoint

    def _warning(self, path: Path, problems: list[str]) -> str | None:
        if not problems:
            return None
        return f"{'; '.join(problems)}; the checkpoint before, {path}, is used instead"

    def _free_from(self, step: int) -> int:
        """The first number whose files could be made; whatever fails here will fail in writing."""
        with suppress(OSError):
            while _is_folder(self.path(step)) or _is_folder(partial_of(self.path(step))):
                step += 1
        return step

    def _listed(self) -> list[Path]:
        """Checkpoints in the folder, newest first."""
        found = [
            path
            for path in self.folder.iterdir()
            if self._step(path.name) >= 0 and not _is_folder(path)
        ]
        return sorted(found, key=lambda path: self._step(path.name), reverse=True)

    def _step(self, name: str) -> int:
        """The step in a file's name, or -1."""
        match = self._name.fullmatch(name)
        return int(match[1]) if match else -1

    def _remove_begun(self) -> None:
        """Remove what runs that were killed had begun; whatever fails here will fail in writing."""
        with suppress(OSError):
            for path in list(self.folder.iterdir()):
                begun = path.name.endswith(PARTIAL) and not _is_folder(path)
                if begun and self._step(path.name.removesuffix(PARTIAL)) >= 0:
                    path.unlink(missing_ok=True)

    def _remove_old(self, written: Path) -> None:
        """Remove checkpoints that are older than two good ones; a damaged one counts for none.

        The one just written stays, even if a run that began anew has found newer ones.
        """
        with suppress(OSError):
            good = 0
            for path in self._listed():
                if good >= _KEPT and path != written:
                    path.unlink(missing_ok=True)
                elif is_whole(path):
                    good += 1


def _is_folder(path: Path) -> bool:
    """Whether a file cannot take this name; of a link, it can."""
    return path.is_dir() and not path.is_symlink()
