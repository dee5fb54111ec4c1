"""Time, memory and accuracy of LRET against its rivals, on the same noisy circuits.

    python benchmarks/suite.py                          # everything, which takes about three hours
    python benchmarks/suite.py state --qubits 8 10 12   # one section, on some widths
    python benchmarks/suite.py --json suite.json --markdown table.md --plot suite.png

Sections:

* ``state``: a certified run (trace distance 1e-2) against Qiskit Aer's density matrix.
* ``expectations``: 100 random Pauli strings, against Aer's noise trajectories on the state vector:
  averaged as expectation values, and as counts of one measured circuit for each string. The figure
  is CPU time times mean squared error, which does not depend on how long either runs; the errors
  are measured against the exact density matrix.
* ``counts``: sampled shots, against Aer, qsim and Qulacs, with the error of 100 strings of Z and I
  up to the width for which they are known exactly.
* ``dynamic``: measurements and feed-forward on the way, against both of Aer's methods.
* ``wide``: circuits that no density matrix holds: time, memory, and the error that is reported.
* ``kernels``: a dense gate on two qubits of 64 columns, as a part of what the machine allows.

Every run is a process of its own with the same number of threads, after a warm-up on six qubits.
The simulators run in turns; medians over the repeats are printed, with the ratio to LRET's. A run
of more than 10 seconds is not repeated; one that by a rival's shorter runs would take longer than
``--limit``, or more than the memory, is not made, and one that takes longer is ended: both are
shown as such. Measurements that ``--json`` already holds are not made again. The workloads are in
workloads.py.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

# Not there by itself where PYTHONSAFEPATH is set.
sys.path.insert(0, str(Path(__file__).parent))

import report
from measurements import Row, keep, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS = ("low", "middle", "high")
DEVICE_WORKLOADS = [
    f"W7-{kind}-{device}"
    for kind in ("qaoa", "vqe", "qft", "grover", "qv")
    for device in ("FakeTorino", "FakeSherbrooke", "FakeFez")
]
#: Widest states whose exact values are computed.
EXACT_QUBITS = 14
#: Simulators whose time grows with the number of shots alone.
TRAJECTORIES = ("aer-statevector", "qsim")


@dataclass(frozen=True)
class Cell:
    """One comparison: a task on a workload, by several simulators."""

    section: str
    task: str
    workload: str
    qubits: int
    simulators: tuple[str, ...]
    options: Row = field(default_factory=dict)

    def of(self, row: Row) -> bool:
        """Whether a row holds this comparison."""
        mine = (self.section, self.workload, self.qubits, self.options)
        return mine == (row["section"], row["workload"], row["qubits"], row["options"])


def state_cells(widths: list[int] | None) -> Iterator[Cell]:
    sides = ("lret", "aer-density_matrix")
    for name in ["W1", "W2", *(f"W6-{level}" for level in LEVELS)]:
        for qubits in widths or [8, 9, 10, 11, 12, 13, 14]:
            yield Cell("state", "state", name, qubits, sides)
    for name in DEVICE_WORKLOADS:
        for qubits in widths or [10, 12, 14]:
            yield Cell("state", "state", name, qubits, sides)


def expectation_cells(widths: list[int] | None) -> Iterator[Cell]:
    for name in ["W4", *(f"W6-{level}" for level in LEVELS), *DEVICE_WORKLOADS]:
        # Aer takes seconds to read a device's noise, whatever the shots.
        device = name.startswith("W7")
        sides = ("lret", "aer-statevector") if device else ("lret", "aer-statevector", "aer-counts")
        # The figure needs the exact values.
        for qubits in (n for n in widths or [12] if n <= EXACT_QUBITS):
            options = {"resolution": 1e-3 if device else 2e-3, "shots": 1000}
            yield Cell("expectations", "expectations", name, qubits, sides, options)


def count_cells(widths: list[int] | None) -> Iterator[Cell]:
    sides = ("lret", "aer-statevector", "qsim", "qulacs")
    cases = [(f"W6-{level}", n) for n in widths or [12, 14, 16] for level in LEVELS]
    for shots in (1_000, 10_000, 100_000):
        for name, qubits in [*(("W4", n) for n in widths or [14]), *cases]:
            yield Cell("counts", "counts", name, qubits, sides, {"shots": shots})


def dynamic_cells(widths: list[int] | None) -> Iterator[Cell]:
    sides = ("lret", "aer-density_matrix", "aer-statevector")
    cases = [("W8-memory", (5, 7, 9, 13)), ("W8-memory-40", (5, 7)), ("W8-ghz", (5, 9, 13, 17))]
    for name, usual in cases:
        for qubits in widths or usual:
            yield Cell("dynamic", "sampled", name, qubits, sides)


def wide_cells(widths: list[int] | None) -> Iterator[Cell]:
    cases = [("W3", 16), ("W5-ghz", 21), ("W5-w", 21), ("W5-bv", 19), ("W5-qaoa", 20)]
    for name, qubits in [*cases, ("W6-high", 18), ("W6-high", 22)]:
        if not widths or qubits in widths:
            yield Cell("wide", "sampled", name, qubits, ("lret",))


def kernel_cells(widths: list[int] | None) -> Iterator[Cell]:
    for qubits in widths or [10, 12, 14, 16, 18, 20]:
        yield Cell("kernels", "kernel", "dense gate", qubits, ("lret",))


SECTIONS = {
    "state": state_cells,
    "expectations": expectation_cells,
    "counts": count_cells,
    "dynamic": dynamic_cells,
    "wide": wide_cells,
    "kernels": kernel_cells,
}


def main() -> None:
    """Measure, print the tables, and write what was asked for."""
    options = parse_arguments()
    if options.child:
        from simulators import run

        print(json.dumps(run(**json.loads(options.child))))
        return
    for path in (options.json, options.markdown, options.plot):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
    rows = measure_all(options)
    if not rows:
        raise SystemExit("nothing to measure: no comparison has these workloads and qubits")
    if options.markdown:
        from lret_dist.files.atomic_file import write_text

        write_text(options.markdown, report.markdown(rows))
    if options.plot:
        report.plot(rows, options.plot)


def measure_all(options: argparse.Namespace) -> list[Row]:
    """Measure what the file of measurements does not hold yet; all rows, in the order made."""
    rows = kept(options.json)
    for section in options.sections or SECTIONS:
        print(f"\n{section}", flush=True)
        for cell in SECTIONS[section](options.qubits):
            if options.workloads and cell.workload not in options.workloads:
                continue
            if not any(cell.of(row) for row in rows):
                rows.append(measure(cell, options, rows))
                if options.json:
                    keep(rows, options.json)
            print(report.line(next(row for row in rows if cell.of(row))), flush=True)
    return rows


def parse_arguments() -> argparse.Namespace:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    names = ", ".join(SECTIONS)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"{names}; default: all")
    parser.add_argument("--qubits", type=int, nargs="+", help="widths instead of the usual ones")
    parser.add_argument("--workloads", nargs="+", help="only these, such as W6-low")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=120, help="seconds that a rival may take")
    parser.add_argument("--json", type=Path, help="file that keeps the measurements")
    parser.add_argument("--markdown", type=Path, help="file to write the tables to")
    parser.add_argument("--plot", type=Path, help="image to draw")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for section in options.sections:
        if section not in SECTIONS:
            parser.error(f"there is no section {section!r}, only {names}")
    return options


def measure(cell: Cell, options: argparse.Namespace, before: list[Row]) -> Row:
    """All simulators in turns; what took too long once is not run again."""
    runs: dict[str, list[Row]] = {name: [] for name in cell.simulators}
    guesses = {name: extrapolated(cell, name, before) for name in cell.simulators}
    guesses = {name: guess for name, guess in guesses.items() if is_too_much(guess, options.limit)}
    for repeat in range(options.repeats):
        for name in cell.simulators:
            mine = runs[name]
            if name not in guesses and len(mine) == repeat and (not mine or is_short(mine[0])):
                found = run_child(cell, name, options, repeat)
                mine += [found] if found else []
    row: Row = {
        "section": cell.section,
        "workload": cell.workload,
        "qubits": cell.qubits,
        "options": cell.options,
        "threads": options.threads,
        "limit": options.limit,
        "runs": runs,
        "extrapolated": guesses,
    }
    if cell.section in ("expectations", "counts") and cell.qubits <= EXACT_QUBITS:
        row["exact"] = exact_values(cell, options, before)
    return row


def is_too_much(guess: Row, limit: float) -> bool:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return bool(guess.get("seconds", 0) > limit or guess.get("bytes", 0) > 0.8 * memory)


def is_short(run: Row) -> bool:
    return bool(run["seconds"] < report.ONCE)


def exact_values(cell: Cell, options: argparse.Namespace, before: list[Row]) -> list[float]:
    """The values that the simulators are judged by, from LRET's density matrix."""
    for row in before:
        same = (row["section"], row["workload"], row["qubits"])
        if same == (cell.section, cell.workload, cell.qubits):
            return list(row["exact"])
    found = run_child(cell, "lret", options, 0, exact=True)
    assert found is not None
    return list(found["values"])


def extrapolated(cell: Cell, simulator: str, before: list[Row]) -> Row:
    """What a run would take by shorter ones: fewer shots, or fewer qubits; empty if unknown."""
    alike = [
        row
        for row in before
        if (row["section"], row["workload"]) == (cell.section, cell.workload)
        and row["runs"].get(simulator)
    ]
    shorter = [row for row in alike if row["qubits"] == cell.qubits]
    narrower = [row for row in alike if cell.qubits - 3 <= row["qubits"] < cell.qubits]
    if cell.section == "counts" and simulator in TRAJECTORIES and shorter:
        return by_proportion(cell.options["shots"], simulator, shorter[-1])
    if cell.section == "counts" and simulator == "qulacs" and len(shorter) > 1:
        # It runs equal samples once, so neither time nor memory need be proportional.
        return by_power(cell.options["shots"], simulator, *shorter[-2:])
    if cell.section == "state" and simulator == "aer-density_matrix" and len(narrower) > 1:
        return by_width(cell.qubits, simulator, narrower)
    return {}


def by_proportion(shots: int, simulator: str, row: Row) -> Row:
    """Time from that of fewer shots."""
    fewer = row["options"]["shots"]
    seconds = shots / fewer * report.typical(row, simulator, "seconds")
    return {"seconds": seconds, "from": f"{fewer:,} shots"}


def by_power(shots: int, simulator: str, first: Row, last: Row) -> Row:
    """Time and memory from those of two smaller numbers of shots, as a power of the number."""
    few, more = first["options"]["shots"], last["options"]["shots"]
    steps = math.log(shots / more) / math.log(more / few)
    guess: Row = {"from": f"{few:,} and {more:,} shots"}
    for quantity, least in (("seconds", 1e-3), ("bytes", report.MIB)):  # what is below is noise
        values = (report.typical(row, simulator, quantity) for row in (first, last))
        small, large = (max(value, least) for value in values)
        guess[quantity] = large * (large / small) ** steps
    return guess


def by_width(qubits: int, simulator: str, rows: list[Row]) -> Row:
    """Time and memory of a density matrix, from the times on fewer qubits."""
    widths = [row["qubits"] for row in rows]
    logarithms = np.log([report.typical(row, simulator, "seconds") for row in rows])
    slope, start = np.polyfit(widths, logarithms, 1)
    return {
        "seconds": float(np.exp(start + slope * qubits)),
        "bytes": 16 * 4**qubits,
        "from": f"{min(widths)} to {max(widths)} qubits",
    }


def run_child(
    cell: Cell, simulator: str, options: argparse.Namespace, repeat: int, **extra: Any
) -> Row | None:
    """One run in a process of its own, or None if a rival took too long."""
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
            timeout=None if simulator == "lret" else options.limit,
        )
    except subprocess.TimeoutExpired:
        return None
    result: Row = json.loads(run.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly where the reader has gone
    main()
