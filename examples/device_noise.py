"""Circuits compiled for a real device, with the noise that was measured on it.

    python examples/device_noise.py --plot rank.png
    mpirun -n 2 python examples/device_noise.py row        # or column, hybrid, auto

A GHZ state and a quantum Fourier transform are transpiled for IBM's Kolkata of 27 qubits, of which
qiskit-ibm-runtime ships a snapshot, run with that device's noise, and compared with the exact
density matrix of Qiskit Aer: the distance must be within the error that LRET certifies. Prints
both, the times, and how the rank grows along the circuit, until the density matrix takes over where
that is cheaper; the plot shows it step by step for the GHZ state.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.synthesis import synth_qft_full
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeKolkataV2

from lret_qiskit import LRETBackend

GHZ = "GHZ state"
#: Rounding: the trace of the state that Qiskit Aer ends with differs from one by up to 5e-8 here.
ROUNDING = 1e-7


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare device circuits with Qiskit Aer.")
    parser.add_argument("partition", nargs="?", default="auto")
    parser.add_argument("--ghz", type=int, default=12, help="qubits of the GHZ state")
    parser.add_argument("--qft", type=int, default=10, help="qubits of the Fourier transform")
    parser.add_argument("--ghz-epsilon", type=float, default=1e-3)
    # A thousand noisy gates fill the rank unless more may be discarded.
    parser.add_argument("--qft-epsilon", type=float, default=0.1)
    parser.add_argument("--plot", help="file for a plot of the rank, such as rank.png")
    options = parser.parse_args()

    # From here on the other MPI ranks, if there are any, work for MPI rank 0.
    lret = LRETBackend(num_qubits=27, parallelization=options.partition)
    device = FakeKolkataV2()
    noise = NoiseModel.from_backend(device)
    aer = AerSimulator(method="density_matrix")

    agree = True
    for circuit, epsilon in (
        (ghz(options.ghz), options.ghz_epsilon),
        (fourier(options.qft), options.qft_epsilon),
    ):
        compiled = with_saved_probabilities(circuit, device)
        mine, mine_seconds = probabilities(
            lret, compiled, noise, epsilon=epsilon, rank_history=True
        )
        exact, exact_seconds = probabilities(aer, compiled, noise)
        facts = mine.results[0].metadata
        distance = np.abs(mine.data(0)["probabilities"] - exact.data(0)["probabilities"]).sum() / 2
        within = distance <= facts["truncation_error"] + ROUNDING
        agree &= bool(within)
        print(
            f"{circuit.name}, {circuit.num_qubits} qubits, {compiled.size()} instructions, "
            f"{facts['mpi_ranks']} MPI ranks ({facts['parallelization']}): "
            f"{facts['method']}, distance {distance:.1e}, "
            f"certified {facts['truncation_error']:.1e}, "
            f"LRET {mine_seconds:.2f} s, Aer {exact_seconds:.2f} s: "
            f"{'agrees' if within else 'DISAGREES'}\n"
            f"  rank along the circuit: {growth(facts['rank_history']['ranks'])}",
            flush=True,
        )
        if options.plot and circuit.name == GHZ:
            from lret_qiskit.visualization import plot_rank_history

            plot_rank_history(mine, filename=options.plot)
    return 0 if agree else 1


def growth(ranks: list[int], shown: int = 10) -> str:
    """The rank at equal distances on the way, and in the end."""
    steps = np.linspace(0, len(ranks) - 1, min(shown, len(ranks))).astype(int)
    return " ".join(str(ranks[step]) for step in steps)


def ghz(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, name=GHZ)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    return circuit


def fourier(qubits: int) -> QuantumCircuit:
    """The transform of a state with one excited qubit."""
    circuit = QuantumCircuit(qubits, name="Fourier transform")
    circuit.x(0)
    circuit.compose(synth_qft_full(qubits), inplace=True)
    return circuit


def with_saved_probabilities(circuit: QuantumCircuit, device) -> QuantumCircuit:
    """The circuit in the device's gates, its qubits' probabilities saved in their own order."""
    compiled = transpile(circuit, device, optimization_level=1, seed_transpiler=1)
    compiled.save_probabilities(compiled.layout.final_index_layout())
    return compiled


def probabilities(backend, circuit: QuantumCircuit, noise: NoiseModel, **options: float):
    start = time.perf_counter()
    result = backend.run(circuit, noise_model=noise, shots=1, **options).result()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
