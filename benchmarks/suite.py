"""Time, memory and accuracy of LRET against its rivals, on the same noisy circuits.

    python benchmarks/suite.py                          # everything, which takes hours
    python benchmarks/suite.py state --qubits 8 10 12   # one section, on some widths
    python benchmarks/suite.py --json suite.json --plot suite.png

Sections:

* ``state``: a certified run (trace distance 1e-2) against Qiskit Aer's density matrix.
* ``expectations``: 100 random Pauli strings without counts, against Aer's noise trajectories on the
  state vector. The figure is CPU time times mean squared error, which does not depend on how long
  either runs; the errors are measured against the exact density matrix.
* ``counts``: sampled shots, against Aer, qsim and Qulacs, with the error of 100 strings of Z and I.
* ``wide``: circuits that no density matrix holds: time, memory, and the error that is reported.

Every run is a process of its own with the same number of threads, after a warm-up on six qubits.
The simulators run in turns; medians over the repeats are printed, with the ratio to LRET's. A run
that takes longer than ``--limit`` is ended and shown as such. The workloads are in workloads.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]
MIB = 1024**2
LEVELS = ("low", "middle", "high")
DEVICE_WORKLOADS = [
    f"W7-{kind}-{device}"
    for kind in ("qaoa", "vqe", "qft", "grover", "qv")
    for device in ("FakeTorino", "FakeSherbrooke", "FakeFez")
]


@dataclass(frozen=True)
class Cell:
    """One comparison: a task on a workload, by several simulators."""

    section: str
    task: str
    workload: str
    qubits: int
    simulators: tuple[str, ...]
    options: Row = field(default_factory=dict)


def state_cells(widths: list[int] | None) -> Iterator[Cell]:
    names = ["W1", "W2", *(f"W6-{level}" for level in LEVELS)]
    for name in names:
        for qubits in widths or [8, 10, 11, 12, 13, 14]:
            sides = ("lret", "aer-density_matrix") if qubits < 14 else ("lret",)
            yield Cell("state", "state", name, qubits, sides)
    for name in DEVICE_WORKLOADS:
        for qubits in widths or [10, 12]:
            yield Cell("state", "state", name, qubits, ("lret", "aer-density_matrix"))


def expectation_cells(widths: list[int] | None) -> Iterator[Cell]:
    names = ["W4", *(f"W6-{level}" for level in LEVELS), *DEVICE_WORKLOADS]
    options = {"resolution": 2e-3, "shots": 300}
    for name in names:
        for qubits in widths or [12]:
            sides = ("lret", "aer-statevector")
            yield Cell("expectations", "expectations", name, qubits, sides, options)


def count_cells(widths: list[int] | None) -> Iterator[Cell]:
    sides = ("lret", "aer-statevector", "qsim", "qulacs")
    for shots in (1_000, 10_000, 100_000):
        yield Cell("counts", "counts", "W4", 14, sides, {"shots": shots})
        for level in LEVELS:
            for qubits in widths or [12, 14, 16]:
                yield Cell("counts", "counts", f"W6-{level}", qubits, sides, {"shots": shots})


def wide_cells(widths: list[int] | None) -> Iterator[Cell]:
    cases = [("W3", 16), ("W5-ghz", 21), ("W5-w", 21), ("W5-bv", 19), ("W5-qaoa", 20)]
    for name, qubits in [*cases, ("W6-high", 18), ("W6-high", 22)]:
        if not widths or qubits in widths:
            yield Cell("wide", "sampled", name, qubits, ("lret",))


SECTIONS = {
    "state": state_cells,
    "expectations": expectation_cells,
    "counts": count_cells,
    "wide": wide_cells,
}


def main() -> None:
    """Measure, print the tables, and write what was asked for."""
    options = parse_arguments()
    if options.child:
        # Not there by itself where PYTHONSAFEPATH is set.
        sys.path.insert(0, str(Path(__file__).parent))
        from simulators import run

        print(json.dumps(run(**json.loads(options.child))))
        return
    rows = []
    for section in options.sections or SECTIONS:
        print(f"\n{section}", flush=True)
        for cell in SECTIONS[section](options.qubits):
            if options.workloads and cell.workload not in options.workloads:
                continue
            rows.append(measure(cell, options))
            print(described(rows[-1]), flush=True)
            if options.json:
                options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.plot:
        plot(rows, options.plot)


def parse_arguments() -> argparse.Namespace:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], help="default: all")
    parser.add_argument("--qubits", type=int, nargs="+", help="widths instead of the usual ones")
    parser.add_argument("--workloads", nargs="+", help="only these, such as W6-low")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=600, help="seconds that a run may take")
    parser.add_argument("--json", type=Path, help="file to write the measurements to")
    parser.add_argument("--plot", type=Path, help="image to draw")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(cell: Cell, options: argparse.Namespace) -> Row:
    """All simulators in turns; what took too long once is not run again."""
    runs: dict[str, list[Row]] = {name: [] for name in cell.simulators}
    for repeat in range(options.repeats):
        for name in cell.simulators:
            if len(runs[name]) == repeat:
                found = run_child(cell, name, options, repeat)
                runs[name] += [found] if found else []
    row: Row = {
        "section": cell.section,
        "workload": cell.workload,
        "qubits": cell.qubits,
        "options": cell.options,
        "threads": options.threads,
        "limit": options.limit,
        "runs": runs,
    }
    if cell.section == "expectations":
        found = run_child(cell, "lret", options, 0, exact=True)
        row["exact"] = found["values"] if found else None
    return row


def run_child(
    cell: Cell, simulator: str, options: argparse.Namespace, repeat: int, **extra: Any
) -> Row | None:
    """One run in a process of its own, or None if it took too long."""
    request = {
        "task": cell.task,
        "simulator": simulator,
        "name": cell.workload,
        "qubits": cell.qubits,
        "options": cell.options | {"threads": options.threads, "seed": 34 + repeat} | extra,
    }
    try:
        run = subprocess.run(
            [sys.executable, __file__, "--child", json.dumps(request)],
            env=os.environ | {"OMP_NUM_THREADS": str(options.threads)},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
            timeout=options.limit,
        )
    except subprocess.TimeoutExpired:
        return None
    result: Row = json.loads(run.stdout.splitlines()[-1])
    return result


def described(row: Row) -> str:
    """A line of the table: what each simulator took, and its ratio to LRET."""
    sides = [summary(row, name, runs) for name, runs in row["runs"].items()]
    shots = f" {row['options']['shots']} shots" if row["section"] == "counts" else ""
    first = row["runs"]["lret"]
    facts = f" ({first[0]['truncation']}, {first[0]['method']})" if "truncation" in first[0] else ""
    return f"{row['workload']:<22} n={row['qubits']:<3}{shots}{facts} | " + " | ".join(sides)


def summary(row: Row, name: str, runs: list[Row]) -> str:
    if not runs:
        return f"{name}: over {row['limit']:.0f} s"
    mine = row["runs"]["lret"]
    text = f"{name} {typical(runs, 'seconds'):.3g} s {typical(runs, 'bytes') / MIB:.0f} MiB"
    if row.get("exact"):
        text += f", error {error(row, runs):.1e}"
        ratio = figure(row, runs) / figure(row, mine)
    else:
        ratio = typical(runs, "seconds") / typical(mine, "seconds")
    return text if name == "lret" else f"{text}, {ratio:.1f}x"


def typical(runs: list[Row], quantity: str) -> float:
    return float(median(run[quantity] for run in runs))


def error(row: Row, runs: list[Row]) -> float:
    """Root mean square error of the values, over strings and repeats."""
    values = np.array([run["values"] for run in runs])
    return float(np.sqrt(((values - np.array(row["exact"])) ** 2).mean()))


def figure(row: Row, runs: list[Row]) -> float:
    """CPU seconds times mean squared error."""
    return typical(runs, "cpu_seconds") * error(row, runs) ** 2


def plot(rows: list[Row], path: Path) -> None:
    """How many times faster LRET was, by section."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    sections = [s for s in SECTIONS if s != "wide" and any(row["section"] == s for row in rows)]
    grid = {"squeeze": False, "layout": "constrained"}
    figure_, axes = plt.subplots(1, len(sections), figsize=(5 * len(sections), 6), **grid)
    for axis, section in zip(axes[0], sections, strict=True):
        labels, ratios = [], []
        for row in (row for row in rows if row["section"] == section):
            rivals = [runs for name, runs in row["runs"].items() if name != "lret" and runs]
            if not rivals:
                continue
            judge = figure if row.get("exact") else lambda _, runs: typical(runs, "seconds")
            best = min(judge(row, runs) for runs in rivals)
            labels.append(f"{row['workload']} {row['qubits']} {row['options'].get('shots', '')}")
            ratios.append(best / judge(row, row["runs"]["lret"]))
        axis.barh(labels, ratios)
        axis.axvline(1, color="black", linewidth=0.8)
        axis.set(xscale="log", xlabel="best rival / LRET", title=section)
        axis.invert_yaxis()
        axis.tick_params(axis="y", labelsize=6)
    figure_.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
