"""The option ``--plot``: a picture of what a command finds."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from lret_qiskit.cli.new_file import NewFile

if TYPE_CHECKING:
    from pathlib import Path

    import click

__all__ = ["NewPlot"]

_KINDS = (".png", ".pdf", ".svg")


class NewPlot(NewFile):
    """A picture to be written: what it needs is looked for before the run, and not at its end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path of the file."""
        path = super().convert(value, param, ctx)
        if path.suffix.lower() not in _KINDS:
            self.fail(f"expected a name that ends with {', '.join(_KINDS)}, got {path}", param, ctx)
        if importlib.util.find_spec("matplotlib") is None:
            self.fail(
                'plots need matplotlib: install it with: pip install "lret-dist[visualization]"',
                param,
                ctx,
            )
        return path
