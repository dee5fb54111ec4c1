"""One measured run of one simulator, in the process that calls it.

Each function takes a workload and returns plain numbers. Libraries are loaded by the function that
needs them, so that the process of one simulator never holds another's threads.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Pauli
from workloads import SEED, Workload, make

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]
STRINGS = 100


def run(task: str, simulator: str, name: str, qubits: int, options: Row) -> Row:
    """Measure one task, after a warm-up on a small circuit of the same kind."""
    measure = _TASKS[task]
    measure(simulator, make(name, min(qubits, 6)), options)
    workload = make(name, qubits)
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_bytes()
    row = measure(simulator, workload, options)
    return row | {"bytes": _peak_bytes() - before}


class Stopwatch:
    """Wall and CPU time of a block."""

    def __enter__(self) -> Stopwatch:
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.times = {
            "seconds": time.perf_counter() - self._wall,
            "cpu_seconds": _cpu_seconds() - self._cpu,
        }


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def _backend(simulator: str, workload: Workload, options: Row) -> Any:
    """A Qiskit backend: ``lret``, or ``aer-<method>``."""
    if simulator == "lret":
        from lret_qiskit import LRETBackend

        return LRETBackend(num_qubits=160, noise_model=workload.noise, seed_simulator=SEED)
    from qiskit_aer import AerSimulator

    return AerSimulator(
        method=simulator.removeprefix("aer-"),
        noise_model=workload.noise,
        seed_simulator=options.get("seed", SEED),
        max_parallel_threads=options["threads"],
    )


def state(simulator: str, workload: Workload, options: Row) -> Row:
    """Simulate to the end, and sample 1000 shots: what both must do for any result."""
    circuit = _measured(workload)
    backend = _backend(simulator, workload, options)
    extra = {"truncation": "certified", "epsilon": 1e-2} if simulator == "lret" else {}
    with Stopwatch() as watch:
        result = backend.run(circuit, shots=1000, **extra).result()
    return watch.times | _facts(result)


def sampled(simulator: str, workload: Workload, options: Row) -> Row:
    """Simulate with all options at their defaults, and sample 1000 shots."""
    backend = _backend(simulator, workload, options)
    with Stopwatch() as watch:
        result = backend.run(_measured(workload), shots=1000).result()
    return watch.times | _facts(result)


def counts(simulator: str, workload: Workload, options: Row) -> Row:
    """Sample shots; the values of 100 strings of Z and I from them."""
    shots, qubits = options["shots"], workload.circuit.num_qubits
    if simulator in ("qsim", "qulacs"):
        bits, times = _RIVALS[simulator](workload, options)
    else:
        backend = _backend(simulator, workload, options)
        circuit = _measured(workload)
        with Stopwatch() as watch:
            found = backend.run(circuit, shots=shots).result().get_counts()
        times = watch.times
        numbers = np.array([int(key, 2) for key in found], np.int64)
        bits = np.repeat(numbers, list(found.values()))
    masks = np.random.default_rng(SEED).integers(1, 1 << qubits, STRINGS)
    values = [1 - 2 * (np.bitwise_count(bits & mask) & 1).mean() for mask in masks]
    return times | {"values": [float(value) for value in values]}


def expectations(simulator: str, workload: Workload, options: Row) -> Row:
    """Values of 100 random Pauli strings on the qubits in use, without counts."""
    circuit = workload.circuit.copy()
    for place, string in enumerate(_strings(len(workload.qubits))):
        circuit.save_expectation_value(Pauli(string), workload.qubits, label=f"v{place}")
    backend = _backend(simulator, workload, options)
    extra: Row = {"shots": options["shots"]}
    if simulator == "lret":
        extra = {"shots": 0, "truncation": "unbiased", "resolution": options["resolution"]}
        if options.get("exact"):
            extra = {"shots": 0, "method": "density_matrix"}
    with Stopwatch() as watch:
        result = backend.run(circuit, **extra).result()
    values = [float(np.real(result.data(0)[f"v{place}"])) for place in range(STRINGS)]
    return watch.times | _facts(result) | {"values": values}


def _strings(qubits: int) -> list[str]:
    rng = np.random.default_rng(SEED)
    return ["".join(rng.choice(list("IXYZ"), qubits)) for _ in range(STRINGS)]


def _measured(workload: Workload) -> QuantumCircuit:
    circuit = QuantumCircuit(workload.circuit.num_qubits, len(workload.qubits))
    circuit.compose(workload.circuit, inplace=True)
    circuit.measure(workload.qubits, range(len(workload.qubits)))
    return circuit


def _facts(result: Any) -> Row:
    metadata = result.results[0].metadata
    names = ("final_rank", "truncation_error", "standard_error", "truncation", "method")
    return {name: metadata[name] for name in (*names, "sampled_columns") if name in metadata}


def _qulacs(workload: Workload, options: Row) -> tuple[np.ndarray, Row]:
    """Qulacs' NoiseSimulator, which runs equal samples of the noise once."""
    from qulacs import NoiseSimulator, QuantumCircuit, QuantumState
    from qulacs import gate as gates

    circuit = QuantumCircuit(workload.circuit.num_qubits)
    for name, wires, angles, noise in _operations(workload):
        make_gate = {"rx": gates.RotX, "ry": gates.RotY, "rz": gates.RotZ, "cx": gates.CNOT}[name]
        # Its rotations turn the other way round.
        made = make_gate(*wires, *(-angle for angle in angles))
        if noise:
            circuit.add_noise_gate(made, "Depolarizing", noise)
        else:
            circuit.add_gate(made)
    with Stopwatch() as watch:
        state = QuantumState(workload.circuit.num_qubits)
        bits = NoiseSimulator(circuit, state).execute(options["shots"])
    return np.array(bits, np.int64), watch.times


def _qsim(workload: Workload, options: Row) -> tuple[np.ndarray, Row]:
    """The trajectories of qsim, in single precision as it has no other."""
    import cirq
    import qsimcirq

    width = workload.circuit.num_qubits
    wires = cirq.LineQubit.range(width)
    makers = {"rx": cirq.rx, "ry": cirq.ry, "rz": cirq.rz}
    circuit = cirq.Circuit()
    for name, places, angles, noise in _operations(workload):
        gate = cirq.CNOT if name == "cx" else makers[name](*angles)
        on = [wires[place] for place in places]
        circuit.append(gate.on(*on))
        if noise:
            circuit.append(cirq.depolarize(noise, n_qubits=len(on)).on(*on))
    circuit.append(cirq.measure(*reversed(wires), key="m"))
    simulator = qsimcirq.QSimSimulator(
        qsimcirq.QSimOptions(cpu_threads=options["threads"], max_fused_gate_size=2), seed=SEED
    )
    with Stopwatch() as watch:
        found = simulator.run(circuit, repetitions=options["shots"]).measurements["m"]
    return found.astype(np.int64) @ (1 << np.arange(width)[::-1]), watch.times


def _operations(workload: Workload) -> Any:
    """(name, qubits, angles, probability of any Pauli error) of the gates, in order."""
    errors = workload.noise._default_quantum_errors
    for each in workload.circuit.data:
        wires = [workload.circuit.find_bit(qubit).index for qubit in each.qubits]
        error = errors.get(each.operation.name)
        noise = 0.0 if error is None else 1 - max(error.probabilities)
        yield each.operation.name, wires, [float(p) for p in each.operation.params], noise


_RIVALS: dict[str, Callable[[Workload, Row], tuple[np.ndarray, Row]]] = {
    "qulacs": _qulacs,
    "qsim": _qsim,
}
_TASKS: dict[str, Callable[[str, Workload, Row], Row]] = {
    "state": state,
    "sampled": sampled,
    "counts": counts,
    "expectations": expectations,
}
