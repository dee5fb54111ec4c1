"""``lret run``: simulate a circuit from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lret_dist.files.atomic_file import write_text
from lret_qiskit.cli.new_file import NewFile, check_targets
from lret_qiskit.cli.plot_option import NewPlot
from lret_qiskit.cli.run_document import run_document
from lret_qiskit.cli.run_options import NamedRun, circuit_file, input_files, run_options
from lret_qiskit.cli.run_summary import run_summary
from lret_qiskit.cli.terminal import as_json, is_read_by_a_person, show

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run"]


@click.command(short_help="Simulate a circuit from a file.")
@circuit_file
@run_options
@click.option("--output", type=NewFile(), help="A JSON file for the result.")
@click.option(
    "--plot",
    type=NewPlot(),
    help="A picture (.png, .pdf, .svg) of the rank and the discarded weight over the circuit.",
)
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Tell on standard error how far the run is, in a file line by line.  [default: in a "
    "terminal]",
)
def run(
    file: Path, output: Path | None, plot: Path | None, progress: bool | None, **given: Any
) -> None:
    """Simulate the circuit in FILE, OpenQASM 2 or 3 (.qasm) or QPY (.qpy).

    The result goes to --output, and a summary to standard output. Without --output, a terminal
    shows the summary, and a pipe or file gets the whole result as JSON; so it does under mpirun,
    which reads the output through a pipe. Where --output cannot be written in the end, the whole
    result goes to standard output, and the code is 1.

    A run that a signal has stopped and saved ends with code 75; the same command goes on.
    """
    check_targets({"--output": output, "--plot": plot}, input_files(file, given))
    named = NamedRun.of(file, given)
    result = named.backend.run(
        named.circuit, **named.options, rank_history=plot is not None, progress=progress
    ).result()
    document = run_document(file, named, result)
    if output is not None:
        _write(output, as_json(document))
    if output is None and not is_read_by_a_person():
        click.echo(as_json(document))
    else:
        show(run_summary(document))
    if plot is not None:
        # Last: what can go wrong here costs nothing but the picture, and loading takes a second.
        from lret_qiskit.visualization import plot_rank_history

        plot_rank_history(result, filename=plot)


def _write(output: Path, text: str) -> None:
    """Write the result, or show it: a run of days is not lost with its file."""
    try:
        write_text(output, f"{text}\n")
    except OSError as error:
        click.echo(text)
        raise click.ClickException(
            f"{output} cannot be written: {error.strerror}; the result is on standard output"
        ) from error
