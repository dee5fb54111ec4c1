"""A call for all MPI ranks, when they serve already; then a good run."""

from mpi4py import MPI

from lret_dist import Circuit, SessionError, get_session, simulate, simulate_collectively

get_session()
circuit = Circuit(2).gate("x", [0]).measure_all()
try:
    simulate_collectively(circuit, comm=MPI.COMM_WORLD)
except SessionError as error:
    print("caught", error, flush=True)
print("alone", simulate_collectively(circuit, comm=MPI.COMM_SELF, shots=5).counts(), flush=True)
print("counts", simulate(circuit, shots=10).counts(), flush=True)
