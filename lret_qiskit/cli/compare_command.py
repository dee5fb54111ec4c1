"""``lret compare``: LRET and Qiskit Aer side by side on a circuit from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import lret_dist
from lret_dist.files.atomic_file import write_text
from lret_qiskit.cli.comparison_table import comparison_table
from lret_qiskit.cli.new_file import NewFile, check_targets
from lret_qiskit.cli.plot_option import NewPlot
from lret_qiskit.cli.run_options import NamedRun, circuit_file, compare_options, input_files
from lret_qiskit.cli.terminal import as_json, is_read_by_a_person, show
from lret_qiskit.comparison import compare_with_aer

if TYPE_CHECKING:
    from pathlib import Path

    from lret_qiskit.comparison import Comparison

__all__ = ["compare"]


@click.command(short_help="Compare with Qiskit Aer: time, memory and results.")
@circuit_file
@compare_options
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads of each simulator.  [default: as LRET takes them]",
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Runs of each; those of 10 s and more are made once.",
)
@click.option(
    "--limit",
    type=click.FloatRange(0, min_open=True),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Time that one run may take; longer ones are ended.",
)
@click.option("--output", type=NewFile(), help="A JSON file for the comparison.")
@click.option("--plot", type=NewPlot(), help="A picture (.png, .pdf, .svg) of times and memory.")
def compare(
    file: Path,
    threads: int | None,
    repeats: int,
    limit: float,
    output: Path | None,
    plot: Path | None,
    **given: Any,
) -> None:
    """Compare LRET with Qiskit Aer on the circuit in FILE: time, memory, and what comes out.

    Both run the circuit with the same noise and threads, in turns, in fresh processes. Aer's
    density matrix is the rival; where it takes too much memory or time, its trajectories are. The
    states are compared where they can be had, and the counts in any case.

    A terminal shows a table; a pipe or file gets JSON, also where mpirun reads it. Under "mpirun
    -n 4 lret compare ..." LRET runs on all MPI ranks, and Aer beside MPI rank 0 alone.
    """
    check_targets({"--output": output, "--plot": plot}, input_files(file, given))
    named = NamedRun.of(file, given)
    options = {name: each for name, each in named.options.items() if name != "noise_model"}
    noise = named.options.get("noise_model", named.backend.options.noise_model)
    found = compare_with_aer(
        named.circuit, noise, threads=threads, repeats=repeats, limit=limit, **options
    )
    _show(found, file, output)
    if plot is not None:
        # Drawing takes a second to load, which others need not wait for.
        from lret_qiskit.visualization import plot_comparison

        plot_comparison(found, filename=plot)


def _show(found: Comparison, file: Path, output: Path | None) -> None:
    """Write the comparison where it belongs."""
    document = {"file": str(file), "lret_version": lret_dist.__version__, **found.to_dict()}
    if output is not None:
        write_text(output, f"{as_json(document)}\n")
    if output is None and not is_read_by_a_person():
        click.echo(as_json(document))
    else:
        show(comparison_table(found))
