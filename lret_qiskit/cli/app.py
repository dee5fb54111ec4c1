"""The command ``lret``: what is common to its subcommands."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import Any

import click
from qiskit.providers import JobError

import lret_dist
from lret_dist import LretError, StoppedError, get_session
from lret_qiskit.cli.compare_command import compare
from lret_qiskit.cli.run_command import run
from lret_qiskit.cli.slurm_command import slurm

__all__ = ["cli", "main"]


class _Group(click.Group):
    """Turns what users can act on into a line on standard error and a code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("lret: interrupted", err=True)
            ctx.exit(128 + signal.SIGINT)
        except BrokenPipeError:
            # Click ends quietly when nobody reads any more.
            raise
        except (LretError, ValueError, OSError, JobError) as error:
            # A job's error has what has failed as its cause.
            problem = error.__cause__ if isinstance(error, JobError) else error
            if isinstance(problem, StoppedError):
                # Like python -m lret_dist: to run it again is to go on.
                click.echo(f"lret: {problem}", err=True)
                ctx.exit(os.EX_TEMPFAIL)
            if isinstance(problem, LretError | ValueError | OSError):
                raise click.ClickException(_words(problem)) from error
            raise


def _words(problem: Exception) -> str:
    """What is wrong, without the number that the operating system has for it."""
    if isinstance(problem, OSError) and problem.filename is not None:
        return f"{problem.filename}: {problem.strerror}"
    return str(problem)


def _warn(message: Warning | str, *_: Any) -> None:
    """Show a warning as a line; where in the program it comes from is no user's business."""
    click.echo(f"lret: warning: {message}", err=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(lret_dist.__version__, prog_name="lret")
def cli() -> None:
    """Simulate noisy quantum circuits, on this machine or under an MPI launcher.

    Under a launcher, as in "mpirun -n 4 lret run circuit.qasm", all MPI ranks work for one run.
    """


cli.add_command(run)
cli.add_command(compare)
cli.add_command(slurm)


def main() -> None:
    """Let MPI ranks above 0 serve, and obey the command line on MPI rank 0."""
    try:
        # First, so that a mistake is reported once and not by every MPI rank.
        get_session()
    except LretError as error:
        sys.exit(f"lret: {error}")
    warnings.showwarning = _warn  # type: ignore[assignment]
    cli.main(prog_name="lret")
