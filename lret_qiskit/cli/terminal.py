"""Output: for a person at a terminal, or for a program behind a pipe."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from lret_dist.machines.launcher import is_at_a_terminal

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["MUTED", "as_json", "is_read_by_a_person", "show", "standard_error"]

#: The style of what explains the rest.
MUTED = "dim"
#: Columns of a pipe or a file: none is cut off there.
_WIDE = 10_000


def is_read_by_a_person() -> bool:
    """Whether standard output is a terminal."""
    return is_at_a_terminal(sys.stdout)


def show(what: RenderableType) -> None:
    """Write to standard output, in colours where that is a terminal and NO_COLOR is not set."""
    person = is_read_by_a_person()
    terminal, width = (None, None) if person else (False, _WIDE)
    console = Console(highlight=False, force_terminal=terminal, width=width)
    with console.capture() as captured:
        console.print(what)
    # Cells of a table are filled up with spaces.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def standard_error() -> Console:
    """Standard error as it is now."""
    terminal = is_at_a_terminal(sys.stderr)
    return Console(stderr=True, highlight=False, force_terminal=None if terminal else False)


def as_json(document: dict[str, Any]) -> str:
    """A document for programs."""
    return json.dumps(document, indent=2)
