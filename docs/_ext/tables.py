"""Tables of figures keep each cell on one line, and scroll where they are too wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: Characters of the longest cell of a table of figures.
SHORT = 32


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("doctree-read", _mark_short)
    return {"parallel_read_safe": True}


def _mark_short(_: Sphinx, doctree: nodes.document) -> None:
    for table in doctree.findall(nodes.table):
        if max(len(cell.astext()) for cell in table.findall(nodes.entry)) <= SHORT:
            table["classes"].append("short")
