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
#: Bits to letters of a Pauli string.
_Z_LETTERS = str.maketrans("01", "IZ")


def run(task: str, simulator: str, name: str, qubits: int, options: Row) -> Row:
    """Measure one task, after a warm-up on a small circuit of the same kind."""
    if task == "kernel":
        return kernel(qubits, options)
    measure = _TASKS[task]
    measure(simulator, make(name, min(qubits, 6)), options)
    workload = make(name, qubits)
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_bytes()
    row = measure(simulator, workload, options)
    return row | {"bytes": max(_peak_bytes() - before, 0)}  # Linux counts pages loosely


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
    seed = options.get("seed", SEED)
    if simulator == "lret":
        from lret_qiskit import LRETBackend

        return LRETBackend(num_qubits=160, noise_model=workload.noise, seed_simulator=seed)
    from qiskit_aer import AerSimulator

    return AerSimulator(
        method=simulator.removeprefix("aer-"),
        noise_model=workload.noise,
        seed_simulator=seed,
        max_parallel_threads=options["threads"],
    )


def state(simulator: str, workload: Workload, options: Row) -> Row:
    """Simulate to the end, and sample 1000 shots: what both must do for any result."""
    circuit = workload.measured()
    backend = _backend(simulator, workload, options)
    extra = {"truncation": "certified", "epsilon": 1e-2} if simulator == "lret" else {}
    with Stopwatch() as watch:
        result = backend.run(circuit, shots=1000, **extra).result()
    return watch.times | _facts(result)


def sampled(simulator: str, workload: Workload, options: Row) -> Row:
    """Simulate with all options at their defaults, and sample 1000 shots."""
    backend = _backend(simulator, workload, options)
    with Stopwatch() as watch:
        result = backend.run(workload.measured(), shots=1000).result()
    return watch.times | _facts(result)


def counts(simulator: str, workload: Workload, options: Row) -> Row:
    """Sample shots; the values of 100 strings of Z and I from them."""
    shots, qubits = options["shots"], workload.circuit.num_qubits
    masks = np.random.default_rng(SEED).integers(1, 1 << qubits, STRINGS)
    if options.get("exact"):
        strings = [np.binary_repr(mask, qubits).translate(_Z_LETTERS) for mask in masks]
        return _saved(simulator, workload, strings, options)
    if simulator in ("qsim", "qulacs"):
        bits, times = _RIVALS[simulator](workload, options)
    else:
        backend = _backend(simulator, workload, options)
        circuit = workload.measured()
        with Stopwatch() as watch:
            result = backend.run(circuit, shots=shots).result()
            found = result.get_counts()
        times = watch.times
        numbers = np.array([int(key, 2) for key in found], np.int64)
        bits = np.repeat(numbers, list(found.values()))
    values = [1 - 2 * (np.bitwise_count(bits & mask) & 1).mean() for mask in masks]
    facts = {} if simulator != "lret" else _facts(result)
    return times | facts | {"values": [float(value) for value in values]}


def expectations(simulator: str, workload: Workload, options: Row) -> Row:
    """Values of 100 random Pauli strings on the qubits in use."""
    strings = _strings(len(workload.qubits))
    if simulator == "aer-counts":
        return _from_counts(workload, strings, options)
    return _saved(simulator, workload, strings, options)


def _saved(simulator: str, workload: Workload, strings: list[str], options: Row) -> Row:
    """Values of Pauli strings without counts."""
    circuit = workload.circuit.copy()
    for place, string in enumerate(strings):
        circuit.save_expectation_value(Pauli(string), workload.qubits, label=f"v{place}")
    backend = _backend(simulator, workload, options)
    extra: Row = {"shots": options["shots"]}
    if simulator == "lret":
        extra = {"shots": 0}
        if options.get("exact"):
            extra["method"] = "density_matrix"
        else:
            extra |= {"truncation": "unbiased", "resolution": options["resolution"]}
    with Stopwatch() as watch:
        result = backend.run(circuit, **extra).result()
    values = [float(np.real(result.data(0)[f"v{place}"])) for place in range(len(strings))]
    return watch.times | _facts(result) | {"values": values}


def _from_counts(workload: Workload, strings: list[str], options: Row) -> Row:
    """Values of Pauli strings from the counts of a measured circuit each, by Aer's trajectories."""
    shots = max(1, options["shots"] // len(strings))
    circuits = []
    for string in strings:
        circuit = QuantumCircuit(workload.circuit.num_qubits, len(string))
        circuit.compose(workload.circuit, inplace=True)
        for place, letter in enumerate(reversed(string)):
            qubit = workload.qubits[place]
            # Gates without noise turn the basis.
            if letter == "Y":
                circuit.sdg(qubit)
            if letter in "XY":
                circuit.h(qubit)
            if letter != "I":
                circuit.measure(qubit, place)
        circuits.append(circuit)
    backend = _backend("aer-statevector", workload, options)
    with Stopwatch() as watch:
        result = backend.run(circuits, shots=shots).result()
        counts = [result.get_counts(place) for place in range(len(strings))]
    values = [
        sum(number * (-1) ** key.count("1") for key, number in found.items()) / shots
        for found in counts
    ]
    return watch.times | {"values": values}


def _strings(qubits: int) -> list[str]:
    rng = np.random.default_rng(SEED)
    return ["".join(rng.choice(list("IXYZ"), qubits)) for _ in range(STRINGS)]


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
        qsimcirq.QSimOptions(cpu_threads=options["threads"], max_fused_gate_size=2),
        seed=options.get("seed", SEED),
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


def kernel(qubits: int, options: Row) -> Row:
    """A dense gate on two qubits of 64 columns, against the limits of this machine."""
    from concurrent.futures import ThreadPoolExecutor

    from kernels import random_complex, random_unitary, seconds_in_turns
    from threadpoolctl import threadpool_limits

    from lret_dist import _core

    threads, columns = options["threads"], 64
    _core.set_num_threads(threads)
    block, gate = random_complex(2**qubits, columns), random_unitary(4)
    squares = [random_complex(512, 512) for _ in range(threads)]
    parts = np.array_split(np.ones(1 << 25), threads)
    # BLAS with one thread, called from as many: threads of its own would spin beside ours.
    with ThreadPoolExecutor(threads) as pool, threadpool_limits(1, user_api="blas"):
        ours, product, scaling = seconds_in_turns(
            9,
            lambda: _core.apply_matrix(block, [1, qubits // 2], gate),
            lambda: list(pool.map(lambda square: square @ square, squares)),
            lambda: list(pool.map(lambda part: np.multiply(part, 1.0, out=part), parts)),
            settle=0,
        )
    # Each amplitude takes four complex multiplications and three additions, as part of the
    # product of matrices does, and is read and written once.
    by_flops = 8 * threads * 512**3 / product / 32
    by_bandwidth = sum(part.nbytes for part in parts) / scaling / block.itemsize
    in_cache = block.nbytes <= _cache_bytes() // 2
    limit = by_flops if in_cache else min(by_flops, by_bandwidth)
    rate = block.size / ours
    return {
        "seconds": ours,
        "bytes": 0,
        "columns": columns,
        "rate": rate / 1e9,
        "limit_of": "flops" if limit == by_flops else "bandwidth",
        "part": rate / limit,
    }


def _cache_bytes() -> int:
    """Size of the largest cache."""
    sizes = [0]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1]])
    return max(sizes)


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
