"""SIGTERM that comes when a run of a batch has taken its last decision."""

import os
import signal
import tempfile
import time

from lret_dist import Circuit, SimulationOptions, SimulationRequest, StoppedError, get_session
from lret_dist.sessions import crew

assemble = crew.assemble_result
session = get_session()


def assemble_late(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    # The main thread notes it, as soon as it gets to run.
    end = time.monotonic() + 10
    while not session._signals._noted and time.monotonic() < end:
        time.sleep(1e-3)
    return assemble(*arguments)


crew.assemble_result = assemble_late
circuit = Circuit(3).gate("x", [0]).gate("cx", [0, 1]).measure_all()
with tempfile.TemporaryDirectory() as folder:
    options = SimulationOptions(shots=10, checkpoint=folder, parallelization="row")
    requests = [SimulationRequest(circuit=circuit, options=options) for _ in range(3)]
    first, *others = session.submit(requests).result()
    print("counts", first.counts())
    for outcome in others:
        assert isinstance(outcome, StoppedError), outcome
        print(outcome)
    # The signal is obeyed, and is not met again.
    crew.assemble_result = assemble
    print("again", *(outcome.counts() for outcome in session.submit(requests).result()))
