"""Time and memory of LRET against Qiskit Aer's density matrix, on the same noisy circuit.

The circuit has layers of RX and RZ on every qubit, at random angles, then CX on the pairs
(0, 1), (2, 3), ... in even layers and (1, 2), (3, 4), ... in odd ones. Every gate is followed by
depolarizing noise. Both simulators run in turns, each run in a process of its own with the same
number of threads: the process runs a circuit of seven qubits first, so that libraries are loaded,
resets the kernel's record of its peak memory, and then measures ``backend.run(circuit).result()``.

    python benchmarks/compare_aer.py
    python benchmarks/compare_aer.py --qubits 8 9 10 11 12 --json out.json --plot out.png
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

SIMULATORS = ("lret", "aer")
MIB = 1024**2
#: Up to this width both density matrices are compared in full.
MOST_QUBITS_FOR_DISTANCE = 10
ROUNDING = 1e-9
#: Wide enough to load all that the measured run needs: pages of a library are no one's state.
WARM_UP_QUBITS = 7


def main() -> None:
    """Measure, print a table, and write what was asked for."""
    options = parse_arguments()
    if options.child:
        print(json.dumps(measure(options.child, options)))
        return
    rows = [compare(qubits, options) for qubits in options.qubits]
    print_table(rows, options)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    if options.plot:
        plot(rows, options.plot)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--qubits", type=int, nargs="+", default=[13])
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--one-qubit-noise", type=float, default=1e-4, help="after RX and RZ")
    parser.add_argument("--two-qubit-noise", type=float, default=1e-3, help="after CX")
    parser.add_argument("--epsilon", type=float, default=1e-2, help="trace LRET may discard")
    parser.add_argument("--shots", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; medians are shown")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="needs matplotlib")
    parser.add_argument("--child", choices=(*SIMULATORS, "distance"), help=argparse.SUPPRESS)
    return parser.parse_args()


def formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=34)


def brick_wall(qubits: int, layers: int, seed: int) -> QuantumCircuit:
    """The circuit of the benchmark, measured at the end."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        for qubit in range(qubits):
            circuit.rx(rng.uniform(0, 2 * np.pi), qubit)
            circuit.rz(rng.uniform(0, 2 * np.pi), qubit)
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    return circuit


def noise_model(one_qubit: float, two_qubit: float) -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(one_qubit, 1), ["rx", "rz"])
    model.add_all_qubit_quantum_error(depolarizing_error(two_qubit, 2), ["cx"])
    return model


def make_backend(name: str, options: argparse.Namespace) -> Any:
    noise = noise_model(options.one_qubit_noise, options.two_qubit_noise)
    common = {"noise_model": noise, "shots": options.shots, "seed_simulator": options.seed}
    if name == "aer":
        return AerSimulator(method="density_matrix", max_parallel_threads=options.threads, **common)
    # Only the process that measures LRET loads it.
    from lret_qiskit import LRETBackend

    return LRETBackend(epsilon=options.epsilon, **common)


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One run in this process."""
    (qubits,) = options.qubits
    circuit = brick_wall(qubits, options.layers, options.seed)
    if name == "distance":
        return true_distance(circuit, options)
    circuit.measure_all()
    backend = make_backend(name, options)
    warm_up = brick_wall(WARM_UP_QUBITS, options.layers, options.seed)
    warm_up.measure_all()
    backend.run(warm_up).result()

    Path("/proc/self/clear_refs").write_text("5")
    before = peak_bytes()
    start = time.perf_counter()
    result = backend.run(circuit).result()
    seconds = time.perf_counter() - start
    metadata = result.results[0].metadata if name == "lret" else {}
    return {"seconds": seconds, "bytes": peak_bytes() - before, "metadata": metadata}


def peak_bytes() -> int:
    """Largest resident memory of this process since the kernel's record was last reset."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def true_distance(circuit: QuantumCircuit, options: argparse.Namespace) -> dict[str, float]:
    """Half the trace norm of the difference between both density matrices, and its bound."""
    circuit.save_density_matrix()
    results = {name: make_backend(name, options).run(circuit).result() for name in SIMULATORS}
    lret, aer = (np.asarray(results[name].data(0)["density_matrix"]) for name in SIMULATORS)
    return {
        "distance": float(np.abs(np.linalg.eigvalsh(aer - lret)).sum() / 2),
        "certified": results["lret"].results[0].metadata["truncation_error"],
    }


def compare(qubits: int, options: argparse.Namespace) -> dict[str, Any]:
    """Both simulators in turns on one width; medians over the repeats."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in SIMULATORS}
    for _ in range(options.repeats):
        for name in SIMULATORS:
            runs[name].append(run_child(name, qubits))
    row: dict[str, Any] = {"qubits": qubits, "runs": runs}
    for name in SIMULATORS:
        for quantity in ("seconds", "bytes"):
            row[f"{name}_{quantity}"] = median(run[quantity] for run in runs[name])
    if qubits <= MOST_QUBITS_FOR_DISTANCE:
        row["exact"] = run_child("distance", qubits)
        assert row["exact"]["distance"] <= row["exact"]["certified"] + ROUNDING
    return row


def run_child(child: str, qubits: int) -> dict[str, Any]:
    """This script again, for one run; the other arguments stay as they are."""
    arguments = [*sys.argv[1:], "--qubits", str(qubits), "--child", child]
    threads = str(parse_arguments().threads)
    run = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": threads},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def print_table(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    print(
        f"{options.layers} layers, depolarizing {options.one_qubit_noise:g} after RX and RZ, "
        f"{options.two_qubit_noise:g} after CX; epsilon {options.epsilon:g}; "
        f"{options.threads} threads; medians of {options.repeats} runs\n"
    )
    print(
        "          time [s]                   peak memory [MiB]          LRET\n"
        "qubits    LRET      Aer  Aer/LRET    LRET      Aer  Aer/LRET    rank  "
        "certified     true  translate [s]  simulate [s]"
    )
    for row in rows:
        metadata = row["runs"]["lret"][-1]["metadata"]
        times = (row["lret_seconds"], row["aer_seconds"])
        sizes = (max(row["lret_bytes"], 4096) / MIB, row["aer_bytes"] / MIB)
        # The true distance belongs to a run of its own, which saves the state.
        exact = row.get("exact", {})
        certified = exact.get("certified", metadata["truncation_error"])
        distance = f"{exact['distance']:.2e}" if exact else "-"
        print(
            f"{row['qubits']:>6} {times[0]:>7.3f} {times[1]:>8.3f} {times[1] / times[0]:>9.1f}"
            f" {sizes[0]:>7.1f} {sizes[1]:>8.1f} {sizes[1] / sizes[0]:>9.1f}"
            f" {metadata['final_rank']:>7} {certified:>10.2e} {distance:>8}"
            f" {metadata['translation_time_seconds']:>14.3f}"
            f" {metadata['execution_time_seconds']:>13.3f}"
        )


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Time and memory over the number of qubits."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    qubits = [row["qubits"] for row in rows]
    panels = (("seconds", 1, "time [s]"), ("bytes", MIB, "peak memory [MiB]"))
    for axis, (quantity, unit, label) in zip(axes, panels, strict=True):
        for name, title in (("lret", "LRET"), ("aer", "Aer density matrix")):
            values = [row[f"{name}_{quantity}"] / unit for row in rows]
            axis.semilogy(qubits, values, marker="o", label=title)
        axis.set(xlabel="qubits", ylabel=label, xticks=qubits)
        axis.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
