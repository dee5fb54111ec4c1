"""Random circuits with every kind of gate and noise that the simulator knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lret_dist import (
    Apply,
    Bits,
    Circuit,
    Constant,
    NoiseModel,
    SaveDensityMatrix,
    SaveProbabilities,
    SaveVariance,
)
from lret_dist.numerics.channels import paulis
from lret_dist.numerics.gates import gate_matrix, gate_names

ComplexArray = NDArray[np.complex128]
PARAMETERS = {"u": 3} | dict.fromkeys(
    ["p", "rx", "ry", "rz", "cp", "crx", "cry", "crz", "rxx", "ryy", "rzz"], 1
)


def random_unitary(rng: np.random.Generator, num_qubits: int) -> ComplexArray:
    return random_kraus(rng, num_qubits, 1)[0]


def random_kraus(rng: np.random.Generator, num_qubits: int, number: int) -> ComplexArray:
    size = 1 << num_qubits
    shape = (number * size, size)
    isometry, _ = np.linalg.qr(rng.normal(size=shape) + 1j * rng.normal(size=shape))
    return isometry.reshape(number, size, size)


def weak_noise(rng: np.random.Generator, num_qubits: int, weight: float) -> ComplexArray:
    identity = np.sqrt(1 - weight) * np.eye(1 << num_qubits)
    return np.concatenate([[identity], np.sqrt(weight) * random_kraus(rng, num_qubits, 2)])


def pauli_noise(rng: np.random.Generator, num_qubits: int, weight: float) -> ComplexArray:
    probabilities = rng.dirichlet(np.ones(4**num_qubits - 1)) * weight
    roots = np.sqrt([1 - weight, *probabilities])
    return roots[:, np.newaxis, np.newaxis] * paulis(num_qubits)


def depolarizing(num_qubits: int, weight: float) -> ComplexArray:
    size = 4**num_qubits
    probabilities = np.full(size, weight / size)
    probabilities[0] += 1 - weight
    roots = np.sqrt(probabilities)
    return roots[:, np.newaxis, np.newaxis] * paulis(num_qubits)


def amplitude_damping(gamma: float) -> ComplexArray:
    return np.array(
        [[[1, 0], [0, np.sqrt(1 - gamma)]], [[0, np.sqrt(gamma)], [0, 0]]], dtype=np.complex128
    )


def random_circuit(rng: np.random.Generator, num_qubits: int, length: int) -> Circuit:
    """Standard gates, unitaries of up to three qubits, and channels after some of them."""
    circuit = Circuit(num_qubits, num_qubits)
    for _ in range(length):
        add_random_gate(circuit, rng)
        add_random_channel(circuit, rng)
    return circuit


def add_random_gate(circuit: Circuit, rng: np.random.Generator) -> None:
    order = rng.permutation(circuit.num_qubits)
    name = str(rng.choice([*gate_names(), "unitary"]))
    if name == "unitary":
        width = int(rng.integers(1, min(3, circuit.num_qubits) + 1))
        circuit.unitary(random_unitary(rng, width), order[:width])
        return
    params = rng.uniform(-np.pi, np.pi, PARAMETERS.get(name, 0))
    width = len(gate_matrix(name, params)).bit_length() - 1
    if width <= circuit.num_qubits:
        circuit.gate(name, order[:width], *params)


def add_random_channel(circuit: Circuit, rng: np.random.Generator) -> None:
    order = rng.permutation(circuit.num_qubits)
    width = int(rng.integers(1, min(3, circuit.num_qubits) + 1))
    match int(rng.integers(10)):
        case 0:
            circuit.channel(random_kraus(rng, 1, 3), order[:1])
        case 1 | 2:
            circuit.channel(weak_noise(rng, width, 0.03), order[:width])
        case 3 | 4:
            circuit.channel(pauli_noise(rng, min(width, 2), 0.03), order[: min(width, 2)])
        case 5:
            circuit.channel(amplitude_damping(0.1), order[:1])
        case 6:
            circuit.reset(int(order[0]))


def add_saves(circuit: Circuit, rng: np.random.Generator) -> Circuit:
    """Save everything that can be saved, on all qubits and on some in a random order."""
    order = rng.permutation(circuit.num_qubits)
    strings = {"".join(rng.choice(list("IXYZ"), circuit.num_qubits)): 0.5 for _ in range(3)}
    return (
        circuit.save_density_matrix(key="rho")
        .save_density_matrix(order[:2], key="part")
        .save_probabilities(order[:2], key="probabilities")
        .save_expectation_value(strings, order, key="value")
    )


def brick_wall(num_qubits: int, layers: int, seed: int = 0) -> Circuit:
    """RX and RZ on all qubits, then CX on neighbours, shifted by one from layer to layer."""
    rng = np.random.default_rng(seed)
    circuit = Circuit(num_qubits, num_qubits)
    for layer in range(layers):
        for qubit in range(num_qubits):
            circuit.gate("rx", [qubit], rng.uniform(0, 2 * np.pi))
            circuit.gate("rz", [qubit], rng.uniform(0, 2 * np.pi))
        for qubit in range(layer % 2, num_qubits - 1, 2):
            circuit.gate("cx", [qubit, qubit + 1])
    return circuit


def brick_wall_noise(one: float, two: float) -> NoiseModel:
    """Depolarizing noise on the gates of :func:`brick_wall`."""
    model = NoiseModel().add_error(depolarizing(1, one), ["rx", "rz"])
    return model.add_error(depolarizing(2, two), ["cx"])


def trace_distance(first: ComplexArray, second: ComplexArray) -> float:
    return 0.5 * float(np.abs(np.linalg.eigvalsh(first - second)).sum())


def fourier_transform(num_qubits: int) -> Circuit:
    circuit = Circuit(num_qubits)
    for qubit in reversed(range(num_qubits)):
        circuit.gate("h", [qubit])
        for other in range(qubit):
            circuit.gate("cp", [other, qubit], np.pi / 2 ** (qubit - other))
    for qubit in range(num_qubits // 2):
        circuit.gate("swap", [qubit, num_qubits - 1 - qubit])
    return circuit


def looping_circuit(seed: int) -> Circuit:
    """A noisy loop with a counter, a measurement that leaves it, and a correction after it."""
    rng = np.random.default_rng(seed)
    circuit = random_circuit(rng, 5, 12)
    circuit.num_clbits, circuit.num_variable_bits = 5, 3
    counter = Bits((5, 6, 7))
    circuit.mark("again").gate("ry", [1], 1.2).gate("cx", [1, 3])
    circuit.channel(pauli_noise(rng, 2, 0.1), [3, 4]).measure(3, 0)
    circuit.store(counter, Apply("add", (counter, Constant(1)), 3))
    circuit.append(SaveProbabilities("each", (1, 0), subtype="list"))
    going_on = Apply("logic_not", (Bits((0,)),))
    more = Apply("less", (counter, Constant(3)))
    circuit.jump("again", Apply("logic_and", (going_on, more)))
    circuit.jump("end", going_on).gate("x", [0]).gate("swap", [0, 2]).mark("end")
    circuit.append(SaveDensityMatrix("rho", (2, 4, 0), subtype="c_average"))
    paulis = (("XZ", 0.5), ("YI", 1.0))
    square = (("II", 1.25), ("ZZ", 1.0))
    circuit.append(SaveVariance("variance", (0, 3), paulis, square))
    return circuit.measure(1, 1).measure(4, 4)
