"""A factor on other MPI ranks: no forked child can ask for it, nor anyone once they have ended."""

import multiprocessing
import time

from lret_dist import Circuit, SaveFactor, SessionError, get_session, simulate

session = get_session(2)
circuit = Circuit(3).gate("h", [0]).append(SaveFactor("L", (0, 1, 2), distributed=True))
factor = simulate(circuit, shots=0, mpi_ranks=2, process_grid=(2, 1)).data["L"]
other = simulate(circuit, shots=0, mpi_ranks=2, process_grid=(1, 2)).data["L"]


def run() -> None:
    global factor
    try:
        factor.purity()
    except SessionError as error:
        print("refused:", error, flush=True)
    # The child's handle is not the parent's.
    del factor


child = multiprocessing.get_context("fork").Process(target=run)
child.start()
child.join()
print("fidelity", round(factor.fidelity(other), 9), flush=True)
print("ready", flush=True)
time.sleep(1)
try:
    factor.purity()
except SessionError as error:
    print("ended:", error, flush=True)
factor.release()
del other
session.close()
print("closed", flush=True)
