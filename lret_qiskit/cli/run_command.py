"""``lret run``: simulate a circuit from a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import lret_dist
from lret_dist.atomic_file import write_text
from lret_qiskit.cli.new_file import NewFile, spare_inputs
from lret_qiskit.cli.run_options import NamedRun, input_files, run_options

if TYPE_CHECKING:
    from qiskit.result import Result

__all__ = ["run"]

#: Counts that a terminal shows.
_MOST_SHOWN = 16


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@run_options
@click.option("--output", type=NewFile(), help="A JSON file for the result.")
def run(file: Path, output: Path | None, **given: Any) -> None:
    """Simulate the circuit in FILE, OpenQASM 2 or 3 (.qasm) or QPY (.qpy).

    The result goes to --output, and a summary to standard output. Without --output, a terminal
    shows the summary, and a pipe or file gets the whole result as JSON. Where --output cannot be
    written in the end, the whole result goes to standard output, and the code is 1.

    A run that a signal has stopped and saved ends with code 75; the same command goes on.
    """
    spare_inputs(output, "--output", input_files(file, given))
    named = NamedRun.of(file, given)
    result = named.backend.run(named.circuit, **named.options).result()
    text = json.dumps(_document(file, result), indent=2)
    if output is not None:
        _write(output, text)
    whole = output is None and not sys.stdout.isatty()
    click.echo(text if whole else _summary(result))


def _write(output: Path, text: str) -> None:
    """Write the result, or show it: a run of days is not lost with its file."""
    try:
        write_text(output, f"{text}\n")
    except OSError as error:
        click.echo(text)
        raise click.ClickException(
            f"{output} cannot be written: {error.strerror}; the result is on standard output"
        ) from error


def _document(file: Path, result: Result) -> dict[str, Any]:
    """All that is known of a run, as plain data."""
    experiment = result.results[0]
    return {
        "file": str(file),
        "circuit": experiment.header["name"],
        "lret_version": lret_dist.__version__,
        "shots": experiment.shots,
        "seed": experiment.metadata["seed"],
        "counts": _counts(result),
        "metadata": experiment.metadata,
    }


def _counts(result: Result) -> dict[str, int]:
    counts = result.get_counts() if "counts" in result.data(0) else {}
    return {bits: int(times) for bits, times in counts.items()}


def _summary(result: Result) -> str:
    """What of it a person wants to see first."""
    facts = result.results[0].metadata
    lines = [
        f"method          {facts['method']}, rank {facts['final_rank']}",
        _error_line(facts),
        f"time            {facts['execution_time_seconds']:.3g} s on {_ranks(facts)}",
    ]
    if facts["resumed"]:
        lines.append("resumed         from what was saved of it before")
    counts = _counts(result)
    by_number = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    lines += [f"{bits} {times}" for bits, times in by_number[:_MOST_SHOWN]]
    if len(counts) > _MOST_SHOWN:
        lines.append(f"... {len(counts) - _MOST_SHOWN} other outcomes")
    return "\n".join(lines)


def _error_line(facts: dict[str, Any]) -> str:
    if facts["truncation"] == "unbiased":
        # There is none where nothing is measured.
        error = facts["standard_error"]
        return "standard error  " + ("none" if error is None else f"{error:.2e}")
    return f"error           at most {facts['truncation_error']:.2e} (trace distance)"


def _ranks(facts: dict[str, Any]) -> str:
    number = facts["mpi_ranks"]
    return "1 MPI rank" if number == 1 else f"{number} MPI ranks"
