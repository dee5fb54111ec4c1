"""A run of minutes: full rank on 12 qubits, of which nothing may be discarded.

``long_run.py [MPI_RANKS]``
"""

import sys

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
circuit.measure_all()

if __name__ == "__main__":
    mpi_ranks = int(sys.argv[1]) if sys.argv[1:] else None
    get_session(mpi_ranks)
    print("ready", flush=True)
    simulate(circuit, epsilon=0.0, mpi_ranks=mpi_ranks)
    print("done", flush=True)
