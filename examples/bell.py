"""The smallest use: a noisy Bell pair. Run it alone or under ``mpirun -n 2``."""

from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETProvider

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
