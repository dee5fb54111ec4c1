"""Strong and weak scaling of LRET over MPI ranks, against what it predicts.

    python benchmarks/scaling_test.py                  # up to as many MPI ranks as there are cores
    python benchmarks/scaling_test.py --quick          # small circuits, a minute
    python benchmarks/scaling_test.py memory           # one section
    python benchmarks/scaling_test.py --ranks 1 2 4 8  # more of them than cores are marked
    python benchmarks/scaling_test.py --json scaling.json --markdown scaling.md --plot scaling.png

Sections:

* strong scaling: fixed circuits on 1, 2, ... MPI ranks of one thread, in every partition, and on
  one MPI rank of two threads;
* weak scaling: a qubit more for twice the MPI ranks, with the same noise in all;
* memory: what a run adds to each MPI rank's resident memory, up to 8 MPI ranks whatever the cores;
* projection: what ``lret_dist.plan`` says for a circuit that needs a cluster, up to 4,096.

Every run is an ``mpirun`` job of its own, of the ``mpirun`` beside this Python; the runs of one
circuit take turns, and medians are shown. Each MPI rank warms up on eight qubits. Runs that
``--json`` already holds are not made again. The circuits are in scaling_cases.py.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Not there by itself where PYTHONSAFEPATH is set.
sys.path.insert(0, str(Path(__file__).parent))

from measurements import Row, keep, kept
from scaling_cases import CLUSTER, CLUSTER_MEMORY, QUICK, STRONG, Case, memory, weak

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTIONS = ("strong", "weak", "memory", "projection")
#: MPI ranks of the memory section, and of the projection.
MEMORY_RANKS = (1, 2, 4, 8)
PROJECTED_RANKS = tuple(2**power for power in range(13))
_MIB = 2**20


def main() -> None:
    """Measure, print the tables, and write what was asked for."""
    options = parse_arguments()
    if options.child:
        run_child(json.loads(options.child))
        return
    # The runs themselves need no Qiskit, and no matplotlib.
    from scaling_report import markdown

    for path in (options.json, options.markdown, options.plot):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
    rows = measure_all(options)
    if "projection" in options.sections:
        rows += projection(options.quick)
    page = markdown(rows, "python " + " ".join(sys.argv))
    print(page)
    if options.markdown:
        from lret_dist.files.atomic_file import write_text

        write_text(options.markdown, page)
    if options.plot:
        from lret_qiskit.visualization import plot_scaling

        plot_scaling(rows, filename=options.plot)


def parse_arguments() -> argparse.Namespace:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    cores = len(os.sched_getaffinity(0))
    own = [2**power for power in range(cores.bit_length())]
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--ranks", type=int, nargs="+", default=own, help="numbers of MPI ranks")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small circuits, once each")
    parser.add_argument("--json", type=Path, help="file that keeps the measurements")
    parser.add_argument("--markdown", type=Path, help="file to write the tables to")
    parser.add_argument("--plot", type=Path, help="image to draw")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.ranks = sorted({1, *options.ranks})
    options.sections = options.sections or SECTIONS
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"there is no section {unknown.pop()!r}, only {', '.join(SECTIONS)}")
    if options.plot and options.plot.suffix not in (".png", ".svg", ".pdf"):
        parser.error(f"--plot must end in .png, .svg or .pdf, got {options.plot}")
    if options.ranks[0] < 1 or options.repeats < 1:
        parser.error("--ranks and --repeats must be positive")
    return options


def measure_all(options: argparse.Namespace) -> list[Row]:
    """Run what the file of measurements does not hold yet; all rows."""
    from scaling_report import line

    rows: list[Row] = kept(options.json)
    known = {key(row) for row in rows}
    for wanted in all_runs(options):
        if wanted["section"] in options.sections and key(wanted) not in known:
            rows.append(measure(wanted))
            print(line(rows[-1]), flush=True)
            if options.json:
                keep(rows, options.json)
    return rows


def key(row: Row) -> str:
    """What tells one run from another."""
    names = ("section", "case", "ranks", "threads", "partition", "repeat")
    return json.dumps([row[name] for name in names])


def all_runs(options: argparse.Namespace) -> Iterator[Row]:
    """The runs in their order: those of one circuit in turns."""
    strong = QUICK if options.quick else STRONG
    repeats = 1 if options.quick else options.repeats
    for name, case in strong.items():
        for repeat in range(repeats):
            for ranks in options.ranks:
                for partition in case.partitions if ranks > 1 else ("auto",):
                    yield run_of("strong", name, ranks, partition, repeat)
            yield run_of("strong", name, 1, "auto", repeat, threads=2)
    qubits = 10 if options.quick else 16
    for repeat in range(repeats):
        for ranks in (each for each in options.ranks if each & (each - 1) == 0):
            yield run_of("weak", f"{qubits}", ranks, "row", repeat)
    qubits = 15 if options.quick else 19
    for ranks in MEMORY_RANKS:
        for partition in ("row", "column") if ranks > 1 else ("row",):
            yield run_of("memory", f"{qubits}", ranks, partition, 0)


def run_of(
    section: str, case: str, ranks: int, partition: str, repeat: int, threads: int = 1
) -> Row:
    return {
        "section": section,
        "case": case,
        "ranks": ranks,
        "partition": partition,
        "threads": threads,
        "repeat": repeat,
    }


def case_of(row: Row) -> Case:
    """The circuit of a run."""
    if row["section"] == "strong":
        return {**STRONG, **QUICK}[row["case"]]
    qubits = int(row["case"])
    return weak(row["ranks"], qubits) if row["section"] == "weak" else memory(qubits)


def measure(wanted: Row) -> Row:
    """One run as an MPI job."""
    mpirun = Path(sys.executable).with_name("mpirun")
    if not mpirun.exists():
        raise SystemExit(f"there is no {mpirun}: install an MPI library, such as the extra mpich")
    command = [str(mpirun), "-n", str(wanted["ranks"]), sys.executable, __file__, "--child"]
    allowed = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    run = subprocess.run(
        [*command, json.dumps(wanted)],
        env=os.environ | allowed | {"OMP_NUM_THREADS": str(wanted["threads"])},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    cores = len(os.sched_getaffinity(0))
    found: Row = json.loads(run.stdout.splitlines()[-1])
    return wanted | found | {"oversubscribed": wanted["ranks"] * wanted["threads"] > cores}


def run_child(wanted: Row) -> None:
    """Run a case on this job's MPI ranks, every one of which calls this; rank 0 prints a row."""
    from mpi4py import MPI

    from lret_dist import simulate_collectively
    from lret_dist.machines.process_memory import peak_mb, reset_peak

    world, case = MPI.COMM_WORLD, case_of(wanted)
    circuit, options = case.circuit(), case.all_options()
    warm_up = Case(case.kind, (8, 2), case.noise, case.options).circuit()
    simulate_collectively(warm_up, comm=world, parallelization=wanted["partition"], **options)
    reset_peak()
    before = peak_mb()
    result = simulate_collectively(
        circuit, comm=world, parallelization=wanted["partition"], **options
    )
    added = world.gather((peak_mb() - before) * _MIB, root=0)
    if result is not None:
        print(json.dumps(facts(result, case, wanted) | {"memory": added}))


def facts(result: Any, case: Case, wanted: Row) -> Row:
    """What a run came to, and what was predicted of it."""
    metadata = result.metadata
    told = metadata.communication
    predicted = told["predicted"] if wanted["ranks"] > 1 else planned(case, wanted)
    return {
        "seconds": metadata.execution_time_seconds,
        "grid": metadata.process_grid,
        "rank": metadata.max_rank,
        "sampled_columns": metadata.sampled_columns,
        "method": metadata.method,
        "error": metadata.truncation_error,
        "bytes": sum(told["bytes"]) / len(told["bytes"]),
        "modelled_bytes": told.get("modelled_bytes", predicted["bytes"]) / len(told["bytes"]),
        "predicted": predicted,
        "work": work(result),
    }


def planned(case: Case, wanted: Row) -> Row:
    """The prediction for one MPI rank, which a session does not measure the machine for."""
    from lret_dist import plan

    options = case.all_options()
    found = plan(case.circuit(), mpi_ranks=1, threads_per_rank=wanted["threads"], **options)
    return dict(found.to_dict()["prediction"])


def work(result: Any) -> float:
    """Entries of the factor times steps, to compare runs of different widths with."""
    return float(sum(result.history.ranks)) * 2.0**result.metadata.num_qubits


def projection(quick: bool) -> list[Row]:
    """What a circuit for a cluster would take, where it fits."""
    from lret_dist import (
        Circuit,
        InsufficientMemoryError,
        SimulationOptions,
        SimulationRequest,
        plan,
    )
    from lret_dist.machines.machine import Machine
    from lret_dist.planning.forecast import forecast

    options = SimulationOptions(**CLUSTER.all_options())
    request = SimulationRequest(circuit=CLUSTER.circuit(), options=options)
    # The kernels are measured once for all numbers of MPI ranks.
    here = plan(Circuit(1).gate("h", [0]), mpi_ranks=1, memory_per_rank=CLUSTER_MEMORY)
    rows = []
    for ranks in PROJECTED_RANKS[::4] if quick else PROJECTED_RANKS:
        machine = Machine(mpi_ranks=ranks, bytes_per_rank=here.memory_per_rank, speeds=here.speeds)
        try:
            found = forecast(request, machine)
        except InsufficientMemoryError:
            continue
        rows.append({"section": "projection", "ranks": ranks} | found.to_dict())
    return rows


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly where the reader has gone
    main()
