"""The circuits of the benchmarks, with their noise, as Qiskit circuits and noise models of Aer.

W1 and W2 follow the published benchmark of the low-rank method (Chen, Farquhar, Parrish, npj
Quantum Information 2021, figure 3); W4 is a user's complaint about Qiskit Aer (its issue 1979); W5
has the circuits of NWQ-Sim's density-matrix paper, written from their definitions; W6 is a brick
wall; W7 are circuits compiled for IBM devices, with the calibration data that qiskit-ibm-runtime
ships; W8 are dynamic circuits: a memory in the repetition code, and a GHZ state of constant depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, transpile
from qiskit.circuit.classical import expr
from qiskit.circuit.library import efficient_su2, grover_operator, quantum_volume
from qiskit.synthesis import synth_qft_full
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
)
from qiskit_aer.noise.noiseerror import NoiseError
from qiskit_ibm_runtime import fake_provider

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 34
#: Noise of the brick walls: after one-qubit gates, after CX.
LEVELS = {"low": (1e-4, 1e-3), "middle": (3e-4, 5e-3), "high": (1e-3, 1e-2)}
DEVICES = ("FakeTorino", "FakeSherbrooke", "FakeFez")


@dataclass(frozen=True)
class Workload:
    """A noisy circuit without its final measurements.

    Attributes:
        circuit: on the qubits in use alone, or on a whole device.
        noise: of Qiskit Aer.
        qubits: of the circuit that are looked at.
    """

    circuit: QuantumCircuit
    noise: NoiseModel
    qubits: list[int]

    def measured(self) -> QuantumCircuit:
        """The circuit with the qubits that are looked at measured at its end."""
        circuit = self.circuit.copy()
        register = ClassicalRegister(len(self.qubits), "end")
        circuit.add_register(register)
        circuit.measure(self.qubits, register)
        return circuit


def make(name: str, qubits: int) -> Workload:
    """A workload by name, such as ``"W6-low"`` or ``"W7-qft-FakeTorino"``."""
    kind, *details = name.split("-")
    made: Workload = _KINDS[kind](qubits, *details)
    return made


def noisy(kind: str, qubits: int, noise: str) -> Workload:
    """A circuit of :data:`CIRCUITS` with noise of one's choice.

    Args:
        kind: name of the circuit.
        qubits: its number of qubits.
        noise: a device of :data:`DEVICES`, for which it is compiled, or ``depolarizing:P1,P2``,
            probabilities of errors after the gates sx and x, and after cx, of which, and of rz, the
            circuit is then made.

    Raises:
        ValueError: for a noise that is neither.
    """
    if noise in DEVICES:
        return _compiled(CIRCUITS[kind](qubits), noise)
    errors = depolarizing(noise)
    model = NoiseModel()
    model.add_all_qubit_quantum_error(errors[0], ["sx", "x"])
    model.add_all_qubit_quantum_error(errors[1], ["cx"])
    made = transpile(
        CIRCUITS[kind](qubits),
        basis_gates=["rz", "sx", "x", "cx"],
        optimization_level=1,
        seed_transpiler=SEED,
    )
    return _with(made, model)


def depolarizing(noise: str) -> tuple[QuantumError, QuantumError]:
    """The errors of ``depolarizing:P1,P2``.

    Raises:
        ValueError: for anything else.
    """
    try:
        one, two = (float(part) for part in noise.removeprefix("depolarizing:").split(","))
        return depolarizing_error(one, 1), depolarizing_error(two, 2)
    except (ValueError, NoiseError):
        names = ", ".join(DEVICES)
        raise ValueError(f"expected depolarizing:P1,P2 or one of {names}, got {noise!r}") from None


def _with(circuit: QuantumCircuit, noise: NoiseModel) -> Workload:
    return Workload(circuit, noise, list(range(circuit.num_qubits)))


def _random_local_gates(qubits: int, layers: int) -> QuantumCircuit:
    """Layers of gates of eleven kinds that fill all qubits, with an identity after each layer."""
    rng = np.random.default_rng(SEED)
    circuit = QuantumCircuit(qubits)
    kinds = ["x", "y", "z", "s", "t", "rx", "ry", "rz", "swap", "cz", "cx"]
    for _ in range(layers):
        qubit = 0
        while qubit < qubits:
            kind = str(rng.choice(kinds[:8] if qubit == qubits - 1 else kinds))
            wires = [qubit, qubit + 1] if kind in ("swap", "cz", "cx") else [qubit]
            angles = [rng.uniform(0, 2 * np.pi)] if kind.startswith("r") else []
            getattr(circuit, kind)(*angles, *wires)
            qubit += len(wires)
        circuit.barrier()
        circuit.id(range(qubits))
    return circuit


def _w1(qubits: int, layers: str = "12") -> Workload:
    noise, part = NoiseModel(), 1e-3 / 3
    error = pauli_error([("X", part), ("Y", part), ("Z", part), ("I", 1 - 3 * part)])
    noise.add_all_qubit_quantum_error(error, "id")
    return _with(_random_local_gates(qubits, int(layers)), noise)


def _w2(qubits: int) -> Workload:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(amplitude_damping_error(1e-3), "id")
    return _with(_random_local_gates(qubits, 12), noise)


def _w4(qubits: int) -> Workload:
    rng = np.random.default_rng(SEED)
    circuit = QuantumCircuit(qubits)
    for _ in range(30):
        for qubit in range(qubits):
            circuit.ry(rng.uniform(0, 2 * np.pi), qubit)
        for qubit in range(qubits - 1):
            circuit.cx(qubit, qubit + 1)
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(1e-3, 2), "cx")
    return _with(circuit, noise)


def _device_like_noise() -> NoiseModel:
    """Depolarizing and readout noise at the medians of IBM's Torino, as of its shipped data."""
    properties = _device("FakeTorino").target
    noise = NoiseModel()

    def typical(name: str) -> float:
        errors = [p.error for p in properties[name].values() if p is not None and p.error]
        return float(np.median([error for error in errors if error < 0.5]))

    gates = ["x", "h", "ry", "rx", "rz", "cx", "cz", "cry", "rzz"]
    noise.add_all_qubit_quantum_error(depolarizing_error(2 * typical("sx"), 1), gates[:5])
    noise.add_all_qubit_quantum_error(depolarizing_error(4 / 3 * typical("cz"), 2), gates[5:])
    flip = typical("measure")
    noise.add_all_qubit_readout_error(ReadoutError([[1 - flip, flip], [flip, 1 - flip]]))
    return noise


def _w5(qubits: int, kind: str) -> Workload:
    return _with(CIRCUITS[kind](qubits), _device_like_noise())


def _w6(qubits: int, level: str = "low") -> Workload:
    one, two = LEVELS[level]
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(one, 1), ["rx", "rz"])
    noise.add_all_qubit_quantum_error(depolarizing_error(two, 2), ["cx"])
    return _with(_brick_wall(qubits), noise)


def _brick_wall(qubits: int) -> QuantumCircuit:
    rng = np.random.default_rng(SEED)
    circuit = QuantumCircuit(qubits)
    for layer in range(10):
        for qubit in range(qubits):
            circuit.rx(rng.uniform(0, 2 * np.pi), qubit)
            circuit.rz(rng.uniform(0, 2 * np.pi), qubit)
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    return circuit


def _w7(qubits: int, kind: str, device: str) -> Workload:
    return _compiled(CIRCUITS[kind](qubits), device)


def _compiled(circuit: QuantumCircuit, device: str) -> Workload:
    """A circuit compiled for a device, with its noise."""
    target = _device(device)
    compiled = transpile(circuit, target, optimization_level=1, seed_transpiler=SEED)
    places = compiled.layout.final_index_layout(filter_ancillas=True)
    return Workload(compiled, NoiseModel.from_backend(target), places)


def _w8(qubits: int, kind: str, rounds: str = "10") -> Workload:
    circuit = _memory(qubits, int(rounds)) if kind == "memory" else _measured_ghz(qubits)
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(2e-3, 1), ["reset"])
    noise.add_all_qubit_quantum_error(depolarizing_error(1e-2, 2), ["cx"])
    noise.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.03, 0.97]]))
    return _with(circuit, noise)


def _memory(qubits: int, rounds: int) -> QuantumCircuit:
    """One bit in the repetition code: its parities are measured in every round."""
    data = (qubits + 1) // 2
    checks = range(data, 2 * data - 1)
    circuit = QuantumCircuit(qubits, rounds * len(checks))
    for number in range(rounds):
        for place, check in enumerate(checks):
            circuit.cx(place, check)
            circuit.cx(place + 1, check)
        for place, check in enumerate(checks):
            circuit.measure(check, number * len(checks) + place)
            circuit.reset(check)
    return circuit


def _measured_ghz(qubits: int) -> QuantumCircuit:
    """Every second qubit in one state, by measured parities of neighbours and feed-forward."""
    data, checks = range(0, qubits, 2), range(1, qubits, 2)
    circuit = QuantumCircuit(qubits, len(checks))
    circuit.h(data)
    for check in checks:
        circuit.cx(check - 1, check)
        circuit.cx(check + 1, check)
    circuit.measure(checks, range(len(checks)))
    parity = expr.lift(circuit.clbits[0])
    for place, qubit in enumerate(data[1:]):
        parity = expr.bit_xor(parity, circuit.clbits[place]) if place else parity
        with circuit.if_test(parity):
            circuit.x(qubit)
    for check in checks:
        circuit.cx(check - 1, check)
    return circuit


@cache
def _device(name: str) -> Any:
    return getattr(fake_provider, name)()


def _ghz(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    return circuit


def _w_state(qubits: int) -> QuantumCircuit:
    """One excitation handed on from qubit to qubit."""
    circuit = QuantumCircuit(qubits)
    circuit.x(0)
    for qubit in range(qubits - 1):
        angle = 2 * np.arccos(np.sqrt(1 / (qubits - qubit)))
        circuit.cry(angle, qubit, qubit + 1)
        circuit.cx(qubit + 1, qubit)
    return circuit


def _bernstein_vazirani(qubits: int) -> QuantumCircuit:
    rng = np.random.default_rng(SEED)
    circuit = QuantumCircuit(qubits)
    circuit.x(qubits - 1)
    circuit.h(range(qubits))
    for qubit in range(qubits - 1):
        if rng.integers(2):
            circuit.cx(qubit, qubits - 1)
    circuit.h(range(qubits))
    return circuit


def _qaoa(qubits: int, rounds: int = 2) -> QuantumCircuit:
    """MaxCut on a random graph of three edges a vertex on average."""
    rng = np.random.default_rng(SEED)
    pairs = [(a, b) for a in range(qubits) for b in range(a + 1, qubits)]
    edges = [pairs[i] for i in rng.choice(len(pairs), 3 * qubits // 2, replace=False)]
    circuit = QuantumCircuit(qubits)
    circuit.h(range(qubits))
    for _ in range(rounds):
        gamma, beta = rng.uniform(0, np.pi, 2)
        for a, b in edges:
            circuit.rzz(gamma, a, b)
        circuit.rx(beta, range(qubits))
    return circuit


def _vqe(qubits: int) -> QuantumCircuit:
    circuit = efficient_su2(qubits, reps=3, entanglement="linear")
    angles = np.random.default_rng(SEED).uniform(-np.pi, np.pi, circuit.num_parameters)
    return circuit.assign_parameters(angles)


def _qft(qubits: int) -> QuantumCircuit:
    """The transform of a state with one excited qubit."""
    circuit = QuantumCircuit(qubits)
    circuit.x(0)
    return circuit.compose(synth_qft_full(qubits))


def _grover(qubits: int) -> QuantumCircuit:
    """One round of the search for the state of all ones, on half of the qubits at a time."""
    circuit = QuantumCircuit(qubits)
    circuit.h(range(qubits))
    for first in range(0, qubits - 3, 4):
        oracle = QuantumCircuit(4)
        oracle.h(3)
        oracle.mcx([0, 1, 2], 3)
        oracle.h(3)
        circuit.compose(grover_operator(oracle), range(first, first + 4), inplace=True)
    return circuit


def _quantum_volume(qubits: int) -> QuantumCircuit:
    return quantum_volume(qubits, qubits, seed=SEED)


#: Circuits that can have any noise, by name.
CIRCUITS: dict[str, Callable[[int], QuantumCircuit]] = {
    "brick": _brick_wall,
    "bv": _bernstein_vazirani,
    "ghz": _ghz,
    "grover": _grover,
    "qaoa": _qaoa,
    "qft": _qft,
    "qv": _quantum_volume,
    "vqe": _vqe,
    "w": _w_state,
}
_KINDS: dict[str, Callable[..., Workload]] = {
    "W1": _w1,
    "W2": _w2,
    "W3": _w1,
    "W4": _w4,
    "W5": _w5,
    "W6": _w6,
    "W7": _w7,
    "W8": _w8,
}
