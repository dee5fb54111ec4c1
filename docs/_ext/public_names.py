"""References to a name where it is defined lead to where it is public.

Docstrings refer to ``lret_dist.options.SimulationOptions``; the site describes
``lret_dist.SimulationOptions``. Names of other packages stay text: the site needs no network. Every
public name must be described, and fields of classes are called attributes, as in the docstrings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sphinx.domains.python import PyObject
from sphinx.util.logging import getLogger
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

OWN = ("lret_dist", "lret_qiskit")
#: Packages whose public names are on the site.
DESCRIBED = (*OWN, "lret_qiskit.visualization")


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("missing-reference", _resolved)
    app.connect("env-check-consistency", _check_all_are_there)
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    return {"parallel_read_safe": True}


def _resolved(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, words: Element
) -> Element | None:
    if node.get("refdomain") != "py":
        return None
    package, _, name = node["reftarget"].partition(".")
    if package not in OWN:
        return words
    parts = name.split(".")
    for first in range(len(parts)):
        public = ".".join([package, *parts[first:]])
        if public in env.domains.python_domain.objects:
            entry = env.domains.python_domain.objects[public]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, words)
    return None


def _check_all_are_there(_: Sphinx, env: BuildEnvironment) -> None:
    described = {name.rpartition(".")[2] for name in env.domains.python_domain.objects}
    for package in DESCRIBED:
        for name in sorted(set(import_module(package).__all__) - described):
            getLogger(__name__).warning("%s.%s is on no page of the API", package, name)
