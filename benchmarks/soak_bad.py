"""Bad jobs of soak.py: each must fail with the exception that belongs to it, and leave nothing."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction, Parameter
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError, JobTimeoutError
from soak_circuits import depolarizing, dividing_by_zero, layers, network, noise_model
from soak_context import Context, WrongResultError, check, check_counts, warned_of
from soak_good import SHOTS, run
from soak_ways import endless_job

from lret_dist import (
    CheckpointError,
    ClassicalError,
    InsufficientMemoryError,
    ReleasedError,
    StateNotPureError,
    UnsupportedOperationError,
)
from lret_qiskit import LRETEstimator, LRETSampler
from lret_qiskit.backends.parameter_binds import ParameterBindsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psutil

#: Most qubits of the session's backend, more than any memory holds.
WIDEST = 60
#: Bytes that a file may have where the disk is to be full.
FULL = 1024


@dataclass(frozen=True)
class Bad:
    """A job that must fail.

    Attributes:
        attempt: the job.
        error: class of its exception, and no other.
        text: what its message holds.
        cause: class of the exception that it comes from, if that is known.
    """

    attempt: Callable[[Context], object]
    error: type[Exception]
    text: str
    cause: type[Exception] | None = None

    def __call__(self, context: Context) -> None:
        """Attempt it."""
        try:
            self.attempt(context)
        except WrongResultError:
            raise
        except Exception as error:
            if not self._is_expected(error):
                raise WrongResultError(f"expected {self}, got {error!r}") from error
        else:
            raise WrongResultError(f"expected {self}, got a result")
        left = [path.name for path in context.folder.iterdir()]
        check(not left, f"a job that failed has left {left}")

    def _is_expected(self, error: Exception) -> bool:
        cause = None if self.cause is None else type(error.__cause__)
        return (type(error), cause) == (self.error, self.cause) and self.text in str(error)

    def __str__(self) -> str:
        cause = "" if self.cause is None else f" from {self.cause.__name__}"
        return f"{self.error.__name__}{cause} with {self.text!r}"


def with_option(name: str, value: Any) -> Callable[[Context], object]:
    """A run of two qubits with one wrong option."""

    def attempt(context: Context) -> object:
        return run(context, _measured(2), **{"parallelization": "auto", name: value})

    return attempt


def impossible_grid(context: Context) -> object:
    return run(context, _measured(4), process_grid=(1, len(context.ranks) + 1))


def unbound_parameters(context: Context) -> object:
    return run(context, _with_parameter())


def unequal_values(context: Context) -> object:
    circuit = _with_parameter()
    circuit.rx(Parameter("other"), 1)
    values = zip(circuit.parameters, ([0.1, 0.2], [0.3]), strict=True)
    return run(context, circuit, parameter_binds=[dict(values)])


def wider_than_the_backend(context: Context) -> object:
    return run(context, _measured(WIDEST + 1))


def wider_than_memory(context: Context) -> object:
    return run(context, _measured(int(context.rng.integers(50, WIDEST + 1))))


def small_budget(context: Context) -> object:
    return run(context, _measured(20), max_memory_mb=context.rng.uniform(0.5, 2))


def dense_beyond_its_budget(context: Context) -> object:
    return run(context, _measured(14), method="density_matrix", max_memory_mb=20)


def too_many_shots(context: Context) -> object:
    return run(context, _measured(2), shots=10**30)


def opaque_gate(context: Context) -> object:
    circuit = QuantumCircuit(2)
    circuit.append(Gate("oracle", 2, []), [0, 1])
    return run(context, circuit)


def unknown_save(context: Context) -> object:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.save_stabilizer()
    return run(context, circuit)


def wide_channel(context: Context) -> object:
    circuit = QuantumCircuit(7)
    circuit.append(Instruction("kraus", 7, 0, [np.eye(2**7)]), range(7))
    return run(context, circuit)


def infinite_angle(context: Context) -> object:
    circuit = QuantumCircuit(2)
    circuit.rx(np.inf, 0)
    return run(context, circuit)


def label_twice(context: Context) -> object:
    circuit = _measured(2)
    circuit.save_density_matrix(label="rho")
    circuit.save_probabilities(label="rho")
    return run(context, circuit)


def mixed_state(context: Context) -> object:
    """All MPI ranks of the grid find in the middle of the run that the state is mixed."""
    circuit = layers(context.rng, int(context.rng.integers(3, 7)), 3)
    circuit.save_statevector()
    return run(context, circuit, noise_model(depolarizing(context.rng)), truncation="certified")


def no_value(context: Context) -> object:
    """A condition on the way has no value."""
    return run(context, dividing_by_zero(), shots=SHOTS)


def full_disk(context: Context) -> object:
    """A worker cannot write its part of a checkpoint."""
    circuit, noise = layers(context.rng, 7, 3), noise_model(depolarizing(context.rng))
    circuit.save_probabilities([0])
    # Only then has every MPI rank columns to write.
    options = {"method": "low_rank", "truncation": "certified", "epsilon": 0.0}
    options |= {"parallelization": "column", "checkpoint": context.folder}
    worker = context.ranks[context.rng.integers(1, len(context.ranks))]
    try:
        with _small_files(worker):
            return run(context, circuit, noise, checkpoint_interval=1e-3, **options)
    finally:
        # Checkpoints that were whole before are left, to go on from.
        for path in context.folder.glob("*.lret"):
            path.unlink()


def released_factor(context: Context) -> object:
    """A question to a factor that is gone."""
    made = network(context.rng, 5, 8)
    made.circuit.save_lret_factor(distributed=True)
    result = run(context, made.circuit, made.noise, epsilon=1e-2)
    kept = result.data(0)["lret_factor"]
    kept.release()
    return kept.purity()


def one_of_several(context: Context) -> object:
    """One circuit of a batch cannot fit; the others run."""
    circuits = [_measured(3), _measured(WIDEST), _measured(4)]
    with warned_of("1 of 3 circuits failed"):
        result = run(context, circuits, shots=SHOTS)
    for number in (0, 2):
        check_counts(result.get_counts(number), SHOTS)
    return result.get_counts(1)


def sent_twice(context: Context) -> object:
    job = context.backend.run(_measured(3), shots=SHOTS)
    check_counts(job.result().get_counts(), SHOTS)
    return job.submit()


def not_in_time(context: Context) -> object:
    job = endless_job(context)
    try:
        return job.result(timeout=0.02)
    finally:
        job.cancel()


def sampler_without_values(context: Context) -> object:
    return LRETSampler(context.backend).run([_with_parameter()]).result()


def observable_of_another_width(context: Context) -> object:
    circuit = layers(context.rng, 3, 2)
    return LRETEstimator(context.backend).run([(circuit, "ZZ")]).result()


def estimator_beyond_memory(context: Context) -> object:
    circuit = QuantumCircuit(WIDEST)
    circuit.h(range(WIDEST))
    return LRETEstimator(context.backend).run([(circuit, "Z" * WIDEST)]).result()


def _measured(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def _with_parameter() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("angle"), 0)
    circuit.measure_all()
    return circuit


@contextmanager
def _small_files(process: psutil.Process) -> Iterator[None]:
    """Let the operating system refuse a process any byte of a file beyond the first few."""
    soft, hard = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (FULL, hard))
    try:
        yield
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, (soft, hard))


#: Options that are wrong by themselves, and what is said of them.
WRONG_VALUES: tuple[tuple[str, Any, type[Exception], str], ...] = (
    ("method", "fast", ValueError, "must be one of"),
    ("method", "statevector", ValueError, "a method of Qiskit Aer"),
    ("truncation", "none", ValueError, "must be one of"),
    ("parallelization", "diagonal", ValueError, "must be one of"),
    ("precision", "half", ValueError, "must be one of"),
    ("epsilon", 2.0, ValueError, "epsilon must be"),
    ("shots", -1, ValueError, "shots must be"),
    ("shots", 1.5, TypeError, "shots must be"),
    ("seed_simulator", -1, ValueError, "seed must be"),
    ("device", "GPU", ValueError, "device must be"),
    ("max_memory_mb", -5, ValueError, "must be positive"),
    ("memory", "yes", TypeError, "memory must be"),
    ("checkpoint", 3, TypeError, "checkpoint must be"),
    ("process_grid", (3, 1), ValueError, "a power of two of row groups"),
    ("process_grid", "2x1", TypeError, "process_grid must be"),
    ("noise_model", "depolarizing", TypeError, "noise_model must be"),
    ("noise_model", {"cx": 0.1}, TypeError, "noise_model must be"),
    ("initial_state", np.ones(3) / 3**0.5, ValueError, "needs 4 rows, got shape (3,)"),
    ("initial_state", np.eye(8) / 8, ValueError, "needs 4 rows, got shape (8, 8)"),
    ("initial_state", "zero", TypeError, "initial_state must be"),
)

BAD_OPTIONS = {
    f"wrong {name} {number}": Bad(with_option(name, value), error, text)
    for number, (name, value, error, text) in enumerate(WRONG_VALUES)
}
BAD = {
    bad.attempt.__name__: bad
    for bad in (
        Bad(impossible_grid, ValueError, "MPI ranks, there are"),
        Bad(unbound_parameters, ParameterBindsError, "unbound parameters: angle"),
        Bad(unequal_values, ParameterBindsError, "equally many values"),
        Bad(wider_than_the_backend, ValueError, f"the backend has {WIDEST}"),
        Bad(wider_than_memory, InsufficientMemoryError, "qubits need at least"),
        Bad(small_budget, InsufficientMemoryError, "max_memory_mb allows"),
        Bad(dense_beyond_its_budget, InsufficientMemoryError, "the density matrix of 14 qubits"),
        Bad(too_many_shots, InsufficientMemoryError, "fewer shots"),
        Bad(opaque_gate, UnsupportedOperationError, "'oracle' is not supported"),
        Bad(unknown_save, UnsupportedOperationError, "'save_stabilizer' is not supported"),
        Bad(wide_channel, UnsupportedOperationError, "it acts on 7 qubits"),
        Bad(infinite_angle, ValueError, "needs finite"),
        Bad(label_twice, ValueError, "which is taken"),
        Bad(mixed_state, JobError, "the state is mixed", StateNotPureError),
        Bad(no_value, JobError, "has no value", ClassicalError),
        Bad(full_disk, JobError, "File too large", CheckpointError),
        Bad(released_factor, ReleasedError, "was released"),
        Bad(one_of_several, QiskitError, "qubits need at least"),
        Bad(sent_twice, JobError, "has been submitted already"),
        Bad(not_in_time, JobTimeoutError, "did not end within"),
        Bad(sampler_without_values, ValueError, "number of parameters (1)"),
        Bad(observable_of_another_width, ValueError, "PUB 0: The number of qubits"),
        Bad(estimator_beyond_memory, JobError, "qubits need at least", InsufficientMemoryError),
    )
}
