"""Formulas as MathML, made when the site is built: readers need no script and no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.logging import getLogger

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True}


def _visit_inline(writer: HTML5Translator, node: Element) -> None:
    writer.body.append(_formula(node, as_block=False))
    raise nodes.SkipNode


def _visit_block(writer: HTML5Translator, node: Element) -> None:
    writer.body.append(f'<div class="formula">{_formula(node, as_block=True)}</div>')
    raise nodes.SkipNode


def _formula(node: Element, *, as_block: bool) -> str:
    try:
        return str(tex2mathml(node.astext(), as_block=as_block))
    except MathError as error:
        getLogger(__name__).warning("%s: %s", node.astext(), error, location=node)
        return ""
