"""How much faster more MPI ranks are: one circuit on 1, 2, 4, ... of them, and a table.

    python examples/mpi_scaling.py --ranks 4        # LRET starts the MPI ranks
    mpirun -n 4 python examples/mpi_scaling.py      # a launcher has started them

Every MPI rank has the same share of the cores throughout, so a speed-up of 2 on 2 MPI ranks is
ideal. Prints for each number of MPI ranks and each way to split the state the seconds, the speed-up
over one MPI rank, the data that was sent, and the certified error. More qubits gain more.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from demo import ising_chain, noise_model
from qiskit import QuantumCircuit

from lret_qiskit import LRETBackend, LRETProvider


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a noisy circuit on 1 to P MPI ranks.")
    parser.add_argument("--ranks", type=int, help="MPI ranks to start; not under a launcher")
    parser.add_argument("--qubits", type=int, default=13)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the fastest counts")
    options = parser.parse_args()

    backend = LRETProvider(mpi_ranks=options.ranks).get_backend("lret_simulator")
    backend.set_options(noise_model=noise_model(), epsilon=1e-2)
    circuit = ising_chain(options.qubits, options.steps)
    print("MPI ranks  rows x columns  seconds  speed-up  MiB sent  certified error", flush=True)
    alone = None
    for rows, columns in grids(backend.session.mpi_ranks):
        runs = [timed(backend, circuit, (rows, columns)) for _ in range(options.repeat)]
        seconds, sent, error = min(runs)
        alone = alone or seconds
        print(
            f"{rows * columns:>9}  {rows:>4} x {columns:<7}  {seconds:7.3f}  {alone / seconds:8.2f}"
            f"  {sent:8.1f}  {error:15.1e}",
            flush=True,
        )
    if backend.session.mpi_ranks == 1:
        print("This was one process: give --ranks 2, or start it with mpirun -n 2.")


def grids(mpi_ranks: int) -> Iterator[tuple[int, int]]:
    """One MPI rank, then rows alone and columns alone on 2, 4, ... and columns on all of them."""
    yield 1, 1
    size = 2
    while size <= mpi_ranks:
        yield size, 1
        yield 1, size
        size *= 2
    if size // 2 < mpi_ranks:
        yield 1, mpi_ranks


def timed(
    backend: LRETBackend, circuit: QuantumCircuit, grid: tuple[int, int]
) -> tuple[float, float, float]:
    """Seconds of a run, MiB that it has sent, and its certified error."""
    result = backend.run(circuit, shots=1000, process_grid=grid).result()
    facts = result.results[0].metadata
    sent = sum(facts["communication"]["bytes"]) / 2**20
    return facts["execution_time_seconds"], sent, facts["truncation_error"]


if __name__ == "__main__":
    main()
