"""LRET against Qiskit Aer over circuits, noise and widths, by ``lret_qiskit.comparison``.

    python benchmarks/compare_aer.py                                 # the usual ones, some minutes
    python benchmarks/compare_aer.py --qubits 6 8 10 12 --circuit brick qft --noise FakeTorino
    python benchmarks/compare_aer.py --noise depolarizing:1e-3,1e-2 FakeSherbrooke --shots 10000
    python benchmarks/compare_aer.py --json aer.json --markdown aer.md --plot aer.png

Every circuit meets every noise on every width. Both simulators run it with the same number of
threads, in turns, each run in a fresh process after a warm-up; the median time, the memory that a
run adds to the peak of its process, and the distance of what comes out are told. LRET certifies its
error (``--epsilon``). Aer's density matrix is the rival; where it takes longer than ``--limit``,
or more than the memory, its trajectories. Aer reads all of a device's noise in every run, which
takes it seconds, LRET what the circuit needs.

Circuits and noise are in workloads.py: depolarizing noise after the gates that the circuit is made
of, or a device of IBM's, for which it is compiled, with its measured noise. Comparisons that
``--json`` already holds are not made again, so it goes on where it was stopped. Where ``suite.py``
measures LRET against several simulators on fixed workloads, this compares on what you choose.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

# Not there by itself where PYTHONSAFEPATH is set.
sys.path.insert(0, str(Path(__file__).parent))

import compare_report
from measurements import Row, keep, kept
from workloads import CIRCUITS, DEVICES, depolarizing, noisy

USUAL_NOISE = ("depolarizing:1e-4,1e-3", "FakeTorino")


def main() -> None:
    """Compare, print the table, and write what was asked for."""
    options = parse_arguments()
    for path in (options.json, options.markdown, options.plot):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
    rows = compare_all(options)
    if options.markdown:
        from lret_dist.files.atomic_file import write_text

        write_text(options.markdown, compare_report.markdown(rows, command(), options.plot))
    if options.plot:
        compare_report.plot(rows, options.plot)


def parse_arguments() -> argparse.Namespace:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("--qubits", type=int, nargs="+", default=[6, 8, 10, 12])
    parser.add_argument("--circuit", nargs="+", choices=CIRCUITS, default=["brick", "qft"])
    parser.add_argument(
        "--noise", nargs="+", default=USUAL_NOISE, help="devices, or depolarizing:P1,P2"
    )
    parser.add_argument("--shots", type=int, default=1000)
    parser.add_argument("--epsilon", type=float, default=1e-3, help="error that LRET may make")
    parser.add_argument("--threads", type=int, help="of each; default: the cores")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=60, help="seconds that one run may take")
    parser.add_argument("--json", type=Path, help="file that keeps the comparisons")
    parser.add_argument("--markdown", type=Path, help="file to write the table to")
    parser.add_argument("--plot", type=Path, help="image to draw")
    options = parser.parse_args()
    for noise in set(options.noise) - set(DEVICES):
        try:
            depolarizing(noise)
        except ValueError as error:
            parser.error(f"argument --noise: {error}")
    if options.plot and options.plot.suffix not in (".png", ".svg", ".pdf"):
        parser.error(f"--plot must end in .png, .svg or .pdf, got {options.plot}")
    if min(*options.qubits, options.shots, options.repeats) < 1 or options.limit <= 0:
        parser.error("--qubits, --shots, --repeats and --limit must be positive")
    return options


def command() -> str:
    """The command that wrote a page, with paths as they were given."""
    return " ".join(["python benchmarks/compare_aer.py", *sys.argv[1:]])


def compare_all(options: argparse.Namespace) -> list[Row]:
    """Make the comparisons that the file does not hold yet; those asked for, in order."""
    known, asked = kept(options.json), []
    for circuit in options.circuit:
        for noise in options.noise:
            for qubits in options.qubits:
                wanted = key(circuit, noise, qubits, options)
                row = next((each for each in known if each["key"] == wanted), None)
                if row is None:
                    row = {"key": wanted, "comparison": compare(circuit, noise, qubits, options)}
                    known.append(row)
                    if options.json:
                        keep(known, options.json)
                asked.append(row)
                print(compare_report.line(row), flush=True)
    return asked


def key(circuit: str, noise: str, qubits: int, options: argparse.Namespace) -> Row:
    """What tells one comparison from another."""
    names = ("shots", "epsilon", "threads", "repeats", "limit")
    asked = {name: getattr(options, name) for name in names}
    return {"circuit": circuit, "noise": noise, "qubits": qubits} | asked


def compare(circuit: str, noise: str, qubits: int, options: argparse.Namespace) -> dict[str, Any]:
    """One comparison, as plain data."""
    from lret_qiskit.comparison import compare_with_aer

    workload = noisy(circuit, qubits, noise)
    measured = workload.measured()
    measured.name = f"{circuit}, {noise}"
    names = ("shots", "epsilon", "threads", "repeats", "limit")
    asked = {name: getattr(options, name) for name in names}
    return compare_with_aer(measured, workload.noise, seed=34, **asked).to_dict()


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly where the reader has gone
    main()
