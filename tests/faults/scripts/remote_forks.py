"""A forked child neither uses nor ends its parent's MPI ranks, nor keeps them by outliving it."""

import multiprocessing
import time

from lret_dist import Circuit, SessionError, SimulationRequest, get_session, simulate

session = get_session(2)
circuit = Circuit(3).gate("x", [0]).measure_all()


def run() -> None:
    try:
        session.submit([SimulationRequest(circuit=circuit)])
    except SessionError as error:
        print("refused:", error, flush=True)
    session.close()
    print("child", simulate(circuit, shots=10).metadata.mpi_ranks, flush=True)
    print("child", simulate(circuit, shots=10, mpi_ranks=3).metadata.mpi_ranks, flush=True)
    get_session(3).close()
    done.set()
    time.sleep(4)


context = multiprocessing.get_context("fork")
done = context.Event()
context.Process(target=run).start()
done.wait()
print("parent", simulate(circuit, shots=10, mpi_ranks=2).metadata.mpi_ranks, flush=True)
print("ready", flush=True)
time.sleep(120)
