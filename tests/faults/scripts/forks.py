"""A child process, forked after a run on all MPI ranks, simulates on its own."""

import multiprocessing
import sys

from lret_dist import Circuit, simulate


def run() -> None:
    circuit = Circuit(12)
    for qubit in range(12):
        circuit.gate("x", [qubit])
    result = simulate(circuit.measure_all(), shots=10, seed=1)
    print(f"MPI ranks {result.metadata.mpi_ranks}, counts {result.counts()}", flush=True)


run()
child = multiprocessing.get_context("fork").Process(target=run)
child.start()
child.join(20)
child.kill()
sys.exit(child.exitcode)
