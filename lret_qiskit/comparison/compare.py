"""LRET and Qiskit Aer on the same circuit and noise: time, memory and distance."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit_aer.noise import NoiseModel as AerNoiseModel

from lret_dist import NoiseModel
from lret_qiskit.backends.arguments import positive
from lret_qiskit.backends.options import default_options, merged_options, without_alias
from lret_qiskit.comparison import contestants
from lret_qiskit.comparison.contestants import Contestant, Resources
from lret_qiskit.comparison.distances import (
    counts_distance,
    distribution_of,
    total_variation,
    trace_distance,
)
from lret_qiskit.comparison.records import LRET, Comparison, RunFailedError
from lret_qiskit.comparison.subject import Subject
from lret_qiskit.noise.as_aer import as_aer

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from lret_qiskit.comparison.records import Measured

__all__ = ["MOST_MATRIX_QUBITS", "compare_with_aer"]

#: Most qubits whose density matrices are compared: the eigenvalues of one of 12 take a minute on
#: two cores. Of pure states and distributions there are 2**n numbers.
MOST_MATRIX_QUBITS, _MOST_VECTOR_QUBITS = 11, 20
#: Trace that rounding may lose.
_ROUNDING = 1e-11
#: A run that saves the state does more than one that is timed.
_PATIENCE_FOR_STATE = 2.0
#: Options that Aer has not, or that would change what is measured.
_REFUSED = {
    "initial_state": "put it into the circuit, as with circuit.initialize",
    "checkpoint": "what is saved and resumed cannot be timed",
    "parameter_binds": "assign the parameters of the circuit",
}


def compare_with_aer(
    circuit: QuantumCircuit,
    noise_model: AerNoiseModel | NoiseModel | None = None,
    *,
    shots: int = 1024,
    threads: int | None = None,
    repeats: int = 3,
    limit: float = 60.0,
    **options: Any,
) -> Comparison:
    """Run a circuit on LRET and on Qiskit Aer; compare time, memory and what comes out.

    Both run the same circuit with as many threads, in turns, each run in a fresh process after a
    warm-up on three qubits. Aer's density matrix is the rival where there is noise. Where it takes
    too much memory, or longer than the limit, its trajectories on the state vector are; without
    noise, its state vector; on circuits that measure on their way, what it chooses itself.

    Where the states can be had, they are compared after the timed runs, on the measured qubits:
    by trace distance on up to 11 qubits if LRET's run is certified, and by the distributions of
    the outcomes on up to 20. Counts are compared in any case.

    Under an MPI launcher LRET runs on all MPI ranks, and Aer beside MPI rank 0, with as many
    threads as LRET has on that host.

    Args:
        circuit: with values for all parameters. What it saves is not compared. All qubits are
            measured if none is.
        noise_model: of Qiskit Aer, or of LRET.
        shots: samples that each takes, at least 1.
        threads: of each simulator; default: as LRET takes them, from ``OMP_NUM_THREADS`` or the
            cores.
        repeats: runs of each. Those of 10 s and more are made once.
        limit: seconds that one run may take; longer ones are ended, and their row says so.
        options: of LRET's :meth:`~lret_qiskit.LRETBackend.run`, such as ``epsilon``. Of these, Aer
            heeds ``seed_simulator``, ``max_memory_mb`` and ``precision="single"``.

    Raises:
        TypeError: for arguments of the wrong type.
        ValueError: for arguments out of range, options that cannot be compared, or a circuit that
            cannot be run.
        RunFailedError: when LRET's run fails, with the reason.
    """
    options = _checked(noise_model, limit, options, shots=shots, repeats=repeats, threads=threads)
    subject = Subject.of(circuit, noise_model)
    resources = Resources.of(threads, options.get("max_memory_mb"))
    job = _job(subject, noise_model, options)
    precision = "single" if options.get("precision") == "single" else "double"
    with ExitStack() as stack:
        used = len(subject.used)
        aers = {**job, "noise_model": as_aer(noise_model, subject.circuit)}

        def rival(method: str) -> Contestant:
            return stack.enter_context(contestants.aer(method, used, aers, resources, precision))

        mine = stack.enter_context(contestants.lret(job, resources))
        others = [rival(_method(subject))]
        _in_turns([mine, others[0]], repeats, limit)
        if others[0].status != "done" and others[0].method == "density_matrix":
            others.append(rival("statevector"))
            _in_turns(others[1:], repeats, limit)
        found = _distances(subject, mine, others[-1], limit)
    notes = [*subject.notes, *_notes(subject, resources, [mine, *others]), *found.pop("notes")]
    return Comparison(
        name=circuit.name,
        num_qubits=len(subject.used),
        measured_qubits=len(subject.measured),
        shots=options["shots"],
        noisy=noise_model is not None,
        limit=float(limit),
        runs=tuple(each.row() for each in (mine, *others)),
        notes=tuple(notes),
        **found,
    )


def _checked(
    noise_model: Any, limit: Any, options: dict[str, Any], **numbers: Any
) -> dict[str, Any]:
    """Options of LRET's run, with the shots and a seed."""
    if not isinstance(noise_model, AerNoiseModel | NoiseModel | None):
        raise TypeError(
            f"noise_model must be a NoiseModel of Qiskit Aer or of lret_dist, got "
            f"{type(noise_model).__name__}"
        )
    for name, value in numbers.items():
        if name != "threads" or value is not None:
            positive(name, value)
    if isinstance(limit, bool) or not isinstance(limit, Real) or not 0 < float(limit) < np.inf:
        raise ValueError(f"limit must be a positive number of seconds, got {limit!r}")
    for name, instead in _REFUSED.items():
        if options.get(name) is not None:
            raise ValueError(f"{name} does not go with a comparison: {instead}")
    checked = without_alias({**options, "shots": int(numbers["shots"])})
    merged_options(default_options(), checked)
    if checked.get("seed_simulator") is None:
        checked["seed_simulator"] = secrets.randbits(31)
    return checked


def _job(subject: Subject, noise_model: Any, options: dict[str, Any]) -> dict[str, Any]:
    circuits = {"timed": subject.circuit}
    if not subject.is_dynamic:
        circuits |= {kind: subject.saving(kind) for kind in _quantities(subject)}
    return {
        "circuits": circuits,
        "warm_up": contestants.warm_up(),
        "noise_model": noise_model,
        "warm_up_noise": None if noise_model is None else contestants.warm_up_noise(),
        "options": options,
    }


def _quantities(subject: Subject) -> list[str]:
    """What of the state can be compared, the best first."""
    measured = len(subject.measured)
    kinds = []
    if subject.is_pure and len(subject.measured) == subject.circuit.num_qubits:
        kinds += ["statevector"] if measured <= _MOST_VECTOR_QUBITS else []
    elif measured <= MOST_MATRIX_QUBITS:
        kinds.append("density_matrix")
    return [*kinds, "probabilities"] if measured <= _MOST_VECTOR_QUBITS else kinds


def _method(subject: Subject) -> str:
    """Aer's way that fits best."""
    if subject.is_dynamic:
        return "automatic"
    return "statevector" if subject.is_pure else "density_matrix"


def _in_turns(sides: list[Contestant], repeats: int, limit: float) -> None:
    for _ in range(repeats):
        for side in sides:
            if side.wants_more:
                side.measure(limit)
            if side.simulator == LRET and side.status == "failed":
                raise RunFailedError(f"LRET's run failed: {side.reason}")


def _distances(
    subject: Subject, mine: Contestant, other: Contestant, limit: float
) -> dict[str, Any]:
    """Fields of a comparison: the distances that can be computed, and why others cannot."""
    found: dict[str, Any] = {"notes": []}
    if not mine.runs or not other.runs:
        found["notes"].append("Nothing is compared but time: not both sides have a result.")
        return found
    found["counts"] = counts_distance(mine.runs[0].counts, other.runs[0].counts)
    if subject.is_dynamic:
        return found
    exact = subject.is_pure or other.method == "density_matrix"
    sampled = mine.runs[0].metadata["truncation"] == "unbiased"
    kinds = _quantities(subject)
    if sampled:
        # An estimate of a state is right on average alone.
        kinds = [kind for kind in kinds if kind == "probabilities"]
    if not exact or not kinds:
        why = "Aer's is not exact" if not exact else "it is too large"
        found["notes"].append(f"The states are not compared: {why}.")
        return found
    facts = mine.runs[0].metadata
    again = {"truncation": facts["truncation"], "seed_simulator": facts["seed"]}
    patience = _PATIENCE_FOR_STATE * limit
    own, its = mine.attempt(kinds[0], again, patience), other.attempt(kinds[0], {}, patience)
    if own is None or its is None:
        found["notes"].append("The states are not compared: a run that saves it did not end.")
        return found
    if kinds[0] == "density_matrix" and (lost := _lost_trace(its)) > _ROUNDING:
        found["notes"].append(
            f"Aer's density matrix has lost {lost:.1e} of its trace, which adds to the distance."
        )
    return found | _between(own, its, kinds[0])


def _lost_trace(found: Measured) -> float:
    """What is missing of the trace."""
    assert found.state is not None
    return abs(1 - float(np.trace(found.state).real))


def _between(own: Measured, its: Measured, kind: str) -> dict[str, Any]:
    """The distances of two states that were saved."""
    assert own.state is not None
    assert its.state is not None
    found: dict[str, Any] = {}
    if kind != "probabilities":
        found["trace_distance"] = trace_distance(own.state, its.state)
    pair = (distribution_of(each.state, kind) for each in (own, its) if each.state is not None)
    found["total_variation"] = total_variation(*pair)
    if own.state_errors is not None:
        # The mean of the size of a normal variable is sqrt(2 / pi) standard deviations.
        mean = np.sqrt(2 / np.pi) * np.sum(own.state_errors) / 2
        found["expected_total_variation"] = float(mean)
    return found


def _notes(subject: Subject, resources: Resources, sides: list[Contestant]) -> list[str]:
    notes = []
    if subject.is_dynamic:
        notes.append("The circuit measures on its way: only counts are compared.")
    if resources.mpi_ranks > 1:
        notes.append(
            f"LRET ran on {resources.mpi_ranks} MPI ranks, Qiskit Aer beside MPI rank 0 alone, "
            f"with {resources.aer_threads} threads."
        )
    once = [each.simulator for each in sides if each.runs and not each.wants_more]
    if once:
        names = " and ".join(dict.fromkeys(once))
        notes.append(f"Runs of {names} took over {contestants.ONCE:.0f} s, and were made once.")
    return notes
