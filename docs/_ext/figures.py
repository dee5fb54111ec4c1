"""The directive ``drawing``: a figure of ``drawings.py`` inside the page, in the page's colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from drawings import DRAWINGS
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Callable

    from docutils.nodes import Node
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": True}


class Drawing(SphinxDirective):
    """A drawing by its name, with its caption as content and its description as ``:alt:``."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict[str, Callable[[str], str]]] = {"alt": directives.unchanged_required}

    def run(self) -> list[Node]:
        """The figure."""
        name = self.arguments[0]
        if name not in DRAWINGS:
            raise self.error(f"there is no drawing {name!r}, only {', '.join(DRAWINGS)}")
        picture = DRAWINGS[name]().svg(self.options["alt"])
        figure = nodes.figure("", nodes.raw("", picture, format="html"), classes=["drawing"])
        caption = nodes.caption()
        for paragraph in self.parse_content_to_nodes():
            caption += paragraph.children
        figure += caption
        return [figure]
