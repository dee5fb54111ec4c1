"""Qiskit Aer's exact density matrices, and random noise models to compare on."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import CXGate, ECRGate, HGate, SXGate, UnitaryGate
from qiskit.quantum_info import Kraus, Operator, random_unitary
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    QuantumError,
    amplitude_damping_error,
    coherent_unitary_error,
    depolarizing_error,
    pauli_error,
    phase_amplitude_damping_error,
    phase_damping_error,
    reset_error,
    thermal_relaxation_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qiskit.circuit import Operation

#: Gates that this method of Aer refuses; they reach it as a unitary labelled with their name.
UNKNOWN_TO_AER = frozenset(
    [
        "c3sx",
        "ccz",
        "ch",
        "crx",
        "cry",
        "crz",
        "cs",
        "csdg",
        "csx",
        "cswap",
        "cu",
        "cu3",
        "dcx",
        "iswap",
        "mcphase",
        "mcx",
        "rccx",
        "rcccx",
        "xx_minus_yy",
        "xx_plus_yy",
    ]
)


@cache
def simulator() -> AerSimulator:
    return AerSimulator(method="density_matrix", max_parallel_threads=1)


def aer_data(circuit: QuantumCircuit, noise: NoiseModel | None = None) -> dict[str, Any]:
    result = simulator().run(known_to_aer(circuit), noise_model=noise, shots=1).result()
    data: dict[str, Any] = result.data(0)
    return data


def known_to_aer(circuit: QuantumCircuit) -> QuantumCircuit:
    copy = circuit.copy_empty_like()
    for found in circuit.data:
        if "_o" in found.name:  # an open control: X gates around the gate with closed ones
            copy.compose(known_to_aer(found.operation.definition), found.qubits, inplace=True)
        else:
            copy.append(_operation_for_aer(found.operation), found.qubits, found.clbits)
    return copy


def _operation_for_aer(operation: Operation) -> Operation:
    if operation.name in UNKNOWN_TO_AER:
        return UnitaryGate(Operator(operation), label=operation.label or operation.name)
    return operation


def random_kraus(num_qubits: int, rng: np.random.Generator, count: int = 3) -> Kraus:
    """Kraus operators cut out of a random unitary that is close to the identity."""
    dimension = 1 << num_qubits
    size = dimension * count
    generator = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    values, vectors = np.linalg.eigh(generator + generator.conj().T)
    unitary = vectors @ np.diag(np.exp(0.1j * values)) @ vectors.conj().T
    # Aer reads an instruction's matrices as if they were contiguous.
    return Kraus([unitary[k::count, ::count].copy() for k in range(count)])


def one_qubit_errors(rng: np.random.Generator) -> list[QuantumError]:
    p = rng.uniform(0.01, 0.2)
    return [
        depolarizing_error(p, 1),
        pauli_error([("X", p), ("Y", p / 2), ("I", 1 - 1.5 * p)]),
        amplitude_damping_error(p),
        phase_damping_error(p),
        phase_amplitude_damping_error(p, p / 2, 0.2),
        thermal_relaxation_error(50.0, 30.0, 10 * p, 0.1),
        thermal_relaxation_error(50.0, 80.0, 10 * p),
        reset_error(p, p / 2),
        coherent_unitary_error(random_unitary(2, seed=int(rng.integers(1 << 30)))),
        QuantumError(random_kraus(1, rng)),
        QuantumError([(SXGate(), p), (HGate(), 1 - p)]),
        amplitude_damping_error(p).compose(depolarizing_error(p, 1)),
        depolarizing_error(p, 1).compose(reset_error(p)).compose(phase_damping_error(p)),
    ]


def two_qubit_errors(rng: np.random.Generator) -> list[QuantumError]:
    p = rng.uniform(0.01, 0.2)
    singles = one_qubit_errors(rng)
    first, second = rng.integers(len(singles), size=2)
    return [
        depolarizing_error(p, 2),
        pauli_error([("XY", p), ("ZI", p / 2), ("II", 1 - 1.5 * p)]),
        QuantumError(random_kraus(2, rng)),
        singles[first].tensor(singles[second]),
        singles[first].expand(singles[second]).compose(depolarizing_error(p, 2)),
        QuantumError([([(CXGate(), [1, 0]), (SXGate(), [1])], p), (ECRGate(), 1 - p)]),
    ]


def errors_on(width: int, rng: np.random.Generator) -> list[QuantumError]:
    if width == 1:
        return one_qubit_errors(rng)
    if width == 2:
        return two_qubit_errors(rng)
    p = rng.uniform(0.01, 0.2)
    return [
        pauli_error([("XYZIX"[:width], p), ("ZZIYI"[:width], p / 2), ("I" * width, 1 - 1.5 * p)])
    ]


def pick(errors: list[QuantumError], rng: np.random.Generator) -> QuantumError:
    return errors[rng.integers(len(errors))]


def noise_on(
    widths: dict[str, int], rng: np.random.Generator, skip: Callable[[str], bool] | None = None
) -> NoiseModel:
    """Noise on every name: a default error, and another one where the qubits are the lowest."""
    model = NoiseModel()
    for name, width in widths.items():
        if width and not (skip and skip(name)):
            default, local = errors_on(width, rng), errors_on(width, rng)
            model.add_all_qubit_quantum_error(pick(default, rng), name, warnings=False)
            model.add_quantum_error(pick(local, rng), name, range(width), warnings=False)
    return model


def widths_of(circuit: QuantumCircuit, names: Iterable[str] | None = None) -> dict[str, int]:
    wanted = None if names is None else set(names)
    return {
        found.label or found.name: len(found.qubits)
        for found in circuit.data
        if wanted is None or found.name in wanted
    }
