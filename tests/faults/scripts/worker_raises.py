"""MPI rank 1 fails in the middle of a run, between two collective calls."""

import itertools

from mpi4py import MPI

from lret_dist import Circuit, simulate
from lret_dist.grid.communicator import GridCommunicator

calls = itertools.count()


def failing(method):
    def wrapper(*arguments):
        if next(calls) == 3:
            raise RuntimeError("broken on purpose")
        return method(*arguments)

    return wrapper


if MPI.COMM_WORLD.rank == 1:
    for name in ("sum_over_rows", "sum_over_columns", "sum_over_all", "sum_on_driver", "broadcast"):
        setattr(GridCommunicator, name, failing(getattr(GridCommunicator, name)))

circuit = Circuit(8)
for layer in range(20):
    for qubit in range(8):
        circuit.gate("rx", [qubit], 0.1 * layer).channel(
            [[[0.9**0.5, 0], [0, 0.9**0.5]], [[0, 0.1**0.5], [0.1**0.5, 0]]], [qubit]
        )
    for qubit in range(layer % 2, 7, 2):
        circuit.gate("cx", [qubit, qubit + 1])
simulate(circuit.measure_all(), epsilon=0.0, parallelization="row")
print("done", flush=True)
