"""Circuits and noise of soak.py, with results that are known without LRET."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr, types
from qiskit.quantum_info import DensityMatrix, SuperOp
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error

if TYPE_CHECKING:
    from numpy.random import Generator
    from qiskit_aer.noise import QuantumError

#: An error for each gate that has one.
Errors = dict[str, "QuantumError"]


def no_errors(rng: Generator) -> Errors:  # noqa: ARG001
    return {}


def depolarizing(rng: Generator) -> Errors:
    return {
        "ry": depolarizing_error(rng.uniform(1e-4, 1e-2), 1),
        "cx": depolarizing_error(rng.uniform(1e-3, 3e-2), 2),
    }


def damping(rng: Generator) -> Errors:
    one = amplitude_damping_error(rng.uniform(1e-3, 2e-2))
    return {"ry": one, "cx": one.tensor(one)}


def drawn_errors(rng: Generator) -> Errors:
    return (no_errors, depolarizing, damping)[rng.integers(3)](rng)


def noise_model(errors: Errors) -> NoiseModel | None:
    """A new model of Qiskit Aer, None without errors."""
    if not errors:
        return None
    model = NoiseModel()
    for name, error in errors.items():
        model.add_all_qubit_quantum_error(error, name)
    return model


def layers(rng: Generator, qubits: int, depth: int) -> QuantumCircuit:
    """RY and RZ on all qubits, then CX on neighbours, shifted by one from layer to layer."""
    circuit = QuantumCircuit(qubits)
    for layer in range(depth):
        for qubit in range(qubits):
            circuit.ry(rng.uniform(0, 2 * np.pi), qubit)
            circuit.rz(rng.uniform(0, 2 * np.pi), qubit)
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    return circuit


def exact_state(
    circuit: QuantumCircuit, errors: Errors, start: DensityMatrix | None = None
) -> DensityMatrix:
    """The noisy state of a circuit of gates, by Qiskit's own algebra of dense matrices."""
    state = DensityMatrix.from_int(0, 2**circuit.num_qubits) if start is None else start
    channels = {name: SuperOp(error) for name, error in errors.items()}
    for each in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in each.qubits]
        state = state.evolve(each.operation, qubits)
        if each.name in channels:
            state = state.evolve(channels[each.name], qubits)
    return state


@dataclass(frozen=True)
class Network:
    """A wide circuit whose expectation value follows from that of single qubits.

    Attributes:
        circuit: RY on every qubit, then CX on random pairs.
        noise: depolarizing, after each gate.
        string: letters Z and I, that of the highest qubit first.
        value: its exact expectation value in the noisy state.
    """

    circuit: QuantumCircuit
    noise: NoiseModel
    string: str
    value: float


def network(rng: Generator, qubits: int, gates: int) -> Network:
    """A network of ``gates`` CX: from its end to its start they take strings of Z to such."""
    angles = rng.uniform(0.2, 1.2, qubits)
    weights = rng.uniform(1e-4, 1e-3), rng.uniform(3e-4, 6e-3)
    circuit = QuantumCircuit(qubits)
    for qubit, angle in enumerate(angles):
        circuit.ry(angle, qubit)
    pairs = [rng.choice(qubits, 2, replace=False).tolist() for _ in range(gates)]
    for control, target in pairs:
        circuit.cx(control, target)
    observed = set(rng.choice(qubits, 3, replace=False).tolist())
    string = "".join("Z" if qubit in observed else "I" for qubit in reversed(range(qubits)))
    value = 1.0
    for control, target in reversed(pairs):
        value *= 1 - weights[1] if observed & {control, target} else 1
        observed ^= {control} if target in observed else set()
    value *= np.prod([(1 - weights[0]) * np.cos(angles[qubit]) for qubit in sorted(observed)])
    errors = {"ry": depolarizing_error(weights[0], 1), "cx": depolarizing_error(weights[1], 2)}
    model = noise_model(errors)
    assert model is not None
    return Network(circuit, model, string, float(value))


def teleportation(angle: float) -> QuantumCircuit:
    """RY on the first of three qubits, whose state the last one has at the end."""
    circuit = QuantumCircuit(
        QuantumRegister(3), ClassicalRegister(1, "a"), ClassicalRegister(1, "b")
    )
    circuit.ry(angle, 0)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((1, 1)):
        circuit.x(2)
    with circuit.if_test((0, 1)):
        circuit.z(2)
    return circuit


def until_zero(angle: float) -> QuantumCircuit:
    """RY again and again until 0 is measured, which is then the only outcome."""
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1))
    circuit.h(1)
    circuit.ry(angle, 0)
    circuit.measure(0, 0)
    with circuit.while_loop((0, 1)):
        circuit.reset(0)
        circuit.ry(angle, 0)
        circuit.measure(0, 0)
    return circuit


def dividing_by_zero() -> QuantumCircuit:
    """A condition without a value, which is noticed when it is come to."""
    circuit = QuantumCircuit(4, 1)
    nothing = circuit.add_var("nothing", expr.lift(0, types.Uint(8)))
    circuit.h(range(4))
    circuit.measure(0, 0)
    with circuit.if_test(expr.equal(expr.div(expr.lift(3, types.Uint(8)), nothing), 1)):
        circuit.x(0)
    return circuit


def endless() -> QuantumCircuit:
    """With :func:`endless_noise` and ``epsilon=0`` a run of minutes, in steps of milliseconds."""
    circuit = QuantumCircuit(9, name="endless")
    for layer in range(60):
        for qubit in range(9):
            circuit.rx(0.3 + layer + qubit, qubit)
        for qubit in range(8):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def endless_noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    return model
