"""Speed of the compiled kernels, against Qulacs and against the machine's own zgemm.

Run it with one command, on an otherwise idle machine::

    python benchmarks/kernels.py [--threads 1 2] [--repeats 9] [--json FILE]

It needs the ``bench`` dependency group (Qulacs). Three tables:

* ``gate``: a dense gate on one or two qubits of a complex128 block of 64 columns and of one column,
  in amplitudes per second, against Qulacs' dense gate on one state vector of as many qubits.
* ``gram`` and ``rotate``: flops per second against zgemm on the same matrices (a Gram matrix counts
  as 4 N R^2 flops, zgemm as 8 N R K).
* ``kernel``: amplitudes per second of the other kernels.

Every comparison takes its measurements in turns, one of each, so that other load falls on both.
Before each comes a pause, in which the other side's threads go to sleep, and, where calls are
short, one that does not count. Printed are medians and the ratio of the medians. Each number of
threads runs in a process of its own, as Qulacs reads its number of threads when it is loaded.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

Row = dict[str, Any]
LEAST_SECONDS = 0.02
#: Pause before each measurement: the threads of the other side's library spin that long in wait of
#: more work (OpenBLAS for about 25 ms), and would take the cores of this side. After much longer
#: pauses Linux has been seen to wake both threads on one core.
SETTLE_SECONDS = 0.03


def seconds_in_turns(
    repeats: int, *calls: Callable[[], object], settle: float = SETTLE_SECONDS
) -> list[float]:
    """Median seconds of each call; a measurement repeats a short call many times."""
    counts = []
    for call in calls:
        call()
        start = time.perf_counter()
        call()
        counts.append(max(1, int(LEAST_SECONDS / (time.perf_counter() - start))))
    samples: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, count, sample in zip(calls, counts, samples, strict=True):
            time.sleep(settle)
            if count > 1:
                call()
            start = time.perf_counter()
            for _ in range(count):
                call()
            sample.append((time.perf_counter() - start) / count)
    return [median(sample) for sample in samples]


def random_complex(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def random_unitary(size: int) -> np.ndarray:
    return np.ascontiguousarray(np.linalg.qr(random_complex(size, size))[0])


def gate_rows(threads: int, repeats: int) -> Iterator[Row]:
    from qulacs import QuantumState
    from qulacs.gate import DenseMatrix

    from lret_dist import _core

    cases = [(12, 64), (16, 64), *((n, 1) for n in (10, 12, 14, 16, 18, 20))]
    for qubits, columns in cases:
        block = random_complex(2**qubits, columns)
        state = QuantumState(qubits)
        middle = qubits // 2
        for bits in (
            [0],
            [middle],
            [qubits - 1],
            [0, 1],
            [middle, middle + 1],
            [0, qubits - 1],
            [qubits - 2, qubits - 1],
        ):
            matrix = random_unitary(2 ** len(bits))
            gate = DenseMatrix(bits, matrix)
            ours, theirs = seconds_in_turns(
                repeats,
                lambda b=block, q=bits, m=matrix: _core.apply_matrix(b, q, m),
                lambda g=gate, s=state: g.update_quantum_state(s),
            )
            rate, other = block.size / ours / 1e9, 2**qubits / theirs / 1e9
            yield {
                "table": "gate",
                "threads": threads,
                "qubits": qubits,
                "columns": columns,
                "bits": bits,
                "lret_gamp_s": rate,
                "qulacs_gamp_s": other,
                "ratio": rate / other,
            }


def blas_rows(threads: int, repeats: int) -> Iterator[Row]:
    from scipy.linalg.blas import zgemm
    from threadpoolctl import ThreadpoolController

    from lret_dist import _core

    # The core calls BLAS from its own threads, so for it BLAS has one.
    pools = ThreadpoolController()

    def all_threads(call: Callable[[], object]) -> Callable[[], None]:
        def limited() -> None:
            with pools.limit(limits=threads, user_api="blas"):
                call()

        return limited

    for rows, columns in ((8192, 200), (8192, 500), (8192, 1000), (65536, 200), (65536, 500)):
        block = random_complex(rows, columns)
        matrix = random_unitary(columns)
        fortran = np.asfortranarray(matrix)
        out = np.empty_like(block)
        half = np.ascontiguousarray(matrix[:, : columns // 2])
        gemm, gram, rotate, in_place = seconds_in_turns(
            max(3, repeats // 3),
            all_threads(lambda a=fortran, b=block: zgemm(1.0, a, b.T)),
            lambda b=block: _core.gram(b),
            lambda b=block, m=matrix, o=out: _core.rotate(b, m, o),
            lambda b=block, m=half: _core.rotate(b, m, b[:, : m.shape[1]]),
        )
        square = rows * columns**2 / 1e9
        for name, flops, seconds in (
            ("gram", 4 * square, gram),
            ("rotate", 8 * square, rotate),
            ("rotate in place to half", 4 * square, in_place),
        ):
            yield {
                "table": "blas",
                "threads": threads,
                "kernel": name,
                "rows": rows,
                "columns": columns,
                "gflop_s": flops / seconds,
                "zgemm_gflop_s": 8 * square / gemm,
                "ratio": flops / seconds / (8 * square / gemm),
            }


def kernel_rows(threads: int, repeats: int) -> Iterator[Row]:
    from lret_dist import _core

    phases = np.exp(1j * np.arange(4))
    swap = np.array([0, 2, 1, 3])
    operators = random_complex(4, 4, 4)
    small, large = random_unitary(2), random_unitary(8)
    for qubits, columns in ((12, 64), (16, 64), (16, 1)):
        storage = random_complex(2**qubits, 2 * columns)
        block, out = storage[:, :columns], storage[:, columns:]
        if columns == 1:
            block, out = block.copy(), out.copy()
        index = np.sort(np.arange(columns) % 4)
        source = np.arange(columns)[::-1].copy()
        bits = [1, qubits // 2]
        calls: dict[str, Callable[[], object]] = {
            "apply_matrix k=3": lambda b=block, q=qubits: _core.apply_matrix(
                b, [1, 3, q - 1], large
            ),
            "apply_controlled": lambda b=block, q=bits: _core.apply_controlled(
                b, q[1:], 1, q[:1], small
            ),
            "apply_diagonal": lambda b=block, q=bits: _core.apply_diagonal(b, q, phases),
            "apply_permutation": lambda b=block, q=bits: _core.apply_permutation(
                b, q, swap, np.ones(4, dtype=complex)
            ),
            "branch": lambda b=block, o=out, q=bits, i=index, s=source: _core.branch(
                b, o, q, operators, i, s, np.ones(len(s))
            ),
            "reduced_matrices k=1": lambda b=block, q=bits: _core.reduced_matrices(b, q[:1]),
            "reduced_matrices k=2": lambda b=block, q=bits: _core.reduced_matrices(b, q),
            "column_weights": lambda b=block: _core.column_weights(b),
            "probabilities": lambda b=block: _core.probabilities(b),
            "pauli_overlap": lambda b=block: _core.pauli_overlap(b, b, 3, 9),
        }
        for name, seconds in zip(calls, seconds_in_turns(repeats, *calls.values()), strict=True):
            yield {
                "table": "kernel",
                "threads": threads,
                "kernel": name,
                "qubits": qubits,
                "columns": columns,
                "lret_gamp_s": block.size / seconds / 1e9,
            }


def show(row: Row) -> None:
    cells = (f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items())
    print("  ".join(cells), flush=True)


def measure(threads: int, repeats: int, tables: list[str]) -> list[Row]:
    """All rows for one number of threads, in this process."""
    from threadpoolctl import threadpool_limits

    from lret_dist import _core

    makers = {"gate": gate_rows, "blas": blas_rows, "kernel": kernel_rows}
    _core.set_num_threads(threads)
    rows = []
    with threadpool_limits(1, user_api="blas"):
        for table in tables:
            for row in makers[table](threads, repeats):
                show(row)
                rows.append(row)
    return rows


def measure_in_child(threads: int, options: argparse.Namespace, path: Path) -> list[Row]:
    command = [sys.executable, __file__, "--child", "--threads", str(threads), "--json", str(path)]
    command += ["--repeats", str(options.repeats), "--tables", *options.tables]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run(command, env=environment, check=True)
    return json.loads(path.read_text())["rows"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--tables", nargs="+", default=["gate", "blas", "kernel"])
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()

    if options.child:
        rows = measure(options.threads[0], options.repeats, options.tables)
    else:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            rows = [
                row
                for threads in options.threads
                for row in measure_in_child(threads, options, Path(folder) / "rows.json")
            ]
    if options.json:
        from lret_dist import _core
        from lret_dist.files.atomic_file import write_text

        about = {"simd": _core.simd_level(), **_core.build_info()}
        write_text(options.json, json.dumps({"about": about, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
