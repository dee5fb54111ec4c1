"""One good run, then workers that have nothing to do: ``idle.py [MPI_RANKS]``."""

import sys
import time

from lret_dist import Circuit, simulate

mpi_ranks = int(sys.argv[1]) if sys.argv[1:] else None
circuit = Circuit(3).gate("h", [0]).gate("cx", [0, 1]).measure_all()
simulate(circuit, shots=10, mpi_ranks=mpi_ranks)
print("ready", flush=True)
time.sleep(120)
