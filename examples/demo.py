"""A noisy 13-qubit circuit through the Qiskit backend, in one process or on many.

    python examples/demo.py
    mpirun -n 2 python examples/demo.py row        # or column, hybrid, auto

The circuit follows a chain of spins in a magnetic field (the transverse-field Ising model) in
small steps of time; every gate is followed by depolarizing noise. With the same seed the counts
are the same however the work is split.
"""

from __future__ import annotations

import argparse

from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

from lret_qiskit import LRETProvider

ONE_QUBIT_NOISE = 1e-4
TWO_QUBIT_NOISE = 1e-3
EPSILON = 1e-2


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate a noisy chain of spins.")
    parser.add_argument("partition", nargs="?", default="auto")
    parser.add_argument("--qubits", type=int, default=13)
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()

    # From here on the other MPI ranks, if there are any, work for MPI rank 0.
    backend = LRETProvider().get_backend("lret_simulator")
    job = backend.run(
        ising_chain(options.qubits, options.steps),
        noise_model=noise_model(),
        epsilon=EPSILON,
        shots=4096,
        seed_simulator=2024,
        parallelization=options.partition,
    )
    report(job.result(), options)


def ising_chain(qubits: int, steps: int) -> QuantumCircuit:
    """Time steps of coupling (CX, RZ, CX on neighbours) and field (RX), then measurement."""
    circuit = QuantumCircuit(qubits)
    for _ in range(steps):
        for first in (0, 1):
            for qubit in range(first, qubits - 1, 2):
                circuit.cx(qubit, qubit + 1)
                circuit.rz(0.5, qubit + 1)
                circuit.cx(qubit, qubit + 1)
        for qubit in range(qubits):
            circuit.rx(0.4, qubit)
    circuit.measure_all()
    return circuit


def noise_model() -> NoiseModel:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(ONE_QUBIT_NOISE, 1), ["rx", "rz"])
    noise.add_all_qubit_quantum_error(depolarizing_error(TWO_QUBIT_NOISE, 2), ["cx"])
    return noise


def report(result, options) -> None:
    facts = result.results[0].metadata
    rows, columns = facts["process_grid"]
    if facts["mpi_ranks"] == 1:
        where = "one process"
    else:
        where = (
            f"{facts['mpi_ranks']} MPI ranks, partition {options.partition} "
            f"(process grid {rows} x {columns})"
        )
    counts = sorted(result.get_counts().items(), key=lambda item: -item[1])
    likely = ", ".join(f"{bits}: {times}" for bits, times in counts[:3])
    if facts["truncation"] == "certified":
        error = f"certified error   {facts['truncation_error']:.2e} (allowed: {EPSILON:g})"
    else:
        error = f"standard error    {facts['standard_error']:.2e} (no memory for a certificate)"
    print(
        f"\n  {options.qubits} noisy qubits in {where}\n"
        f"    most counts       {likely}\n"
        f"    rank              {facts['final_rank']} of at most {2**options.qubits}\n"
        f"    {error}\n"
        f"    time              {facts['execution_time_seconds']:.2f} s, "
        f"{facts['threads_per_rank']} threads per MPI rank\n"
        f"    peak memory       {facts['peak_memory_mb']:.0f} MiB per MPI rank\n",
        flush=True,
    )


if __name__ == "__main__":
    main()
