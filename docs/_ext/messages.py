"""The directive ``message``: a message of LRET's, word for word, held to what the source says.

A message that no string of the package can make is a warning, and so ends the build. ``…`` stands
for a value, or for what follows.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils.nodes import Node
    from sphinx.application import Sphinx

PACKAGES = ("lret_dist", "lret_qiskit")
#: A string of the source says something by itself if it has so many characters, and so large a
#: part of the message.
LEAST_CHARACTERS, LEAST_PART = 12, 0.3


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("message", Message)
    return {"parallel_read_safe": True}


class Message(SphinxDirective):
    """A message, checked and shown as it is written."""

    has_content = True

    def run(self) -> list[Node]:
        """The message as a block."""
        text = "\n".join(self.content)
        if not is_said(" ".join(text.split())):
            getLogger(__name__).warning(
                "nothing in %s says %r", " or ".join(PACKAGES), text, location=self.get_location()
            )
        block = nodes.literal_block(text, text, language="text")
        block["classes"].append("message")
        return [block]


@dataclass(frozen=True)
class Template:
    """A string of the source: what it matches, and how many of its characters are fixed."""

    pattern: re.Pattern[str]
    fixed: int


def is_said(message: str) -> bool:
    """Whether a string of the source, with values in its gaps, gives this message."""
    least = max(LEAST_CHARACTERS, LEAST_PART * len(message))
    telling = [template for template in _templates() if template.fixed >= least]
    forms = {message, message.removesuffix("…").rstrip()}
    return any(template.pattern.fullmatch(form) for template in telling for form in forms)


@cache
def _templates() -> list[Template]:
    found = []
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        for path in sorted(Path(spec.origin).parent.rglob("*.py")):
            found += list(_strings(ast.parse(path.read_text())))
    return found


def _strings(tree: ast.Module) -> Iterator[Template]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield _template([_fixed(part) for part in node.values])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield _template([node.value])


def _fixed(part: ast.expr) -> str | None:
    """The text of a part of an f-string, None for a gap."""
    return str(part.value) if isinstance(part, ast.Constant) else None


def _template(parts: list[str | None]) -> Template:
    fixed = sum(len(part) for part in parts if part is not None)
    words = "".join(".*" if part is None else re.escape(part) for part in parts)
    # A message may go on in another string, or end with a line feed.
    words = re.sub(r"^(\\\s)+|(\\\s)+$", "", words)
    return Template(re.compile(words, re.DOTALL), fixed)
