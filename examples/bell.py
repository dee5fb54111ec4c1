"""Getting started: a noisy Bell pair, its counts, and how large the error of the simulation is.

    python examples/bell.py
    mpirun -n 2 python examples/bell.py

Prints the counts of 2,000 shots, mostly 00 and 11, and the certified error, which is 0 here: so few
qubits are simulated exactly.
"""

from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETProvider

# From here on the other MPI ranks, if there are any, work for MPI rank 0.
backend = LRETProvider().get_backend("lret_simulator")

circuit = QuantumCircuit(2)
circuit.h(0)
circuit.cx(0, 1)
circuit.measure_all()

noise = NoiseModel()
noise.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])

result = backend.run(circuit, noise_model=noise, shots=2000, seed_simulator=1).result()
print(dict(sorted(result.get_counts().items())))
print("certified error:", result.results[0].metadata["truncation_error"])
