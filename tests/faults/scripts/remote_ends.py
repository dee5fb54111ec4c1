"""MPI ranks that this process started end in the middle of a run; then others are started."""

from long_run import circuit

from lret_dist import (
    Circuit,
    SessionError,
    SimulationOptions,
    SimulationRequest,
    get_session,
    simulate,
)

endless = SimulationRequest(circuit=circuit, options=SimulationOptions(epsilon=0.0))
session = get_session(2)
running, waiting = session.submit([endless, endless]), session.submit([endless])
print("ready", flush=True)
for outcome in [*running.result(), *waiting.result()]:
    assert isinstance(outcome, SessionError), outcome
    print("ended:", outcome, flush=True)
try:
    session.submit([endless])
except SessionError as error:
    print("later:", error, flush=True)
result = simulate(Circuit(3).gate("x", [0]).measure_all(), shots=10, mpi_ranks=2)
print("MPI ranks", result.metadata.mpi_ranks, "counts", result.counts(), flush=True)
