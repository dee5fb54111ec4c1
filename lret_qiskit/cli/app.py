"""The command ``lret``: what is common to its subcommands."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from difflib import get_close_matches
from typing import Any

import click
from qiskit.providers import JobError

import lret_dist
from lret_dist import LretError, StoppedError, get_session
from lret_qiskit.cli.compare_command import compare
from lret_qiskit.cli.info_command import info
from lret_qiskit.cli.messages import in_option_names, note, plain_words, show_warning
from lret_qiskit.cli.plan_command import plan
from lret_qiskit.cli.run_command import run
from lret_qiskit.cli.slurm_command import slurm

__all__ = ["cli", "main"]


class _Group(click.Group):
    """Turns what users can act on into a line on standard error and a code."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names, or an error with what may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = get_close_matches(args[0], self.list_commands(ctx), n=1)
            # Click itself says so from version 8.4 on.
            if close and not getattr(error, "possibilities", None):
                text = f"{error.message} Did you mean {close[0]!r}?"
                raise click.UsageError(text, ctx) from None
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            note("interrupted")
            ctx.exit(128 + signal.SIGINT)
        except BrokenPipeError:
            # Click ends quietly when nobody reads any more.
            raise
        except (LretError, ValueError, OSError, JobError) as error:
            # A job's error has what has failed as its cause.
            problem = error.__cause__ if isinstance(error, JobError) else error
            if isinstance(problem, StoppedError):
                # Like python -m lret_dist: to run it again is to go on.
                note(str(problem))
                ctx.exit(os.EX_TEMPFAIL)
            if isinstance(problem, LretError | ValueError | OSError):
                command = self.get_command(ctx, ctx.invoked_subcommand or "")
                text = in_option_names(plain_words(problem), command)
                raise click.ClickException(text) from error
            raise


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(lret_dist.__version__, prog_name="lret")
def cli() -> None:
    """Simulate noisy quantum circuits, on this machine or under an MPI launcher.

    Under a launcher, as in "mpirun -n 4 lret run circuit.qasm", all MPI ranks work for one run.
    """


for _command in (run, plan, compare, slurm, info):
    cli.add_command(_command)


def main() -> None:
    """Let MPI ranks above 0 serve, and obey the command line on MPI rank 0."""
    try:
        # First, so that a mistake is reported once and not by every MPI rank.
        get_session()
    except LretError as error:
        sys.exit(f"lret: {error}")
    warnings.showwarning = show_warning  # type: ignore[assignment]
    cli.main(prog_name="lret")
