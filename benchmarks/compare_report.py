"""The comparisons of compare_aer.py as lines, a table and a plot."""

from __future__ import annotations

import platform
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING

from descriptions import DEVICE_QUBITS, circuit_words
from report import processor

from lret_qiskit.cli.comparison_table import memory_cell, time_cell
from lret_qiskit.comparison import MOST_MATRIX_QUBITS, Comparison

if TYPE_CHECKING:
    from pathlib import Path

    from measurements import Row

    from lret_qiskit.comparison import SimulatorRuns


def line(row: Row) -> str:
    """One comparison in short."""
    found = Comparison.from_dict(row["comparison"])
    parts = [f"{found.name:<32} n={row['key']['qubits']:<3}"]
    for each in found.runs:
        more = f" {found.times(each)}x" if found.times(each) else ""
        parts.append(f"{side(each)} {time_cell(found, each)} {memory_cell(each)}{more}")
    return " | ".join([*parts, f"distance {distance(found) or 'unknown'}"])


def side(row: SimulatorRuns) -> str:
    """A row's simulator and method."""
    return f"{row.simulator.removeprefix('Qiskit ')} ({row.method.replace('_', ' ')})"


def distance(found: Comparison) -> str:
    """The best distance that is known."""
    if found.trace_distance is not None:
        return f"{found.trace_distance:.1e}"
    if found.total_variation is not None:
        return f"{found.total_variation:.1e} (outcomes)"
    if found.counts is not None:
        return f"{found.counts.value:.1e} (counts; {found.counts.expected:.1e} by chance)"
    return ""


def markdown(rows: list[Row], command: str, picture: Path | None) -> str:
    """A page with the table, and the plot if there is one."""
    from tabulate import tabulate

    found = [Comparison.from_dict(row["comparison"]) for row in rows]
    threads = sorted({each.lret.threads for each in found})
    software = f"Python {platform.python_version()}, Qiskit Aer {version('qiskit-aer')}"
    table = tabulate(
        [cells(row) for row in rows], headers="keys", tablefmt="github", disable_numparse=True
    )
    image = f"\n![Time and memory by width]({picture.name})\n" if picture else ""
    circuits = circuit_words(sorted({str(row["key"]["circuit"]) for row in rows}))
    return f"""# LRET and Qiskit Aer

Written by `{command}` on {date.today().isoformat()}: {processor()}, {threads[0]} threads on either
side, {software}.

Median times of runs in turns, each in a fresh process; runs of 10 s and more are made once, and
"> 5 s" was ended after 5 s. Other programs may have had a share of the cores meanwhile: that makes
the times of both sides longer, and changes their ratio less. [Benchmarks](benchmarks.md) was
measured at another time: compare figures within a page.

Memory is what a run adds to the peak of its process, in brackets what its state would take.
`times faster` is Aer's time divided by LRET's, of its trajectories where its density matrix was
not possible. `certified` is the bound that LRET gives on its own error, and `distance` the trace
distance to Aer's density matrix that was found, up to {MOST_MATRIX_QUBITS} qubits; on more the
total variation distance of the exact distributions of outcomes, and against trajectories that of
the counts, beside what chance makes of it. Aer reads all of a device's noise in every run, LRET
what the circuit needs. With such noise its density matrix was seen to lose some 1e-8 of its trace,
where a dense reference agrees with LRET to 1e-14: smaller distances than that are not LRET's.

{circuits}.
`depolarizing:P1,P2` is the noise after gates on one qubit and after CX, with the parameters of
Aer's `depolarizing_error`; other names are devices, with the noise of their calibration.
{DEVICE_QUBITS}.
{image}
{table}
"""


def cells(row: Row) -> Row:
    """A line of the table."""
    found, asked = Comparison.from_dict(row["comparison"]), row["key"]
    mine, other = found.lret, found.aer
    certified = "" if mine.error is None else f"{mine.error:.1e}"
    matrix = found.runs[1]
    return {
        "circuit": asked["circuit"],
        "noise": asked["noise"],
        "qubits": asked["qubits"],
        "LRET": time_cell(found, mine),
        "Aer": time_cell(found, matrix),
        "Aer, trajectories": "" if other is matrix else time_cell(found, other),
        "times faster": found.times(other),
        "LRET memory": memory_cell(mine),
        "Aer memory": memory_cell(matrix),
        "rank": mine.rank,
        "certified": certified,
        "distance": distance(found),
    }


def plot(rows: list[Row], path: Path) -> None:
    """Time and memory by width."""
    from lret_qiskit.visualization.comparison import plot_comparison

    plot_comparison([Comparison.from_dict(row["comparison"]) for row in rows], filename=path)
