"""How the documentation site is built: ``nox -s docs``, or ``sphinx-build -W docs build/docs``."""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "LRET"
author = "The LRET developers"
copyright = author  # noqa: A001 - Sphinx's name for it
version = release = installed_version("lret-dist")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "command_help",
    "figures",
    "mathml",
    "messages",
    "public_names",
    "repository_links",
    "tables",
]
exclude_patterns = ["_ext"]
nitpicky = True

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"LRET {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_math_renderer = "mathml"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "substitution"]
myst_heading_anchors = 4
myst_substitutions = {"version": version}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_execution_show_tb = True
nb_merge_streams = True

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("Operation", "Expression")}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

doctest_global_setup = "from lret_dist import *; from lret_qiskit import *"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Notebooks share the cores with whatever else the machine does.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What they have to say of every transpilation and every notebook is nothing about the pages.
for name in ("qiskit", "traitlets"):
    logging.getLogger(name).setLevel(logging.WARNING)
