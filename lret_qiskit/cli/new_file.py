"""Files that a command writes when it is done."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NewFile", "spare_inputs"]


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


def spare_inputs(written: Path | None, option: str, read: Iterable[Path]) -> None:
    """Refuse to write a file in the place of one that is read.

    Raises:
        click.UsageError: naming the option and the file.
    """
    if written is None or not written.exists():
        return
    for path in read:
        if path.exists() and path.samefile(written):
            raise click.UsageError(f"{option} {written} would take the place of {path}, an input")
