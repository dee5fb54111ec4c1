"""Good jobs of soak.py, by what becomes of them: primitives, checkpoints, factors, cancellation."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.providers import JobError, JobStatus
from qiskit.quantum_info import SparsePauliOp
from soak_circuits import Network, endless, endless_noise, network
from soak_context import Context, check, check_expectation, check_near, check_probability
from soak_good import SHOTS, run

from lret_qiskit import LRETEstimator, LRETSampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from lret_dist import FactorHandle
    from lret_qiskit import LRETJob

#: Seconds that a job may take to begin, or to end once it was cancelled.
SOON = 30.0
#: Of a run that nothing but a cancellation ends.
ENDLESS = {"epsilon": 0.0, "method": "low_rank", "shots": 20}


def sampler(context: Context) -> None:
    """A parameter sweep and a circuit without parameters, through the sampler."""
    angle = Parameter("angle")
    sweep = QuantumCircuit(2)
    sweep.ry(angle, 0)
    sweep.cx(0, 1)
    sweep.measure_all()
    values = context.rng.uniform(0.3, 2.8, 20)
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    job = LRETSampler(context.backend, seed=context.seed()).run(
        [(sweep, values), bell], shots=SHOTS
    )
    swept, plain = job.result()
    for number, value in enumerate(values):
        found = swept.data.meas.get_counts(number)
        check_probability(found, "00", np.cos(value / 2) ** 2)
    check_probability(plain.data.meas.get_counts(), "11", 0.5)


def estimator(context: Context) -> None:
    """Two observables at several angles, through the estimator."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(3)
    circuit.ry(angle, 0)
    circuit.cx([0, 1], [1, 2])
    values = context.rng.uniform(0, np.pi, 40)
    estimator = LRETEstimator(context.backend, seed=context.seed())
    job = estimator.run([(circuit, [["IIZ"], ["ZIZ"]], values)])
    found = job.result()[0].data.evs
    check_near(float(np.abs(found[0] - np.cos(values)).max()), 0.0, 1e-9, "the worst of <Z>")
    check_near(float(np.abs(found[1] - 1).max()), 0.0, 1e-9, "the worst of <ZZ>")


def checkpointed(context: Context) -> None:
    """A run that is saved on its way, and ends."""
    made, options = _saved_run(context)
    result = run(context, made.circuit, made.noise, checkpoint_interval=1e-3, **options)
    facts = result.results[0].metadata
    check(facts["checkpoints"] >= 1 and not facts["resumed"], f"no checkpoints: {facts}")
    _check_ended(context, result, made)


def resumed(context: Context) -> None:
    """A run that is cancelled once it is saved, and gone on with."""
    made, options = _saved_run(context)
    options |= context.partition(9) | {"shots": 0, "noise_model": made.noise}
    job = context.backend.run(made.circuit, checkpoint_interval=1e-3, **options)
    _wait(lambda: any(context.folder.glob("*.lret")) or job.in_final_state())
    cancelled = job.cancel()
    job.wait_for_final_state(SOON, 1e-3)
    result = context.backend.run(made.circuit, **options).result()
    saved = cancelled and job.status() is JobStatus.CANCELLED
    check(result.results[0].metadata["resumed"] == saved, "a saved run was not gone on with")
    _check_ended(context, result, made)


def factor(context: Context) -> None:
    """The factor itself, gathered on the driver, and what is asked of it."""
    made = network(context.rng, int(context.rng.integers(4, 11)), 60)
    made.circuit.save_lret_factor()
    result = run(context, made.circuit, made.noise, epsilon=1e-2)
    _check_factor(result.data(0)["lret_factor"], made, result)


def released_factor(context: Context) -> None:
    """A factor that stays on the MPI ranks until it is released."""
    kept = _kept_factor(context)
    kept.release()
    check(not kept.is_held, "a released factor is still held")


def dropped_factor(context: Context) -> None:
    """A factor that stays there until nobody refers to it, or to a ring that it is part of."""
    kept = _kept_factor(context)
    if context.rng.random() < 0.5:
        ring = [kept]
        ring.append(ring)  # type: ignore[arg-type]
        del ring
    del kept
    if context.rng.random() < 0.5:
        gc.collect()


def cancelled_while_it_runs(context: Context) -> None:
    job = endless_job(context)
    _wait(lambda: job.status() is JobStatus.RUNNING)
    time.sleep(context.rng.uniform(0, 1))
    check(job.cancel(), "a job that runs could not be cancelled")
    _check_cancelled(job)


def cancelled_while_it_waits(context: Context) -> None:
    """A job behind another one, which is then cancelled too."""
    first, second = endless_job(context), endless_job(context)
    check(second.cancel(), "a job that waits could not be cancelled")
    check(first.cancel(), "the first job could not be cancelled")
    for job in (first, second):
        _check_cancelled(job)


def cancelled_primitive(context: Context) -> None:
    options = {name: ENDLESS[name] for name in ("epsilon", "method")}
    sampler = LRETSampler(context.backend, noise_model=endless_noise(), **options)
    job = sampler.run([endless()], shots=20)
    time.sleep(context.rng.uniform(0, 1))
    check(job.cancel(), "a primitive's job could not be cancelled")
    _check_cancelled(job)


def never_asked(context: Context) -> None:
    """Jobs whose results nobody asks for; they run on beside the next ones."""
    for _ in range(context.rng.integers(1, 4)):
        made = network(context.rng, int(context.rng.integers(3, 11)), 16)
        made.circuit.save_density_matrix([0, 1])
        made.circuit.measure_all()
        context.backend.run(made.circuit, noise_model=made.noise, shots=SHOTS)


def _saved_run(context: Context) -> tuple[Network, dict[str, object]]:
    """A wide network, and options with which its run is saved and known again."""
    made = network(context.rng, 9, 32)
    qubits = range(made.circuit.num_qubits)
    made.circuit.save_expectation_value(SparsePauliOp(made.string), qubits, label="z")
    options = {"checkpoint": context.folder, "seed_simulator": context.seed()}
    return made, options | {"method": "low_rank", "truncation": "certified", "epsilon": 1e-2}


def _check_ended(context: Context, result: object, made: Network) -> None:
    """Check the value of a run that was saved, and that nothing is left in its folder."""
    check_expectation(result, "z", made.value)
    left = [path.name for path in context.folder.iterdir()]
    check(not left, f"files are left in the folder of checkpoints: {left}")


def _kept_factor(context: Context) -> FactorHandle:
    made = network(context.rng, int(context.rng.integers(4, 11)), 60)
    made.circuit.save_lret_factor(distributed=True)
    result = run(context, made.circuit, made.noise, epsilon=1e-2)
    kept: FactorHandle = result.data(0)["lret_factor"]
    _check_factor(kept, made, result)
    return kept


def _check_factor(state, made: Network, result) -> None:
    error = 2 * result.results[0].metadata["truncation_error"] + 1e-9
    check_near(state.expectation_value(made.string), made.value, error, made.string)
    check(0 < state.purity() <= 1 + 1e-9, f"the purity is {state.purity()}")


def endless_job(context: Context) -> LRETJob:
    options = {**ENDLESS, **context.partition(9)}
    return context.backend.run(endless(), noise_model=endless_noise(), **options)


def _wait(holds: Callable[[], object]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        check(time.monotonic() < end, "a job has not begun in time")
        time.sleep(1e-3)


def _check_cancelled(job: object) -> None:
    try:
        job.result(timeout=SOON)
    except JobError as error:
        check("was cancelled" in str(error), f"a cancelled job says {error}")
    else:
        check(False, "a cancelled job has a result")
    check(job.status() is JobStatus.CANCELLED, f"a cancelled job is {job.status()}")


WAYS = (
    *(sampler, estimator, checkpointed, resumed, factor, released_factor, dropped_factor),
    *(cancelled_while_it_runs, cancelled_while_it_waits, cancelled_primitive, never_asked),
)
