"""A run of minutes: full rank on 12 qubits, of which nothing may be discarded."""

import numpy as np

from lret_dist import Circuit, get_session, simulate

FLIPS = np.sqrt(0.1) * np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
NOISE = np.concatenate([[np.sqrt(0.7) * np.eye(2)], FLIPS])

rng = np.random.default_rng(1)
circuit = Circuit(12)
for layer in range(400):
    for qubit in range(12):
        circuit.gate("rx", [qubit], rng.uniform(0, 3)).channel(NOISE, [qubit])
    for qubit in range(layer % 2, 11, 2):
        circuit.gate("cx", [qubit, qubit + 1])
get_session()
print("ready", flush=True)
simulate(circuit.measure_all(), epsilon=0.0)
print("done", flush=True)
