"""Ends with code 3: ``exits.py before | after | driver-before`` the workers were started."""

import sys

from mpi4py import MPI

from lret_dist import Circuit, simulate

when = sys.argv[1]
if when == "before" or (when == "driver-before" and MPI.COMM_WORLD.rank == 0):
    sys.exit(3)
simulate(Circuit(3).gate("h", [0]).measure_all(), shots=10)
sys.exit(3)
