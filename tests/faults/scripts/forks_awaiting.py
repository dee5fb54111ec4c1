"""A child process, forked while jobs of its parent are under way, asks for their results."""

import multiprocessing
import pickle
import sys
from collections.abc import Callable

from qiskit import QuantumCircuit
from random_circuits import brick_wall

from lret_dist import Circuit, SessionError, SimulationRequest, get_session
from lret_qiskit import LRETSampler

session = get_session()
short = Circuit(2).gate("x", [0]).gate("x", [1]).measure_all()
long = brick_wall(18, 500).measure_all()
measured = QuantumCircuit(1)
measured.measure_all()

ended = session.submit([SimulationRequest(circuit=short)])
ended.result()
under_way = session.submit([SimulationRequest(circuit=long)])
job = LRETSampler().run([measured])


def ask(call: Callable[[], object]) -> None:
    try:
        call()
    except SessionError as error:
        print("refused:", error, flush=True)


def child() -> None:
    (result,) = ended.result()
    assert not isinstance(result, Exception)
    print("ended before:", result.counts(), flush=True)
    ask(under_way.result)
    ask(job.result)
    ask(lambda: pickle.dumps(job))


process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join(20)
process.kill()
under_way.cancel()
job.result()
sys.exit(process.exitcode)
