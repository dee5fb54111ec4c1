"""Thousands of good and bad jobs in one session: every result right, memory of every MPI rank flat.

Run it with one command::

    mpirun -n 3 python benchmarks/soak.py [--jobs 2000] [--settle 200] [--seed 1] [--json FILE]

The jobs go through the Qiskit backend: counts and saved values of 1 to 12 qubits in all regimes and
partitions, dynamic circuits, batches, parameters, device noise, primitives, checkpoints, factors
that stay on the MPI ranks, and jobs that are cancelled or never asked for their result. One in four
is bad: it must raise the exception that belongs to it. The good ones check their results against
exact ones, and every 50th job repeats one circuit, whose counts must stay the same.

After every job this script's own garbage is collected and what is free on MPI rank 0 given back;
then the resident memory of the process of every MPI rank is read, with its open files and threads.
The mean over the 200 jobs that follow the first 200, in which the session settles, is compared with
the mean over the last 200 jobs and with the highest over any 200 jobs in between: memory is flat if
neither is more than 5 % above. The fewest open files and threads in the last 200 jobs must not be
more than in the first. The exit code is 1 if a job went wrong or something grew.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from tabulate import tabulate

from lret_dist.machines.process_memory import FreeMemory
from lret_qiskit import LRETProvider

# Not there by itself where PYTHONSAFEPATH is set.
sys.path.insert(0, str(Path(__file__).parent))

from soak_bad import BAD, BAD_OPTIONS, WIDEST
from soak_context import Context
from soak_good import GOOD, fixed
from soak_watch import Course, Watch, mpi_ranks
from soak_ways import WAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.random import Generator

    from lret_qiskit import LRETBackend

Kind: TypeAlias = "Callable[[Context], None]"
Row = dict[str, Any]
#: Groups of kinds of jobs, and the part of the jobs that each makes up.
GROUPS: tuple[tuple[float, Mapping[str, Kind]], ...] = (
    (0.45, {kind.__name__: kind for kind in GOOD}),
    (0.30, {kind.__name__: kind for kind in WAYS}),
    (0.20, BAD),
    (0.05, BAD_OPTIONS),
)
#: The circuit that is always the same comes after so many jobs.
FIXED_EVERY = 50
#: Jobs from one line of progress to the next.
LINE_EVERY = 100
#: Most jobs over which memory is averaged.
WINDOW = 200


def main() -> None:
    options = parsed()
    # From here on the other MPI ranks work for MPI rank 0.
    backend = LRETProvider().get_backend("lret_simulator")
    backend.set_max_qubits(WIDEST)
    # A warning that no job expects is as wrong as an exception.
    warnings.simplefilter("error")
    soak = Soak(backend, options.seed)
    soak.run(options.jobs)
    courses = soak.watch.courses(options.settle, window_of(options))
    if options.json:
        options.json.write_text(json.dumps(soak.report(courses)))
    print(summary(soak, courses))
    flat = all(each.is_flat(options.limit) for each in courses)
    print("flat" if flat else "NOT FLAT: memory, open files or threads have grown", flush=True)
    sys.exit(0 if flat and not soak.failures else 1)


def parsed() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--settle", type=int, default=200, help="jobs before memory counts")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of jobs")
    parser.add_argument("--limit", type=float, default=0.05, help="part that memory may grow by")
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    if options.settle < 1 or window_of(options) < 1:
        parser.error("--settle must be positive, and --jobs at least two more")
    return options


def window_of(options: argparse.Namespace) -> int:
    """Jobs over which memory is averaged."""
    return int(min(WINDOW, (options.jobs - options.settle) // 2))


class Soak:
    """A session and its jobs, one after the other.

    Attributes:
        kinds: how many jobs there were of each kind.
        failures: what was wrong.
        watch: memory of the MPI ranks after every job.
        seconds: that the jobs took.
    """

    def __init__(self, backend: LRETBackend, seed: int) -> None:
        self._backend = backend
        self._seed = seed
        self._ranks = mpi_ranks()
        self._remembered: Row = {}
        self.kinds: Counter[str] = Counter()
        self.failures: list[str] = []
        self.watch = Watch(self._ranks)
        self.seconds = 0.0

    def run(self, jobs: int) -> None:
        """Run so many jobs."""
        started = time.monotonic()
        for number in range(jobs):
            self._job(number)
            # What the jobs of this script have left is not LRET's to clear away.
            gc.collect()
            FreeMemory().give_back()
            self.watch.read()
            self.seconds = time.monotonic() - started
            if (number + 1) % LINE_EVERY == 0:
                print(self._line(), flush=True)

    def report(self, courses: list[Course]) -> Row:
        """All figures."""
        return {
            "kinds": dict(self.kinds),
            "failures": self.failures,
            "seconds": self.seconds,
            "ranks": [each.to_dict() for each in courses],
            "memory": self.watch.memory,
        }

    def _job(self, number: int) -> None:
        rng = np.random.default_rng([self._seed, number])
        name, kind = drawn(rng, number)
        self.kinds[name] += 1
        try:
            with TemporaryDirectory(prefix="lret-soak-") as folder:
                ranks, remembered = self._ranks, self._remembered
                kind(Context(self._backend, ranks, rng, Path(folder), remembered))
        except Exception:
            self.failures.append(f"job {number}, {name}")
            print(f"WRONG: {self.failures[-1]}\n{traceback.format_exc()}", flush=True)

    def _line(self) -> str:
        memory = ", ".join(f"{mib:.1f}" for mib in self.watch.memory[-1])
        jobs, wrong = self.kinds.total(), len(self.failures)
        return f"{jobs:5} jobs in {self.seconds:.0f} s, {wrong} wrong; MiB: {memory}"


def drawn(rng: Generator, number: int) -> tuple[str, Kind]:
    """The kind of job ``number``, with its name."""
    if number % FIXED_EVERY == 0:
        return fixed.__name__, fixed
    kinds = GROUPS[rng.choice(len(GROUPS), p=[part for part, _ in GROUPS])][1]
    name = list(kinds)[rng.integers(len(kinds))]
    return name, kinds[name]


def summary(soak: Soak, courses: list[Course]) -> str:
    """Tables of what was run and of what memory it left."""
    bad = sum(number for name, number in soak.kinds.items() if name in {**BAD, **BAD_OPTIONS})
    headers = ["MPI rank", "MiB, settled", "highest", "last", "growth", "files", "threads"]
    return (
        f"{soak.kinds.total()} jobs, {bad} of them bad, of {len(soak.kinds)} kinds in "
        f"{soak.seconds:.0f} s; {len(soak.failures)} wrong\n\n"
        f"{tabulate([row(each) for each in courses], headers)}\n"
    )


def row(course: Course) -> list[Any]:
    """A line of the table."""
    memory = [f"{mib:.1f}" for mib in (course.settled, course.highest, course.last)]
    counts = [f"{first}, {last}" for first, last in (course.files, course.threads)]
    return [course.rank, *memory, f"{100 * course.growth:.1f} %", *counts]


if __name__ == "__main__":
    main()
