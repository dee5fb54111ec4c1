"""A comparison as a person at a terminal reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lret_dist.units import size_text, time_text
from lret_qiskit.cli.terminal import MUTED

if TYPE_CHECKING:
    from lret_qiskit.comparison import Comparison, SimulatorRuns

__all__ = ["comparison_table", "memory_cell", "time_cell"]

_MIB = 2**20


def comparison_table(found: Comparison) -> Group:
    """A table of both simulators, the distances below it, and what else there is to know."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("simulator")
    table.add_column("method")
    for name in ("time", "times LRET's", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("error", overflow="fold")
    for row in found.runs:
        table.add_row(
            row.simulator,
            row.method.replace("_", " "),
            time_cell(found, row),
            found.times(row),
            memory_cell(row),
            Text(_error(row)),
        )
    about = f"{found.name}: {found.num_qubits} qubits, {found.shots} shots, {_threads(found)}"
    distances: list[Table | str] = [_distances(found), ""] if found.counts is not None else []
    notes = [Text(note, style=MUTED) for note in found.notes]
    return Group(Text(about, style=MUTED), "", table, "", *distances, *notes)


def _threads(found: Comparison) -> str:
    mine = found.lret
    threads = f"{mine.threads} thread{'s' if mine.threads > 1 else ''}"
    return threads if mine.mpi_ranks == 1 else f"{mine.mpi_ranks} MPI ranks of {threads}"


def time_cell(found: Comparison, row: SimulatorRuns) -> str:
    """A row's median time, or what became of its runs."""
    if row.status == "ended":
        return f"> {time_text(found.limit)}"
    seconds = row.median_seconds
    return row.status if seconds is None else time_text(seconds)


def memory_cell(row: SimulatorRuns) -> str:
    """What a run added to its process's peak; in brackets what its state would have taken."""
    if row.memory_mib is not None:
        # Of less than a page's worth of pages nothing can be said.
        return size_text(row.memory_mib * _MIB) if row.memory_mib >= 1 else "< 1 MiB"
    return "" if row.predicted_mib is None else f"({size_text(row.predicted_mib * _MIB)})"


def _error(row: SimulatorRuns) -> str:
    if row.status != "done":
        return row.reason
    number = "" if row.error is None else f"{row.error:.1e}"
    return {
        "certified": f"at most {number}",
        "statistical": f"{number} standard error",
        "exact": "exact",
        "shots": "of the shots alone",
    }[row.error_kind]


def _distances(found: Comparison) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("distance", "", "expected"):
        table.add_column(name)
    if found.trace_distance is not None:
        bound = found.lret.error
        expected = "" if bound is None else f"at most {bound:.1e} and rounding"
        table.add_row("trace distance of the states", f"{found.trace_distance:.2e}", expected)
    if found.total_variation is not None:
        mean = found.expected_total_variation
        expected = "" if mean is None else f"{mean:.1e} by the standard errors"
        table.add_row("total variation of the outcomes", f"{found.total_variation:.2e}", expected)
    if (counts := found.counts) is not None:
        expected = f"{counts.expected:.1e} by chance, 5 % over {counts.likely:.1e}"
        table.add_row("total variation of the counts", f"{counts.value:.2e}", expected)
    return table
