"""The directive ``command-help``: what a command of ``lret`` says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from lret_qiskit.cli.app import cli

if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx

#: Columns of a page's code block.
WIDTH = 78


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}


class CommandHelp(SphinxDirective):
    """The help of a command, named by its words behind ``lret``."""

    optional_arguments = 3

    def run(self) -> list[Node]:
        """The command, and its help, as one block."""
        words = self.arguments
        shown = CliRunner(env={"COLUMNS": str(WIDTH), "NO_COLOR": "1"}).invoke(
            cli, [*words, "--help"], prog_name="lret", terminal_width=WIDTH
        )
        if shown.exit_code:
            raise self.error(f"lret {' '.join(words)} --help failed: {shown.output}")
        command = " ".join(["$ lret", *words, "--help"])
        text = f"{command}\n{shown.output.rstrip()}"
        return [nodes.literal_block(text, text, language="console")]
