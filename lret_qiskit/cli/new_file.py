"""Files that a command writes when it is done."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["NewFile", "check_targets"]


class NewFile(click.Path):
    """A file to be written, in a folder that takes it: else that would be known only at the end."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path of the file."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if (problem := _problem(path)) is not None:
            self.fail(problem, param, ctx)
        return path


def _problem(path: Path) -> str | None:
    """Why no file can be made where this one will be, or take its place."""
    # What is no regular file, such as /dev/stdout, is written to as it is.
    if path.exists() and not path.is_file():
        return None
    # Of a symbolic link the file that it names is written.
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    try:
        with TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return f"the folder {folder} cannot be written to: {error.strerror}"


def check_targets(written: Mapping[str, Path | None], read: Iterable[Path]) -> None:
    """Refuse to write a file in the place of one that is read, or that is written too.

    Args:
        written: the files to write by their options, None for those that are not.
        read: the files that are read.

    Raises:
        click.UsageError: naming the option and the file.
    """
    others = [(path, "an input") for path in read if path.exists()]
    for option, path in written.items():
        if path is None:
            continue
        for other, what in others:
            if _is_same(path, other):
                raise click.UsageError(f"{option} {path} would take the place of {other}, {what}")
        others.append((path, f"the file of {option}"))


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths are those of one file, which need not be there yet."""
    if one.exists() and other.exists():
        return one.is_file() and one.samefile(other)
    return one.resolve() == other.resolve()
