"""Teleportation with feed-forward: a dynamic circuit, at the error rates of several devices.

    python examples/teleportation.py
    mpirun -n 2 python examples/teleportation.py

Alice's qubit and half of a shared Bell pair are measured, and Bob turns his half as the two bits
say. Prints for each error rate how much the state that Bob holds is Alice's: the fidelity for each
pair of bits, on average over the shots, and as the noise on paper has it.
"""

from __future__ import annotations

import math

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import Statevector, state_fidelity
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

from lret_qiskit import LRETProvider

ERROR_RATES = (0.0, 0.001, 0.01, 0.05)
ANGLE = 0.7
SHOTS = 4000


def main() -> None:
    # From here on the other MPI ranks, if there are any, work for MPI rank 0.
    backend = LRETProvider().get_backend("lret_simulator")
    wanted = Statevector([math.cos(ANGLE / 2), math.sin(ANGLE / 2)])
    print("error    00      01      10      11      average  expected")
    for rate in ERROR_RATES:
        noise = noise_model(rate)
        job = backend.run(teleportation(), noise_model=noise, shots=SHOTS, seed_simulator=1)
        counts, received = job.result().get_counts(), job.result().data(0)["received"]
        fidelities = {
            bits: state_fidelity(received[hex(int(bits.replace(" ", ""), 2))], wanted)
            for bits in sorted(counts)
        }
        average = sum(counts[bits] * fidelities[bits] for bits in counts) / SHOTS
        each = "  ".join(f"{fidelity:.4f}" for fidelity in fidelities.values())
        print(f"{rate:<7g}  {each}  {average:.4f}   {expected_fidelity(rate):.4f}", flush=True)


def teleportation() -> QuantumCircuit:
    """Qubit 0 is sent with the pair of qubits 1, which is Alice's, and 2, which is Bob's."""
    phase, flip = ClassicalRegister(1, "phase"), ClassicalRegister(1, "flip")
    circuit = QuantumCircuit(QuantumRegister(3), phase, flip)
    circuit.ry(ANGLE, 0)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [*phase, *flip])
    with circuit.if_test((flip, 1)):
        circuit.x(2)
    with circuit.if_test((phase, 1)):
        circuit.z(2)
    circuit.save_density_matrix([2], label="received", conditional=True)
    return circuit


def noise_model(rate: float) -> NoiseModel:
    """Depolarizing noise on CX and H, and misread bits."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(rate, 2), ["cx"])
    noise.add_all_qubit_quantum_error(depolarizing_error(rate / 10, 1), ["h"])
    noise.add_all_qubit_readout_error(ReadoutError([[1 - rate, rate], [rate, 1 - rate]]))
    return noise


def expected_fidelity(rate: float) -> float:
    """What the noise leaves of X and of Z of the qubit that is sent.

    Each goes through both CX gates and one bit that may be misread; X through both H gates too.
    """
    z = (1 - 2 * rate) * (1 - rate) ** 2
    x = z * (1 - rate / 10) ** 2
    return (1 + x * math.sin(ANGLE) ** 2 + z * math.cos(ANGLE) ** 2) / 2


if __name__ == "__main__":
    main()
