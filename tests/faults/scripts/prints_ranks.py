"""A run that tells how many MPI ranks it had."""

from lret_dist import Circuit, get_session, simulate

session = get_session()
simulate(Circuit(2).gate("h", [0]).measure_all(), shots=10)
print("MPI ranks", session.mpi_ranks, flush=True)
