"""Ctrl-C while a run goes on: a batch that its owner stops, then a call that stops its own."""

from long_run import circuit

from lret_dist import Circuit, SimulationOptions, SimulationRequest, get_session, simulate

session = get_session(2)
endless = SimulationRequest(circuit=circuit, options=SimulationOptions(epsilon=0.0))
handle = session.submit([endless])
for wait in (handle.result, lambda: simulate(circuit, epsilon=0.0, mpi_ranks=2)):
    try:
        print("ready", flush=True)
        wait()
    except KeyboardInterrupt:
        print("interrupted", handle.running(), flush=True)
        handle.cancel()
result = simulate(Circuit(3).gate("x", [0]).measure_all(), shots=10, mpi_ranks=2)
assert get_session(2) is session
print("MPI ranks", result.metadata.mpi_ranks, "counts", result.counts(), flush=True)
